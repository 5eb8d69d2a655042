"""Taking an image in: one pass that stores, digests, measures and inspects a stream, or keeps nothing."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator

from common import clock
from services.image.drivers.base import Store, limited
from services.image.drivers.inspect import Inspector, inspected
from services.image.drivers.signature import Verifier, verified
from services.image.objects.stored import StoredImage

# Containers whose data is not a disk: there is nothing to inspect in them.
_OPAQUE = frozenset(("docker", "ova", "ovf", "compressed"))
# Formats whose data shows no size of a disk.
_SIZELESS = frozenset(("ami", "ari", "aki", "ploop"))


@dataclasses.dataclass(frozen=True)
class Rules:
    """What is accepted: bytes, bytes of the disk a guest sees, and whether the declared format must be the real one.

    What refers to other files, or is damaged, is never accepted.
    """

    size_max_bytes: int
    virtual_size_max_bytes: int
    require_format_match: bool = True


def ingest(store: Store, image_id: str, stream: Iterable[bytes], rules: Rules, disk_format: str | None,
           container_format: str | None, *, size_hint: int | None = None,
           verifier: Verifier | None = None) -> tuple[StoredImage, int | None]:
    """Store `stream` as an image: (what was stored, virtual size in bytes or None where that has no meaning).

    `verifier` checks the image's signature. Raises base.TooLarge,
    inspect.ImageRejected, signature.SignatureInvalid, another StoreError, or what the stream raises; nothing is kept then.
    """
    inspector = inspector_of(rules, disk_format, container_format)
    bounded = limited(stream, rules.size_max_bytes)
    checked = verified(bounded, verifier) if verifier else bounded
    stored = store.add(image_id, inspected(checked, inspector) if inspector else checked, size_hint)
    if inspector is None or not stored.size_bytes or disk_format in _SIZELESS:
        return stored, None
    return stored, inspector.result.virtual_size_bytes


def inspector_of(rules: Rules, disk_format: str | None, container_format: str | None) -> Inspector | None:
    """The inspector for an image of these formats; None where its data is no disk."""
    if container_format in _OPAQUE:
        return None
    return Inspector(disk_format, match=rules.require_format_match, max_virtual_size_bytes=rules.virtual_size_max_bytes)


def ticking(stream: Iterable[bytes], tick: Callable[[], None], every_s: float) -> Iterator[bytes]:
    """Pass `stream` on, and call `tick` between chunks whenever another `every_s` seconds went by."""
    next_s = clock.monotonic() + every_s
    for chunk in stream:
        if clock.monotonic() >= next_s:
            tick()
            next_s = clock.monotonic() + every_s
        yield chunk
