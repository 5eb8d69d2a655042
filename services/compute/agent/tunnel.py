"""The encrypted way between two hosts that a moving server takes: pinned TLS, a token per move, nothing else listens.

The destination's agent has one listener with a certificate of its own making. For each move it opens a session and
tells the conductor how to reach it (a *ticket*: address, port, the certificate's fingerprint, a token, an expiry); the
conductor hands the ticket to the source's agent, which connects, compares the fingerprint before it says anything, and
shows the token with the server's id and the name of a channel. From then on the connection belongs to that channel:
files that are sent (`agent.transfer`), or bytes passed to a UNIX socket on the destination (`relay`).
"""

import contextlib
import datetime
import hashlib
import hmac
import json
import logging
import os
import selectors
import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from common import clock, errors, ids

LOG = logging.getLogger(__name__)
TICKET_S = 3600.0
GREETING_TIMEOUT_S = 15.0
MESSAGE_MAX_BYTES = 65536
_BUFFER_BYTES, _READ_BYTES = 1 << 20, 1 << 17

Channel = Callable[[ssl.SSLSocket], None]
"""What happens on a channel: called in a thread of its own with the greeted connection, closed after it."""


class Refused(Exception):
    """The other end does not let this move in: a wrong or expired token, an unknown channel, another certificate."""


@dataclass
class Session:
    """One move into this host."""

    token: str
    expires_at: float
    channels: Mapping[str, Channel]
    connections: set[ssl.SSLSocket] = field(default_factory=set)


def send_message(connection: ssl.SSLSocket, message: Mapping[str, Any]) -> None:
    """Send one JSON object."""
    data = json.dumps(message).encode()
    connection.sendall(struct.pack(">I", len(data)) + data)


def read_message(connection: ssl.SSLSocket) -> dict[str, Any]:
    """Read one JSON object; OSError when the connection ends, ValueError when it is none."""
    (length,) = struct.unpack(">I", read_exactly(connection, 4))
    if length > MESSAGE_MAX_BYTES:
        raise ValueError(f"a message of {length} bytes")
    found = json.loads(read_exactly(connection, length))
    if not isinstance(found, dict):
        raise ValueError("a message that is no object")
    return found


def read_exactly(connection: ssl.SSLSocket, length: int) -> bytes:
    """Read `length` bytes; ConnectionError when there are fewer."""
    parts, left = [], length
    while left:
        part = connection.recv(min(left, _BUFFER_BYTES))
        if not part:
            raise ConnectionResetError("the other host closed the connection")
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


