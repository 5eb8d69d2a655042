"""Sending a server's files to another host: sparse, checked, and begun again whole after an interruption.

For each file the source says its name and size; the destination answers whether it has it already. Data comes as frames
(offset, length, bytes); what no frame names is a hole. The SHA-256 over all frames closes a file, which appears at the
destination only when it agrees.
"""

import hashlib
import os
import select
import ssl
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from services.compute.agent import tunnel
from services.compute.drivers.base import DriverError

CHANNEL = "files"
FRAME_BYTES = 1 << 20
_FRAME = struct.Struct(">QI")
Frames = Iterator[tuple[int, bytes]]
Store = Callable[[str, int, Frames], None]
"""(name, size, frames): write the file; it is kept only when this returns after all frames."""


def receiver(known: Callable[[str, int], bool], store: Store) -> tunnel.Channel:
    """The destination's channel. `known(name, size)` says (and sees to it) that a file need not be sent."""

    def channel(connection: ssl.SSLSocket) -> None:
        while True:
            header = tunnel.read_message(connection)
            if header.get("end"):
                tunnel.send_message(connection, {"ok": True})
                return
            name, size = str(header["name"]), int(header["size"])
            try:
                have = known(name, size)
                tunnel.send_message(connection, {"have": have})
                if not have:
                    store(name, size, _frames(connection, size))
                    tunnel.send_message(connection, {"ok": True})
            except DriverError as e:
                tunnel.send_message(connection, {"error": str(e)})
                _drain(connection)
                return

    return channel


def _drain(connection: ssl.SSLSocket) -> None:
    """Let the sender read the error before the connection goes: it stops by itself."""
    connection.settimeout(10)
    while connection.recv(FRAME_BYTES):
        pass


def _frames(connection: ssl.SSLSocket, size: int) -> Frames:
    """The frames of one file; DriverError when they are not what was sent."""
    digest = hashlib.sha256()
    while True:
        head = tunnel.read_exactly(connection, _FRAME.size)
        offset, length = _FRAME.unpack(head)
        if offset + length > size or length > FRAME_BYTES:
            raise ValueError("a frame outside of its file")
        digest.update(head)
        if length == 0:
            break
        data = tunnel.read_exactly(connection, length)
        digest.update(data)
        yield offset, data
    if tunnel.read_message(connection).get("sha256") != digest.hexdigest():
        raise DriverError("A disk arrived damaged: its SHA-256 is another one.")


def send(connection: ssl.SSLSocket, names: Sequence[str], open_file: Callable[[str], BinaryIO],
         moved: Callable[[int], None] = lambda _bytes: None) -> int:
    """Send files in their order; bytes sent. `moved(n)` is called as bytes go. DriverError with the other host's words."""
    total = 0
    for name in names:
        with open_file(name) as f:
            size = os.fstat(f.fileno()).st_size
            tunnel.send_message(connection, {"name": name, "size": size})
            if _answer(connection).get("have"):
                continue
            digest = hashlib.sha256()
            for offset, data in _data(f, size):
                head = _FRAME.pack(offset, len(data))
                digest.update(head)
                digest.update(data)
                connection.sendall(head + data)
                total += len(data)
                moved(len(data))
                if select.select([connection], [], [], 0)[0]:
                    break  # the other host has something to say before the end: an error
            else:
                head = _FRAME.pack(size, 0)
                digest.update(head)
                connection.sendall(head)
                tunnel.send_message(connection, {"sha256": digest.hexdigest()})
            _answer(connection)
    tunnel.send_message(connection, {"end": True})
    _answer(connection)
    return total


def _answer(connection: ssl.SSLSocket) -> Mapping[str, Any]:
    answer = tunnel.read_message(connection)
    if "error" in answer:
        raise DriverError(str(answer["error"]))
    return answer


def _data(f: BinaryIO, size: int) -> Frames:
    """(offset, bytes) of everything in a file but holes and runs of zeros."""
    at = 0
    while at < size:
        try:
            start = os.lseek(f.fileno(), at, os.SEEK_DATA)
        except OSError:
            return  # only a hole is left
        end = os.lseek(f.fileno(), start, os.SEEK_HOLE)
        while start < end:
            data = os.pread(f.fileno(), min(FRAME_BYTES, end - start), start)
            if not data:
                return
            if data.count(0) != len(data):
                yield start, data
            start += len(data)
        at = end
