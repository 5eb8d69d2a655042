"""Images as files in one folder.

Bytes go to a temporary name in the same folder and appear under the image's id only when they are whole.
"""

import contextlib
import errno
import os
import shutil
import urllib.parse
from collections.abc import Iterable, Iterator
from typing import Any

from oslo_config import cfg

from common import clock, ids
from services.image.drivers.base import (
    CHUNK_BYTES,
    BadLocation,
    Digests,
    Duplicate,
    NotFound,
    StoreDenied,
    StoredImage,
    StoreError,
    StoreFull,
    check_image_id,
)

PARTIAL = ".partial-"
_STALE_S = 24 * 3600
_ZEROS = bytes(CHUNK_BYTES)


class FileStore:
    """Implements `Store`, `LocalFiles`, `Predictable`, `Abandoned` and `Usage`."""

    scheme = "file"
    read_only = False

    def __init__(self, name: str, settings: cfg.ConfigOpts.GroupAttr, folder: str = "images") -> None:
        self.name = name
        self.folder = self._folder = os.path.abspath(settings.images_dir or folder)
        self._sync, self._thin, self._algorithm = settings.sync, settings.thin, settings.hash_algorithm

    def start(self) -> None:
        """See `Store.start`; uploads that a crash cut are removed once nobody can be writing them."""
        with errors_as_store(self._folder):
            os.makedirs(self._folder, mode=0o750, exist_ok=True)
            if not os.access(self._folder, os.W_OK | os.X_OK):
                raise StoreDenied(f"{self._folder} cannot be written to")
        self.remove_partial(_STALE_S)

    def remove_partial(self, older_than_s: float) -> int:
        """Remove temporary files not written to for that long; how many."""
        return remove_files(self._folder, PARTIAL, older_than_s)

    def clear_partial(self, image_id: str) -> None:
        """See `Abandoned.clear_partial`."""
        check_image_id(image_id)
        remove_files(self._folder, f"{PARTIAL}{image_id}-")

    def add(self, image_id: str, stream: Iterable[bytes], size_hint: int | None = None) -> StoredImage:
        """See `Store.add`."""
        check_image_id(image_id)
        path = os.path.join(self._folder, image_id)
        if os.path.exists(path):
            raise Duplicate(f"{self.name} already holds image {image_id}")
        if size_hint is not None and size_hint > self.free_bytes():
            raise StoreFull(f"{self.name} has no room for {size_hint} bytes")
        digests = Digests(self._algorithm)
        temporary = os.path.join(self._folder, f"{PARTIAL}{image_id}-{ids.hex_id()}")
        with errors_as_store(temporary):
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        try:
            with open(fd, "wb", buffering=0) as out:
                for chunk in stream:
                    digests.update(chunk)
                    with errors_as_store(path):
                        self._write(fd, chunk)
                with errors_as_store(path):
                    out.truncate(digests.size_bytes)
                    if self._sync:
                        os.fsync(fd)
            with errors_as_store(path):
                self._publish(temporary, path, image_id)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        return digests.stored(self._url(path))

    def get(self, location: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See `Store.get`."""
        path = self.local_path(location)
        with errors_as_store(path):
            source = open(path, "rb", buffering=0)
        return self._read(source, offset, length)

    def delete(self, location: str) -> None:
        """See `Store.delete`."""
        path = self.local_path(location)
        with errors_as_store(path):
            os.unlink(path)

    def size(self, location: str) -> int:
        """See `Store.size`."""
        path = self.local_path(location)
        with errors_as_store(path):
            return os.stat(path).st_size

    def exists(self, location: str) -> bool:
        """See `Store.exists`."""
        return os.path.isfile(self.local_path(location))

    def details(self) -> dict[str, Any]:
        """See `Store.details`."""
        return {"data_dir": self.folder, "chunk_size": CHUNK_BYTES, "thin_provisioning": self._thin}

    def location(self, image_id: str) -> str:
        """See `Predictable.location`."""
        check_image_id(image_id)
        return self._url(os.path.join(self._folder, image_id))

    def local_path(self, location: str) -> str:
        """The path of an image's file; BadLocation outside the store's folder."""
        parts = urllib.parse.urlsplit(location)
        path = urllib.parse.unquote(parts.path)
        folder, name = os.path.split(path)
        if parts.scheme != self.scheme or parts.netloc or folder != self._folder or name.startswith(PARTIAL):
            raise BadLocation(f"the location is not one of {self.name}")
        check_image_id(name)
        return path

    def free_bytes(self) -> int:
        """See `Usage.free_bytes`."""
        with errors_as_store(self._folder):
            return shutil.disk_usage(self._folder).free

    def _url(self, path: str) -> str:
        return f"file://{urllib.parse.quote(path)}"

    def _write(self, fd: int, chunk: bytes) -> None:
        if self._thin and len(chunk) <= CHUNK_BYTES and chunk == _ZEROS[: len(chunk)]:
            os.lseek(fd, len(chunk), os.SEEK_CUR)
            return
        view = memoryview(chunk)
        while view:
            view = view[os.write(fd, view) :]

    def _publish(self, temporary: str, path: str, image_id: str) -> None:
        try:
            # Unlike a rename, a link never replaces what another upload has put there meanwhile.
            os.link(temporary, path)
        except FileExistsError:
            raise Duplicate(f"{self.name} already holds image {image_id}") from None
        except OSError as e:
            if e.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
                raise
            os.rename(temporary, path)
        if self._sync:
            folder = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    @staticmethod
    def _read(source, offset: int, length: int | None) -> Iterator[bytes]:  # type: ignore[no-untyped-def]
        with source:
            source.seek(offset)
            left = length
            while left is None or left > 0:
                chunk = source.read(CHUNK_BYTES if left is None else min(CHUNK_BYTES, left))
                if not chunk:
                    return
                left = None if left is None else left - len(chunk)
                yield chunk


def remove_files(folder: str, prefix: str, older_than_s: float | None = None) -> int:
    """Remove a folder's files whose names begin so, and which were not written to for that long; how many."""
    removed = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                if entry.name.startswith(prefix) and (
                        older_than_s is None or entry.stat().st_mtime < clock.time() - older_than_s):
                    os.unlink(entry.path)
                    removed += 1
    return removed


@contextlib.contextmanager
def errors_as_store(path: str) -> Iterator[None]:
    """Turn what the file system refuses into a StoreError."""
    try:
        yield
    except FileNotFoundError:
        raise NotFound(f"{os.path.basename(path)} is not in the store") from None
    except OSError as e:
        if e.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StoreFull(f"the image store is full: {e.strerror}") from e
        if e.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise StoreDenied(f"the image store refuses: {e.strerror}") from e
        raise StoreError(f"the image store failed: {e.strerror}") from e
