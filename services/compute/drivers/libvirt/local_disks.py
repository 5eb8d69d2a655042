"""The files of a server on its host: root, rescue, ephemeral and swap disks, configuration drive, kernel.

Each is made under another name and renamed, so that a crash leaves either the whole file or one that is made again.
"""

import contextlib
import errno
import os
import shutil
import struct
from collections.abc import Iterable

from common import process
from services.compute.drivers.base import DriverError, ImageRefused, NoSpace
from services.compute.drivers.libvirt import config_drive, layout, qemu_img
from services.compute.drivers.libvirt.image_cache import ImageCache
from services.compute.drivers.libvirt.qemu_img import GIB, MIB
from services.compute.objects.report import DiskFile
from services.compute.objects.server import ImageSpec, ServerSpec

BASE = ".base"
RESIZE, RECEIVE, PART = "_resize", "_receive", "_part"
NAMES = {name + suffix for name in (layout.ROOT, layout.RESCUE) for suffix in ("", BASE)} | {
    layout.EPHEMERAL,
    layout.SWAP,
    layout.CONFIG,
    layout.KERNEL,
    layout.RAMDISK,
    layout.CONSOLE_LOG,
}


class LocalDisks:
    """The folders of all servers on this host."""

    def __init__(
        self, images_path: str, cache: ImageCache, root_format: str, limits: qemu_img.Limits
    ) -> None:
        self.root, self.cache, self.root_format, self._limits = images_path, cache, root_format, limits

    def folder(self, uuid: str, suffix: str = "") -> str:
        """The folder of a server; `suffix` RESIZE is where its disks wait for a confirm, RECEIVE where they arrive."""
        return os.path.join(self.root, uuid + suffix)

    def path(self, uuid: str, name: str) -> str:
        """A file of a server."""
        return os.path.join(self.root, uuid, name)

    def prepare(self, spec: ServerSpec) -> None:
        """Make whatever file the server lacks, and grow what became larger. Nothing shrinks."""
        os.makedirs(self.folder(spec.uuid), mode=0o755, exist_ok=True)
        if spec.image and not spec.boot_volume:
            self._image_disk(spec, spec.image, layout.ROOT, spec.flavor.root_gb * GIB)
            self._kernel(spec, spec.image)
        if spec.rescue:
            self._image_disk(spec, spec.rescue.image, layout.RESCUE, 0)
        else:
            self._remove(spec.uuid, layout.RESCUE, layout.RESCUE + BASE)
        if spec.flavor.ephemeral_gb:
            self._ephemeral(spec)
        if spec.flavor.swap_mb:
            self._swap(spec)
        else:
            self._remove(spec.uuid, layout.SWAP)
        config = self.path(spec.uuid, layout.CONFIG)
        if spec.config_drive and not os.path.exists(config):
            config_drive.build(spec, config)

    def remove(self, uuid: str) -> None:
        """Remove everything of a server, set-aside disks included."""
        for suffix in ("", RESIZE, RECEIVE, PART):
            self.remove_folder(uuid, suffix)

    def remove_folder(self, uuid: str, suffix: str) -> None:
        """Remove one folder of a server; nothing happens when it is not there."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.folder(uuid, suffix))

    def servers(self) -> set[str]:
        """The ids of all servers that have files here."""
        try:
            names = os.listdir(self.root)
        except FileNotFoundError:
            return set()
        return {name.partition("_")[0] for name in names if len(name.partition("_")[0]) == 36}

    def files(self, uuid: str, suffix: str, *, everything: bool = False) -> tuple[DiskFile, ...]:
        """The disk files of one folder of a server, bases first; with `everything` also what its console said."""
        folder = self.folder(uuid, suffix)
        names = sorted(
            (n for n in os.listdir(folder) if (everything or n != layout.CONSOLE_LOG) and not n.endswith(".part")),
            key=lambda n: (not n.endswith(BASE), n),
        )
        out = []
        for name in names:
            path = os.path.join(folder, name)
            virtual_size = virtual_size_of(path)
            fmt = "raw" if virtual_size is None else "qcow2"
            size = os.path.getsize(path)
            out.append(DiskFile(path, fmt, size, virtual_size or size, name))
        return tuple(out)

    def copy_folder(self, uuid: str, source: str, target: str) -> None:
        """Copy one folder of a server to another (bases by hard link, the rest sparsely); complete or absent."""
        part = self.folder(uuid, PART)
        self.remove_folder(uuid, PART)
        os.makedirs(part, mode=0o755)
        for disk in self.files(uuid, source):
            new = os.path.join(part, disk.name)
            if disk.name.endswith(BASE):
                os.link(disk.path, new)
            else:
                process.run(
                    ["cp", "--reflink=auto", "--sparse=auto", "--preserve=mode", disk.path, new],
                    timeout_s=3600,
                )
        os.rename(part, self.folder(uuid, target))

    def check_space(self, size: int) -> None:
        """NoSpace unless `size` more bytes fit on the file system of the disks."""
        free = os.statvfs(self.root)
        if free.f_bavail * free.f_frsize < size:
            raise NoSpace(f"The host has no room for disks of {_gib(size)} GiB.")

    def store(self, uuid: str, name: str, size: int, frames: Iterable[tuple[int, bytes]], suffix: str) -> None:
        """Write a file of `size` bytes into one folder of a server from (offset, bytes), with holes between."""
        path = os.path.join(self.folder(uuid, suffix), checked(name))
        try:
            with open(path + ".part", "wb") as f:
                for offset, data in frames:
                    f.seek(offset)
                    f.write(data)
                f.truncate(size)
            os.chmod(path + ".part", 0o644 if name.endswith(BASE) else 0o600)
            os.rename(path + ".part", path)
        except BaseException as e:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path + ".part")
            if not isinstance(e, OSError) or e.errno is None or isinstance(e, ConnectionError):
                raise
            kind = NoSpace if e.errno in (errno.ENOSPC, errno.EDQUOT) else DriverError
            raise kind(f"Disk {name} of server {uuid} could not be stored: {e.strerror}") from e

    def link_known(self, spec: ServerSpec, name: str, size: int, suffix: str) -> bool:
        """Take an image's base (or kernel) from the cache into one folder of a server, when it is there in this size."""
        properties = spec.properties
        image_id = {layout.ROOT + BASE: spec.image.id if spec.image else None, layout.KERNEL: properties.get("kernel_id"),
                    layout.RAMDISK: properties.get("ramdisk_id")}.get(checked(name))
        found = self.cache.find(str(image_id)) if image_id else None
        if found is None or os.path.getsize(found[0]) != size:
            return False
        target = os.path.join(self.folder(spec.uuid, suffix), name)
        with contextlib.suppress(FileExistsError):
            try:
                os.link(found[0], target)
            except FileNotFoundError:
                return False  # swept just now
        return True

    def overcommit(self) -> int:
        """Bytes that all disks here may still grow by."""
        total = 0
        for uuid in self.servers():
            folder = self.folder(uuid)
            with contextlib.suppress(FileNotFoundError):
                for entry in os.scandir(folder):
                    if entry.name.startswith("disk") and not entry.name.endswith(BASE):
                        stat = entry.stat()
                        total += max(0, (virtual_size_of(entry.path) or stat.st_size) - stat.st_blocks * 512)
        return total

    def _image_disk(self, spec: ServerSpec, image: ImageSpec, name: str, size: int) -> None:
        path = self.path(spec.uuid, name)
        if os.path.exists(path):
            if size:
                qemu_img.grow(path, self.root_format, size)
            return
        base = path + BASE
        fmt = self.cache.link(image, base)
        needed = qemu_img.info(base, fmt).virtual_size
        if size and needed > size:
            self._remove(spec.uuid, name + BASE)
            raise ImageRefused(
                f"Image {image.id} needs {_gib(needed)} GiB but the flavor's root disk has {spec.flavor.root_gb} GiB."
            )
        part = path + ".part"
        self._remove(spec.uuid, name + ".part")
        if self.root_format == "qcow2":
            qemu_img.create(part, max(size, needed), "qcow2", (os.path.basename(base), fmt))
        else:
            qemu_img.convert(base, fmt, part, "raw", self._limits)
            qemu_img.grow(part, "raw", max(size, needed))
            self._remove(spec.uuid, name + BASE)
        os.chmod(part, 0o600)
        os.rename(part, path)

    def _kernel(self, spec: ServerSpec, image: ImageSpec) -> None:
        for key, name, fmt in (("kernel_id", layout.KERNEL, "aki"), ("ramdisk_id", layout.RAMDISK, "ari")):
            if image.properties.get(key):
                path = self.path(spec.uuid, name)
                if not os.path.exists(path):
                    self.cache.link(ImageSpec(str(image.properties[key]), fmt), path)

    def _ephemeral(self, spec: ServerSpec) -> None:
        path, size = self.path(spec.uuid, layout.EPHEMERAL), spec.flavor.ephemeral_gb * GIB
        if os.path.exists(path):
            qemu_img.grow(path, "raw", size)
            return
        _sparse(path + ".part", size)
        if spec.properties.get("os_type") != "windows":
            process.run(["mkfs.ext4", "-q", "-F", "-L", "ephemeral0", path + ".part"], timeout_s=300)
        os.rename(path + ".part", path)

    def _swap(self, spec: ServerSpec) -> None:
        path, size = self.path(spec.uuid, layout.SWAP), spec.flavor.swap_mb * MIB
        if os.path.exists(path) and os.path.getsize(path) == size:
            return
        _sparse(path + ".part", size)
        process.run(["mkswap", "-q", path + ".part"])
        os.rename(path + ".part", path)

    def _remove(self, uuid: str, *names: str) -> None:
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path(uuid, name))


def checked(name: str) -> str:
    """The name, if it is one that a server's file can have; never a path."""
    if name not in NAMES:
        raise DriverError(f"{name!r} is not the name of a server's disk.")
    return name


def virtual_size_of(path: str) -> int | None:
    """The disk size in a qcow2 header, None for other files (raw)."""
    with open(path, "rb") as f:
        head = f.read(32)
    return int(struct.unpack(">Q", head[24:32])[0]) if head[:4] == b"QFI\xfb" and len(head) == 32 else None


def _sparse(path: str, size: int) -> None:
    try:
        with open(path, "wb") as f:
            f.truncate(size)
    except OSError as e:
        raise DriverError(f"A disk of {_gib(size)} GiB could not be made: {e.strerror}") from e
    os.chmod(path, 0o600)


def _gib(size: int) -> int:
    return -(-size // GIB)
