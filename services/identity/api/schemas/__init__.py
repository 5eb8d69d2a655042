"""JSON schemas of identity's request bodies, one file per noun."""

from typing import Any

from common.http.validation import Schema

ID = {"type": "string", "minLength": 1, "maxLength": 64, "pattern": r"^[a-zA-Z0-9-]+$"}
ID_OR_NULL = {"type": ["string", "null"], "minLength": 1, "maxLength": 64, "pattern": r"^[a-zA-Z0-9-]+$"}
REGION_ID_OR_NULL = {"type": ["string", "null"], "minLength": 1, "maxLength": 255}
BOOLEAN = {"type": "boolean"}
FLAGS = (True, "True", "TRUE", "true", False, "False", "FALSE", "false", "", "1", "0", "y", "Y", "n", "N", "on", "ON", "off",
         "OFF", "yes", "no")
"""What upstream takes for yes and no in query strings, and names in the errors of bodies."""
FLAG = {"type": ["boolean", "string", "null"], "enum": list(FLAGS), "allOf": [BOOLEAN]}
"""A boolean of which upstream's errors say that it may be a text, though it answers 500 to one: only true and false pass."""
TEXT = {"type": "string"}
TEXT_OR_NULL = {"type": ["string", "null"]}
DESCRIPTION = {"type": ["string", "null"], "maxLength": 255}
NAME = {"type": "string", "minLength": 1, "maxLength": 255}
"""A name that may be all blanks."""
OBJECT = Schema({"type": "object"})
"""For routes whose handler checks the body itself, after something that upstream asks before."""
CLOSED, CLOSED_FIRST = "closed", "closed first"


def name(longest: int = 255) -> dict[str, Any]:
    """A name of 1 to `longest` characters that is not all blanks."""
    return {"type": "string", "minLength": 1, "maxLength": longest, "pattern": r"[\S]+"}


def wrap(key: str, properties: dict[str, Any], required: tuple[str, ...] = (), *, additional: Any = True, root: str = "",
         **more: Any) -> Schema:
    """The schema of `{key: {…}}`; further properties are allowed unless `additional` says otherwise.

    Beside `key` anything may stand, or nothing (`root` CLOSED); CLOSED_FIRST says so before it misses `key`.
    """
    inner: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": additional, **more}
    if required:
        inner["required"] = list(required)
    return around(key, inner, root)


def around(key: str, inner: dict[str, Any], root: str = "") -> Schema:
    """The schema of an object whose `key` fits `inner`; `root` as in `wrap`."""
    document: dict[str, Any] = {"type": "object", "properties": {key: inner}, "required": [key]}
    if root == CLOSED:
        document["additionalProperties"] = False
    return Schema({"additionalProperties": False, **document} if root == CLOSED_FIRST else document)
