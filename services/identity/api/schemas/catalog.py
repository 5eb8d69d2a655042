"""Bodies of regions, services and endpoints."""

from typing import Any

from services.identity.api.schemas import BOOLEAN, TEXT_OR_NULL, name, wrap

_REGION: dict[str, Any] = {
    "id": {"type": ["string", "null"], "maxLength": 255}, "description": TEXT_OR_NULL,
    "parent_region_id": {"type": ["string", "null"], "maxLength": 255},
}
CREATE_REGION = wrap("region", _REGION)
UPDATE_REGION = wrap("region", _REGION, minProperties=1)

_SERVICE: dict[str, Any] = {"type": name(), "name": name(),
                            "description": TEXT_OR_NULL, "enabled": BOOLEAN}
CREATE_SERVICE = wrap("service", _SERVICE, ("type",))
UPDATE_SERVICE = wrap("service", _SERVICE, minProperties=1)

_ENDPOINT: dict[str, Any] = {
    "interface": {"type": "string", "enum": ["admin", "internal", "public"]}, "service_id": {"type": "string"},
    "region_id": {"type": ["string", "null"]}, "region": {"type": ["string", "null"]}, "enabled": BOOLEAN,
    "url": {"type": "string", "maxLength": 225, "pattern": r"^[a-zA-Z0-9+.-]+:.+"},
    "name": {"type": "string"}, "description": TEXT_OR_NULL,
}
CREATE_ENDPOINT = wrap("endpoint", _ENDPOINT, ("interface", "service_id", "url"))
UPDATE_ENDPOINT = wrap("endpoint", _ENDPOINT, minProperties=1)
