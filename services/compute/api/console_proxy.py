"""The console proxy: browsers' WebSockets on one side, guests' VNC and serial ports on the other.

websockify does the WebSocket and the copying. Here is what makes it ours: a connection is let through when
its Origin is this host's (so that no other site's page uses a visitor's console), when its token is in the
schema (as a hash) and not over, and when the server's agent says that the port is still that server's: a
port of a server that was stopped may be another tenant's by now.
"""

import logging
import os
import socket
import socketserver
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from http.server import HTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from oslo_config import cfg

from common import context, errors, memory, worker
from common.db.session import Database
from services.compute.db import server_parts, servers
from services.compute.domain import consoles

# websockify decodes what browsers send with NumPy where it is there: 20 MiB, in all daemons, for key strokes
memory.leave_out("numpy")
warnings.filterwarnings("ignore", message="no 'numpy' module", module="websockify")
from websockify.websocketproxy import ProxyRequestHandler  # noqa: E402

LOG = logging.getLogger(__name__)
# select(), which websockify copies with, knows file descriptors below 1024; a console takes two
CONSOLES_MAX = 400
_CONNECT_S, _REQUEST_S, _PING_S, _LOOK_S = 10, 30, 30, 600
_PAGE = b"""<!DOCTYPE html>
<html><head><title>Console</title></head><body>
<h1>noVNC is not installed</h1>
<p>This console proxy works, but the host it runs on has no noVNC to show a screen with.
Install the package <code>novnc</code> there, or give the WebSocket of this address, with its token, to another VNC client.</p>
</body></html>
"""


@dataclass(frozen=True)
class Targets:
    """Finds the host and port that a token opens. `agents` is the RPC client of compute-agent."""

    db: Database
    agents: Any

    def find(self, token: str) -> tuple[str, int]:
        """(host, port) of the console; errors.Forbidden when the token opens none, errors.Transient when nobody can say."""
        with self.db.read() as session:
            row = server_parts.console_token(session, consoles.hash_of(token))
            if row is None:
                raise errors.Forbidden("The token is unknown or over.")
            try:
                host = servers.get(session, row.server_id).host
            except errors.NotFound:
                host = None
        kind = consoles.TYPES.get(row.console_type, "")
        if host is None:
            raise errors.Forbidden("The server is gone.")
        try:
            where = self.agents.to(host).console_endpoint(context.internal(), server_id=row.server_id, kind=kind)
        except (errors.NotFound, errors.Conflict) as e:
            raise errors.Forbidden(f"The server has no {kind} console now.") from e
        if (where["host"], int(where["port"])) != (row.host, row.port):
            raise errors.Forbidden("The server's console moved; ask for a new one.")
        return row.host, row.port


class Proxy(socketserver.ThreadingMixIn, HTTPServer):
    """The server: a thread per connection. `listen`, then `serve` until `close`."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, name: str, conf: cfg.ConfigOpts, address: tuple[str, int], targets: Targets,
                 novnc_path: str = "/usr/share/novnc") -> None:
        super().__init__(address, Handler, bind_and_activate=False)
        self.socket.close()
        self.name, self.address, self.targets = name, address, targets
        self.proxy_headers = bool(conf.api.proxy_headers)
        self.allowed_origins = {o.lower() for o in conf.api.cors_allowed_origins}
        self.web = novnc_path if os.path.exists(os.path.join(novnc_path, "vnc_lite.html")) else None
        # what websockify's handler reads of its server
        self.logger, self.heartbeat, self.file_only, self.auth_plugin = LOG, _PING_S, True, None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._closing = self._listening = False

    def listen(self) -> None:
        """Take the port; errors.ConfigError when it is taken."""
        self.socket = worker.listen(self.name, self.address)
        self.server_address, self._listening = self.socket.getsockname(), True

    def serve(self) -> None:
        """Accept connections until `close`."""
        self.serve_forever(poll_interval=_LOOK_S)

    def close(self) -> None:
        """Accept nothing more and end the consoles that are open."""
        with self._lock:
            self._closing = True
            open_now = list(self._open)
        if self._listening:  # shutdown() waits for the end of `serve`, which a socket that ends wakes
            _shut(self.socket)
            self.shutdown()
            self.server_close()
        for connection in open_now:
            _shut(connection)

    def admit(self, connection: socket.socket) -> bool:
        """Count an opened console; False when there are too many, or when the proxy is stopping."""
        with self._lock:
            if self._closing or len(self._open) >= CONSOLES_MAX:
                return False
            self._open.add(connection)
            return True

    def leave(self, connection: socket.socket) -> None:
        """A console ended."""
        with self._lock:
            self._open.discard(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection broke: log it, and go on with the others."""
        LOG.info("connection from %s broke", client_address[0], exc_info=True)


