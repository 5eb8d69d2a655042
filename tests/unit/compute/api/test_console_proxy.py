"""The console proxy with a guest's port, a browser and an agent that are played by the test."""

import contextlib
import http.client
import select
import socket
import threading

import pytest
from websockify.websocket import WebSocket, WebSocketWantReadError

from common import clock, errors
from common.testing.api import make_conf, make_database
from common.worker import Runtime, Worker
from services.compute.api import console_proxy
from services.compute.config import SERVICE
from services.compute.db import models, server_parts
from services.compute.domain import consoles

GREETING = b"RFB 003.008\n"


class Guest:
    """A VNC port: greets, then sends back what it gets in upper case; closes on `quit`."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, contextlib.suppress(OSError):
            connection.sendall(GREETING)
            while data := connection.recv(65536):
                if data == b"quit":
                    return
                connection.sendall(data.upper())


class Agents:
    """The agents' RPC client; `where` is what the server's agent says."""

    def __init__(self):
        self.where = {}

    def to(self, host):
        assert host == "host1"
        return self

    def console_endpoint(self, context, *, server_id, kind):
        if isinstance(self.where, Exception):
            raise self.where
        assert kind == "vnc"
        return self.where


@pytest.fixture
def guest():
    made = Guest()
    yield made
    made.listener.close()


@pytest.fixture
def database(tmp_path):
    made = make_database(make_conf(SERVICE, "console-proxy", tmp_path), models.Base)
    with made.write() as session:
        session.add(models.Server(id="s1", project_id="p", user_id="u", name="n", hostname="n", host="host1", vm_state="active",
                                  flavor={}, flavorid="1", vcpus=1, memory_mb=1))
    yield made
    made.dispose()


@pytest.fixture
def agents(guest):
    made = Agents()
    made.where = {"host": "127.0.0.1", "port": guest.port}
    return made


@pytest.fixture
def proxy(tmp_path, database, agents, request):
    """A worker with the proxy on a free port."""
    conf = make_conf(SERVICE, "console-proxy", tmp_path, worker__drain_s=5)
    worker = Worker(SERVICE.daemon("console-proxy"), conf, Runtime(embedded=True))
    made = console_proxy.Proxy("console-proxy", conf, ("127.0.0.1", 0), console_proxy.Targets(database, agents),
                               getattr(request, "param", str(tmp_path / "nothing")))
    worker.on_start(made.listen)
    worker.loop("proxy", made.serve)
    worker.on_stop(made.close)
    worker.start()
    yield made
    worker.stop()
    assert not any(t.is_alive() for t in worker._threads)


def token(database, port, *, text="secret-token", seconds=60, **values):
    database.transaction(server_parts.add_console_token, {
        "token_hash": consoles.hash_of(text), "server_id": "s1", "console_type": "novnc", "host": "127.0.0.1", "port": port,
        "expires_at": clock.after(seconds), **values})
    return text


def upgrade(proxy, path, **headers):
    """The status and body with which the proxy answers a WebSocket's handshake."""
    sent = {"Host": "127.0.0.1:6080", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "binary", **headers}
    connection = http.client.HTTPConnection(*proxy.server_address, timeout=10)
    connection.request("GET", path, headers={k: v for k, v in sent.items() if v is not None})
    response = connection.getresponse()
    body = b"" if response.status == 101 else response.read()
    server = response.getheader("Server")
    connection.close()
    return response.status, body, server


class Browser(WebSocket):
    """websockify's client, which forgets the query of an address by itself."""

    query = ""

    def send_request(self, type, path):
        super().send_request(type, path + self.query)


def browser(proxy, text):
    made = Browser()
    made.query = f"?token={text}"
    host, port = proxy.server_address
    made.connect(f"ws://{host}:{port}/", origin=f"http://{host}:{port}", protocols=["binary"])
    return made


def receive(websocket):
    """The next message (b"" when the other side closed), waiting for it as long as a test may take."""
    while True:
        try:
            return websocket.recvmsg() or b""
        except WebSocketWantReadError:
            assert select.select([websocket], [], [], 10)[0], "nothing came"


def test_a_good_token_reaches_the_guest(proxy, database, guest):
    websocket = browser(proxy, token(database, guest.port))
    assert receive(websocket) == GREETING
    websocket.sendmsg(b"hello")
    assert receive(websocket) == b"HELLO"
    websocket.sendmsg(b"quit")
    assert receive(websocket) == b"" and websocket.close_code == 1000


def test_much_data_passes_whole(proxy, database, guest):
    websocket = browser(proxy, token(database, guest.port))
    assert receive(websocket) == GREETING
    websocket.sendmsg(b"x" * 300_000)
    got = b""
    while len(got) < 300_000:
        got += receive(websocket)
    assert got == b"X" * 300_000


@pytest.mark.parametrize("path", ["/", "/?token=wrong", "/?token=", "/websockify", "/?path=websockify"])
def test_without_a_known_token_the_answer_is_an_empty_403(proxy, database, guest, path):
    token(database, guest.port)
    assert upgrade(proxy, path) == (403, b"", "WebSockify")


def test_a_token_ends(proxy, database, guest):
    text = token(database, guest.port, seconds=-1)
    assert upgrade(proxy, f"/?token={text}")[0] == 403


def test_the_token_may_stand_where_novnc_puts_it(proxy, database, guest):
    text = token(database, guest.port)
    assert upgrade(proxy, f"/vnc_lite.html?path=%3Ftoken%3D{text}")[0] == 101
    assert upgrade(proxy, "/websockify", Cookie=f"a=b; token={text}")[0] == 101


