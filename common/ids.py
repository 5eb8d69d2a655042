"""The one place that makes identifiers, secrets and random choices.

Tests seed it (`seeded`) and get the same ids on every run; production uses
the operating system's randomness.
"""

import contextlib
import random
import secrets
import threading
import uuid as _uuid
from collections.abc import Iterator, Sequence
from typing import TypeVar

from common import clock

T = TypeVar("T")
_seeded: list[random.Random] = []
_rising, _rising_lock = [0], threading.Lock()


def uuid() -> str:
    """A random UUID with dashes, as most services show ids."""
    if _seeded:
        return str(_uuid.UUID(int=_seeded[-1].getrandbits(128), version=4))
    return str(_uuid.uuid4())


def hex_id() -> str:
    """A random UUID without dashes, as identity shows ids."""
    return uuid().replace("-", "")


def request_id() -> str:
    """`req-` and a UUID: the id of one API request."""
    return "req-" + uuid()


def secret(n_bytes: int = 24) -> str:
    """A URL-safe random secret of `n_bytes` of entropy; never seeded."""
    return secrets.token_urlsafe(n_bytes)


def random_bytes(n_bytes: int) -> bytes:
    """`n_bytes` from the operating system's random source, for keys and salts; never seeded."""
    return secrets.token_bytes(n_bytes)


def mac(prefix: str = "fa:16:3e") -> str:
    """A random MAC address `aa:bb:cc:dd:ee:ff` starting with the octets of `prefix`."""
    head = prefix.split(":")
    return ":".join(head[: 6] + [f"{randint(0, 255):02x}" for _ in range(6 - len(head))])


def randint(low: int, high: int) -> int:
    """A random integer, `low` and `high` included."""
    return _source().randint(low, high)


def rising() -> int:
    """A number below 2**63, higher than all that this process made: of the time in microseconds and a bit of chance.

    For primary keys of rows that are written without asking the database what number it gave.
    """
    with _rising_lock:
        _rising[0] = max(_rising[0] + 1, int(clock.time() * 1e6) << 10 | randint(0, 1023))
        return _rising[0]


def uniform(low: float, high: float) -> float:
    """A random float between `low` and `high`."""
    return _source().uniform(low, high)


def choice(items: Sequence[T]) -> T:
    """One of `items` at random; IndexError when there is none."""
    return _source().choice(items)


def shuffled(items: Sequence[T]) -> list[T]:
    """A new list of `items` in random order."""
    copy = list(items)
    _source().shuffle(copy)
    return copy


def dashed(value: str) -> str:
    """A UUID in any of its forms, in small letters with dashes; ValueError when it is none."""
    return str(_uuid.UUID(value))


def is_uuid(text: object) -> bool:
    """Whether `text` is a UUID, dashes optional (as upstream's is_uuid_like)."""
    try:
        return str(_uuid.UUID(str(text))).replace("-", "") == str(text).replace("-", "").lower()
    except (ValueError, AttributeError):
        return False


def number_in(text: object) -> int | None:
    """The number that a text from outside names, by digits alone; None when it names none, or one that no column holds."""
    word = str(text)
    if not (word.isascii() and word.isdigit()):
        return None
    word = word.lstrip("0") or "0"
    return number if len(word) < 20 and (number := int(word)) < 1 << 63 else None


def _source() -> random.Random:
    return _seeded[-1] if _seeded else _SYSTEM


_SYSTEM = random.SystemRandom()


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """For tests: ids and random choices repeat for the same `seed`."""
    source = random.Random(seed)
    _seeded.append(source)
    try:
        yield
    finally:
        _seeded.remove(source)
