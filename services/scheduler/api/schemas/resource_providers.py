"""Schemas of resource providers, their traits and aggregates."""

from common.http.validation import Schema
from services.scheduler.api.schemas.common import TEXT, UUID, body, query

_NAME = {"type": "string", "maxLength": 200}
_PARENT = {"anyOf": [UUID, {"type": "null"}]}

CREATE = {"1.0": Schema(body({"name": _NAME, "uuid": UUID}, ["name"])),
          "1.14": Schema(body({"name": _NAME, "uuid": UUID, "parent_provider_uuid": _PARENT}, ["name"]))}
UPDATE = {"1.0": Schema(body({"name": _NAME}, ["name"])),
          "1.14": Schema(body({"name": _NAME, "parent_provider_uuid": _PARENT}, ["name"]))}

_1_0 = {"name": TEXT, "uuid": UUID}
_1_3 = {**_1_0, "member_of": TEXT}
_1_4 = {**_1_3, "resources": TEXT}
_1_14 = {**_1_4, "in_tree": UUID}
_1_18 = {**_1_14, "required": TEXT}
LIST = {"1.0": query(_1_0), "1.3": query(_1_3), "1.4": query(_1_4), "1.14": query(_1_14), "1.18": query(_1_18)}

_UUIDS = {"type": "array", "items": UUID, "uniqueItems": True}
AGGREGATES = {
    "1.1": Schema(_UUIDS),
    "1.19": Schema(body({"aggregates": _UUIDS, "resource_provider_generation": {"type": "integer"}},
                        ["aggregates", "resource_provider_generation"])),
}
_TRAIT = {"type": "string", "minLength": 1, "maxLength": 255}
TRAITS = Schema(body({"traits": {"type": "array", "items": _TRAIT}, "resource_provider_generation": {"type": "integer"}},
                     ["traits", "resource_provider_generation"]))
