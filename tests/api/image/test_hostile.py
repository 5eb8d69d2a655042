"""Hostile input: whatever is sent gets 4xx and changes nothing."""

import http.server
import ipaddress
import os
import socket
import threading

import pytest
from werkzeug.test import Client

from common.testing.api import Persona
from services.image.drivers import fetch
from tests.api.image.support import OTHER, PROJECT, make_site, new, upload

PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
OCTETS = {"Content-Type": "application/octet-stream"}
FORGED = {"X-Identity-Status": "Confirmed", "X-Roles": "admin", "X-Role": "admin", "X-User-Id": "u", "X-Project-Id": PROJECT,
          "X-Tenant-Id": PROJECT, "X-Is-Admin-Project": "True", "OpenStack-System-Scope": "all", "X-Service-Roles": "service",
          "X-Service-Identity-Status": "Confirmed", "X-User-Name": "admin", "X-Service-Catalog": "[]"}


def everything(site, member):
    """All that a request could change, as an operator sees it."""
    admin = site.client(Persona("admin", "c" * 32))
    images = admin.get("/v2/images?visibility=all&limit=1000&sort=created_at:asc")["images"]
    return images, sorted(os.listdir(site.state.stores.default.folder)), os.listdir(site.state.staging.folder), list(site.poked)


@pytest.fixture
def unchanged(site, member):
    """An image of PROJECT with data, and the check that nothing at all was changed."""
    image = new(member, visibility="private", tags=["t"], some="thing")["id"]
    upload(member, image)
    before = everything(site, member)
    yield image
    assert everything(site, member) == before


@pytest.mark.parametrize("headers", [FORGED, {**FORGED, "X-Auth-Token": ""}, {k.replace("-", "_"): v for k, v in FORGED.items()}],
                         ids=["without token", "empty token", "underscores"])
def test_forged_identity(site, unchanged, headers):
    anybody = Client(site.app)
    for method, path, data in (("GET", "/v2/images", None), ("DELETE", f"/v2/images/{unchanged}", None),
                               ("POST", "/v2/images", b"{}"), ("PUT", f"/v2/images/{unchanged}/tags/x", None)):
        response = anybody.open(path, method=method, data=data, headers=headers)
        assert response.status_code == 401, (method, path, response.status_code)


def test_forged_rights_beside_a_good_token(site, unchanged):
    reader, other = site.client(Persona("reader", PROJECT)), site.client(Persona("member", OTHER))
    assert reader.request("DELETE", f"/v2/images/{unchanged}", headers=FORGED).status_code == 403
    assert other.request("DELETE", f"/v2/images/{unchanged}", headers=FORGED).status_code == 404
    assert other.request("POST", "/v2/images", {"visibility": "public"}, FORGED).status_code == 403
    assert other.request("GET", f"/v2/images/{unchanged}/locations", headers=FORGED).status_code == 404


@pytest.mark.parametrize("body", [
    {"owner": OTHER}, {"status": "active"}, {"size": 5}, {"checksum": "x"}, {"direct_url": "file:///etc/passwd"},
    {"location": "file:///etc/passwd"}, {"locations": [{"url": "file:///etc/passwd", "metadata": {}}]}, {"stores": "file"},
    {"os_glance_importing_to_stores": "file"}, {"os_glance_stage_host": "http://evil"}, {"os_glance_import_task": "x"},
    {"deleted_at": "2020-01-01"}, {"visibility": "public"}, {"id": "../../etc/passwd"}, {"id": "x\r\nX-Evil: 1"},
    {"created_at": "2020"}, {"x\r\nX-Evil: 1": "y"}, {"tags": ["x" * 300]}, {"name": {"$ne": 1}}, {"project_id": {"a": 1}},
    {"disk_format": "raw'; DROP TABLE images"}, {"min_disk": 1e400}, {"min_ram": "0 OR 1=1"}, {"name": "x" * 100_000},
    {"p\0q": "x"}, {"self": "x"}, {"virtual_size": 1}, {"members": [OTHER]}])
def test_attributes_that_may_not_be_made(member, unchanged, body):
    assert 400 <= member.request("POST", "/v2/images", body).status_code < 500


