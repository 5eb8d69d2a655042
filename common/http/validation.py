"""JSON schemas of bodies and query strings, read once, at their first use.

The quick validator (jsonschema-rs) decides; only when it says no does the
thorough one (jsonschema) run, because its texts are the ones that upstream's
clients and tests know.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any

import jsonschema_rs

from common import clock, errors, ids


def _is_date_time(value: str) -> bool:
    try:
        clock.parse(value.replace("Z", "+00:00"))
    except ValueError:
        return False
    return True


def _is_ip(version: int | None) -> Callable[[str], bool]:
    def check(value: str) -> bool:
        try:
            return version in (None, ipaddress.ip_address(value).version)
        except ValueError:
            return False

    return check


def _is_cidr(value: str) -> bool:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return "/" in value


_MAC = re.compile(r"^[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}$")
_URI = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:.+")
FORMATS: dict[str, Callable[[str], bool]] = {
    "uuid": ids.is_uuid,
    "date-time": _is_date_time,
    "ipv4": _is_ip(4),
    "ipv6": _is_ip(6),
    "ip-address": _is_ip(None),
    "cidr": _is_cidr,
    "mac-address": lambda v: bool(_MAC.match(v)),
    "uri": lambda v: bool(_URI.match(v)),
    "regex": lambda v: _compiles(v),
    "name": lambda v: bool(v.strip()) and v == v.strip(),
}


def _compiles(value: str) -> bool:
    try:
        re.compile(value)
    except re.error:
        return False
    return True


class Schema:
    """A JSON schema (draft 4 to 7 words) that is read at its first use.

    `document` is the schema. `validate` returns the value (defaults are not filled in) or raises
    errors.BadRequest whose message is made by `message(error)`.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = dict(document)
        self._quick: Any = None
        self._thorough: Any = None

    def validate(self, value: Any, message: Callable[[Any], str] | None = None) -> Any:
        """Return `value` when it fits; else raise errors.BadRequest."""
        if self._quick is None:
            self._quick = quick(self.document)
        if not self._quick.is_valid(value):
            raise errors.BadRequest(self._explain(value, message))
        return value

    def _explain(self, value: Any, message: Callable[[Any], str] | None) -> str:
        if self._thorough is None:
            self._thorough = _thorough(self.document)
        found = sorted(self._thorough.iter_errors(value), key=lambda e: (len(e.path), str(e.path)))
        if found:
            return (message or describe)(found[0])
        # a line end behind what should be the end: only the thorough one lets it through
        return str(next(self._quick.iter_errors(value)).message)


def quick(document: Mapping[str, Any]) -> Any:
    """The validator that decides; ValueError for a document that is no schema, or names an unknown format."""
    return jsonschema_rs.Draft7Validator(dict(document), formats=FORMATS, validate_formats=True, ignore_unknown_formats=False)


def _thorough(document: Mapping[str, Any]) -> Any:
    import jsonschema

    checker = jsonschema.FormatChecker(formats=())
    for name, test in FORMATS.items():
        checker.checks(name)(lambda v, c=test: not isinstance(v, str) or c(v))
    return jsonschema.Draft7Validator(document, format_checker=checker)


def describe(error: Any) -> str:
    """Upstream compute's and block storage's form of a schema error."""
    path = [str(p) for p in error.path]
    if path:
        return f"Invalid input for field/attribute {path[-1]}. Value: {error.instance}. {error.message}"
    return str(error.message)


NOTHING = Schema({"type": "object", "additionalProperties": True})
"""For query strings of routes that, as upstream, ignore what they do not know."""


def select(table: "Schema | Mapping[str, Schema | None] | None", version: Any) -> "Schema | None":
    """The schema that holds at microversion `version`: of {"2.1": a, "2.19": b} the newest not above it."""
    if table is None or isinstance(table, Schema):
        return table
    from common.http.microversion import Version

    best: tuple[Version, Schema | None] | None = None
    for text, schema in table.items():
        at = Version.parse(text)
        if (version is None or at <= version) and (best is None or at >= best[0]):
            best = (at, schema)
    return best[1] if best else None
