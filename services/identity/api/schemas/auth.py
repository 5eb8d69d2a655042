"""POST /v3/auth/tokens."""

from typing import Any

from common.http.validation import Schema

_NAMED: dict[str, Any] = {"type": "object", "properties": {"id": {"type": "string"}, "name": {"type": "string"}}}
_DOMAIN = {**_NAMED, "anyOf": [{"required": ["id"]}, {"required": ["name"]}]}
_PROJECT = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "name": {"type": "string"}, "domain": _DOMAIN},
    "anyOf": [{"required": ["id"]}, {"required": ["name", "domain"]}],
}
_USER = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "name": {"type": "string"}, "password": {"type": "string"},
                   "passcode": {"type": "string"}, "domain": _NAMED},
}
_SCOPE = {
    "anyOf": [
        {"type": "string", "enum": ["unscoped"]},
        {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": False, "properties": {
            "project": _PROJECT, "domain": _DOMAIN, "unscoped": {"type": "object"},
            "OS-TRUST:trust": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]},
            "system": {"type": "object", "properties": {"all": {"enum": [True]}}, "required": ["all"]},
        }},
    ],
}
ISSUE = Schema({
    "type": "object", "required": ["auth"], "properties": {"auth": {
        "type": "object", "required": ["identity"], "properties": {
            "identity": {
                "type": "object", "required": ["methods"], "properties": {
                    "methods": {"type": "array", "items": {"type": "string"}},
                    "password": {"type": "object", "properties": {"user": _USER}},
                    "token": {"type": "object", "properties": {"id": {"type": "string"}}},
                    "totp": {"type": "object", "properties": {"user": _USER}},
                    "application_credential": {"type": "object", "properties": {
                        "id": {"type": "string"}, "name": {"type": "string"}, "secret": {"type": "string"},
                        "user": _USER}},
                },
            },
            "scope": _SCOPE,
        },
    }},
})
