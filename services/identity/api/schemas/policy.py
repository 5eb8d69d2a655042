"""Bodies of policies."""

from services.identity.api.schemas import TEXT, wrap

_POLICY = {"blob": TEXT, "type": {"type": "string", "maxLength": 255}}
CREATE = wrap("policy", _POLICY, ("blob", "type"))
UPDATE = wrap("policy", _POLICY, minProperties=1)
