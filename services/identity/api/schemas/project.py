"""Bodies of projects, domains and tags."""

from typing import Any

from common.http.validation import Schema
from services.identity.api.schemas import CLOSED, CLOSED_FIRST, DESCRIPTION, FLAG, ID, ID_OR_NULL, TEXT_OR_NULL, name, wrap

TAG = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[^,/]*$"}
_TAGS = {"type": "array", "items": TAG, "maxItems": 80, "uniqueItems": True}
_OPTIONS = {"type": "object", "properties": {"immutable": {"type": ["boolean", "null"]}}, "additionalProperties": False}
_COMMON: dict[str, Any] = {"name": name(64), "description": TEXT_OR_NULL, "enabled": FLAG, "options": _OPTIONS,
                           "tags": _TAGS}
_PROJECT = {**_COMMON, "domain_id": ID_OR_NULL, "parent_id": ID_OR_NULL, "is_domain": FLAG}
_DOMAIN = {**_COMMON, "description": DESCRIPTION}

CREATE = wrap("project", _PROJECT, ("name",), root=CLOSED_FIRST)
UPDATE = wrap("project", _COMMON, root=CLOSED_FIRST)
CREATE_DOMAIN = wrap("domain", {**_DOMAIN, "explicit_domain_id": ID}, ("name",), root=CLOSED)
UPDATE_DOMAIN = wrap("domain", _DOMAIN, minProperties=1, root=CLOSED)
TAGS = Schema({"type": "object", "additionalProperties": False, "properties": {"tags": _TAGS}, "required": ["tags"]})
ONE_TAG, ALL_TAGS = Schema(TAG), Schema(_TAGS)
