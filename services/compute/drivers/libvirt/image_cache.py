"""Base images on the host: fetched once, inspected, then shared by every server made from them.

`_base/<image id>.<format>` appears only by rename, complete and checked. A server holds its base by a hard link in its own
folder (and its overlay names that link, relatively), so a base in use can never be lost, unused ones are those with one
link, and a server's folder can be renamed or sent to another host as it is.
"""

import contextlib
import errno
import fcntl
import hashlib
import logging
import os
from collections.abc import Iterator

from common import clock, ids
from services.compute.drivers.base import DriverError, ImageFetcher, ImageRefused, NoSpace
from services.compute.drivers.libvirt import qemu_img
from services.compute.objects.server import ImageSpec

LOG = logging.getLogger(__name__)
_STALE_PART_S = 3600


class ImageCache:
    """The base images below one folder. Safe among threads and processes."""

    def __init__(self, images_path: str, fetch: ImageFetcher, limits: qemu_img.Limits, age_s: int) -> None:
        self.folder = os.path.join(images_path, "_base")
        self._fetch, self._limits, self._age_s = fetch, limits, age_s

    def prefetch(self, image: ImageSpec) -> None:
        """Have the base image ready for a later boot."""
        self.base(image)

    def base(self, image: ImageSpec) -> tuple[str, str]:
        """(path, qemu format: raw or qcow2) of the image's base, fetched if it is not here. ImageRefused, NoSpace."""
        found = self.find(image.id)
        if found is None:
            with self._lock(image.id):
                found = self.find(image.id) or self._load(image)
        with contextlib.suppress(FileNotFoundError):
            os.utime(found[0], (clock.time(), clock.time()))
        return found

    def link(self, image: ImageSpec, path: str) -> str:
        """Hard-link the image's base to `path`; returns its qemu format."""
        for _ in range(3):
            source, fmt = self.base(image)
            with contextlib.suppress(FileExistsError):
                try:
                    os.link(source, path)
                except FileNotFoundError:
                    continue  # swept between the two steps
            return fmt
        raise DriverError(f"Image {image.id} keeps vanishing from the cache.")

    def sweep(self) -> list[str]:
        """Remove bases that no server uses and that are older than the configured age; returns their file names."""
        removed = []
        with contextlib.suppress(FileNotFoundError):
            for entry in os.scandir(self.folder):
                stat = entry.stat()
                age_s = clock.time() - stat.st_mtime
                stale_part = entry.name.endswith(".part") and age_s > _STALE_PART_S
                unused = not entry.name.startswith(".") and stat.st_nlink == 1 and age_s > self._age_s
                if stale_part or (unused and not entry.name.endswith(".part")):
                    os.unlink(entry.path)
                    removed.append(entry.name)
        return removed

    def find(self, image_id: str) -> tuple[str, str] | None:
        """(path, qemu format) of an image's base when it is here."""
        for fmt in ("qcow2", "raw"):
            path = os.path.join(self.folder, f"{image_id}.{fmt}")
            if os.path.exists(path):
                return path, fmt
        return None

    def _load(self, image: ImageSpec) -> tuple[str, str]:
        os.makedirs(self.folder, exist_ok=True)
        part = os.path.join(self.folder, f"{image.id}.{ids.hex_id()}.part")
        converted = part.removesuffix(".part") + ".converted.part"
        LOG.info("fetching image %s", image.id)
        try:
            self._fetch(image.id, part)
            _verify(image, part)
            info = qemu_img.inspect(part, image.disk_format, self._limits)
            ready, fmt = part, info.disk_format
            if fmt not in ("raw", "qcow2"):
                qemu_img.convert(part, fmt, converted, "qcow2", self._limits)
                ready, fmt = converted, "qcow2"
            os.chmod(ready, 0o644)
            path = os.path.join(self.folder, f"{image.id}.{fmt}")
            os.rename(ready, path)
            return path, fmt
        except OSError as e:
            kind = NoSpace if e.errno in (errno.ENOSPC, errno.EDQUOT) else DriverError
            raise kind(f"Image {image.id} could not be had: {e.strerror or e}") from e
        finally:
            for leftover in (part, converted):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(leftover)

    @contextlib.contextmanager
    def _lock(self, image_id: str) -> Iterator[None]:
        os.makedirs(self.folder, exist_ok=True)
        with open(os.path.join(self.folder, f".lock-{image_id}"), "w") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            yield


def _verify(image: ImageSpec, path: str) -> None:
    """ImageRefused unless the data has the hash that the image service recorded."""
    algorithm, wanted = image.os_hash_algo, image.os_hash_value
    if not (algorithm and wanted):
        algorithm, wanted = "md5", image.checksum
    if not wanted:
        return
    with open(path, "rb") as f:
        digest = hashlib.file_digest(f, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
    if digest != wanted:
        raise ImageRefused(f"Image {image.id} arrived damaged: its {algorithm} is not the recorded one.")