@pytest.mark.parametrize(("origin", "status"), [
    (None, 101), ("http://127.0.0.1:6080", 101), ("https://127.0.0.1", 101), ("http://evil.example", 403), ("null", 403),
    ("file://127.0.0.1", 403), ("", 403), ("http://[broken", 403), ("https://dashboard.example", 101),
])
def test_pages_of_other_hosts_are_refused(proxy, database, guest, origin, status):
    proxy.allowed_origins.add("https://dashboard.example")
    text = token(database, guest.port)
    assert upgrade(proxy, f"/?token={text}", Origin=origin)[0] == status


def test_behind_a_reverse_proxy_the_forwarded_host_counts():
    headers = {"Origin": "https://cloud.example", "Host": "10.0.0.1:6080", "X-Forwarded-Host": "cloud.example"}
    console_proxy.check_origin(headers, set(), proxied=True)
    with pytest.raises(errors.Forbidden):
        console_proxy.check_origin(headers, set(), proxied=False)
    console_proxy.check_origin({"Origin": "http://[::1]:6080", "Host": "[::1]:6080"}, set())


def test_a_port_that_is_another_servers_by_now_is_refused(proxy, database, agents, guest):
    text = token(database, guest.port)
    agents.where = {"host": "127.0.0.1", "port": guest.port + 1}
    assert upgrade(proxy, f"/?token={text}")[0] == 403


@pytest.mark.parametrize(("error", "status"), [
    (errors.Conflict("off"), 403), (errors.NotFound("gone"), 403), (errors.Transient("no answer"), 503)])
def test_the_agent_has_the_last_word(proxy, database, agents, guest, error, status):
    agents.where = error
    assert upgrade(proxy, f"/?token={token(database, guest.port)}")[0] == status


def test_a_deleted_server_has_no_console(proxy, database, guest):
    text = token(database, guest.port, server_id="another")
    assert upgrade(proxy, f"/?token={text}")[0] == 403


def test_a_dead_port_is_a_bad_gateway(proxy, database, agents, guest):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    agents.where = {"host": "127.0.0.1", "port": port}
    assert upgrade(proxy, f"/?token={token(database, port)}")[0] == 502


def test_too_many_consoles_are_refused_and_ended_ones_make_room(proxy, database, guest, monkeypatch):
    monkeypatch.setattr(console_proxy, "CONSOLES_MAX", 1)
    text = token(database, guest.port)
    first = browser(proxy, text)
    assert receive(first) == GREETING
    assert upgrade(proxy, f"/?token={text}")[0] == 503
    first.close()
    deadline = clock.monotonic() + 10
    while upgrade(proxy, f"/?token={text}")[0] != 101:
        assert clock.monotonic() < deadline, "the ended console still counts"
        clock.sleep(0.05)


def test_stopping_ends_open_consoles(tmp_path, database, agents, guest):
    conf = make_conf(SERVICE, "console-proxy", tmp_path)
    made = console_proxy.Proxy("console-proxy", conf, ("127.0.0.1", 0), console_proxy.Targets(database, agents))
    made.listen()
    thread = threading.Thread(target=made.serve)
    thread.start()
    websocket = browser(made, token(database, guest.port))
    assert receive(websocket) == GREETING
    made.close()
    thread.join(10)
    assert not thread.is_alive()
    assert receive(websocket) == b""


def test_a_taken_port_is_one_clear_line_and_stopping_does_not_hang(tmp_path, database, agents):
    conf = make_conf(SERVICE, "console-proxy", tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as other:
        made = console_proxy.Proxy("console-proxy", conf, other.getsockname(), console_proxy.Targets(database, agents))
        with pytest.raises(errors.ConfigError, match=r"console-proxy: cannot listen on 127.0.0.1:\d+ .*bind_port"):
            made.listen()
        made.close()


def fetch(proxy, path, method="GET"):
    connection = http.client.HTTPConnection(*proxy.server_address, timeout=10)
    connection.request(method, path)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body


def test_without_novnc_a_page_says_so(proxy):
    for path in ("/", "/vnc_lite.html?path=x"):
        status, body = fetch(proxy, path)
        assert status == 200 and b"noVNC is not installed" in body
    assert fetch(proxy, "/core/rfb.js")[0] == 404
    assert fetch(proxy, "/healthcheck") == (200, b"OK")
    assert fetch(proxy, "/healthcheck", "HEAD") == (200, b"")


def test_a_health_check_says_that_the_database_is_away(proxy, monkeypatch):
    def down():
        raise errors.Transient("down")

    monkeypatch.setattr(proxy.targets.db, "ping", down)
    assert fetch(proxy, "/healthcheck")[0] == 503


def test_with_novnc_its_files_are_served_and_nothing_else(tmp_path, database, agents):
    web = tmp_path / "novnc"
    (web / "core").mkdir(parents=True)
    (web / "vnc_lite.html").write_text("<html><title>noVNC</title></html>")
    (web / "core" / "rfb.js").write_text("export default 1;")
    (tmp_path / "secret").write_text("secret")
    conf = make_conf(SERVICE, "console-proxy", tmp_path)
    made = console_proxy.Proxy("console-proxy", conf, ("127.0.0.1", 0), console_proxy.Targets(database, agents), str(web))
    made.listen()
    threading.Thread(target=made.serve, daemon=True).start()
    try:
        assert fetch(made, "/vnc_lite.html?path=%3Ftoken%3Dx") == (200, b"<html><title>noVNC</title></html>")
        assert fetch(made, "/core/rfb.js") == (200, b"export default 1;")
        assert fetch(made, "/core/rfb.js", "HEAD") == (200, b"")
        for path in ("/../secret", "/%2e%2e/secret", "/core/", "/nothing"):
            assert fetch(made, path)[0] == 404
    finally:
        made.close()
