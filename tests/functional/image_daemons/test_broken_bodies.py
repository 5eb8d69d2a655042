"""Uploads and stages whose bodies are not what was announced: each is answered, and leaves nothing."""

import socket

import pytest

from tests.functional.image_daemons.cloud import DATA, DIGEST, OCTETS, begun, new, status
from tests.waiting import wait_for

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(120)]
HALF = len(DATA) // 2
CHUNKED = {"Transfer-Encoding": "chunked"}


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def rest_of(connection):
    """What the server says until it closes."""
    said = b""
    try:
        while more := connection.recv(1 << 16):
            said += more
    except ConnectionError:  # it closed while there was something it had not read
        pass
    connection.close()
    return said.decode()


@pytest.mark.parametrize("what", ["file", "stage"])
@pytest.mark.parametrize(("headers", "data", "code", "words"), [
    ({"Content-Length": len(DATA)}, DATA[:HALF], 400, f"Size mismatch: expected {len(DATA)} bytes, got {HALF} bytes"),
    ({"Content-Length": "many"}, b"", 400, ""),
    ({"Content-Length": -5}, b"", 400, ""),
    ({"Content-Length": "0\r\nContent-Length: 5"}, b"", 400, ""),
    ({"Content-Length": len(DATA), "x-openstack-image-size": HALF}, b"", 400, f"Size exceeds: expected {HALF} bytes"),
    (CHUNKED, chunk(DATA[:HALF]), 400, "broke off"),
    (CHUNKED, chunk(DATA[:HALF]) + b"zz\r\nxx\r\n", 400, "broke off"),
    ({**CHUNKED, "Content-Length": 5}, b"", 400, ""),
    ({**CHUNKED, "x-openstack-image-size": len(DATA) + 5}, chunk(DATA) + b"0\r\n\r\n", 400, "Size mismatch"),
    ({**CHUNKED, "x-openstack-image-size": 5}, chunk(DATA[:9]) + b"0\r\n\r\n", 400, "Size exceeds: expected 5 bytes, got 9"),
    ({"Content-Length": len(DATA), "Expect": "bananas"}, b"", 417, ""),
    ({"Content-Length": len(DATA), "Content-Type": "application/json"}, b"", 415, "Invalid content type application/json"),
], ids=["short", "no number", "negative", "two lengths", "longer than told", "half a chunk", "no chunk", "chunks with a length",
        "fewer chunks", "more chunks", "expectation", "type"])
def test_a_body_that_is_wrong(cloud, what, headers, data, code, words):
    image = new(cloud)
    connection = begun(cloud, image, what, headers, data)
    connection.shutdown(socket.SHUT_WR)
    said = rest_of(connection)
    assert said.startswith(f"HTTP/1.1 {code} ") and words in said
    shown = status(cloud, image, "queued")
    assert (shown["size"], shown["checksum"], shown["os_hash_value"]) == (None, None, None)
    wait_for("nothing of it", lambda: not [f for f in cloud.files() if image.id in f], 20)
    assert cloud.api.put(f"/images/{image.id}/file", data=DATA, headers=OCTETS).status_code == 204
    assert status(cloud, image, "active")["os_hash_value"] == DIGEST
    cloud.api.delete_image(image)


@pytest.mark.parametrize("headers", [CHUNKED, {"Content-Length": len(DATA), "Expect": "100-continue"}], ids=["chunks", "expect"])
def test_a_body_that_is_right(cloud, headers):
    image = new(cloud)
    connection = begun(cloud, image, "file", headers, b"")
    if "Expect" in headers:
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(DATA)
    else:
        connection.sendall(chunk(DATA[:HALF]) + chunk(DATA[HALF:]) + b"0\r\n\r\n")
    assert rest_of(connection).startswith("HTTP/1.1 204 ")
    assert status(cloud, image, "active")["os_hash_value"] == DIGEST
    cloud.api.delete_image(image)


def test_other_bodies_that_break_off(cloud):
    """Of a request with JSON, not with an image's data."""
    token = cloud.api.session.get_token()
    connection = socket.create_connection(("127.0.0.1", cloud.ports["image-api"]), timeout=30)
    connection.sendall(f"POST /v2/images HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {token}\r\nConnection: close\r\n"
                       "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n".encode())
    assert rest_of(connection).startswith("HTTP/1.1 400 ")
