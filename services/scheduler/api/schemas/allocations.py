"""Schemas of allocations and of the reshaper."""

from typing import Any

from common.http.validation import Schema
from services.scheduler.api.schemas.common import EXTERNAL_ID, INT_MAX, NAME_PATTERN, UUID, UUID_PATTERN, body
from services.scheduler.api.schemas.inventories import SET_ALL_DOCUMENT

_RESOURCES = {"type": "object", "minProperties": 1, "additionalProperties": False,
              "patternProperties": {NAME_PATTERN: {"type": "integer", "minimum": 1, "maximum": INT_MAX}}}
_OWNER = {"project_id": EXTERNAL_ID, "user_id": EXTERNAL_ID}
_LISTED = {"type": "array", "minItems": 1, "items": body(
    {"resource_provider": body({"uuid": UUID}, ["uuid"]), "resources": _RESOURCES}, ["resource_provider", "resources"])}


def _by_provider(least: int) -> dict[str, Any]:
    item = body({"generation": {"type": "integer"}, "resources": _RESOURCES}, ["resources"])
    return {"type": "object", "minProperties": least, "patternProperties": {UUID_PATTERN: item},
            "additionalProperties": False}


_MAPPINGS = {"type": "object", "minProperties": 1, "patternProperties": {
    "[a-zA-Z0-9_-]{1,64}": {"type": "array", "minItems": 1, "items": UUID}}}
_TYPE = {"type": "string", "pattern": NAME_PATTERN, "minLength": 1, "maxLength": 255}
_BASE = ["allocations", "project_id", "user_id"]
_1_12 = body({"allocations": _by_provider(1), **_OWNER}, _BASE)
_1_13 = body({"allocations": _by_provider(0), **_OWNER}, _BASE)
_FIELDS_1_28 = {"allocations": _by_provider(0), **_OWNER, "consumer_generation": {"type": ["integer", "null"]}}
_1_28 = body(_FIELDS_1_28, [*_BASE, "consumer_generation"])
_1_34 = body({**_FIELDS_1_28, "mappings": _MAPPINGS}, [*_BASE, "consumer_generation"])
_1_38 = body({**_FIELDS_1_28, "mappings": _MAPPINGS, "consumer_type": _TYPE},
             [*_BASE, "consumer_generation", "consumer_type"])

REPLACE = {
    "1.0": Schema(body({"allocations": _LISTED}, ["allocations"])),
    "1.8": Schema(body({"allocations": _LISTED, **_OWNER}, _BASE)),
    "1.12": Schema(_1_12), "1.28": Schema(_1_28), "1.34": Schema(_1_34), "1.38": Schema(_1_38),
}


def _many(item: dict[str, Any], least: int) -> dict[str, Any]:
    return {"type": "object", "minProperties": least, "additionalProperties": False,
            "patternProperties": {UUID_PATTERN: item}}


REPLACE_MANY = {"1.13": Schema(_many(_1_13, 1)), "1.28": Schema(_many(_1_28, 1)), "1.34": Schema(_many(_1_34, 1)),
                "1.38": Schema(_many(_1_38, 1))}


def _reshape(item: dict[str, Any]) -> Schema:
    inventories = {"type": "object", "minProperties": 1, "additionalProperties": False,
                   "patternProperties": {UUID_PATTERN: SET_ALL_DOCUMENT}}
    return Schema(body({"inventories": inventories, "allocations": _many(item, 0)}, ["inventories", "allocations"]))


RESHAPE = {"1.30": _reshape(_1_28), "1.34": _reshape(_1_34), "1.38": _reshape(_1_38)}
