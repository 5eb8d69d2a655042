"""Copies of images on an API's own host, so that hot images are not fetched from a remote store again and again."""

import contextlib
import os
from typing import BinaryIO

from services.image.drivers.file import errors_as_store
from services.image.drivers.staging import Staging


class ImageCache:
    """A folder with one file for each cached image. Which those are, and how often used, the database knows."""

    def __init__(self, folder: str) -> None:
        self._files = Staging(folder)
        self.folder = self._files.folder
        self.start, self.path, self.size = self._files.start, self._files.path, self._files.size
        self.write, self.remove, self.entries = self._files.write, self._files.remove, self._files.entries

    def open(self, image_id: str) -> BinaryIO:
        """The file of a cached image; base.NotFound when there is none."""
        path = self.path(image_id)
        with errors_as_store(path):
            return open(path, "rb")

    def ids(self) -> list[str]:
        """The images whose copy is complete."""
        with contextlib.suppress(FileNotFoundError):
            return [n for n in os.listdir(self.folder) if not n.startswith(".")]
        return []
