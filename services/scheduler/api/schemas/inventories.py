"""Schemas of inventories."""

from common.http.validation import Schema
from services.scheduler.api.schemas.common import INT_MAX, NAME_PATTERN, body

_GENERATION = {"type": "integer"}
FIELDS = {
    "resource_provider_generation": _GENERATION,
    "total": {"type": "integer", "minimum": 1, "maximum": INT_MAX},
    "reserved": {"type": "integer", "minimum": 0, "maximum": INT_MAX},
    "min_unit": {"type": "integer", "minimum": 1, "maximum": INT_MAX},
    "max_unit": {"type": "integer", "minimum": 1, "maximum": INT_MAX},
    "step_size": {"type": "integer", "minimum": 1, "maximum": INT_MAX},
    "allocation_ratio": {"type": "number", "maximum": 3.40282e+38},
}
CREATE = Schema(body({**FIELDS, "resource_class": {"type": "string", "pattern": NAME_PATTERN}},
                     ["total", "resource_class"]))
UPDATE = Schema(body(FIELDS, ["total", "resource_provider_generation"]))
SET_ALL_DOCUMENT = body({
    "resource_provider_generation": _GENERATION,
    "inventories": {"type": "object", "patternProperties": {NAME_PATTERN: body(FIELDS, ["total"])},
                    "additionalProperties": False},
}, ["resource_provider_generation", "inventories"])
SET_ALL = Schema(SET_ALL_DOCUMENT)
