"""Bodies of endpoint groups; what the filters may be about is said by the handler, in upstream's words."""

from services.identity.api.schemas import BOOLEAN, CLOSED, CLOSED_FIRST, TEXT, TEXT_OR_NULL, name, wrap

_GROUP = {"name": name(), "description": TEXT_OR_NULL, "filters": {"type": "object", "properties": {
    "interface": {"type": "string", "enum": ["admin", "internal", "public"]}, "service_id": TEXT, "region_id": TEXT_OR_NULL,
    "enabled": BOOLEAN}}}
CREATE = wrap("endpoint_group", _GROUP, ("name", "filters"), additional=False, root=CLOSED_FIRST)
UPDATE = wrap("endpoint_group", _GROUP, additional=False, minProperties=1, root=CLOSED)
