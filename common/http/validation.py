"""JSON schemas of bodies and query strings, compiled once, at their first use.

The quick validator (fastjsonschema) decides; only when it says no does the
thorough one (jsonschema) run, because its texts are the ones that upstream's
clients and tests know.
"""

import ipaddress
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

import fastjsonschema

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
    """A JSON schema (draft 4 to 7 words) that is compiled at its first use.

    `document` is the schema. `validate` returns the value (defaults are not filled in) or raises
    errors.BadRequest whose message is made by `message(error)`.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = dict(document)
        self._quick: Callable[[Any], Any] | None = None
        self._thorough: Any = None
        self._lock = threading.Lock()

    def validate(self, value: Any, message: Callable[[Any], str] | None = None) -> Any:
        """Return `value` when it fits; else raise errors.BadRequest."""
        if self._quick is None:
            with self._lock:
                if self._quick is None:
                    self._quick = fastjsonschema.compile(self.document, formats=FORMATS, use_default=False)  # type: ignore[arg-type]
        try:
            self._quick(value)
        except fastjsonschema.JsonSchemaException as quick:
            raise errors.BadRequest(self._explain(value, message, str(quick))) from None
        return value

    def _explain(self, value: Any, message: Callable[[Any], str] | None, fallback: str) -> str:
        import jsonschema

        if self._thorough is None:
            checker = jsonschema.FormatChecker(formats=())
            for name, check in FORMATS.items():
                checker.checks(name)(lambda v, c=check: not isinstance(v, str) or c(v))
            self._thorough = jsonschema.Draft7Validator(self.document, format_checker=checker)
        found = sorted(self._thorough.iter_errors(value), key=lambda e: (len(e.path), str(e.path)))
        if not found:
            return fallback
        return (message or describe)(found[0])


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
