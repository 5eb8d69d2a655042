"""Attributes of routers and floating IPs, and the bodies of what is done with them."""

from common.http.validation import Schema
from services.network.api.attributes import (
    ABSENT,
    ANYTHING,
    BOOLEAN,
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
    shown,
    text,
)
from services.network.api.schemas.networks import ROUTES

GATEWAY = {"anyOf": [{"type": "null"}, {"type": "object", "additionalProperties": False, "properties": {
    "network_id": UUID_OR_NULL, "enable_snat": BOOLEAN, "qos_policy_id": {"type": "null"},
    "external_fixed_ips": {"anyOf": [{"type": "null"}, {"type": "array", "items": {
        "type": "object", "additionalProperties": False, "properties": {"subnet_id": UUID, "ip_address": IP}}}]}}}]}


def gateway(value: object) -> object:
    """external_gateway_info with its boolean converted."""
    if isinstance(value, dict) and "enable_snat" in value:
        return {**value, "enable_snat": boolean(value["enable_snat"])}
    return value


ROUTER = Resource("router", "routers", {
    **STANDARD, **TAGGED,
    "name": Attr(STRING_OR_NULL, "", convert=text),
    "admin_state_up": flag(True),
    "external_gateway_info": Attr(GATEWAY, ABSENT, convert=gateway, column=""),
    "distributed": Attr({"anyOf": [BOOLEAN, {"type": "null"}]}, ABSENT, convert=boolean, guard=True, hide=True, column=""),
    "ha": Attr({"anyOf": [BOOLEAN, {"type": "null"}]}, ABSENT, convert=boolean, guard=True, hide=True, column=""),
    "routes": Attr(ROUTES, post=False, column=""),
    "availability_zone_hints": Attr({"type": "array", "items": STRING}, [], put=False, column=""),
    "availability_zones": shown(""), "status": shown(), "flavor_id": shown(""),
})
FLOATING_IP = Resource("floatingip", "floatingips", {
    **STANDARD, **TAGGED,
    "floating_network_id": Attr(UUID, REQUIRED, put=False),
    "floating_ip_address": Attr({"anyOf": [{"type": "null"}, IP]}, ABSENT, put=False, guard=True),
    "subnet_id": Attr(UUID_OR_NULL, ABSENT, put=False, column=""),
    "port_id": Attr(UUID_OR_NULL, ABSENT, column="fixed_port_id"),
    "fixed_ip_address": Attr({"anyOf": [{"type": "null"}, IP]}, ABSENT),
    "dns_name": Attr(STRING, "", put=False), "dns_domain": Attr(STRING, "", put=False),
    "router_id": shown(), "status": shown(), "port_details": shown(""), "port_forwardings": shown(""),
    "qos_policy_id": shown(""),
})
PORT_NUMBER = {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 65535}, {"type": "string", "pattern": "^[0-9]{1,5}$"}]}
PORT_FORWARDING = Resource("port_forwarding", "port_forwardings", {
    "id": shown(), "description": Attr(STRING_OR_NULL, "", convert=text),
    "internal_port_id": Attr(UUID, REQUIRED), "internal_ip_address": Attr({"type": "string", "format": "ipv4"}, ABSENT),
    "internal_port": Attr(PORT_NUMBER, REQUIRED, convert=int), "external_port": Attr(PORT_NUMBER, REQUIRED, convert=int),
    "protocol": Attr({"enum": ["tcp", "udp", "sctp"]}, REQUIRED),
})
INTERFACE = Schema({"type": "object", "additionalProperties": False, "properties": {
    "subnet_id": UUID, "port_id": UUID, "id": ANYTHING}})
EXTRA_ROUTES = Schema({"type": "object", "required": ["router"], "properties": {"router": {
    "type": "object", "required": ["routes"], "additionalProperties": False, "properties": {"routes": ROUTES}}}})