class Listener:
    """The one door of this host for moves. `address` is told to others, `bind` is listened on (port 0: any)."""

    def __init__(self, address: str, port: int = 0, bind: str | None = None) -> None:
        self.address, self._bind, self.port = address, bind or address, port
        self.fingerprint = ""
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None
        self._socket: socket.socket | None = None
        self._stopping = False
        self._starting = threading.Lock()

    def start(self) -> None:
        """Make a certificate, listen, and take connections in threads; errors.ConfigError when the port is taken."""
        self._context, self.fingerprint = _server_context(self.address)
        made = socket.socket(socket.AF_INET6 if ":" in self._bind else socket.AF_INET, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((self._bind, self.port))
            made.listen(64)
        except OSError as e:
            made.close()
            raise errors.ConfigError(f"compute-agent: moves cannot be listened for on {self._bind}:{self.port} ({e.strerror}); "
                                     "see [compute] migration_address and migration_port") from e
        self.port, self._socket = made.getsockname()[1], made
        threading.Thread(target=self._accept, args=(made,), name="moves", daemon=True).start()

    def stop(self) -> None:
        """Stop listening and end every session."""
        self._stopping = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
        for server_id in list(self._sessions):
            self.close(server_id)

    def open(self, server_id: str, channels: Mapping[str, Channel]) -> dict[str, Any]:
        """Let one server move in through `channels`; the ticket for the other host. A session before it ends.

        The first move is what starts the listening: errors.ConfigError when the port is taken.
        """
        with self._starting:
            if self._socket is None:
                self.start()
        self.close(server_id)
        token = ids.secret(32)
        with self._lock:
            self._sessions[server_id] = Session(token, clock.time() + TICKET_S, dict(channels))
        return {"address": self.address, "port": self.port, "fingerprint": self.fingerprint, "token": token,
                "expires_at": clock.time() + TICKET_S}

    def close(self, server_id: str) -> None:
        """End a server's session with its connections; nothing happens when there is none."""
        with self._lock:
            session = self._sessions.pop(server_id, None)
            connections = list(session.connections) if session else []
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self, listening: socket.socket) -> None:
        while not self._stopping:
            try:
                connection, peer = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection, peer[0]), name="move", daemon=True).start()

    def _serve(self, plain: socket.socket, peer: str) -> None:
        assert self._context is not None
        plain.settimeout(GREETING_TIMEOUT_S)
        session: Session | None = None
        connection: ssl.SSLSocket | None = None
        try:
            connection = self._context.wrap_socket(plain, server_side=True)
            session, channel = self._greet(connection)
            connection.settimeout(None)
            keep_alive(connection)
            channel(connection)
        except Refused as e:
            LOG.warning("a move from %s was refused: %s", peer, e)
        except (OSError, ValueError) as e:
            LOG.info("a connection of a move from %s ended: %s", peer, e)
        except Exception:  # process edge: a connection's thread
            LOG.exception("a connection of a move from %s failed", peer)
        finally:
            with self._lock:
                if session is not None and connection is not None:
                    session.connections.discard(connection)
            (connection or plain).close()

    def _greet(self, connection: ssl.SSLSocket) -> tuple[Session, Channel]:
        greeting = read_message(connection)
        with self._lock:
            session = self._sessions.get(str(greeting.get("server")))
            good = session is not None and hmac.compare_digest(session.token, str(greeting.get("token")))
            late = session is not None and clock.time() > session.expires_at
            channel = session.channels.get(str(greeting.get("channel"))) if session is not None and good else None
            why = "unknown server or token" if not good else "the token is over" if late else "unknown channel"
            if session is not None and channel is not None and not late:
                session.connections.add(connection)
        if session is None or channel is None or late:
            send_message(connection, {"error": why})
            raise Refused(why)
        send_message(connection, {"ok": True})
        return session, channel


def connect(ticket: Mapping[str, Any], server_id: str, channel: str) -> ssl.SSLSocket:
    """A greeted connection to the host that gave `ticket`; Refused, or OSError when it cannot be reached."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # the fingerprint is what is trusted, below
    plain = socket.create_connection((ticket["address"], ticket["port"]), GREETING_TIMEOUT_S)
    try:
        connection = context.wrap_socket(plain)
        found = hashlib.sha256(connection.getpeercert(binary_form=True) or b"").hexdigest()
        if not hmac.compare_digest(found, str(ticket["fingerprint"])):
            raise Refused(f"{ticket['address']}:{ticket['port']} shows another certificate than the one that was told")
        send_message(connection, {"server": server_id, "token": ticket["token"], "channel": channel})
        answer = read_message(connection)
        if not answer.get("ok"):
            raise Refused(str(answer.get("error") or "refused"))
        connection.settimeout(None)
        keep_alive(connection)
        return connection
    except BaseException:
        plain.close()
        raise


def keep_alive(connection: socket.socket) -> None:
    """Notice within a minute that the other host is gone."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_KEEPIDLE, 15), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 4)):
        connection.setsockopt(socket.IPPROTO_TCP, option, value)


def to_socket(path: str) -> Channel:
    """A channel whose bytes go to and come from the UNIX socket `path` of this host."""

    def channel(connection: ssl.SSLSocket) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as local:
            local.connect(path)
            relay(connection, local)

    return channel


