"""The protocol of an image store, and what its implementations share.

Stores know bytes and locations, nothing of images' owners or states. Memory is constant: one chunk at a time. Whoever
streams into `add` may raise in between (a client that went away, a refused format): then nothing is kept.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, runtime_checkable

from services.image.objects.stored import StoredImage

CHUNK_BYTES = 256 * 1024
HASH_ALGO = "sha512"
_ASIDE_BYTES = 8 * CHUNK_BYTES
_IMAGE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")


class StoreError(Exception):
    """A store could not do what was asked; the text says why, without secrets."""


class NotFound(StoreError):
    """There is nothing at this location."""


class Duplicate(StoreError):
    """The store already holds data for this image."""


class StoreFull(StoreError):
    """The store has no room."""


class StoreDenied(StoreError):
    """The store refuses (permissions, read-only)."""


class InUse(StoreError):
    """The bytes cannot go yet: something else hangs on them. Trying again later may succeed."""


class BadLocation(StoreError):
    """The location is not one of this store."""


class TooLarge(StoreError):
    """The stream has more bytes than allowed."""


@runtime_checkable
class Store(Protocol):
    """One place for images' bytes. `location` is the `url` of a StoredImage."""

    name: str
    scheme: str
    read_only: bool

    def start(self) -> None:
        """Check the configuration and clean what a crash left."""

    def add(self, image_id: str, stream: Iterable[bytes], size_hint: int | None = None) -> StoredImage:
        """Store all bytes of `stream` for an image; all or nothing.

        `size_hint` (bytes) lets a store refuse early or choose part sizes; it need not be exact. Raises Duplicate,
        StoreFull, StoreDenied, and whatever `stream` raises.
        """

    def get(self, location: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes from `offset`, at most `length` of them, in chunks; NotFound before the first one."""

    def delete(self, location: str) -> None:
        """Remove the bytes; NotFound when there are none."""

    def size(self, location: str) -> int:
        """Number of bytes; NotFound when there is nothing."""

    def exists(self, location: str) -> bool:
        """Whether there is something at the location."""

    def details(self) -> Mapping[str, Any]:
        """What operators are told about the store, under upstream's names."""


@runtime_checkable
class LocalFiles(Protocol):
    """A store whose images are local files, which a server can send without copying them through Python."""

    def local_path(self, location: str) -> str:
        """The path of an image's file."""


@runtime_checkable
class Predictable(Store, Protocol):
    """A store that keeps an image where its id says."""

    def location(self, image_id: str) -> str:
        """Where `add` puts an image's bytes."""


@runtime_checkable
class Abandoned(Store, Protocol):
    """A store in which an upload that died leaves something that is not at the image's location."""

    def clear_partial(self, image_id: str) -> None:
        """Remove it; harmless when there is nothing. Only for an image that nobody is storing now."""


@runtime_checkable
class Usage(Protocol):
    """A store that knows how full it is."""

    def free_bytes(self) -> int:
        """Bytes that can still be stored."""


class Digests:
    """MD5 and the configured multihash of a stream, and its length."""

    def __init__(self, algorithm: str = HASH_ALGO) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._multi = hashlib.new(algorithm)
        self._algorithm = algorithm
        self.size_bytes = 0
        self._aside: ThreadPoolExecutor | None = None
        self._pending: Future[None] | None = None

    def update(self, chunk: bytes) -> None:
        """Count and digest one chunk."""
        self.size_bytes += len(chunk)
        if self._aside is None and self.size_bytes >= _ASIDE_BYTES:
            self._aside = ThreadPoolExecutor(1, thread_name_prefix="md5")
        if self._aside is None:
            self._md5.update(chunk)
        else:
            # Digests let go of the interpreter's lock: with two cores, both are computed in the time of one.
            self._settle()
            self._pending = self._aside.submit(self._md5.update, chunk)
        self._multi.update(chunk)

    def _settle(self) -> None:
        if self._pending is not None:
            self._pending.result()
            self._pending = None

    def stored(self, url: str) -> StoredImage:
        """The result for what was stored at `url`."""
        self._settle()
        if self._aside is not None:
            self._aside.shutdown()
        return StoredImage(url, self.size_bytes, self._md5.hexdigest(), self._algorithm, self._multi.hexdigest())


def limited(stream: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    """Pass `stream` on; TooLarge before the chunk that exceeds `max_bytes`."""
    seen = 0
    for chunk in stream:
        seen += len(chunk)
        if seen > max_bytes:
            raise TooLarge(f"the image has more than the {max_bytes} bytes allowed")
        yield chunk


def digested(stream: Iterable[bytes], digests: Digests) -> Iterator[bytes]:
    """Pass `stream` on; `digests` sees each chunk before."""
    for chunk in stream:
        digests.update(chunk)
        yield chunk


def joined(stream: Iterable[bytes], next_size: Callable[[], int]) -> Iterator[bytes]:
    """The stream in pieces of exactly the sizes that `next_size` gives, one call for each; the last one may be shorter."""
    held, wanted = bytearray(), next_size()
    for chunk in stream:
        view = memoryview(chunk)
        while view:
            part = view[: wanted - len(held)]
            held += part
            view = view[len(part):]
            if len(held) == wanted:
                yield bytes(held)
                held, wanted = bytearray(), next_size()
    if held:
        yield bytes(held)


def check_image_id(image_id: str) -> None:
    """BadLocation when an id could not be a plain file or object name."""
    if not _IMAGE_ID.fullmatch(image_id):
        raise BadLocation(f"{image_id!r} is no image id")
