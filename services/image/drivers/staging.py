"""The folder where data waits for its import: written by any API, read by any conductor, so it is shared between hosts."""

import contextlib
import os
from collections.abc import Iterable, Iterator

from common import clock, ids
from services.image.drivers.base import CHUNK_BYTES, NotFound, StoreError, check_image_id
from services.image.drivers.file import PARTIAL, errors_as_store, remove_files

# What import plugins make beside an image's file, before they put it in its place.
_MADE = (".unpacked", ".raw", ".qcow2", ".vmdk")


class Staging:
    """One file for each image whose data is staged; sizes in bytes."""

    def __init__(self, folder: str) -> None:
        self.folder = os.path.abspath(folder)

    def start(self) -> None:
        """Make the folder; StoreError when it cannot be."""
        with errors_as_store(self.folder):
            os.makedirs(self.folder, mode=0o750, exist_ok=True)

    def path(self, image_id: str) -> str:
        """The file of an image's staged data."""
        check_image_id(image_id)
        return os.path.join(self.folder, image_id)

    def write(self, image_id: str, stream: Iterable[bytes]) -> int:
        """Store all bytes of `stream`, in place of what was there; all or nothing. Their number."""
        path = self.path(image_id)
        temporary = os.path.join(self.folder, f"{PARTIAL}{image_id}-{ids.hex_id()}")
        size = 0
        try:
            with errors_as_store(path):
                out = open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640), "wb", buffering=0)
            with out:
                for chunk in stream:
                    size += len(chunk)
                    with errors_as_store(path):
                        view = memoryview(chunk)
                        while view:
                            view = view[out.write(view):]
            with errors_as_store(path):
                os.rename(temporary, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        return size

    def read(self, image_id: str) -> Iterator[bytes]:
        """The staged bytes; NotFound when there are none."""
        path = self.path(image_id)
        with errors_as_store(path):
            source = open(path, "rb", buffering=0)
        return _chunks(source)

    def size(self, image_id: str) -> int | None:
        """How many bytes are staged; None: nothing is."""
        try:
            return os.stat(self.path(image_id)).st_size
        except FileNotFoundError:
            return None

    def remove(self, image_id: str) -> None:
        """Remove what is staged, and what plugins made of it; harmless when nothing is."""
        path = self.path(image_id)
        for made in ("", *_MADE):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path + made)
        remove_files(self.folder, f"{PARTIAL}{image_id}")

    def entries(self, older_than_s: float) -> list[tuple[str, str]]:
        """(image id, path) of every file not written to for that long, unfinished ones among them."""
        found = []
        with os.scandir(self.folder) as listing:
            for entry in listing:
                with contextlib.suppress(FileNotFoundError):
                    if entry.is_file() and entry.stat().st_mtime < clock.time() - older_than_s:
                        name = entry.name.removeprefix(PARTIAL)
                        found.append((name[:36] if entry.name != name else name.partition(".")[0], entry.path))
        return found


def _chunks(source) -> Iterator[bytes]:  # type: ignore[no-untyped-def]
    with source:
        while chunk := source.read(CHUNK_BYTES):
            yield chunk


__all__ = ["NotFound", "Staging", "StoreError"]
