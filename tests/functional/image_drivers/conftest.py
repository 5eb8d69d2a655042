"""The servers that image stores are tested with: a web server, and one Ceph cluster for all tests of a session."""

import http.server
import os
import tempfile
import threading

import pytest

from tests.functional.common.conftest import free_port
from tests.functional.image_drivers.ceph import Ceph, missing


class Handler(http.server.SimpleHTTPRequestHandler):
    """A web server with byte ranges and one redirect."""

    ranges = True

    def do_GET(self):
        if self.path.startswith("/moved/"):
            self.send_response(302)
            self.send_header("Location", self.path.replace("/moved/", "/"))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path = self.translate_path(self.path)
        wanted = self.headers.get("Range")
        if not self.ranges or not wanted or not os.path.isfile(path):
            super().do_GET()
            return
        with open(path, "rb") as source:
            data = source.read()
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        part = data[int(first) : int(last) + 1 if last else None]
        self.send_response(206 if part else 416)
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, *args):
        pass


@pytest.fixture
def web(tmp_path):
    """(folder, URL, handler class) of a web server."""
    handler = type("Bound", (Handler,), {"ranges": True})
    root = tmp_path / "www"
    root.mkdir()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *args: handler(*args, directory=str(root)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield root, f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def ceph():
    """A cluster with a pool for images and an S3 gateway."""
    lacking = missing()
    if lacking or os.getuid():
        pytest.skip(f"needs root and Ceph: {', '.join(lacking) or 'not root'}; devstack/test.sh installs it")
    with tempfile.TemporaryDirectory(prefix="altostack-ceph-") as folder:
        cluster = Ceph(folder, free_port())
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()
