"""Patterns and builders that Placement's schemas share. Source: the Placement API reference."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from common.http.validation import Schema

NAME_PATTERN = "^[A-Z0-9_]+$"
CUSTOM_PATTERN = "^CUSTOM_[A-Z0-9_]+$"
CUSTOM_NAME = re.compile(r"^CUSTOM_[A-Z0-9_]+\Z")
UUID_PATTERN = "^[0-9a-fA-F-]{36}$"
INT_MAX = 2**31 - 1
UUID = {"type": "string", "format": "uuid"}
TEXT = {"type": "string"}
ANYTHING = Schema({})
EXTERNAL_ID = {"type": "string", "minLength": 1, "maxLength": 255}


def body(properties: Mapping[str, Any], required: Sequence[str] = ()) -> dict[str, Any]:
    """The document of an object with these properties and no others."""
    return {"type": "object", "properties": dict(properties), "required": list(required), "additionalProperties": False}


def query(properties: Mapping[str, Any], required: Sequence[str] = (),
          patterns: Mapping[str, Any] | None = None) -> Schema:
    """A schema of a query string: every parameter is a list of texts, each of which must fit."""
    document = body({n: {"type": "array", "items": s} for n, s in properties.items()}, required)
    if patterns:
        document["patternProperties"] = {p: {"type": "array", "items": s} for p, s in patterns.items()}
    return Schema(document)
