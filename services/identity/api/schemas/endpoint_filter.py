"""Bodies of endpoint groups."""

from services.identity.api.schemas import TEXT_OR_NULL, name, wrap

_GROUP = {"name": name(), "description": TEXT_OR_NULL, "filters": {
    "type": "object", "additionalProperties": False, "properties": {
        "interface": {"type": "string", "enum": ["admin", "internal", "public"]}, "service_id": {"type": "string"},
        "region_id": {"type": "string"}, "enabled": {"type": "boolean"}}}}
CREATE = wrap("endpoint_group", _GROUP, ("name", "filters"))
UPDATE = wrap("endpoint_group", _GROUP, minProperties=1)
