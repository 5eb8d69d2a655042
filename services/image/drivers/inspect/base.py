"""What the parsers of image formats share: how they ask for bytes, and what they answer.

A parser is a generator. It yields `Region`s it wants to see, in ascending order, receives each one's bytes,
and returns `Facts`. So parsers read like ordinary code, though the image only streams by once.
"""

import dataclasses
from collections.abc import Generator

HEAD_BYTES = 40 * 1024
TAIL_BYTES = 1536
MAX_REGION_BYTES = 1024 * 1024


class ImageRejected(Exception):
    """The image is damaged, unsafe, or not what it is declared to be; the text may be shown to its owner."""


@dataclasses.dataclass(frozen=True)
class Region:
    """A part of the image; inside its first 40 KiB (any order), or not before the region last asked for."""

    offset: int
    length: int


@dataclasses.dataclass
class Facts:
    """What a parser found; `virtual_size` None: the bytes are the disk.

    `footer_magic` says which kind of footer must agree, at the image's end, with the `footer` seen at its start.
    """

    virtual_size: int | None = None
    violations: list[str] = dataclasses.field(default_factory=list)
    footer_magic: bytes | None = None
    footer: bytes | None = None


Parser = Generator[Region, bytes, Facts]


def u16(data: bytes, at: int, order: str = "little") -> int:
    """An unsigned 16-bit number."""
    return int.from_bytes(data[at : at + 2], order)  # type: ignore[arg-type]


def u32(data: bytes, at: int, order: str = "little") -> int:
    """An unsigned 32-bit number."""
    return int.from_bytes(data[at : at + 4], order)  # type: ignore[arg-type]


def u64(data: bytes, at: int, order: str = "little") -> int:
    """An unsigned 64-bit number."""
    return int.from_bytes(data[at : at + 8], order)  # type: ignore[arg-type]
