"""Bodies of services and hosts."""

from common.http.validation import Schema

_HOST = {"type": "string", "minLength": 1, "maxLength": 255}
_SERVICE = {"host": _HOST, "binary": {"type": "string"}, "service": {"type": "string"}, "cluster": {"type": ["string", "null"]}}
ENABLE = Schema({"type": "object", "properties": _SERVICE, "required": ["host"], "additionalProperties": False})
DISABLE_REASON = Schema(
    {
        "type": "object",
        "required": ["host", "disabled_reason"],
        "additionalProperties": False,
        "properties": {**_SERVICE, "disabled_reason": {"type": "string", "minLength": 1, "maxLength": 255, "format": "name"}},
    }
)
HOST_UPDATE = Schema(
    {
        "type": "object",
        "properties": {"status": {"type": "string", "enum": ["enable", "disable"]}},
        "required": ["status"],
        "additionalProperties": False,
    }
)
