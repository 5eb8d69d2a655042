"""glance-download between two image services with nothing in common but identity: properties, refusals, redirects."""

import http.server
import subprocess
import sys
import threading

import pytest

from tests.functional.image_daemons.cloud import DATA, DIGEST, OCTETS, ask, new, status
from tests.functional.stack.processes import free_ports
from tests.waiting import wait_for

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(180)]
HERE = {"disk_format": "qcow2", "container_format": "ovf", "os_distro": "mine", "hw_kept": "here", "min_ram": 1}
THERE = {"disk_format": "raw", "container_format": "bare", "hw_machine_type": "q35", "trait:HW_X": "required",
         "os_distro": "debian", "os_type": "linux", "os_secure_boot": "optional", "os_version": "12",
         "speed": "5", "min_ram": 7, "tags": ["t"]}


class Region:
    """The image API of region Two: a daemon with its own schema, stores and configuration."""

    def __init__(self, cloud, folder):
        self.cloud, self.folder, self.port = cloud, folder, free_ports(1)[0]
        self.url, self.schema = f"http://127.0.0.1:{self.port}", f"{cloud.prefix}two"
        own = {"[DEFAULT]\n": "[DEFAULT]\nregion = Two\n", str(cloud.folder / "state"): str(folder / "state"),
               str(cloud.run_dir): str(folder), str(cloud.logs): str(folder), f"{cloud.prefix}image": self.schema,
               cloud.rabbit_url: "kombu+memory:////"}
        for name in ("altostack", "image"):
            text = (cloud.etc / f"{name}.conf").read_text()
            for old, new_text in own.items():
                text = text.replace(old, new_text, 1 if old.startswith("[") else -1)
            (folder / f"{name}.conf").write_text(text if name == "altostack" else text.replace("region = Two\n", ""))
        (folder / "image-api.conf").write_text(f"[api]\nbind_port = {self.port}\n")
        (folder / "state").mkdir()
        with cloud.engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {self.schema} CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin")
        command = [sys.executable, "-m", "common.cli", "--config-dir", str(folder)]
        subprocess.run([*command, "db", "upgrade", "image"], check=True, timeout=120)
        self.process = subprocess.Popen([*command, "serve", "image-api"], stdin=subprocess.DEVNULL)

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        with self.cloud.engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {self.schema}")


def enter(cloud, region, url):
    """Write a region's image endpoint into the catalog, and that of the identity which all regions have in common."""
    identity = cloud.connect().identity
    identity.create_region(id=region)
    for kind, where in (("image", url), ("identity", f"{cloud.url('identity-api')}/v3")):
        service = next(identity.services(type=kind))
        for interface in ("public", "internal") if kind == "identity" else ("public",):
            identity.create_endpoint(service_id=service.id, interface=interface, region_id=region, url=where)


@pytest.fixture(scope="module")
def two(cloud, tmp_path_factory):
    made = Region(cloud, tmp_path_factory.mktemp("two"))
    try:
        enter(cloud, "Two", made.url)
        made.session = cloud.connect().session

        def request(method, path, **more):
            return made.session.request(f"{made.url}/v2{path}", method, raise_exc=False, **more)

        made.request = request
        wait_for("image API of region Two", lambda: up(made), 60)
        yield made
    finally:
        made.close()


def up(region):
    try:
        return region.request("GET", "/images").status_code == 200
    except Exception:  # it does not listen yet
        return False


def image_there(two, data=DATA):
    made = two.request("POST", "/images", json={"name": "source", **THERE}).json()
    if data is not None:
        assert two.request("PUT", f"/images/{made['id']}/file", data=data, headers=OCTETS).status_code == 204
    return made["id"]


def method(image_id, region="Two", **more):
    return {"name": "glance-download", "glance_region": region, "glance_image_id": image_id, **more}


def failed(cloud, image):
    """The task's message, after an import that failed and left nothing."""
    found = wait_for("end of the task", lambda: [t for t in cloud.api.get(f"/images/{image.id}/tasks").json()["tasks"]
                                                 if t["status"] in ("success", "failure")], 60)
    shown = status(cloud, image, "queued")
    assert found[0]["status"] == "failure" and shown["size"] is None
    assert not [f for f in cloud.files() if image.id in f]
    return found[0]["message"]


def test_an_image_of_another_region(cloud, two):
    source = image_there(two)
    image = cloud.api.create_image(name="target", allow_duplicates=True, **HERE)
    ask(cloud, image, method(source), all_stores=True)
    shown = status(cloud, image, "active")
    assert (shown["os_hash_value"], shown["size"], shown["stores"]) == (DIGEST, len(DATA), "file,second")
    expected = {"disk_format": "raw", "container_format": "bare", "hw_machine_type": "q35", "trait:HW_X": "required",
                "os_distro": "debian", "os_type": "linux", "os_secure_boot": "optional", "hw_kept": "here", "name": "target",
                "min_ram": 1, "tags": []}
    assert {k: shown.get(k) for k in expected} == expected
    assert "speed" not in shown and "os_version" not in shown
    assert two.request("GET", f"/images/{image.id}").status_code == 404  # the regions share nothing
    cloud.api.delete_image(image)


@pytest.mark.parametrize("what", ["no such image", "no data", "no such region", "no such interface", "not what it says"])
def test_what_cannot_be_had(cloud, two, what):
    source = {"no such image": lambda: "36d4b546-64a2-4bb9-bdd0-ba676aa48f2c", "no data": lambda: image_there(two, None)}.get(
        what, lambda: image_there(two))()
    asked = method(source, "Nowhere" if what == "no such region" else "Two")
    if what == "no such interface":
        asked["glance_service_interface"] = "admin"
    if what == "not what it says":  # the source's formats count: what a container holds is nobody's disk
        other = {"name": "s", "disk_format": "raw", "container_format": "docker"}
        source = two.request("POST", "/images", json=other).json()["id"]
        two.request("PUT", f"/images/{source}/file", data=b"QFI\xfb" + bytes(1000), headers=OCTETS)
        asked = method(source)
    image = new(cloud)
    ask(cloud, image, asked)
    if what == "not what it says":
        assert status(cloud, image, "active")["container_format"] == "docker"
    else:
        assert failed(cloud, image)
    cloud.api.delete_image(image)


def test_a_redirect_does_not_get_the_token(cloud):
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path, self.headers.get("X-Auth-Token")))
            self.send_response(302 if "/v2/" in self.path else 200)
            self.send_header("Location", f"http://127.0.0.1:{server.server_port}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        enter(cloud, "Three", f"http://127.0.0.1:{server.server_port}")
        image = new(cloud)
        ask(cloud, image, method("36d4b546-64a2-4bb9-bdd0-ba676aa48f2c", "Three"))
        assert "redirects" in failed(cloud, image)
        assert seen and "/elsewhere" not in [path for path, _ in seen]
        cloud.api.delete_image(image)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
