"""What a project may still use, by identity's registered limits. Without limits everything is allowed."""

from collections.abc import Mapping

from common import errors
from common.db.session import Database
from services.image.db import usage as rows

MIB = 1 << 20
NAMES = ("image_size_total", "image_stage_total", "image_count_total", "image_count_uploading")
_IN_MIB = ("image_size_total", "image_stage_total")


def usage(database: Database, owner: str) -> dict[str, int]:
    """What a project uses by limit name; sizes in MiB, rounded up, as the limits are."""
    with database.read() as session:
        found = rows.usage(session, owner)
    return {name: -(-found[name] // MIB) if name in _IN_MIB else found[name] for name in NAMES}


def check(database: Database, limits: Mapping[str, int], owner: str | None, name: str, more: int) -> None:
    """errors.TooLarge when `more` would be over the project's limit `name`."""
    most = limits.get(name, -1)
    if owner is None or most < 0:
        return
    used = usage(database, owner)[name]
    if used + more > most:
        raise errors.TooLarge(f"Project {owner} is over a limit for [Resource {name} is over limit of {most} due to current "
                              f"usage {used} and delta {more}]")


def require_room(database: Database, limits: Mapping[str, int], owner: str | None, *names: str) -> None:
    """errors.TooLarge when one of the limits `names` is exceeded, or a count among them reached.

    How much data comes is not known beforehand, so a project may get beyond its sizes once, as with upstream: it is what it
    sends after that which is refused.
    """
    for name in names:
        check(database, limits, owner, name, 0 if name in _IN_MIB else 1)