class Handler(ProxyRequestHandler):  # type: ignore[misc]
    """One connection: a static file, the health check, or a console."""

    server: Proxy
    timeout = _REQUEST_S

    def setup(self) -> None:
        """Serve files from noVNC's folder."""
        super().setup()
        self.directory = self.server.web or os.devnull

    def do_GET(self) -> None:
        """The health check, a file of noVNC, or the page that says that there is none."""
        if self.path == "/healthcheck":
            return self._health()
        if self.server.web:
            return super().do_GET()
        if urlsplit(self.path).path == "/" or urlsplit(self.path).path.endswith(".html"):
            return self._answer(200, _PAGE, "text/html; charset=utf-8")
        self._answer(404)

    def do_HEAD(self) -> None:
        """As GET, without noVNC only for the health check's sake."""
        if self.server.web and self.path != "/healthcheck":
            return super().do_HEAD()
        self._answer(200 if self.path == "/healthcheck" else 404)

    def handle_upgrade(self) -> None:
        """Let a WebSocket through, or answer 403 (origin, token), 502 (no such port now), 503 (too many, agent away)."""
        self.close_connection = True
        try:
            check_origin(self.headers, self.server.allowed_origins, self.server.proxy_headers)
            host, port = self.server.targets.find(token_of(self.path, self.headers))
        except errors.Forbidden as e:
            LOG.info("console refused to %s: %s", self.client_address[0], e)
            return self._answer(403)
        except errors.Transient as e:
            LOG.warning("console refused to %s: %s", self.client_address[0], e)
            return self._answer(503)
        if not self.server.admit(self.connection):
            return self._answer(503)
        try:
            self._connect(host, port, super().handle_upgrade)
        finally:
            self.server.leave(self.connection)

    def _connect(self, host: str, port: int, upgrade: Callable[[], None]) -> None:
        try:
            self._target = socket.create_connection((host, port), timeout=_CONNECT_S)
        except OSError as e:
            LOG.warning("console at %s:%s does not answer: %s", host, port, e)
            return self._answer(502)
        LOG.info("console at %s:%s opened for %s", host, port, self.client_address[0])
        self.path = "/"  # websockify logs it, and the token is nobody's business
        with self._target:
            for end in (self._target, self.connection):
                end.settimeout(None)
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            upgrade()
        LOG.info("console at %s:%s closed for %s", host, port, self.client_address[0])

    def validate_connection(self) -> None:
        """Done before the upgrade, see `handle_upgrade`."""

    def new_websocket_client(self) -> None:
        """Copy in both directions until either side ends."""
        try:
            self.do_proxy(self._target)
        except OSError as e:
            raise self.CClose(1011, "Connection broke") from e

    def _health(self) -> None:
        try:
            self.server.targets.db.ping()
        except errors.Transient as e:
            LOG.warning("not healthy: %s", e)
            return self._answer(503, b"unavailable\n")
        self._answer(200, b"OK")

    def _answer(self, status: int, body: bytes = b"", kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def version_string(self) -> str:
        """The Server header, without Python's version; clients' tests look for this name."""
        return "WebSockify"

    def log_message(self, format: str, *args: Any) -> None:
        """websockify's lines are for finding faults."""
        LOG.debug("%s: " + format, self.client_address[0], *args)


def token_of(path: str, headers: Any) -> str:
    """The token of `?token=`, of `?path=?token=` as noVNC's page has it, or of the cookie `token`; "" without one."""
    query = parse_qs(urlsplit(path).query)
    if "token" in query:
        return query["token"][0].strip()
    if "path" in query:
        inner = parse_qs(urlsplit(unquote(query["path"][0])).query)
        if "token" in inner:
            return inner["token"][0].strip()
    for part in headers.get("Cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == "token":
            return unquote(value)
    return ""


def check_origin(headers: Any, allowed: set[str], proxied: bool = False) -> None:
    """errors.Forbidden when a browser's page of another host asks.

    Programs send no Origin and pass. `allowed` are whole origins (`https://dashboard.example`) that pass as well;
    `proxied`: the host that the browser named stands in X-Forwarded-Host.
    """
    origin = headers.get("Origin")
    if origin is None:
        return
    if origin.lower() in allowed:
        return
    host = (headers.get("X-Forwarded-Host") if proxied else None) or headers.get("Host") or ""
    try:
        given, expected = urlsplit(origin), urlsplit(f"//{host}").hostname
        hostname = given.hostname
    except ValueError:
        raise errors.Forbidden("Origin header not valid.") from None
    if given.scheme not in ("http", "https") or not hostname:
        raise errors.Forbidden("Origin header not valid.")
    if hostname != expected:
        raise errors.Forbidden("Origin header does not match this host.")


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        LOG.debug("a console had ended already")
