"""Bodies of groups."""

from services.identity.api.schemas import CLOSED, ID, TEXT_OR_NULL, name, wrap

_GROUP = {"name": name(), "description": TEXT_OR_NULL}
CREATE = wrap("group", {**_GROUP, "domain_id": ID}, ("name",), root=CLOSED)
UPDATE = wrap("group", _GROUP, minProperties=1, root=CLOSED)
