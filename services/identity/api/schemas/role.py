"""Bodies of roles."""

from services.identity.api.schemas import CLOSED, ID_OR_NULL, TEXT_OR_NULL, name, wrap

_OPTIONS = {"type": "object", "properties": {"immutable": {"type": ["boolean", "null"]}}, "additionalProperties": False}
_ROLE = {"name": name(), "description": TEXT_OR_NULL, "domain_id": ID_OR_NULL, "options": _OPTIONS}
CREATE = wrap("role", _ROLE, ("name",), root=CLOSED)
UPDATE = wrap("role", _ROLE, minProperties=1, root=CLOSED)
