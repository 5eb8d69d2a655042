"""JSON schemas of identity's request bodies, one file per noun."""

from typing import Any

from common.http.validation import Schema

ID = {"type": "string", "minLength": 1, "maxLength": 64, "pattern": r"^[a-zA-Z0-9-]+$"}
ID_OR_NULL = {"type": ["string", "null"], "minLength": 1, "maxLength": 64, "pattern": r"^[a-zA-Z0-9-]+$"}
BOOLEAN = {"type": "boolean"}
TEXT_OR_NULL = {"type": ["string", "null"]}
OBJECT = Schema({"type": "object"})
"""For routes whose handler checks the body itself, after something that upstream asks before."""


def name(longest: int = 255) -> dict[str, Any]:
    """A name of 1 to `longest` characters that is not all blanks."""
    return {"type": "string", "minLength": 1, "maxLength": longest, "pattern": r"[\S]+"}


def wrap(key: str, properties: dict[str, Any], required: tuple[str, ...] = (), *, additional: Any = True,
         **more: Any) -> Schema:
    """The schema of `{key: {…}}`; further properties are allowed unless `additional` says otherwise."""
    inner: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": additional, **more}
    if required:
        inner["required"] = list(required)
    return Schema({"type": "object", "properties": {key: inner}, "required": [key]})