def test_policy_targets_cannot_be_smuggled(site, unchanged):
    """What a body or a query says of owner, project or visibility is not what policies see."""
    other = site.client(Persona("member", OTHER))
    smuggled = {"project_id": OTHER, "owner": OTHER, "visibility": "public", "member_id": OTHER, "image_id": "x"}
    query = "?" + "&".join(f"{k}={v}" for k, v in smuggled.items())
    for method, path, body in (
            ("GET", "", None), ("DELETE", "", None), ("GET", "/file", None), ("POST", "/members", {"member": OTHER, **smuggled}),
            ("POST", "/import", {"method": {"name": "glance-direct"}, **smuggled}), ("POST", "/actions/deactivate", None),
            ("PUT", "/tags/x", None), ("PUT", f"/members/{OTHER}", {"status": "accepted", **smuggled}),
            ("POST", "/locations", {"url": "http://93.184.216.34/", **smuggled})):
        assert other.request(method, f"/v2/images/{unchanged}{path}{query}", body).status_code == 404, (method, path)
    for method, path in (("POST", "/actions/deactivate"), ("PUT", "/tags/x"), ("DELETE", "")):
        assert other.request(method, f"/v2/images/{unchanged}{path}", smuggled).status_code == 400, (method, path)
    response = other.request("GET", f"/v2/images{query}")
    assert response.get_json()["images"] == []


@pytest.mark.parametrize("change", [
    {"op": "replace", "path": "/owner", "value": OTHER}, {"op": "replace", "path": "/status", "value": "queued"},
    {"op": "add", "path": "/os_glance_x", "value": "y"}, {"op": "replace", "path": "/id", "value": "x"},
    {"op": "add", "path": "/locations/-", "value": {"url": "file:///etc/passwd", "metadata": {}}},
    {"op": "replace", "path": "/locations", "value": []}, {"op": "remove", "path": "/locations/0"},
    {"op": "replace", "path": "/visibility", "value": "public"}, {"op": "replace", "path": "/checksum", "value": "0" * 32},
    {"op": "add", "path": "/stores", "value": "x"}, {"op": "add", "path": "/a/b", "value": "c"}, {"op": "copy", "path": "/a"},
    {"op": "move", "from": "/owner", "path": "/x"}, {"op": "test", "path": "/owner", "value": PROJECT}, {}, 5, None, [[]],
    {"op": "add", "path": "/" + "a" * 300, "value": "x"}, {"op": "add", "path": "/x", "value": {"a": 1}},
    {"op": "add", "path": "/x\0", "value": "y"}, {"op": "add", "path": "/~2", "value": "y"}, {"op": "remove", "path": "/tags"},
    {"op": "replace", "path": "/disk_format", "value": "qcow2"}, {"op": ["add"], "path": "/x", "value": "y"}], ids=str)
def test_patches(member, unchanged, change):
    response = member.request("PATCH", f"/v2/images/{unchanged}", [change], PATCH)
    assert 400 <= response.status_code < 500, response.text
    # a patch is done whole or not at all
    both = [{"op": "add", "path": "/fine", "value": "x"}, change]
    assert 400 <= member.request("PATCH", f"/v2/images/{unchanged}", both, PATCH).status_code < 500


@pytest.mark.parametrize("place", [
    "file://{folder}/{image}", "file://localhost{folder}/{image}", "file:///etc/passwd", "file://{folder}/../staging/{image}",
    "filesystem://{folder}/{image}", "rbd://fsid/images/{image}/snap", "s3://key:secret@s3.example/bucket/{image}",
    "cinder://volumes/{image}", "http://169.254.169.254/latest/meta-data", "http://127.0.0.1:9292/v2/images/{image}/file",
    "http://localhost./", "web://93.184.216.34/", "/etc/passwd", "data:text/plain,x"])
def test_locations_that_are_not_the_callers(tmp_path, place):
    """Neither way of setting a location reaches the stores' own bytes, files of the host, or inner networks."""
    site = make_site(tmp_path, image__show_locations=True)
    owner, thief = site.client(Persona("member", OTHER)), site.client(Persona("member", PROJECT))
    secret, mine = new(owner, visibility="private")["id"], new(thief)["id"]
    upload(owner, secret, b"secret" * 100)
    url = place.format(folder=site.state.stores.default.folder, image=secret)
    for validation in ({}, {"validation_data": {"os_hash_algo": "sha512", "os_hash_value": "0" * 128}}):
        assert thief.request("POST", f"/v2/images/{mine}/locations", {"url": url, **validation}).status_code in (400, 403)
    for value in ({"url": url, "metadata": {}}, {"url": url, "metadata": {"store": "file"}}):
        for change in ({"op": "add", "path": "/locations/-", "value": value},
                       {"op": "replace", "path": "/locations", "value": [value]}):
            assert thief.request("PATCH", f"/v2/images/{mine}", [change], PATCH).status_code == 400
    shown = thief.get(f"/v2/images/{mine}")
    assert (shown["status"], shown["locations"], site.poked) == ("queued", [], [])
    assert thief.request("GET", f"/v2/images/{mine}/file").data == b""


