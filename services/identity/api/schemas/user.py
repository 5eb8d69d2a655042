"""Bodies of users."""

from typing import Any

from services.identity.api.schemas import CLOSED, FLAG, ID, TEXT_OR_NULL, name, wrap

_FLAG = {"type": ["boolean", "null"]}
_OPTIONS: dict[str, Any] = {
    "type": "object", "additionalProperties": False, "properties": {
        "ignore_change_password_upon_first_use": _FLAG, "ignore_password_expiry": _FLAG,
        "ignore_lockout_failure_attempts": _FLAG, "lock_password": _FLAG, "ignore_user_inactivity": _FLAG,
        "multi_factor_auth_enabled": _FLAG,
        "multi_factor_auth_rules": {"type": ["array", "null"], "items": {
            "type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True}, "uniqueItems": True},
    },
}
_USER: dict[str, Any] = {
    "name": name(), "default_project_id": TEXT_OR_NULL, "description": TEXT_OR_NULL, "domain_id": ID, "enabled": FLAG,
    "password": TEXT_OR_NULL, "options": _OPTIONS, "federated": {"type": "array", "maxItems": 0},
}
CREATE = wrap("user", _USER, ("name",), root=CLOSED)
UPDATE = wrap("user", _USER, minProperties=1, root=CLOSED)
PASSWORD = wrap("user", {"original_password": {"type": "string"}, "password": {"type": "string"}},
                ("original_password", "password"), additional=False)
