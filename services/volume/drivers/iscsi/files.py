"""Volumes and snapshots as sparse files in one folder.

Final names appear only by rename, after the content is whole: `.new-*` is being made, `.gone-*` is being
cleared, and both are removed at start.
"""

import os
import shutil

from services.volume.drivers.base import AlreadyExists, NoSpace, NotFound
from services.volume.drivers.tasks import Task
from services.volume.objects.storage import GIB

_BLOCK_BYTES = 1024 * 1024


class Files:
    """The folder of one back end. Names are `volume-<id>` and `snapshot-<id>`."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def prepare(self) -> None:
        """Make the folder and remove what a crash left half made or half cleared."""
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        for entry in os.listdir(self.folder):
            if entry.startswith(".new-"):
                os.unlink(os.path.join(self.folder, entry))

    def unfinished_clearings(self) -> list[str]:
        """Paths of deleted volumes whose clearing was interrupted."""
        return [os.path.join(self.folder, entry) for entry in os.listdir(self.folder) if entry.startswith(".gone-")]

    def volume(self, volume_id: str) -> str:
        """The path of a volume."""
        return self._path(f"volume-{volume_id}")

    def snapshot(self, snapshot_id: str) -> str:
        """The path of a snapshot."""
        return self._path(f"snapshot-{snapshot_id}")

    def new(self, path: str) -> str:
        """The temporary name of a file being made."""
        return self._path(".new-" + os.path.basename(path))

    def size(self, path: str) -> int:
        """Apparent size in bytes; NotFound when there is no such file."""
        try:
            return os.stat(path).st_size
        except FileNotFoundError:
            raise NotFound(f"{os.path.basename(path)} is not in {self.folder}") from None

    def already(self, path: str, size_gb: int) -> bool:
        """Whether `path` is there with this size; AlreadyExists when with another."""
        if not os.path.exists(path):
            return False
        if self.size(path) != size_gb * GIB:
            raise AlreadyExists(f"{os.path.basename(path)} exists with another size")
        return True

    def create(self, path: str, size_gb: int) -> None:
        """Make an empty sparse file."""
        temporary = self.new(path)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.ftruncate(fd, size_gb * GIB)
        finally:
            os.close(fd)
        os.replace(temporary, path)

    def copy(self, source: str, path: str, size_bytes: int, task: Task, timeout_s: float) -> None:
        """Copy a file, by reflink where the file system can, else keeping holes; grow it to `size_bytes`."""
        self.size(source)
        temporary = self.new(path)
        self.require_space(source)
        try:
            task.run(["cp", "--reflink=auto", "--sparse=always", "--", source, temporary], timeout_s)
            self.finish(temporary, path, size_bytes)
        finally:
            remove(temporary)

    def finish(self, temporary: str, path: str, size_bytes: int) -> None:
        """Give a made file its size and its final name, durably."""
        fd = os.open(temporary, os.O_RDWR)
        try:
            os.fchmod(fd, 0o600)
            if os.fstat(fd).st_size < size_bytes:
                os.ftruncate(fd, size_bytes)
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(temporary, path)
        self._sync_folder()

    def require_space(self, source: str) -> None:
        """NoSpace when a full copy of `source` cannot fit; checked first so that a copy does not fill the disk."""
        if os.stat(source).st_blocks * 512 > shutil.disk_usage(self.folder).free and not self._reflinks():
            raise NoSpace(f"{self.folder} has no room for a copy of {os.path.basename(source)}")

    def discard(self, path: str, clear: str) -> None:
        """Remove a file; with clear="zero" its blocks are overwritten first. No error when it is gone."""
        if clear == "none":
            remove(path)
            return
        gone = self._path(f".gone-{os.path.basename(path)}")
        try:
            os.replace(path, gone)
        except FileNotFoundError:
            return
        zero_and_remove(gone)

    def listing(self, prefix: str) -> list[tuple[str, int]]:
        """(id, bytes) of all files with `prefix` ("volume-" or "snapshot-")."""
        found = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name.startswith(prefix):
                    found.append((entry.name[len(prefix) :], entry.stat().st_size))
        return sorted(found)

    def _path(self, name: str) -> str:
        if "/" in name or "\0" in name:
            raise NotFound(f"{name!r} is no id")
        return os.path.join(self.folder, name)

    def _reflinks(self) -> bool:
        with open("/proc/mounts") as mounts:
            kinds = {fields[1]: fields[2] for fields in (line.split() for line in mounts)}
        point = os.path.realpath(self.folder)
        while point not in kinds and point != "/":
            point = os.path.dirname(point)
        return kinds.get(point) in {"btrfs", "xfs", "bcachefs", "ocfs2"}

    def _sync_folder(self) -> None:
        fd = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def remove(path: str) -> None:
    """Unlink `path` if it is there."""
    if os.path.lexists(path):
        os.unlink(path)


def zero_and_remove(path: str) -> None:
    """Overwrite the allocated parts of a file with zeros, durably, then unlink it."""
    fd = os.open(path, os.O_RDWR)
    zeros = bytes(_BLOCK_BYTES)
    try:
        end = os.fstat(fd).st_size
        at = 0
        while at < end:
            try:
                at = os.lseek(fd, at, os.SEEK_DATA)
            except OSError:
                break  # ENXIO: only holes follow
            hole = os.lseek(fd, at, os.SEEK_HOLE)
            while at < hole:
                at += os.pwrite(fd, zeros[: min(_BLOCK_BYTES, hole - at)], at)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.unlink(path)
