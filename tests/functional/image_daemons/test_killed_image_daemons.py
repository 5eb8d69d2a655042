"""The image daemons as they run in production, on real MariaDB and RabbitMQ, killed in the middle of their work."""

import contextlib
import http.server
import threading

import pytest

from common import clock
from tests.functional.image_daemons.cloud import DATA, DIGEST, LEASE_S, ask, half, new, status
from tests.waiting import wait_for

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(240)]


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