class Door:
    """On the source: a UNIX socket whose every connection becomes one of a channel to the other host."""

    def __init__(self, path: str, ticket: Mapping[str, Any], server_id: str, channel: str) -> None:
        self.path, self._ticket, self._server_id, self._channel = path, ticket, server_id, channel
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(path)
        os.chmod(path, 0o666)  # noqa: S103  QEMU's own user connects; the folder's name is not to be guessed
        self._socket.listen(16)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, name=f"door-{channel}", daemon=True).start()

    def close(self) -> None:
        """Stop listening and end what is open."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        with self._lock:
            left = list(self._open)
        for item in left:
            with contextlib.suppress(OSError):
                item.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                local, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(local,), name=f"door-{self._channel}", daemon=True).start()

    def _pass_on(self, local: socket.socket) -> None:
        with self._lock:
            self._open.add(local)
        try:
            with connect(self._ticket, self._server_id, self._channel) as remote:
                relay(remote, local)
        except (OSError, ValueError, Refused) as e:
            LOG.warning("channel %s of %s: %s", self._channel, self._server_id, e)
        finally:
            with self._lock:
                self._open.discard(local)
            local.close()


@dataclass
class _End:
    """One side of a relay: its socket and what waits to be written to it."""

    socket: socket.socket
    waiting: bytearray = field(default_factory=bytearray)
    ended: bool = False

    def read(self, into: "_End") -> None:
        """Take what there is, as far as the other side has room."""
        while not self.ended and len(into.waiting) < _BUFFER_BYTES:
            try:
                data = self.socket.recv(_READ_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            if not data:
                self.ended = True
            into.waiting += data

    def write(self) -> None:
        """Give what waits."""
        while self.waiting:
            try:
                sent = self.socket.send(memoryview(self.waiting)[:_READ_BYTES].tobytes())
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            del self.waiting[:sent]


def relay(remote: ssl.SSLSocket, local: socket.socket) -> None:
    """Pass bytes between the two until either ends and the other has got everything.

    One thread for both directions, since a TLS connection must not be read and written by two at once.
    """
    far, near = _End(remote), _End(local)
    remote.setblocking(False)
    local.setblocking(False)
    with selectors.DefaultSelector() as selector:
        while not (far.ended and not near.waiting) and not (near.ended and not far.waiting):
            for end, other in ((far, near), (near, far)):
                room = not end.ended and len(other.waiting) < _BUFFER_BYTES
                wanted = (selectors.EVENT_READ if room else 0) | (selectors.EVENT_WRITE if end.waiting else 0)
                _watch(selector, end.socket, wanted)
            buffered = remote.pending() and len(near.waiting) < _BUFFER_BYTES and not far.ended
            selector.select(0 if buffered else None)
            for end, other in ((far, near), (near, far)):
                end.read(other)
                other.write()
                end.write()


def _watch(selector: selectors.BaseSelector, watched: socket.socket, events: int) -> None:
    """Wait for `events` of a socket from now on; for nothing, not even its end, when there are none."""
    if watched in selector.get_map():
        if not events:
            selector.unregister(watched)
        else:
            selector.modify(watched, events)
    elif events:
        selector.register(watched, events)


def _server_context(name: str) -> tuple[ssl.SSLContext, str]:
    """(context, fingerprint) of a new key and certificate that no file keeps."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"compute-agent {name}"[:64])])
    made = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(clock.after(-86400))
            .not_valid_after(clock.now() + datetime.timedelta(days=3650)).sign(key, hashes.SHA256()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0  # so that what can be read is always a message
    with tempfile.NamedTemporaryFile(prefix="altostack-") as f:  # mode 0600; the module takes no key but from a file
        f.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        f.write(made.public_bytes(serialization.Encoding.PEM))
        f.flush()
        context.load_cert_chain(f.name)
    return context, hashlib.sha256(made.public_bytes(serialization.Encoding.DER)).hexdigest()
