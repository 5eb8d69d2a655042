"""What a project may still use, by identity's registered limits. Without limits everything is allowed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common import errors
from common.db.session import Session
from services.image.db import usage as rows

MIB = 1 << 20
NAMES = ("image_size_total", "image_stage_total", "image_count_total", "image_count_uploading")
_IN_MIB = ("image_size_total", "image_stage_total")


def usage(session: Session, owner: str) -> dict[str, int]:
    """What a project uses by limit name; sizes in MiB, rounded up, as the limits are."""
    found = rows.usage(session, owner)
    return {name: -(-found[name] // MIB) if name in _IN_MIB else found[name] for name in NAMES}


@dataclass(frozen=True)
class Room:
    """What a project must have room for: `names` are limits that must not be exceeded, nor reached where they count images."""

    owner: str | None
    limits: Mapping[str, int]
    names: Sequence[str]

    def require(self, session: Session) -> None:
        """errors.TooLarge when there is no room. What it counts stays true until the transaction ends, which takes the room.

        How much data comes is not known beforehand, so a project may get beyond its sizes once, as with upstream: it is what
        it sends after that which is refused.
        """
        limited = [name for name in self.names if self.limits.get(name, -1) >= 0]
        if self.owner is None or not limited:
            return
        rows.lock(session, self.owner)
        used = usage(session, self.owner)
        for name in limited:
            more = 0 if name in _IN_MIB else 1
            if used[name] + more > self.limits[name]:
                raise errors.TooLarge(f"Project {self.owner} is over a limit for [Resource {name} is over limit of "
                                      f"{self.limits[name]} due to current usage {used[name]} and delta {more}]")
