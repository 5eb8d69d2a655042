"""When a delegation ends, as clients write it."""

import datetime
import re

from common import clock
from services.identity.domain import faults

_FORM = re.compile(r"\d{4}-?\d\d-?\d\d[T ][\d:.]+Z?")
"""Day and time in UTC, as upstream takes them; an offset or a day alone is refused there."""


def future(text: str | None) -> datetime.datetime | None:
    """The moment that `text` names (None: never); BadRequest when it is none, or past."""
    if text is None:
        return None
    try:
        when = clock.parse(text.replace("Z", "+00:00")) if _FORM.fullmatch(text) else None
    except ValueError:
        when = None
    if when is None:
        raise faults.malformed("Timestamp not in expected format.")
    if when <= clock.now():
        raise faults.malformed("The 'expires_at' must not be before now.")
    return when