@pytest.mark.parametrize("path", [
    "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "%00", "x%00", "a" * 5000, "%0d%0aX-Evil:%201", "'%20or%201=1--",
    "11111111-2222-4333-8444-555555555555/../x", "%ff%fe", "{image_id}", "*", "null", "undefined", "-1", "%20"])
@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
def test_odd_ids(member, unchanged, path, method):
    response = member.request(method, f"/v2/images/{path}", [] if method == "PATCH" else None, PATCH)
    assert response.status_code in (400, 404, 414) and "X-Evil" not in response.headers
    for more in ("file", "members", "tasks", "locations"):
        assert member.request("GET", f"/v2/images/{path}/{more}").status_code in (400, 403, 404, 414)


@pytest.mark.parametrize("query", [
    "limit=-1", "limit=1e9", "limit=%00", "marker=%27", "sort=id:asc;drop", "sort_key=owner", "sort_key=__class__", "size_min=x",
    "created_at=gt:x", "name=in:\"", "visibility=everything", "member_status=x", "os_hidden=maybe", "sort_dir=up", "name=like:x",
    "sort_key=" + "a" * 5000])
def test_odd_queries(member, unchanged, query):
    assert member.request("GET", f"/v2/images?{query}").status_code == 400


@pytest.mark.parametrize("header", ["X-Image-Meta-Store", "x-openstack-image-size", "Range", "Content-Range", "X-Auth-Token"])
def test_header_injection(site, unchanged, header):
    member = site.client(Persona("member", PROJECT))
    image = new(member)["id"]
    for value in ("x\tX-Evil: 1", "../../etc", "a" * 9000, "-1", "1" * 400, "\xff"):
        path = f"/v2/images/{image}/file" if header.lower().startswith("x-") else f"/v2/images/{unchanged}/file"
        response = member.request("PUT" if path.startswith(f"/v2/images/{image}") else "GET", path, None,
                                  {**OCTETS, header: value}, b"xyz" if image in path else None)
        assert 400 <= response.status_code < 500 and "X-Evil" not in str(response.headers)
    member.delete(f"/v2/images/{image}")


@pytest.mark.parametrize(("data", "status"), [
    (b"[" * 3_000_000, 413), (b"[" * 50_000, 400), (b'{"a":' * 50_000, 400), (b"\xff\xfe", 400), (b"", 400), (b"NaN", 400),
    (b'{"name":"\\ud800"}', 400), (b'{"name": 1e99999}', 400), (b"null", 400), (b'{"a": "b"', 400)])
def test_bodies(member, unchanged, data, status):
    kind = {"Content-Type": "application/json"}
    for method, path, more in (("POST", "/v2/images", kind), ("PATCH", f"/v2/images/{unchanged}", PATCH),
                               ("POST", f"/v2/images/{unchanged}/members", kind),
                               ("POST", f"/v2/images/{unchanged}/import", kind)):
        response = member.request(method, path, data=data, headers=more)
        assert 400 <= response.status_code < 500, (method, path)
        assert (response.status_code == 413) == (status == 413)


@pytest.mark.parametrize(("method", "path"), [
    ("DELETE", "I"), ("PUT", "I/tags/x"), ("DELETE", "I/tags/t"), ("POST", "I/actions/deactivate"), ("DELETE", "I/members/x"),
    ("DELETE", "/v2/stores/file/I"), ("PUT", "/v2/cache/I")])
@pytest.mark.parametrize(("data", "status"), [(b"{bad", 400), (b"\xff", 400), (b"[" * 3_000_000, 413)],
                         ids=["broken", "no text", "huge"])
def test_bodies_that_nobody_asked_for(member, unchanged, method, path, data, status):
    path = path.replace("I", unchanged) if path.startswith("/") else path.replace("I", f"/v2/images/{unchanged}")
    assert member.request(method, path, data=data).status_code in (status, 403)  # 403: of what takes no rights of one's own


class Rebinding:
    """A resolver that gives a public address first and an inner one afterwards, as an attacker's name server would."""

    def __init__(self, *answers):
        self.answers, self.asked, self.real = list(answers), 0, socket.getaddrinfo

    def __call__(self, host, port, *args, **options):
        if host != "rebinding.example":  # the database's
            return self.real(host, port, *args, **options)
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return [(socket.AF_INET6 if ":" in answer else socket.AF_INET, 1, 6, "", (answer, port))]


