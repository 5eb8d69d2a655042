"""Bodies of volume types, their encryption, access, defaults and quality of service."""

from common.http.validation import Schema
from services.volume.api.schemas.base import BOOLEAN, NAME, SPECS, body, value, wrapped

_PROJECT = {"type": "string", "minLength": 1, "maxLength": 255}
CREATE = body(
    "volume_type",
    {
        "name": {"type": "string", "minLength": 1, "maxLength": 255},
        "description": NAME,
        "os-volume-type-access:is_public": BOOLEAN,
        "extra_specs": {**SPECS, "type": ["object", "null"]},
    },
    required=("name",),
)
UPDATE = body("volume_type", {"name": NAME, "description": NAME, "is_public": BOOLEAN})
SET_SPECS = Schema(
    {"type": "object", "properties": {"extra_specs": SPECS}, "required": ["extra_specs"], "additionalProperties": False}
)
SET_SPEC = Schema({**SPECS, "minProperties": 1, "maxProperties": 1})
_ENCRYPTION = {
    "provider": {"type": "string", "minLength": 1, "maxLength": 255},
    "control_location": {"type": "string", "enum": ["front-end", "back-end"]},
    "cipher": {"type": ["string", "null"], "maxLength": 255},
    "key_size": {"type": ["integer", "string", "null"], "minimum": 0, "pattern": "^[0-9]+$"},
}
ENCRYPT = body("encryption", _ENCRYPTION, required=("provider", "control_location"), extra=True)
UPDATE_ENCRYPTION = body("encryption", _ENCRYPTION, extra=True)
ADD_ACCESS = value({"project": _PROJECT}, required=("project",))
REMOVE_ACCESS = value({"project": _PROJECT}, required=("project",))
SET_DEFAULT = body(
    "default_type", {"volume_type": {"type": "string", "minLength": 1, "maxLength": 255}}, required=("volume_type",)
)
_QOS_SPECS = {"type": "object", "additionalProperties": {"type": ["string", "null"], "maxLength": 255}}
QOS_CREATE = wrapped(
    "qos_specs",
    {
        **_QOS_SPECS,
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 255, "format": "name"},
            "consumer": {"type": ["string", "null"], "enum": ["back-end", "front-end", "both", None]},
        },
        "required": ["name"],
    },
)
QOS_SET = wrapped("qos_specs", {**_QOS_SPECS, "minProperties": 1})
QOS_DELETE_KEYS = Schema(
    {
        "type": "object",
        "properties": {
            "keys": {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1, "uniqueItems": True}
        },
        "required": ["keys"],
        "additionalProperties": False,
    }
)
