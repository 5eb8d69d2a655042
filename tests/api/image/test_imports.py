"""Imports: glance-direct, web-download, copy-image, glance-download, the locations API, tasks, staging."""

import hashlib
import http.server
import threading

import pytest

from common.clients.base import RemoteError
from common.saga import Crash
from common.testing.api import Persona
from tests.api.image.support import OTHER, PROJECT, make_site, new, qcow2, upload

OCTETS = {"Content-Type": "application/octet-stream"}
DATA = b"d" * 5000


@pytest.fixture
def web():
    """A small web server: {path: (status, headers, body)}; its port."""
    pages = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, headers, body = pages.get(self.path, (404, {}, b""))
            self.send_response(status)
            for k, v in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(k, v)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield type("Web", (), {"pages": pages, "url": f"http://127.0.0.1:{server.server_port}", "port": server.server_port})
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def open_site(tmp_path):
    """A site that may fetch from the test's web server."""
    made = make_site(tmp_path, **{"import__allowed_networks": ["127.0.0.0/8"], "import__allowed_ports": [],
                                  "image__show_locations": True})
    guard = made.state.stores.by_name["web"].guard
    object.__setattr__(guard, "ports", ())
    object.__setattr__(guard, "networks", ("127.0.0.0/8",))
    yield made
    made.state.db.dispose()


def stage(client, image_id, data=DATA, status=204):
    response = client.request("PUT", f"/v2/images/{image_id}/stage", data=data, headers=OCTETS)
    assert response.status_code == status, response.text


def ask(client, image_id, method, status=202, **more):
    return client.post(f"/v2/images/{image_id}/import", {"method": method, **more}, status)


def tasks(client, image_id):
    return client.get(f"/v2/images/{image_id}/tasks")["tasks"]


def test_glance_direct_into_all_stores(site, member):
    image = new(member)["id"]
    ask(member, image, {"name": "glance-direct"}, 409)
    stage(member, image)
    assert member.get(f"/v2/images/{image}")["status"] == "uploading"
    ask(member, image, {"name": "glance-direct"}, all_stores=True)
    assert member.get(f"/v2/images/{image}")["status"] == "importing"
    assert member.get(f"/v2/images/{image}")["os_glance_importing_to_stores"] == "file,second"
    ask(member, image, {"name": "glance-direct"}, 409)
    site.work()
    shown = member.get(f"/v2/images/{image}")
    assert (shown["status"], shown["stores"], shown["os_glance_importing_to_stores"]) == ("active", "file,second", "")
    assert shown["os_hash_value"] == hashlib.sha512(DATA).hexdigest() and site.poked
    assert [t["status"] for t in tasks(member, image)] == ["success"]
    assert tasks(member, image)[0]["input"]["import_req"]["method"]["name"] == "glance-direct"
    assert site.state.staging.size(image) is None
    member.delete(f"/v2/stores/file/{image}", 403)
    site.client(Persona("admin")).delete(f"/v2/stores/file/{image}")
    assert member.get(f"/v2/images/{image}")["stores"] == "second"
    site.client(Persona("admin")).delete(f"/v2/stores/second/{image}", 403)
    assert member.request("GET", f"/v2/images/{image}/file").data == DATA


def test_bad_data_is_refused_and_can_be_staged_again(site, member):
    image = new(member, disk_format="qcow2")["id"]
    stage(member, image, b"this is no qcow2")
    ask(member, image, {"name": "glance-direct"})
    site.work()
    shown = member.get(f"/v2/images/{image}")
    assert (shown["status"], shown["size"], shown["os_glance_failed_import"]) == ("queued", None, "file")
    assert site.state.staging.size(image) is None
    task = tasks(member, image)[0]
    assert task["status"] == "failure" and "disk_format qcow2 does not match" in task["message"]
    ask(member, image, {"name": "glance-direct"}, 409)
    stage(member, image, qcow2())
    ask(member, image, {"name": "glance-direct"})
    site.work()
    assert member.get(f"/v2/images/{image}")["status"] == "active"


