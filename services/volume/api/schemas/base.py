"""Pieces of schemas that several nouns use."""

from typing import Any

from common.http.schema_pieces import BOOLEAN_WORDS, by_metadata_key
from common.http.validation import Schema

NAME = {"type": ["string", "null"], "minLength": 0, "maxLength": 255}
TRIMMED = {"type": "string", "minLength": 1, "maxLength": 255, "format": "name"}
DESCRIPTION = {"type": ["string", "null"], "minLength": 0, "maxLength": 255}
UUID = {"type": "string", "format": "uuid"}
OPTIONAL_UUID = {"oneOf": [{"type": "null"}, {"type": "string", "format": "uuid"}]}
METADATA = by_metadata_key("string", nullable=True)
METADATA_WITH_NULL = by_metadata_key("string", "null", nullable=True)
SPECS = by_metadata_key("string", "null")
BOOLEAN = {"type": ["boolean", "string"], "enum": [*BOOLEAN_WORDS, "y", "t", "n", "f"]}
POSITIVE = {"type": ["integer", "string"], "pattern": "^[0-9]+$", "minimum": 1, "minLength": 1}
OPTIONAL_POSITIVE = {"oneOf": [{"type": "null"}, POSITIVE]}
ANYTHING = Schema({"type": ["object", "null", "string"]})
CONNECTOR = {"type": ["object", "null"]}


def body(key: str, properties: dict[str, Any], *, required: tuple[str, ...] = (), extra: bool = False, **more: Any) -> Schema:
    """The schema of {key: {properties}}."""
    inner: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": extra, **more}
    if required:
        inner["required"] = list(required)
    return wrapped(key, inner)


def value(properties: dict[str, Any], *, required: tuple[str, ...] = (), extra: bool = False, **more: Any) -> Schema:
    """The schema of an action's value."""
    inner: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": extra, **more}
    if required:
        inner["required"] = list(required)
    return Schema(inner)


def wrapped(key: str, inner: dict[str, Any], *, extra: bool = False) -> Schema:
    """The schema of {key: inner}."""
    return Schema({"type": "object", "properties": {key: inner}, "required": [key], "additionalProperties": extra})
