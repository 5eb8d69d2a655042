"""Attributes of security groups, their rules, the rules that new groups start with, and address groups."""

from services.network.api.attributes import (
    CIDR,
    INTEGER,
    REQUIRED,
    STANDARD,
    STRING_OR_NULL,
    TAGGED,
    UUID,
    UUID_OR_NULL,
    Attr,
    Resource,
    flag,
    number,
    shown,
    text,
)

GROUP = Resource("security_group", "security_groups", {
    **STANDARD, **TAGGED,
    "name": Attr(STRING_OR_NULL, "", convert=text),
    "stateful": flag(True),
    "security_group_rules": shown(""), "shared": shown(""), "is_default": shown(),
})

PORT_NUMBER = {"anyOf": [{"type": "null"}, INTEGER]}
_RULE = {
    "direction": Attr({"enum": ["ingress", "egress"]}, REQUIRED, put=False),
    "ethertype": Attr(STRING_OR_NULL, "IPv4", put=False),
    "protocol": Attr({"type": ["string", "integer", "null"]}, None, put=False),
    "port_range_min": Attr(PORT_NUMBER, None, put=False, convert=number),
    "port_range_max": Attr(PORT_NUMBER, None, put=False, convert=number),
    "remote_ip_prefix": Attr(STRING_OR_NULL, None, put=False),
    "remote_address_group_id": Attr(UUID_OR_NULL, None, put=False),
}
RULE = Resource("security_group_rule", "security_group_rules", {
    **STANDARD, **_RULE,
    "security_group_id": Attr(UUID, REQUIRED, put=False),
    "remote_group_id": Attr(STRING_OR_NULL, None, put=False),
    "normalized_cidr": shown(""), "belongs_to_default_sg": shown(),
})
TEMPLATE = Resource("default_security_group_rule", "default_security_group_rules", {
    "id": shown(), "description": Attr(STRING_OR_NULL, "", convert=text), **_RULE,
    "remote_group_id": Attr({"anyOf": [UUID_OR_NULL, {"enum": ["PARENT"]}]}, None, put=False),
    "used_in_default_sg": flag(False, put=False), "used_in_non_default_sg": flag(True, put=False),
})
ADDRESSES = {"type": "array", "items": {"anyOf": [CIDR, {"type": "string", "format": "ip-address"}]}}
ADDRESS_GROUP = Resource("address_group", "address_groups", {
    **STANDARD,
    "name": Attr(STRING_OR_NULL, "", convert=text),
    "addresses": Attr(ADDRESSES, [], put=False, column=""),
    "shared": shown(""),
})
