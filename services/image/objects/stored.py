"""What the stores and the inspection say about an image's bytes."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class StoredImage:
    """An image just stored: where, how many bytes, and its digests in hexadecimal."""

    url: str
    size_bytes: int
    checksum_md5: str
    hash_algo: str
    hash_value: str


@dataclasses.dataclass(frozen=True)
class Inspection:
    """What a whole image turned out to be; `virtual_size_bytes` is the disk's size as a guest sees it."""

    format: str
    virtual_size_bytes: int
    size_bytes: int
    violations: tuple[str, ...] = ()
