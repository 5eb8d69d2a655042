"""The image daemons as they run in production, on real MariaDB and RabbitMQ, killed in the middle of their work."""

import contextlib
import hashlib
import http.server
import os
import socket
import threading

import pytest

from common import clock
from tests.functional.common.conftest import mysql_url, rabbit_url  # noqa: F401  (fixtures)
from tests.functional.stack.processes import Processes, wait_for

DATA = os.urandom(1 << 20) * 4
DIGEST = hashlib.sha512(DATA).hexdigest()
LEASE_S = 4
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(240)]


class ImageCloud(Processes):
    """Identity and image alone."""

    def __init__(self, *args):
        super().__init__(*args)
        self.services = {name: s for name, s in self.services.items() if name in ("identity", "image")}
        self.daemons = ["identity-api", "image-api", "image-conductor"]
        self.ports = {d: p for d, p in self.ports.items() if d in self.daemons}

    def _altostack(self, *rest):
        super()._altostack(*rest, *(self.services if rest == ("db", "upgrade") else ()))

    def _configure(self):
        super()._configure()
        self._write("image", {"DEFAULT": {"enabled_stores": "file,second:file"}, "image": {"upload_lease_s": LEASE_S},
                              "import": {"allowed_networks": "127.0.0.0/8", "allowed_ports": ""}})

    def files(self):
        """What the stores and the staging folder hold."""
        return sorted(f"{folder}/{name}" for folder in ("images", "images-second", "staging")
                      for name in os.listdir(self.folder / "state" / folder) if (self.folder / "state" / folder).is_dir())


@pytest.fixture(scope="module")
def cloud(mysql_url, rabbit_url, tmp_path_factory):  # noqa: F811
    made = ImageCloud(tmp_path_factory.mktemp("image"), mysql_url.render_as_string(hide_password=False), rabbit_url)
    try:
        made.start()
        made.api = made.connect().image
        yield made
    finally:
        made.close()


@pytest.fixture
def slow():
    """A web server that gives DATA in 3 s; its URL, and how often it was asked."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(DATA)))
            self.end_headers()
            with contextlib.suppress(OSError):
                for at in range(0, len(DATA), 1 << 18):
                    self.wfile.write(DATA[at : at + (1 << 18)])
                    clock.sleep(0.2)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/image", asked
    server.shutdown()
    thread.join()
    server.server_close()


def new(cloud):
    return cloud.api.create_image(name="i", disk_format="raw", container_format="bare", allow_duplicates=True)


def status(cloud, image, wanted):
    def look():
        with contextlib.suppress(Exception):
            return cloud.api.get_image(image).status == wanted
        return False

    wait_for(f"{wanted} image", look, 60)
    return cloud.api.get(f"/images/{image.id}").json()


def ask(cloud, image, method, **more):
    response = cloud.api.post(f"/images/{image.id}/import", json={"method": method, **more})
    assert response.status_code == 202, response.text


@pytest.mark.parametrize("victim", ["image-conductor", "image-api"])
def test_a_download_goes_on_after_a_daemon_was_killed(cloud, slow, victim):
    url, asked = slow
    image = new(cloud)
    ask(cloud, image, {"name": "web-download", "uri": url}, all_stores=True)
    wait_for("request to the web server", lambda: asked, 30)
    old = cloud.kill(victim)
    cloud.wait_up(victim, not_pid=old)
    shown = status(cloud, image, "active")
    assert (shown["os_hash_value"], shown["size"], shown["stores"]) == (DIGEST, len(DATA), "file,second")
    assert len(asked) == (2 if victim == "image-conductor" else 1)
    wait_for("empty staging folder", lambda: not [f for f in cloud.files() if "staging" in f and image.id in f], 20)
    tasks = cloud.api.get(f"/images/{image.id}/tasks").json()["tasks"]
    assert [t["status"] for t in tasks] == ["success"]
    cloud.api.delete_image(image)


def test_delete_wins_over_a_download(cloud, slow):
    url, asked = slow
    image = new(cloud)
    ask(cloud, image, {"name": "web-download", "uri": url})
    wait_for("request to the web server", lambda: asked, 30)
    cloud.api.delete_image(image)
    wait_for("nothing of the image", lambda: not [f for f in cloud.files() if image.id in f], 60)


def test_download_from_another_region(cloud):
    """Of the cloud's own region: to the conductor that is a catalog entry as any other."""
    first, second = new(cloud), new(cloud)
    cloud.api.put(f"/images/{first.id}/file", data=DATA, headers={"Content-Type": "application/octet-stream"})
    ask(cloud, second, {"name": "glance-download", "glance_region": "RegionOne", "glance_image_id": first.id})
    assert status(cloud, second, "active")["os_hash_value"] == DIGEST
    cloud.api.delete_image(first)
    cloud.api.delete_image(second)


def half(cloud, image):
    """A connection on which half of an upload was sent."""
    port, token = cloud.ports["image-api"], cloud.api.session.get_token()
    connection = socket.create_connection(("127.0.0.1", port))
    head = [f"PUT /v2/images/{image.id}/file HTTP/1.1", "Host: x", f"X-Auth-Token: {token}", f"Content-Length: {len(DATA)}",
            "Content-Type: application/octet-stream", "", ""]
    connection.sendall("\r\n".join(head).encode() + DATA[: len(DATA) // 2])
    return connection


@pytest.mark.parametrize("how", ["client goes", "daemon is killed"])
def test_an_upload_that_breaks_off(cloud, how):
    image = new(cloud)
    connection = half(cloud, image)
    status(cloud, image, "saving")
    if how == "client goes":
        connection.close()
    else:
        old = cloud.kill("image-api")
        cloud.wait_up("image-api", not_pid=old)
        connection.close()
    status(cloud, image, "queued")
    wait_for("nothing of the upload", lambda: not [f for f in cloud.files() if image.id in f], 30)
    response = cloud.api.put(f"/images/{image.id}/file", data=DATA, headers={"Content-Type": "application/octet-stream"})
    assert response.status_code == 204 and status(cloud, image, "active")["os_hash_value"] == DIGEST
    cloud.api.delete_image(image)


def test_a_slow_upload_keeps_its_image(cloud):
    image = new(cloud)
    connection = half(cloud, image)
    rest, pieces = DATA[len(DATA) // 2 :], 5
    for n in range(pieces):  # longer than the lease, which data prolongs
        clock.sleep(LEASE_S * 2 / pieces)
        connection.sendall(rest[n * len(rest) // pieces : (n + 1) * len(rest) // pieces])
    assert connection.recv(100).startswith(b"HTTP/1.1 204")
    connection.close()
    assert status(cloud, image, "active")["os_hash_value"] == DIGEST
    cloud.api.delete_image(image)
