"""Bodies of policies."""

from services.identity.api.schemas import name, wrap

_POLICY = {"blob": {"type": "string"}, "type": name()}
CREATE = wrap("policy", _POLICY, ("blob", "type"))
UPDATE = wrap("policy", _POLICY, minProperties=1)
