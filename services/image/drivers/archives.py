"""Unpacking what users pack, in memory that the packed data cannot choose.

An xz stream and a zip's LZMA members say how much memory their reader needs, up to 4 GiB, and a zip's directory is read
whole: each has a bound here.
"""

import gzip
import lzma
import os
import struct
import zipfile
import zlib
from collections.abc import Generator
from typing import IO

from services.image.drivers.base import CHUNK_BYTES


class Unacceptable(Exception):
    """An archive of a kind that is not unpacked; the text says why."""


BROKEN = (Unacceptable, OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile, zlib.error, RuntimeError)
"""What reading an archive may raise (RuntimeError: a zip member that wants a password)."""

# `xz -9`, the most that its presets ask for, takes 65 MiB
_XZ_MEMORY_BYTES = 100 << 20
_ZIP_DIRECTORY_BYTES = 80_000
_END, _END64, _LOCATOR64 = b"PK\5\6", b"PK\6\6", b"PK\6\7"


def opened(path: str) -> Generator[bytes, None, None] | None:
    """The unpacked bytes of a file, in chunks; None when it is no gzip, xz or zip. Raises one of BROKEN."""
    with open(path, "rb") as f:
        head = f.read(8)
    if head[:2] == b"\x1f\x8b":
        return _gzip(path)
    if head[:6] == b"\xfd7zXZ\0":
        return _xz(path)
    if head[:4] == b"PK\x03\x04":
        return _zip(path)
    return None


def _gzip(path: str) -> Generator[bytes, None, None]:
    with gzip.open(path) as source:
        while chunk := source.read(CHUNK_BYTES):
            yield chunk


def _xz(path: str) -> Generator[bytes, None, None]:
    """Every stream of an xz file, one behind the other."""
    with open(path, "rb") as source:
        packed = source.read(CHUNK_BYTES)
        while packed:
            stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)
            while not stream.eof:
                yield stream.decompress(packed, CHUNK_BYTES)
                packed = b""
                if stream.needs_input and not stream.eof:
                    packed = source.read(CHUNK_BYTES)
                    if not packed:
                        raise EOFError("the xz data ends too early")
            packed = (stream.unused_data or source.read(CHUNK_BYTES)).lstrip(b"\0")


def _zip(path: str) -> Generator[bytes, None, None]:
    with open(path, "rb") as f:
        _check_zip(f)
    with zipfile.ZipFile(path) as archive:
        if len(archive.infolist()) != 1:
            raise Unacceptable("the zip archive must hold exactly one file")
        member = archive.infolist()[0]
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Unacceptable("the zip archive is packed with a method that is not supported")
        with archive.open(member) as source:
            while chunk := source.read(CHUNK_BYTES):
                yield chunk


def _check_zip(f: IO[bytes]) -> None:
    """Unacceptable unless the directory at the end, which is read whole, is that of one file."""
    size = f.seek(0, os.SEEK_END)
    f.seek(max(0, size - (1 << 16) - 100))
    tail = f.read()
    at = len(tail) - 22 if tail[-22:-18] == _END and tail[-2:] == b"\0\0" else tail.rfind(_END)
    if at < 0 or len(tail) < at + 22:
        raise zipfile.BadZipFile("it is no zip file")
    count, length = struct.unpack_from("<HI", tail, at + 10)
    at64 = at - 76
    if at64 >= 0 and tail[at - 20 : at - 16] == _LOCATOR64 and tail[at64 : at64 + 4] == _END64:
        count, length = struct.unpack_from("<QQ", tail, at64 + 32)
    if count != 1:
        raise Unacceptable("the zip archive must hold exactly one file")
    if length > _ZIP_DIRECTORY_BYTES:
        raise Unacceptable("the zip archive has a directory that is too long")
