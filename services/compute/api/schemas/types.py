"""Pieces that compute's schemas are made of. Source: the API reference's parameter descriptions."""

from collections.abc import Mapping
from typing import Any

from common.http.schema_pieces import BOOLEAN_WORDS, by_metadata_key
from common.http.validation import Schema

BOOLEAN: dict[str, Any] = {"enum": BOOLEAN_WORDS}
NAME: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^\S$|^\S[\s\S]*\S$"}
NAME_OR_NONE: dict[str, Any] = {**NAME, "type": ["string", "null"]}
TEXT: dict[str, Any] = {"type": ["string", "null"], "minLength": 0, "maxLength": 255}
UUID: dict[str, Any] = {"type": "string", "format": "uuid"}
POSITIVE: dict[str, Any] = {"type": ["integer", "string"], "pattern": "^[0-9]+$", "minimum": 1, "minLength": 1}
NON_NEGATIVE: dict[str, Any] = {"type": ["integer", "string"], "pattern": "^[0-9]+$", "minimum": 0, "minLength": 1}
SIZE_OR_NONE: dict[str, Any] = {"type": ["integer", "string", "null"], "pattern": "^[0-9]*$", "minimum": 0}
METADATA: dict[str, Any] = by_metadata_key("string")
ADDRESS: dict[str, Any] = {"type": "string", "format": "ip-address"}
HOSTNAME: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[a-zA-Z0-9-._]*$"}
TAG: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 60, "pattern": "^[^,/]*$"}
LOOSE: dict[str, Any] = {"type": "object"}


def obj(properties: Mapping[str, Any], required: tuple[str, ...] = (), *, extra: bool = False) -> dict[str, Any]:
    """An object with these properties and, unless `extra`, no others."""
    made: dict[str, Any] = {"type": "object", "properties": dict(properties), "additionalProperties": extra}
    if required:
        made["required"] = list(required)
    return made


def under(key: str, inner: Mapping[str, Any], **more: Any) -> Schema:
    """A body whose only key is `key`."""
    return Schema(obj({key: dict(inner), **more}, (key,)))


def array(items: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A list of such items."""
    return {"type": "array", "items": dict(items), **more}


def query(*names: str, strict_from: str | None = "2.102", **typed: Mapping[str, Any]) -> dict[str, Schema]:
    """Query schemas: any values of `names`, values of `typed` as said; further names refused since `strict_from`."""
    properties = {n: array({"type": "string"}) for n in names}
    properties.update({n.replace("__", "-"): array(t) for n, t in typed.items()})
    made = {"2.1": Schema(obj(properties, extra=True))}
    if strict_from:
        made[strict_from] = Schema(obj(properties))
    return made


NO_QUERY = query()
NULL = Schema({"type": ["null", "object", "string"]})
"""The value of an action that takes nothing."""
EMPTY = Schema({"type": "null"})
