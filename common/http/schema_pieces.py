"""What the schemas of two services are made of. Source: the API references' parameter descriptions."""

from typing import Any

BOOLEAN_WORDS: list[Any] = [
    True, "True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes",
    False, "False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no",
]  # fmt: skip
"""What stands for a boolean in a body."""

METADATA_KEY = "^[a-zA-Z0-9-_:. ]{1,255}$"
"""The pattern of a key of metadata, extra specs and the like."""


def by_metadata_key(*types: str, nullable: bool = False) -> dict[str, Any]:
    """An object (or null, when `nullable`) whose keys fit METADATA_KEY, with values of `types` up to 255 characters."""
    return {
        "type": ["object", "null"] if nullable else "object",
        "patternProperties": {METADATA_KEY: {"type": list(types) if len(types) > 1 else types[0], "maxLength": 255}},
        "additionalProperties": False,
    }
