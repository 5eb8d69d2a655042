"""Attributes of networks, and of the subnets in them."""

from services.network.api.attributes import (
    ABSENT,
    BOOLEAN,
    CIDR,
    INTEGER,
    IP,
    REQUIRED,
    STANDARD,
    STRING,
    STRING_OR_NULL,
    TAGGED,
    UUID,
    UUID_OR_NULL,
    Attr,
    Resource,
    boolean,
    flag,
    number,
    shown,
    text,
)

NULL_OR_NUMBER = {"anyOf": [{"type": "null"}, INTEGER]}
NETWORK = Resource("network", "networks", {
    **STANDARD, **TAGGED,
    "name": Attr(STRING_OR_NULL, "", convert=text),
    "admin_state_up": flag(True),
    "shared": flag(False, guard=True, column=""),
    "router:external": flag(False, guard=True, column="external"),
    "is_default": flag(False, guard=True),
    "port_security_enabled": flag(True, guard=True),
    "mtu": Attr({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]}, ABSENT, convert=number),
    "dns_domain": Attr({"type": "string", "maxLength": 255, "pattern": r"^$|^([A-Za-z0-9_-]{1,63}\.)+$|^.*<[a-z_]+>.*$"}, ""),
    "availability_zone_hints": Attr({"type": "array", "items": STRING}, [], put=False, column=""),
    "provider:network_type": Attr(STRING_OR_NULL, guard=True, hide=True, column="network_type"),
    "provider:physical_network": Attr(STRING_OR_NULL, guard=True, hide=True, column="physical_network"),
    "provider:segmentation_id": Attr(NULL_OR_NUMBER, guard=True, hide=True, convert=number, column="segmentation_id"),
    "status": shown(), "subnets": shown(""), "availability_zones": shown(""), "qos_policy_id": shown(""),
    "ipv4_address_scope": shown(""), "ipv6_address_scope": shown(""),
})

POOLS = {"anyOf": [{"type": "null"}, {"type": "array", "items": {
    "type": "object", "required": ["start", "end"], "additionalProperties": False,
    "properties": {"start": IP, "end": IP}}}]}
ROUTES = {"anyOf": [{"type": "null"}, {"type": "array", "uniqueItems": True, "items": {
    "type": "object", "required": ["destination", "nexthop"], "additionalProperties": False,
    "properties": {"destination": CIDR, "nexthop": IP}}}]}
MODE = {"enum": ["slaac", "dhcpv6-stateful", "dhcpv6-stateless", None]}
LENGTH = {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 128}, {"type": "string", "pattern": "^[0-9]{1,3}$"}]}


def many(value: object) -> list[object]:
    """A list; null means empty."""
    return list(value) if isinstance(value, list) else []


SUBNET = Resource("subnet", "subnets", {
    **STANDARD, **TAGGED,
    "name": Attr(STRING_OR_NULL, "", convert=text),
    "network_id": Attr(UUID, REQUIRED, put=False),
    "ip_version": Attr({"enum": [4, 6, "4", "6"]}, REQUIRED, put=False, convert=number),
    "cidr": Attr({"anyOf": [{"type": "null"}, CIDR]}, ABSENT, put=False),
    "prefixlen": Attr(LENGTH, ABSENT, put=False, convert=number, column=""),
    "subnetpool_id": Attr(UUID_OR_NULL, ABSENT, put=False),
    "use_default_subnetpool": Attr(BOOLEAN, False, put=False, convert=boolean, column=""),
    "gateway_ip": Attr({"anyOf": [{"type": "null"}, IP]}, ABSENT),
    "allocation_pools": Attr(POOLS, ABSENT, column=""),
    "dns_nameservers": Attr({"anyOf": [{"type": "null"}, {"type": "array", "items": IP, "uniqueItems": True}]}, [],
                            convert=many, column=""),
    "host_routes": Attr(ROUTES, [], convert=many, column=""),
    "enable_dhcp": flag(True),
    "ipv6_ra_mode": Attr(MODE, ABSENT), "ipv6_address_mode": Attr(MODE, ABSENT),
    "service_types": Attr({"type": "array", "items": STRING, "uniqueItems": True}, [], guard=True, column=""),
    "segment_id": shown("", hide=True),
    "dns_publish_fixed_ip": flag(False),
    "router:external": shown(""),
})
