"""Turning image bytes into raw files and back, without trusting them.

Raw images are written as they arrive, with holes for zeros. Other formats land in a temporary file, are
examined by qemu-img under limits (memory, CPU time), refused when they refer to any other file, then converted.
"""

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

from common import process
from services.volume.drivers.base import ImageUnacceptable
from services.volume.drivers.tasks import Task

CHUNK_BYTES = 1024 * 1024
_ZEROS = bytes(CHUNK_BYTES)
_HOLE_BYTES = 64 * 1024
# disk_format of the image service -> qemu's format name
QEMU_FORMATS = {
    "raw": "raw", "iso": "raw", "ami": "raw", "ari": "raw", "aki": "raw", "gpt": "raw", "mbr": "raw", "luks": "raw",
    "qcow2": "qcow2", "vmdk": "vmdk", "vhd": "vpc", "vhdx": "vhdx", "vdi": "vdi", "ploop": "parallels",
}
_SAFE_VMDK = {"monolithicSparse", "streamOptimized"}
# qemu-img's up to 64 threads reserve some 70 MiB of addresses each, used or not
_LIMITS = ["prlimit", f"--as={5 * 1024**3}", "--cpu=60"]


def qemu_format(disk_format: str) -> str:
    """Qemu's name for an image service format; ImageUnacceptable when there is none."""
    try:
        return QEMU_FORMATS[disk_format]
    except KeyError:
        raise ImageUnacceptable(f"disk format {disk_format} cannot be converted") from None


def write_sparse(path: str, chunks: Iterable[bytes], max_bytes: int, task: Task) -> int:
    """Write `chunks` to a new file `path`, zeros as holes; the number of bytes.

    ImageUnacceptable beyond `max_bytes`; the file is left for the caller to remove.
    """
    written = 0
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(fd, "wb", buffering=0) as out:
        for chunk in chunks:
            task.check()
            if written + len(chunk) > max_bytes:
                raise ImageUnacceptable(f"the image has more than the {max_bytes} bytes that fit")
            _write_holes(fd, chunk, written)
            written += len(chunk)
        out.truncate(written)
        os.fsync(fd)
    return written


def _write_holes(fd: int, chunk: bytes, offset: int) -> None:
    view = memoryview(chunk)
    for start in range(0, len(view), _HOLE_BYTES):
        part = view[start : start + _HOLE_BYTES]
        if part == _ZEROS[: len(part)]:
            continue
        done = 0
        while done < len(part):
            done += os.pwrite(fd, part[done:], offset + start + done)


def examine(path: str, disk_format: str) -> int:
    """The virtual size in bytes of an untrusted image; ImageUnacceptable when it is unsafe or not what it says."""
    qemu = qemu_format(disk_format)
    if disk_format == "vmdk":
        # A text descriptor would make qemu open the files it names before it could be asked about them.
        with open(path, "rb") as image:
            if image.read(4) != b"KDMV":
                raise ImageUnacceptable("the vmdk is not a single sparse file")
    command = [*_LIMITS, "qemu-img", "info", "--output=json", "-f", qemu, path]
    try:
        text = process.run(command, timeout_s=120)
    except process.CommandError as e:
        raise ImageUnacceptable(f"qemu-img cannot read the image as {disk_format}: {e.stderr.strip()[-300:]}") from e
    info: dict[str, Any] = json.loads(text)
    specific = info.get("format-specific", {}).get("data", {})
    if info.get("format") != qemu:
        raise ImageUnacceptable(f"the image is {info.get('format')}, not {disk_format}")
    if info.get("backing-filename") or info.get("full-backing-filename"):
        raise ImageUnacceptable("the image has a backing file")
    if specific.get("data-file"):
        raise ImageUnacceptable("the image has an external data file")
    if qemu == "vmdk" and specific.get("create-type") not in _SAFE_VMDK:
        raise ImageUnacceptable(f"vmdk of type {specific.get('create-type')} is not accepted")
    return int(info["virtual-size"])


def convert_to_raw(source: str, disk_format: str, path: str, task: Task, timeout_s: float) -> None:
    """Convert an examined image to a sparse raw file."""
    task.run(["qemu-img", "convert", "-f", qemu_format(disk_format), "-O", "raw", source, path], timeout_s)


def convert_from_raw(source: str, disk_format: str, path: str, task: Task, timeout_s: float) -> None:
    """Convert a raw file or qemu address to an image; vmdk comes out as streamOptimized."""
    extra = ["-o", "subformat=streamOptimized"] if disk_format == "vmdk" else []
    # A volume in use is locked by nobody here, but it may change while it is read: -U says we know.
    command = ["qemu-img", "convert", "-U", "-f", "raw", "-O", qemu_format(disk_format), *extra, source, path]
    task.run(command, timeout_s)


def read_chunks(path: str) -> Iterator[bytes]:
    """The bytes of a file in chunks of 1 MiB."""
    with open(path, "rb", buffering=0) as source:
        while chunk := source.read(CHUNK_BYTES):
            yield chunk