def test_web_download(open_site, web):
    member = open_site.client(Persona("member", PROJECT))
    web.pages["/ok"] = (200, {}, DATA)
    web.pages["/moved"] = (302, {"Location": "/ok"}, b"")
    for path in ("/ok", "/moved"):
        image = new(member)["id"]
        ask(member, image, {"name": "web-download", "uri": web.url + path})
        open_site.work()
        assert member.get(f"/v2/images/{image}")["status"] == "active"
        assert member.request("GET", f"/v2/images/{image}/file").data == DATA
    image = new(member)["id"]
    ask(member, image, {"name": "web-download", "uri": web.url + "/gone"})
    open_site.work()
    assert member.get(f"/v2/images/{image}")["status"] == "queued" and tasks(member, image)[0]["status"] == "failure"


@pytest.mark.parametrize("uri", [
    "http://127.0.0.1/x", "http://localhost/x", "http://10.0.0.1/x", "http://169.254.169.254/latest", "http://[::1]/x",
    "http://[::ffff:127.0.0.1]/x", "http://2130706433/x", "http://0x7f.0.0.1/x", "http://0177.0.0.1/x", "http://127.1/x",
    "http://user@93.184.216.34/x", "http://93.184.216.34:22/x", "file:///etc/passwd", "gopher://x", "http://", "http://0/",
    "http://[fe80::1]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://does-not.exist/x", "http://a\\b/", "x",
    "http://100.64.0.1/", "http://192.168.1.1/", "http://224.0.0.1/", "http://%31%32%37.0.0.1/", "http://127.0.0.1./x"])
def test_web_download_refuses_inner_addresses(member, uri):
    image = new(member)["id"]
    assert "does not pass filtering" in ask(member, image, {"name": "web-download", "uri": uri}, 400)
    assert member.get(f"/v2/images/{image}")["status"] == "queued"


def test_a_redirect_inwards_is_refused(tmp_path, web):
    site = make_site(tmp_path, **{"import__allowed_networks": ["127.0.0.1/32"], "import__allowed_ports": []})
    member = site.client(Persona("member", PROJECT))
    web.pages["/trap"] = (302, {"Location": f"http://127.0.0.2:{web.port}/ok"}, b"")
    image = new(member)["id"]
    ask(member, image, {"name": "web-download", "uri": web.url + "/trap"})
    site.work()
    assert member.get(f"/v2/images/{image}")["status"] == "queued"
    assert "not public" in tasks(member, image)[0]["message"]


def test_copy_image(site, member, admin):
    image = new(member)["id"]
    upload(member, image, DATA)
    ask(member, image, {"name": "copy-image"}, 403, all_stores=True)
    ask(admin, image, {"name": "copy-image"}, all_stores=True)
    site.work()
    assert member.get(f"/v2/images/{image}")["stores"] == "file,second"
    ask(admin, image, {"name": "copy-image"}, 400, stores=["second"])
    ask(admin, image, {"name": "copy-image"}, 409, stores=["nowhere"])


class Remote:
    """Another region's image API."""

    def __init__(self, found=None):
        self.found = found

    def base_url(self):
        return "http://10.0.0.1:9292"

    def show(self, image_id):
        if self.found is None:
            raise RemoteError(404, "no", "image")
        return self.found

    def download(self, image_id):
        yield DATA


def test_glance_download(tmp_path):
    remote = Remote()
    site = make_site(tmp_path, remote=lambda context, region, interface: remote)
    member = site.client(Persona("member", PROJECT))
    method = {"name": "glance-download", "glance_region": "two", "glance_image_id": "36d4b546-64a2-4bb9-bdd0-ba676aa48f2c"}
    image = new(member, disk_format="iso", container_format="ovf", hw_cpu="1")["id"]
    ask(member, image, {**method, "glance_image_id": "foo"}, 400)
    ask(member, image, method)
    site.work()
    assert member.get(f"/v2/images/{image}")["status"] == "queued"
    remote.found = {"status": "active", "disk_format": "raw", "container_format": "bare", "hw_cpu": "5", "speed": "88"}
    ask(member, image, method)
    site.work()
    shown = member.get(f"/v2/images/{image}")
    assert (shown["status"], shown["disk_format"], shown["hw_cpu"]) == ("active", "raw", "5") and "speed" not in shown


