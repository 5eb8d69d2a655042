"""Bodies of limits and registered limits."""

from typing import Any

from common.http.validation import Schema
from services.identity.api.schemas import TEXT_OR_NULL, name, wrap

_NUMBER = {"type": "integer", "minimum": -1, "maximum": 0x7FFFFFFF}
_PLACE: dict[str, Any] = {"service_id": {"type": "string", "format": "uuid"}, "region_id": {"type": ["string", "null"]},
                          "resource_name": name(), "description": TEXT_OR_NULL}
_REGISTERED = {**_PLACE, "default_limit": _NUMBER}
_LIMIT = {**_PLACE, "project_id": {"type": ["string", "null"]}, "domain_id": {"type": ["string", "null"]},
          "resource_limit": _NUMBER}


def _several(key: str, properties: dict[str, Any], required: list[str], **more: Any) -> Schema:
    item = {"type": "object", "properties": properties, "required": required, "additionalProperties": False, **more}
    return Schema({"type": "object", "required": [key], "properties": {
        key: {"type": "array", "items": item, "minItems": 1}}})


REGISTER = _several("registered_limits", _REGISTERED, ["service_id", "resource_name", "default_limit"])
UPDATE_REGISTERED = wrap("registered_limit", _REGISTERED, additional=False)
_ONE_OWNER = {"oneOf": [{"required": ["project_id"], "properties": {"project_id": {"type": "string"}}},
                        {"required": ["domain_id"], "properties": {"domain_id": {"type": "string"}}}]}
CREATE = _several("limits", _LIMIT, ["service_id", "resource_name", "resource_limit"], **_ONE_OWNER)
UPDATE = wrap("limit", {"resource_limit": _NUMBER, "description": TEXT_OR_NULL}, additional=False)
