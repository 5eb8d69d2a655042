"""Bodies of application credentials."""

from typing import Any

from services.identity.api.schemas import CLOSED, NAME, TEXT, TEXT_OR_NULL, name, wrap

ROLES: dict[str, Any] = {"type": "array", "items": {
    "type": "object", "properties": {"id": NAME, "name": NAME}, "minProperties": 1, "maxProperties": 1,
    "additionalProperties": False}}
_RULE: dict[str, Any] = {
    "type": "object", "additionalProperties": False, "properties": {
        "id": TEXT, "service": {"type": "string", "minLength": 1, "maxLength": 64},
        "path": {"type": "string", "pattern": r"^/\.*"},
        "method": {"type": "string", "enum": ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"]}}}
CREATE = wrap("application_credential", {
    "name": name(), "description": TEXT_OR_NULL, "secret": TEXT_OR_NULL, "expires_at": TEXT_OR_NULL,
    "unrestricted": {"type": ["boolean", "null"]}, "roles": ROLES, "access_rules": {"type": "array", "items": _RULE},
    "project_id": TEXT, "id": TEXT,
}, ("name",), additional=False, root=CLOSED)
