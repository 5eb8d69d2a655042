"""Bodies of limits and registered limits."""

from typing import Any

from common.http.validation import Schema
from services.identity.api.schemas import CLOSED, CLOSED_FIRST, DESCRIPTION, ID_OR_NULL, REGION_ID_OR_NULL, around, name, wrap

_NUMBER = {"type": "integer", "minimum": -1, "maximum": 0x7FFFFFFF}
_PLACE: dict[str, Any] = {"service_id": {"type": "string", "format": "uuid"}, "region_id": REGION_ID_OR_NULL,
                          "resource_name": name(), "description": DESCRIPTION}
_REGISTERED = {**_PLACE, "default_limit": _NUMBER}
_LIMIT = {**_PLACE, "project_id": ID_OR_NULL, "domain_id": ID_OR_NULL, "resource_limit": _NUMBER}


def _several(key: str, properties: dict[str, Any], required: list[str]) -> Schema:
    item = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return around(key, {"type": "array", "items": item, "minItems": 1}, CLOSED)


REGISTER = _several("registered_limits", _REGISTERED, ["service_id", "resource_name", "default_limit"])
UPDATE_REGISTERED = wrap("registered_limit", _REGISTERED, additional=False, root=CLOSED_FIRST)
CREATE = _several("limits", _LIMIT, ["service_id", "resource_name", "resource_limit"])
ONE_OWNER = Schema({"properties": {"limits": {"items": {"oneOf": [{"required": ["project_id"]}, {"required": ["domain_id"]}]}}}})
"""What upstream asks of a new limit after everything else."""
UPDATE = wrap("limit", {"resource_limit": _NUMBER, "description": DESCRIPTION}, additional=False, root=CLOSED_FIRST)
