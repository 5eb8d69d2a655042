"""Bodies of groups."""

from services.identity.api.schemas import ID, TEXT_OR_NULL, name, wrap

_GROUP = {"name": name(64), "description": TEXT_OR_NULL, "domain_id": ID}
CREATE = wrap("group", _GROUP, ("name",))
UPDATE = wrap("group", _GROUP, minProperties=1)
