"""Images that an agent fetches before any server needs them."""

import http.server
import threading

import pytest

from common.context import RequestContext
from services.compute.agent.images import Images
from services.compute.agent.reconcile import Reconciler
from services.compute.agent.service import AgentService
from services.compute.agent.verbs import Host
from services.compute.drivers.base import Driver


@pytest.fixture
def images():
    """(URL of an image service, the requests that it got): "broken" is not there."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers["X-Auth-Token"]))
            self.send_response(404 if "broken" in self.path else 200)
            self.end_headers()
            self.wfile.write(b"data")

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


class Housekeeping:
    """Fetches with what the agent gave it, as libvirt's cache does."""

    def __init__(self, fetch, folder):
        self.fetch, self.folder, self.specs = fetch, folder, []

    def prefetch(self, image):
        self.fetch(image.id, str(self.folder / image.id))
        self.specs.append((image.id, image.checksum))


def test_each_is_fetched_with_the_callers_token(images, tmp_path, caplog):
    url, asked = images
    mine = Images(conductor=None, host="alpha")
    housekeeping = Housekeeping(mine.fetch, tmp_path)
    parts = dict.fromkeys(Driver.__dataclass_fields__)
    host = Host(Driver(**{**parts, "name": "fake", "housekeeping": housekeeping}), mine, str(tmp_path), "alpha")
    agent = Reconciler(host, None, threads=1)
    AgentService(agent).cache_images(RequestContext(auth_token="lent"), [{"id": "broken"}, {"id": "good", "checksum": "c"}], url)
    agent._pool.shutdown(wait=True)
    assert asked == [("/v2/images/broken/file", "lent"), ("/v2/images/good/file", "lent")]
    assert housekeeping.specs == [("good", "c")] and (tmp_path / "good").read_bytes() == b"data"
    assert "image broken could not be read" in caplog.text
    assert not hasattr(mine._own, "access"), "what was lent is given back"
