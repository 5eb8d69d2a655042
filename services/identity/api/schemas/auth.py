"""POST /v3/auth/tokens: the types of what it may hold; what it must hold is `domain.auth_body`'s."""

from typing import Any

from common.http.validation import Schema

_TEXT = {"type": "string"}
_NAMED: dict[str, Any] = {"type": "object", "properties": {"id": _TEXT, "name": _TEXT}}
_NAMED_IN_DOMAIN = {"type": "object", "properties": {"id": _TEXT, "name": _TEXT, "domain": _NAMED}}
_USER = {"type": "object", "properties": {"id": _TEXT, "name": _TEXT, "password": _TEXT, "domain": _NAMED}}
_WHO = {"type": ["object", "null"], "properties": {"domain": {"type": ["object", "null"]}}}
_SCOPE = {"anyOf": [_TEXT, {"type": "object", "properties": {
    "project": _NAMED_IN_DOMAIN, "domain": _NAMED, "OS-TRUST:trust": {"type": "object", "properties": {"id": _TEXT}},
    "system": {"type": "object", "properties": {"all": {"type": "boolean"}}},
}}]}
_IDENTITY = {
    "type": "object", "required": ["methods"], "properties": {
        "methods": {"type": "array", "items": _TEXT},
        "password": {"type": "object", "properties": {"user": _USER}},
        "token": {"type": "object", "properties": {"id": _TEXT}},
        "totp": {"type": "object", "properties": {"user": _WHO}},
        "application_credential": {"type": "object", "properties": {"user": _WHO}},
    },
}
ISSUE = Schema({"type": "object", "required": ["auth"], "properties": {"auth": {
    "type": "object", "required": ["identity"], "properties": {"identity": _IDENTITY, "scope": _SCOPE}}}})