def test_locations_api(open_site, web):
    member = open_site.client(Persona("member", PROJECT))
    web.pages["/i"] = (200, {}, DATA)
    good = {"os_hash_algo": "sha256", "os_hash_value": hashlib.sha256(DATA).hexdigest()}
    for data in ({"os_hash_algo": "sha512", "os_hash_value": "ab"}, {"os_hash_value": "ab"}, {**good, "os_hash_algo": "sha1"}):
        image = new(member)["id"]
        member.post(f"/v2/images/{image}/locations", {"url": web.url + "/i", "validation_data": data}, 400)
    member.post(f"/v2/images/{image}/locations", {"url": web.url + "/i", "validation_data": good}, 202)
    open_site.work()
    shown = member.get(f"/v2/images/{image}")
    assert (shown["status"], shown["os_hash_algo"], shown["checksum"]) == ("active", "sha256", hashlib.md5(DATA).hexdigest())
    plain = new(member)["id"]
    member.post(f"/v2/images/{plain}/locations", {"url": web.url + "/i", "validation_data": {}}, 202)
    open_site.work()
    assert member.get(f"/v2/images/{plain}")["os_hash_value"] == hashlib.sha512(DATA).hexdigest()
    bad = new(member)["id"]
    wrong = {"os_hash_algo": "sha512", "os_hash_value": "beefdead" * 16}
    member.post(f"/v2/images/{bad}/locations", {"url": web.url + "/i", "validation_data": wrong}, 202)
    open_site.work()
    shown = member.get(f"/v2/images/{bad}")
    assert (shown["status"], shown["os_hash_algo"], shown["checksum"], shown["stores"]) == ("queued", None, None, "web")
    assert member.request("GET", f"/v2/images/{bad}/file").status_code == 204
    for way in ("again", "upload"):  # what a failed addition left behind harms neither another one nor an upload
        if way == "again":
            member.post(f"/v2/images/{bad}/locations", {"url": web.url + "/i", "validation_data": wrong}, 202)
            open_site.work()
            assert len(member.get(f"/v2/images/{bad}")["locations"]) == 1
        else:
            upload(member, bad, DATA)
    shown = member.get(f"/v2/images/{bad}")
    assert (shown["status"], shown["stores"], len(shown["locations"])) == ("active", "file", 1)
    member.get(f"/v2/images/{image}/locations", 403)
    for asking in (Persona("service", PROJECT), Persona("admin")):
        assert open_site.client(asking).get(f"/v2/images/{image}/locations")[0]["url"] == web.url + "/i"
    open_site.client(Persona("service")).get(f"/v2/images/{image}/locations", 404)


def test_added_locations_are_inspected(open_site, web):
    member = open_site.client(Persona("member", PROJECT))
    for backing, status in ((0, "active"), (200, "queued")):
        web.pages["/q"] = (200, {}, qcow2(backing=backing))
        image = new(member, disk_format="raw")["id"]
        member.post(f"/v2/images/{image}/locations", {"url": web.url + "/q"}, 202)
        open_site.work()
        assert member.get(f"/v2/images/{image}")["status"] == status
    assert "backing file" in tasks(member, image)[0]["message"]