@pytest.mark.parametrize("second", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1"])
def test_a_name_that_changes_its_mind(site, member, monkeypatch, second):
    resolver = Rebinding("93.184.216.34", second)
    monkeypatch.setattr(fetch.socket, "getaddrinfo", resolver)
    reached = []
    monkeypatch.setattr(fetch, "_once", lambda m, parts, addresses, guard, headers: reached.append(addresses))
    image = new(member)["id"]
    member.post(f"/v2/images/{image}/import", {"method": {"name": "web-download", "uri": "http://rebinding.example/"}}, 202)
    site.work()
    assert member.get(f"/v2/images/{image}")["status"] == "queued" and reached == []
    assert "is not public" in member.get(f"/v2/images/{image}/tasks")["tasks"][0]["message"]
    assert all(a.is_global for found in reached for a in found if isinstance(a, ipaddress.IPv4Address))


@pytest.fixture
def trap():
    """A web server that redirects to wherever its path says; and one inside that must never be asked."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", self.path[1:])
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("target", [
    "http://127.0.0.2/", "http://10.1.2.3/", "http://169.254.169.254/latest/meta-data", "http://[::1]/", "http://2130706434/",
    "http://0x7f000002/", "http://0177.0.0.2/", "http://[::ffff:127.0.0.2]/", "file:///etc/passwd", "ftp://93.184.216.34/",
    "http://192.168.0.1/", "http://[fe80::1]/", "http://user:pw@93.184.216.34/", "http://127.0.0.2:80/"])
def test_redirects_inwards(tmp_path, trap, target):
    address, asked = trap
    site = make_site(tmp_path, **{"import__allowed_networks": ["127.0.0.1/32"], "import__allowed_ports": []})
    member = site.client(Persona("member", PROJECT))
    image = new(member)["id"]
    member.post(f"/v2/images/{image}/import", {"method": {"name": "web-download", "uri": f"{address}/{target}"}}, 202)
    site.work()
    assert member.get(f"/v2/images/{image}")["status"] == "queued" and len(asked) == 1
    assert os.listdir(site.state.staging.folder) == [] and os.listdir(site.state.stores.default.folder) == []


def test_redirects_without_end(tmp_path, trap):
    address, asked = trap
    site = make_site(tmp_path, **{"import__allowed_networks": ["127.0.0.1/32"], "import__allowed_ports": []})
    member = site.client(Persona("member", PROJECT))
    image = new(member)["id"]
    loop = f"{address}/{address}/" + "/".join([address] * 20)
    member.post(f"/v2/images/{image}/import", {"method": {"name": "web-download", "uri": loop}}, 202)
    site.work()
    assert member.get(f"/v2/images/{image}")["status"] == "queued" and len(asked) <= 6


NINES = "9" * 5000


@pytest.mark.parametrize("headers", [
    {"Range": f"bytes={NINES}-"}, {"Range": f"bytes=0-{NINES}"}, {"Range": f"bytes=-{NINES}"},
    {"Content-Range": f"bytes 0-{NINES}/*"}, {"Content-Range": f"bytes {NINES}-{NINES}/*"}], ids=str)
def test_ranges_beyond_all_numbers(member, unchanged, headers):
    assert member.request("GET", f"/v2/images/{unchanged}/file", headers=headers).status_code == 416


@pytest.mark.parametrize("query", [f"limit={NINES}", f"size_min={NINES}", f"size_max=-{NINES}"])
def test_filters_beyond_all_numbers(member, unchanged, query):
    assert member.request("GET", f"/v2/images?{query}").status_code == 400


def test_sizes_and_positions_beyond_all_numbers(tmp_path):
    site = make_site(tmp_path, image__show_locations=True)
    client = site.client(Persona("admin", PROJECT))
    image = new(client)["id"]
    upload(client, image, b"x", 400, **{"X-Openstack-Image-Size": NINES})
    assert client.get(f"/v2/images/{image}")["status"] == "queued"
    upload(client, image)
    where = {"path": f"/locations/{NINES}", "value": {"url": "http://93.184.216.34/", "metadata": {}}}
    for change in ({"op": "add", **where}, {"op": "remove", **where}):
        response = client.request("PATCH", f"/v2/images/{image}", [change], {
            "Content-Type": "application/openstack-images-v2.1-json-patch"})
        assert 400 <= response.status_code < 404
    assert len(client.get(f"/v2/images/{image}")["locations"]) == 1
    site.state.db.dispose()


@pytest.mark.parametrize(("path", "accept"), [
    (f"/v2.{NINES}/images", "*/*"), ("/images", f"application/vnd.openstack.images-v2.{NINES}")], ids=["path", "header"])
def test_versions_beyond_all_numbers(member, path, accept):
    response = member.request("GET", path, headers={"Accept": accept})
    assert response.status_code == 300 and response.get_json()["versions"]
