"""What `GET /v2/images` can be filtered by, as SQL conditions."""

import csv
import datetime
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from common import clock, errors
from services.image.db.images import visible_to
from services.image.db.models import Image, ImageMember, ImageProperty, ImageTag
from services.image.objects.image import Viewer

_EXACT = ("name", "status", "container_format", "disk_format", "id", "checksum", "os_hash_algo", "os_hash_value")
_LISTED = ("name", "status", "container_format", "disk_format", "id")
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
    if visibility and visibility != "all":
        found.append(Image.visibility == visibility)
    if "member_status" in filters:
        found.append(_member_status(member_status, viewer))
    for name, values in filters.items():
        if name in ("visibility", "member_status"):
            continue
        for value in (values if name == "tag" else values[-1:]):
            found.append(_condition(name, value))
    return found, seen


def _one_of(filters: Mapping[str, list[str]], name: str, allowed: tuple[str, ...]) -> str | None:
    value = filters.get(name, [None])[-1]
    if value is not None and value not in allowed:
        raise errors.BadRequest(f"Invalid {'visibility' if name == 'visibility' else 'status'} value: {value}")
    return value


def _member_status(status: str, viewer: Viewer) -> Any:
    """A list by member status still holds what is the project's own or public."""
    if viewer.is_admin and status != "all":
        mine = sa.select(ImageMember.image_id).where(ImageMember.status == status)
        if viewer.project_id:
            mine = mine.where(ImageMember.member == viewer.project_id)
        return sa.or_(Image.visibility != "shared", Image.owner == viewer.project_id, Image.id.in_(mine))
    return sa.true()


def _condition(name: str, value: str) -> Any:
    if name == "owner" or name in ("os_hash_algo", "os_hash_value", "checksum"):
        return getattr(Image, name) == value
    if name in _EXACT:
        return _text(name, value)
    if name in ("size_min", "size_max"):
        number = _number(name, value)
        return Image.size >= number if name == "size_min" else Image.size <= number
    if name in _NUMBERS:
        return getattr(Image, name) == _number(name, value)
    if name in _TIMES:
        return _time(name, value)
    if name in ("protected", "os_hidden"):
        return getattr(Image, name).is_(_flag(name, value))
    if name == "tag":
        return Image.id.in_(sa.select(ImageTag.image_id).where(ImageTag.value == value))
    return Image.id.in_(sa.select(ImageProperty.image_id).where(ImageProperty.name == name, ImageProperty.value == value))


def _text(name: str, value: str) -> Any:
    """`in:a,b` (values with commas quoted), `eq:`, `neq:` or a plain value."""
    column = getattr(Image, name)
    operator, colon, rest = value.partition(":")
    if not colon or operator not in ("in", "eq", "neq"):
        if colon and name in _LISTED and operator.isalpha() and operator in _COMPARE:
            raise errors.BadRequest(f"Unable to filter by {name}: the operator {operator} is not supported")
        return column == value
    if operator == "in":
        return column.in_(_split(rest))
    rest = _split(rest)[0] if rest.startswith('"') else rest
    return column == rest if operator == "eq" else sa.or_(column != rest, column.is_(None))


def _split(text: str) -> list[str]:
    """The values of `a,"b,c"`; errors.BadRequest when quotes are misplaced."""
    if text.count('"') % 2:
        raise errors.BadRequest(f"Unable to filter by provided value: quotes do not match in {text}")
    parts = next(csv.reader([text], strict=True), [])
    if not parts or any(p == "" for p in parts):
        raise errors.BadRequest("Unable to filter by an empty value")
    return parts


def _number(name: str, value: str) -> int:
    try:
        number = int(value)
    except ValueError:
        raise errors.BadRequest(f"Invalid value '{value}' for parameter '{name}': it must be an integer") from None
    if number < 0:
        raise errors.BadRequest(f"Invalid value '{value}' for parameter '{name}': it must not be negative")
    return min(number, (1 << 63) - 1)


def _time(name: str, value: str) -> Any:
    column = getattr(Image, name)
    operator, colon, rest = value.partition(":")
    if not colon or operator not in _COMPARE:
        operator, rest = "eq", value
    try:
        when = clock.parse(rest.strip().replace("Z", "+00:00").replace(" ", "+"))
    except ValueError:
        raise errors.BadRequest(f"Unable to filter on a range: {rest} is not a time in ISO 8601 form") from None
    # Clients see whole seconds, so they compare with whole seconds.
    second = datetime.timedelta(seconds=1)
    low = when.replace(microsecond=0)
    ways = {"eq": sa.and_(column >= low, column < low + second), "neq": sa.or_(column < low, column >= low + second),
            "gt": column >= low + second, "gte": column >= low, "lt": column < low, "lte": column < low + second}
    return ways[operator]


def _flag(name: str, value: str) -> bool:
    word = value.strip().lower()
    if word in ("true", "1", "yes", "on", "t", "y"):
        return True
    if word in ("false", "0", "no", "off", "f", "n"):
        return False
    raise errors.BadRequest(f"Invalid value '{value}' for {name}: it must be true or false")