def test_old_locations(open_site, web):
    member, admin = open_site.client(Persona("member", PROJECT)), open_site.client(Persona("admin"))
    web.pages["/i"] = (200, {}, DATA)

    def patch(client, *changes, status=200):
        response = client.request("PATCH", f"/v2/images/{image}", list(changes),
                                  {"Content-Type": "application/openstack-images-v2.1-json-patch"})
        assert response.status_code == status, response.text
        return response.get_json() if status == 200 else None

    image = new(member)["id"]
    assert member.get(f"/v2/images/{image}")["locations"] == []
    add = {"op": "add", "path": "/locations/-"}
    for url in ("gopher://x", "file:///etc/passwd", "http://10.0.0.1/x", "http://127.0.0.1:1/closed"):
        patch(member, {**add, "value": {"url": url, "metadata": {}}}, status=400)
    shown = patch(member, {**add, "value": {"url": web.url + "/i", "metadata": {"foo": "bar"}}})
    assert (shown["status"], shown["size"], shown["locations"][0]["metadata"]) == ("active", 5000, {"foo": "bar"})
    data = {"os_hash_algo": "sha256", "os_hash_value": "beefdead" * 16}
    patch(member, {**add, "value": {"url": web.url + "/i#x", "metadata": {}, "validation_data": data}}, status=409)
    shown = patch(member, {**add, "value": {"url": web.url + "/i#new", "metadata": {}}})
    assert len(shown["locations"]) == 2
    places = shown["locations"]
    places[0]["metadata"]["date"] = "today"
    assert patch(member, {"op": "replace", "path": "/locations", "value": places})["locations"] == places
    patch(member, {"op": "replace", "path": "/locations", "value": places[:1]}, status=400)
    patch(member, {"op": "remove", "path": "/locations/0"}, status=403)
    assert len(patch(admin, {"op": "remove", "path": "/locations/0"})["locations"]) == 1
    patch(admin, {"op": "remove", "path": "/locations/0"}, status=403)
    assert member.request("GET", f"/v2/images/{image}/file").data == DATA


def test_tasks_api(open_site, web):
    admin, member = open_site.client(Persona("admin", PROJECT)), open_site.client(Persona("member", PROJECT))
    web.pages["/i"] = (200, {}, DATA)
    given = {"import_from": web.url + "/i", "import_from_format": "raw", "image_properties": {"name": "t", "x": "y"}}
    member.post("/v2/tasks", {"type": "import", "input": given}, 403)
    admin.post("/v2/tasks", {"type": "import", "input": {}}, 400)
    admin.post("/v2/tasks", {"type": "import", "input": {**given, "import_from": "file:///etc/passwd"}}, 400)
    made = admin.post("/v2/tasks", {"type": "import", "input": given}, 201)
    open_site.work()
    shown = admin.get(f"/v2/tasks/{made['id']}")
    assert shown["status"] == "success"
    assert admin.get(f"/v2/images/{shown['result']['image_id']}")["status"] == "active"
    assert [t["id"] for t in admin.get("/v2/tasks?type=import&status=success")["tasks"]] == [made["id"]]
    admin.delete(f"/v2/tasks/{made['id']}", 405)


@pytest.mark.parametrize("step", ["begin", "fetch", "change", "store", "finish", "undo fetch", "undo store"])
def test_an_import_survives_the_death_of_its_conductor(site, member, step):
    image = new(member, disk_format="qcow2" if step.startswith("undo") else "raw")["id"]
    stage(member, image)
    ask(member, image, {"name": "glance-direct"}, all_stores=True)
    died = []

    def die(run, name):
        if name == step and not died:
            died.append(name)
            raise Crash(name)

    site.runner.after_step = die
    with pytest.raises(Crash):
        site.work()
    site.runner.after_step = lambda run, name: None
    with site.state.db.write() as session:
        from services.image.db.models import Saga
        session.query(Saga).update({"lease_until": None, "owner": None})
    site.work()
    shown = member.get(f"/v2/images/{image}")
    files = [p for s in ("file", "second") for p in __import__("os").listdir(site.state.stores.by_name[s].folder)]
    if step.startswith("undo"):
        assert shown["status"] == "queued" and files == []
    else:
        assert shown["status"] == "active" and files == [image, image]


def test_delete_wins_over_an_import(site, member):
    image = new(member)["id"]
    stage(member, image)
    ask(member, image, {"name": "glance-direct"})
    member.delete(f"/v2/images/{image}")
    site.work()
    member.get(f"/v2/images/{image}", 404)
    assert __import__("os").listdir(site.state.stores.default.folder) == [] and site.state.staging.size(image) is None


def test_others_import_nothing(site, member):
    image = new(member, visibility="community")["id"]
    stage(member, image)
    stranger = site.client(Persona("member", OTHER))
    ask(stranger, image, {"name": "glance-direct"}, 403)
    stage(stranger, image, status=403)
