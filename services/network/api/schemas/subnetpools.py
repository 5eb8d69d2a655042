"""Attributes of subnet pools, address scopes and RBAC policies."""

from common.http.validation import Schema
from services.network.api.attributes import (
    ABSENT,
    BOOLEAN,
    CIDR,
    REQUIRED,
    STANDARD,
    STRING,
    STRING_OR_NULL,
    TAGGED,
    UUID,
    UUID_OR_NULL,
    Attr,
    Resource,
    flag,
    number,
    shown,
)
from services.network.api.schemas.networks import LENGTH, NULL_OR_NUMBER

PREFIXES = {"type": "array", "items": CIDR}
POOL = Resource("subnetpool", "subnetpools", {
    **STANDARD, **TAGGED,
    "name": Attr({"type": "string", "maxLength": 255}, REQUIRED),
    "prefixes": Attr(PREFIXES, REQUIRED, column=""),
    "default_prefixlen": Attr(LENGTH, ABSENT, convert=number), "min_prefixlen": Attr(LENGTH, ABSENT, convert=number),
    "max_prefixlen": Attr(LENGTH, ABSENT, convert=number),
    "default_quota": Attr(NULL_OR_NUMBER, None, convert=number),
    "is_default": flag(False, guard=True),
    "shared": flag(False, put=False, guard=True, column=""),
    "address_scope_id": Attr(UUID_OR_NULL, ABSENT),
    "ip_version": shown(),
})
SCOPE = Resource("address_scope", "address_scopes", {
    **STANDARD,
    "name": Attr(STRING_OR_NULL, ""), "ip_version": Attr({"enum": [4, 6]}, 4, put=False),
    "shared": Attr(BOOLEAN, False, put=False, guard=True, column=""),
})
RBAC = Resource("rbac_policy", "rbac_policies", {
    "id": shown(), "project_id": STANDARD["project_id"], "tenant_id": STANDARD["tenant_id"],
    "object_type": Attr(STRING, REQUIRED, put=False), "object_id": Attr(UUID, REQUIRED, put=False),
    "action": Attr(STRING, REQUIRED, put=False),
    "target_tenant": Attr(STRING, REQUIRED, guard=True, column="target_project"),
    "target_project": shown("target_project"),
})
PREFIX_CHANGE = Schema({"type": "object", "required": ["subnetpool"], "properties": {"subnetpool": {
    "type": "object", "required": ["prefixes"], "properties": {"prefixes": PREFIXES}}}})
