"""What `GET /v2/images` can be filtered by, as SQL conditions."""

import csv
import datetime
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from common import clock, errors
from services.image.db.images import visible_to
from services.image.db.models import Image, ImageProperty, ImageTag
from services.image.objects.image import Viewer

_EXACT = ("name", "status", "container_format", "disk_format", "id", "checksum", "os_hash_algo", "os_hash_value")
_NUMBERS = ("min_disk", "min_ram", "size", "virtual_size")
_TIMES = ("created_at", "updated_at")
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "eq": lambda c, v: c == v, "neq": lambda c, v: c != v, "gt": lambda c, v: c > v, "gte": lambda c, v: c >= v,
    "lt": lambda c, v: c < v, "lte": lambda c, v: c <= v,
}
VISIBILITIES = ("public", "private", "shared", "community", "all")
MEMBER_STATUSES = ("pending", "accepted", "rejected", "all")


def conditions(filters: Mapping[str, list[str]], viewer: Viewer) -> tuple[list[Any], Any]:
    """(conditions of the list, condition that an image may be seen at all) for parsed query parameters.

    errors.BadRequest when a filter's value is wrong.
    """
    visibility = _one_of(filters, "visibility", VISIBILITIES)
    member_status = _one_of(filters, "member_status", MEMBER_STATUSES) or "accepted"
    seen = visible_to(viewer, member_status=member_status, visibility=visibility)
    found: list[Any] = [seen]
    may_see = visible_to(viewer, member_status="all", visibility="all")
    if visibility and visibility != "all":
        found.append(Image.visibility == visibility)
    for name, values in filters.items():
        if name in ("visibility", "member_status"):
            continue
        for value in (values if name == "tag" else values[-1:]):
            found.append(_condition(name, value))
    return found, may_see


def _one_of(filters: Mapping[str, list[str]], name: str, allowed: tuple[str, ...]) -> str | None:
    value = filters.get(name, [None])[-1]
    if value is not None and value not in allowed:
        raise errors.BadRequest(f"Invalid visibility value: {value}" if name == "visibility" else f"Invalid status: {value}")
    return value


def _condition(name: str, value: str) -> Any:
    if name == "owner" or name in ("os_hash_algo", "os_hash_value", "checksum"):
        return getattr(Image, name) == value
    if name in _EXACT:
        return _text(name, value)
    if name in ("size_min", "size_max"):
        number = _number(value)
        if number is None:
            raise errors.BadRequest("Unable to filter on a range with a non-numeric value.")
        return Image.size >= number if name == "size_min" else Image.size <= number
    if name in _NUMBERS:
        number = _number(value)
        return sa.false() if number is None else getattr(Image, name) == number
    if name in _TIMES:
        return _time(name, value)
    if name in ("protected", "os_hidden"):
        return getattr(Image, name).is_(_flag(name, value))
    if name == "tag":
        return Image.id.in_(sa.select(ImageTag.image_id).where(ImageTag.value == value))
    return Image.id.in_(sa.select(ImageProperty.image_id).where(ImageProperty.name == name, ImageProperty.value == value))


def _text(name: str, value: str) -> Any:
    """`in:a,b` (values with commas quoted), `eq:` or a plain value; a time is a plain one."""
    column = getattr(Image, name)
    operator, colon, rest = value.partition(":")
    if not colon or _is_time(value):
        return column == value
    if operator == "in":
        return column.in_(_split(rest) if rest else [])
    if operator == "eq":
        return column == rest
    raise errors.BadRequest(f"Unable to filter by unknown operator '{operator}'.")


def _split(text: str) -> list[str]:
    """The values of `a,"b,c"`; errors.BadRequest when quotes are misplaced."""
    if text.count('"') % 2:
        raise errors.BadRequest(f"Invalid filter value {text}. The quote is not closed.")
    parts = next(csv.reader([text], strict=True), [])
    if not parts or any(p == "" for p in parts):
        raise errors.BadRequest("Unable to filter by an empty value")
    return parts


def _number(value: str) -> int | None:
    """The number within what a database column can hold; None for what is none."""
    try:
        return max(min(int(value), (1 << 63) - 1), -1)
    except ValueError:
        return None


def _is_time(value: str) -> bool:
    try:
        clock.parse(value.replace("Z", "+00:00"))
    except ValueError:
        return False
    return True


def _time(name: str, value: str) -> Any:
    column = getattr(Image, name)
    operator, colon, rest = value.partition(":")
    if operator not in _COMPARE:
        if operator.isalpha() and colon:
            raise errors.BadRequest("Unable to filter on a unknown operator.")
        operator, rest = "eq", value
    try:
        when = clock.parse(rest.strip().replace("Z", "+00:00").replace(" ", "+"))
    except ValueError:
        raise errors.BadRequest(f'Bad "{name}" query filter format. Use ISO 8601 DateTime notation.') from None
    # Clients see whole seconds, so they compare with whole seconds.
    second = datetime.timedelta(seconds=1)
    low = when.replace(microsecond=0)
    ways = {"eq": sa.and_(column >= low, column < low + second), "neq": sa.or_(column < low, column >= low + second),
            "gt": column >= low + second, "gte": column >= low, "lt": column < low, "lte": column < low + second}
    return ways[operator]


def _flag(name: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):  # openstacksdk says True
        raise errors.BadRequest(f"Invalid value '{value}' for '{name}' filter. Valid values are 'true' or 'false'.")
    return value.lower() == "true"
