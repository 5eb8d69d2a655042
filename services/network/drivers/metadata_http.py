"""The little HTTP that the metadata proxy speaks to guests: one request, one answer, then the connection closes.

Everything is bounded, as the peer is a guest: header bytes, body bytes, and time (by the socket's time-out).
"""

import dataclasses
import http
import socket

HEADER_BYTES_MAX, BODY_BYTES_MAX = 16 << 10, 64 << 10
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "OPTIONS"})
# Headers about the connection, and all that a guest could claim about itself, are not passed on.
HOP_BY_HOP = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",
    "upgrade", "host", "content-length", "expect", "forwarded", "via",
})


class BadRequest(Exception):
    """The guest did not send an HTTP request that we serve."""


@dataclasses.dataclass(frozen=True)
class Request:
    """One request; `passed_on` are the headers that go to the metadata API."""

    method: str
    target: str
    passed_on: dict[str, str]
    body: bytes = b""


def read_request(client: socket.socket) -> Request:
    """Read one request; BadRequest when it is malformed or too long, OSError when the client is slow or gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        if len(data) > HEADER_BYTES_MAX:
            raise BadRequest("the request's headers are too long")
        chunk = client.recv(4096)
        if not chunk:
            raise BadRequest("the request ends early")
        data += chunk
    head, body = data.split(b"\r\n\r\n", 1)
    first, *lines = head.decode("latin-1").split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3 or parts[0] not in METHODS or not parts[1].startswith("/") or not parts[2].startswith("HTTP/1."):
        raise BadRequest("not a request that is served here")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or name != name.strip() or not name:
            raise BadRequest("a header is malformed")
        headers[name.lower()] = value.strip()
    if "transfer-encoding" in headers:
        raise BadRequest("chunked requests are not served")
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > BODY_BYTES_MAX:
        raise BadRequest("the request's body is too long")
    while len(body) < int(length):
        chunk = client.recv(4096)
        if not chunk:
            raise BadRequest("the request ends early")
        body += chunk
    kept = {n: v for n, v in headers.items() if n not in HOP_BY_HOP and (not n.startswith("x-") or _harmless(n))}
    return Request(parts[0], parts[1], kept, body[:int(length)])


def respond(client: socket.socket, status: int, body: bytes, kind: str = "text/plain", head: bool = False) -> None:
    """Send an answer and say that the connection ends."""
    reason = http.HTTPStatus(status).phrase if status in http.HTTPStatus._value2member_map_ else "Unknown"
    lines = (f"HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
             "Connection: close\r\n\r\n")
    client.sendall(lines.encode("latin-1") + (b"" if head else body))


def _harmless(name: str) -> bool:
    """EC2's own headers, which the metadata API may look at; every other X- header is a claim about identity."""
    return name.startswith(("x-aws-ec2-metadata-token", "x-metadata-token"))
