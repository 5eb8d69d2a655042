"""Bodies of regions, services and endpoints."""

from typing import Any

from services.identity.api.schemas import (
    BOOLEAN,
    CLOSED,
    CLOSED_FIRST,
    DESCRIPTION,
    NAME,
    REGION_ID_OR_NULL,
    TEXT,
    TEXT_OR_NULL,
    wrap,
)

_REGION: dict[str, Any] = {"description": DESCRIPTION, "parent_region_id": REGION_ID_OR_NULL}
CREATE_REGION = wrap("region", {**_REGION, "id": {"type": ["string", "null"], "maxLength": 255}})
UPDATE_REGION = wrap("region", {**_REGION, "id": REGION_ID_OR_NULL}, minProperties=1, root=CLOSED)

_SERVICE: dict[str, Any] = {"type": NAME, "name": NAME, "enabled": BOOLEAN}
CREATE_SERVICE = wrap("service", _SERVICE, ("type",))
UPDATE_SERVICE = wrap("service", _SERVICE, minProperties=1)

_ENDPOINT: dict[str, Any] = {
    "interface": {"type": "string", "enum": ["admin", "internal", "public"]}, "service_id": TEXT,
    "region_id": TEXT_OR_NULL, "region": TEXT_OR_NULL, "enabled": BOOLEAN,
    "legacy_endpoint_id": {"type": ["string", "null", "number", "boolean"]},
    "url": {"type": "string", "maxLength": 225, "pattern": r"^[a-zA-Z0-9+.-]+:.+"}, "name": TEXT, "description": TEXT_OR_NULL,
}
CREATE_ENDPOINT = wrap("endpoint", {**_ENDPOINT, "id": TEXT}, ("interface", "service_id", "url"), root=CLOSED_FIRST)
UPDATE_ENDPOINT = wrap("endpoint", _ENDPOINT, minProperties=1, root=CLOSED)
