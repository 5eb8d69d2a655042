"""Bodies of projects, domains and tags."""

from typing import Any

from common.http.validation import Schema
from services.identity.api.schemas import BOOLEAN, ID_OR_NULL, TEXT_OR_NULL, name, wrap

TAG = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[^,/]*$"}
_TAGS = {"type": "array", "items": TAG, "maxItems": 80, "uniqueItems": True}
_OPTIONS = {"type": "object", "properties": {"immutable": {"type": ["boolean", "null"]}}, "additionalProperties": False}
_COMMON: dict[str, Any] = {"name": name(64), "description": TEXT_OR_NULL, "enabled": BOOLEAN, "options": _OPTIONS,
                           "tags": _TAGS}
_PROJECT = {**_COMMON, "domain_id": ID_OR_NULL, "parent_id": ID_OR_NULL, "is_domain": BOOLEAN}
_DOMAIN = {**_COMMON, "explicit_domain_id": {"type": "string"}}

CREATE = wrap("project", _PROJECT, ("name",))
UPDATE = wrap("project", _PROJECT)
CREATE_DOMAIN = wrap("domain", _DOMAIN, ("name",))
UPDATE_DOMAIN = wrap("domain", _COMMON, minProperties=1)
TAGS = Schema({"type": "object", "properties": {"tags": _TAGS}, "required": ["tags"], "additionalProperties": False})
