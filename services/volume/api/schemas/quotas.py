"""Bodies of quota sets and classes."""

from services.volume.api.schemas.base import wrapped

_LIMITS = {
    "type": "object",
    "additionalProperties": {"type": ["integer", "string"], "pattern": "^-?[0-9]+$", "minimum": -1, "maximum": 0x7FFFFFFF},
    "properties": {
        "tenant_id": {"type": "string"},
        "force": {"type": ["boolean", "string"]},
        "skip_validation": {"type": ["boolean", "string"]},
        "class_name": {"type": "string"},
    },
}
UPDATE = wrapped("quota_set", _LIMITS)
UPDATE_CLASS = wrapped("quota_class_set", _LIMITS)
