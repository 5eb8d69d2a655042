"""qemu-img with limits: images come from strangers, and its parsers have had bugs.

Every call on a foreign image runs under prlimit with an address space and CPU cap, and with the format stated, never
guessed (a guessed format lets a raw disk's owner write a qcow2 header that names a file of the host).
"""

import dataclasses
import json
import os
from typing import Any

from common import process
from services.compute.drivers.base import ImageRefused, NoSpace

MIB, GIB = 1024**2, 1024**3
QEMU_NAMES = {
    "raw": "raw",
    "ami": "raw",
    "aki": "raw",
    "ari": "raw",
    "qcow2": "qcow2",
    "vmdk": "vmdk",
    "vdi": "vdi",
    "vhd": "vpc",
    "vhdx": "vhdx",
}
_VMDK_TYPES = {"monolithicSparse", "streamOptimized"}
_MAGIC = {
    b"QFI\xfb": "qcow2",
    b"KDMV": "vmdk",
    b"# Di": "vmdk",
    b"vhdx": "vhdx",
    b"cone": "vhd",
    b"QED\0": "qed",
}


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one qemu-img run on a foreign image may use."""

    memory_mb: int
    cpu_s: int


@dataclasses.dataclass(frozen=True)
class ImageInfo:
    """An image file: qemu's format name, its size as a disk and what it takes on the host, in bytes."""

    disk_format: str
    virtual_size: int
    actual_size: int


def inspect(path: str, disk_format: str, limits: Limits) -> ImageInfo:
    """Look into a foreign image of a declared format (as the image API names it); ImageRefused if it is not safe and so."""
    if disk_format not in QEMU_NAMES:
        raise ImageRefused(f"Disk format {disk_format!r} cannot be booted on this hypervisor.")
    fmt = QEMU_NAMES[disk_format]
    with open(path, "rb") as f:
        found = _MAGIC.get(f.read(4))
    if fmt == "raw" and found:
        raise ImageRefused(f"The image is declared {disk_format} but its data is {found}.")
    data = _info(path, fmt, limits)
    details = (data.get("format-specific") or {}).get("data") or {}
    for key in ("backing-filename", "full-backing-filename"):
        if data.get(key):
            raise ImageRefused("The image names a backing file.")
    if details.get("data-file"):
        raise ImageRefused("The image names an external data file.")
    if fmt == "vmdk" and details.get("create-type") not in _VMDK_TYPES:
        raise ImageRefused(f"VMDK images of type {details.get('create-type')} are not accepted.")
    return ImageInfo(fmt, int(data["virtual-size"]), int(data.get("actual-size", 0)))


def info(path: str, fmt: str) -> ImageInfo:
    """Look into an image of our own of qemu format `fmt`."""
    data = json.loads(process.run(["qemu-img", "info", "-U", "--output=json", "-f", fmt, path]))
    return ImageInfo(fmt, int(data["virtual-size"]), int(data.get("actual-size", 0)))


def convert(source: str, source_fmt: str, target: str, target_fmt: str, limits: Limits) -> None:
    """Copy `source` with all its backing to the new stand-alone file `target`."""
    _run(
        [
            *_limited(limits),
            "qemu-img",
            "convert",
            "-t",
            "none" if _direct_io(target) else "writeback",
            "-f",
            source_fmt,
            "-O",
            target_fmt,
            source,
            target,
        ],
        limits.cpu_s * 3,
    )


def create(path: str, size: int, fmt: str = "qcow2", backing: tuple[str, str] | None = None) -> None:
    """Make an empty image of `size` bytes; `backing` is (path relative to it, qemu format), and need not be there yet."""
    args = ["qemu-img", "create", "-q", "-f", fmt]
    if backing:
        args += ["-u", "-b", backing[0], "-F", backing[1]]
    _run([*args, path, str(size)], 120)


def grow(path: str, fmt: str, size: int) -> None:
    """Make an image of ours at least `size` bytes large; never smaller."""
    if info(path, fmt).virtual_size < size:
        _run(["qemu-img", "resize", "-q", "-f", fmt, path, str(size)], 120)


def _info(path: str, fmt: str, limits: Limits) -> dict[str, Any]:
    args = [*_limited(limits), "qemu-img", "info", "--output=json", "-f", fmt, path]
    try:
        data: dict[str, Any] = json.loads(process.run(args, timeout_s=60))
    except (process.CommandError, ValueError) as e:
        raise ImageRefused(f"The image is not a valid {fmt} image.") from e
    return data


def _limited(limits: Limits) -> list[str]:
    return ["prlimit", f"--as={limits.memory_mb * MIB}", f"--cpu={limits.cpu_s}"]


def _run(args: list[str], timeout_s: float) -> None:
    try:
        process.run(args, timeout_s=timeout_s)
    except process.CommandError as e:
        if "No space left" in e.stderr:
            raise NoSpace(f"The host's disk is full: {e}") from e
        raise


def _direct_io(path: str) -> bool:
    return supports_direct_io(os.path.dirname(path))


def supports_direct_io(folder: str) -> bool:
    """Whether files of `folder` can be opened past the page cache (tmpfs and some others cannot)."""
    probe = os.path.join(folder, f".direct-io-{os.getpid()}")
    try:
        fd = os.open(probe, os.O_CREAT | os.O_WRONLY | os.O_DIRECT, 0o600)
    except OSError:
        return False
    else:
        os.close(fd)
        return True
    finally:
        if os.path.exists(probe):
            os.unlink(probe)
