"""Attributes of ports."""

from typing import Any

from common.http.validation import Schema
from services.network.api.attributes import (
    ABSENT,
    INTEGER,
    IP,
    REQUIRED,
    STANDARD,
    STRING,
    STRING_OR_NULL,
    TAGGED,
    UUID,
    Attr,
    Resource,
    flag,
    shown,
    text,
)
from services.network.api.schemas.networks import many

GROUPS = {"anyOf": [{"type": "null"}, {"type": "array", "items": UUID, "uniqueItems": True}]}
MAC = {"type": "string", "pattern": "^([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}$"}
FIXED_IPS = {"anyOf": [{"type": "null"}, {"type": "array", "items": {
    "type": "object", "additionalProperties": False, "properties": {"subnet_id": UUID, "ip_address": IP}}}]}
PAIRS = {"anyOf": [{"type": "null"}, {"type": "array", "items": {
    "type": "object", "required": ["ip_address"], "additionalProperties": False,
    "properties": {"ip_address": {"anyOf": [IP, {"type": "string", "format": "cidr"}]}, "mac_address": MAC}}}]}
DHCP_OPTS = {"anyOf": [{"type": "null"}, {"type": "array", "items": {
    "type": "object", "required": ["opt_name"], "additionalProperties": False,
    "properties": {"opt_name": {"type": "string", "minLength": 1, "maxLength": 64}, "opt_value": STRING_OR_NULL,
                   "ip_version": {"anyOf": [INTEGER, {"enum": [4, 6]}]}}}}]}
DNS_NAME = {"type": ["string", "null"], "maxLength": 255, "pattern": r"^$|^([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?)+$"}
VNIC = {"enum": ["normal", "direct", "macvtap", "direct-physical", "baremetal", "virtio-forwarder", "smart-nic", "vdpa",
                 "accelerator-direct", "accelerator-direct-physical", "remote-managed"]}

_BINDING = {"vnic_type": VNIC, "profile": {"type": ["object", "null"]}}


def _binding(**more: Any) -> Schema:
    return Schema({"type": "object", "required": ["binding"], "additionalProperties": False, "properties": {"binding": {
        "type": "object", "additionalProperties": False, **more, "properties": {
            **_BINDING, **({"host": {"type": "string", "minLength": 1, "maxLength": 255},
                            "project_id": STRING, "tenant_id": STRING} if more else {})}}}})


BINDING_CREATE, BINDING_UPDATE = _binding(required=["host"]), _binding()

PORT = Resource("port", "ports", {
    **STANDARD, **TAGGED,
    "name": Attr(STRING_OR_NULL, "", convert=text),
    "network_id": Attr(UUID, REQUIRED, put=False),
    "mac_address": Attr({"anyOf": [MAC, {"type": "null"}]}, ABSENT, guard=True),
    "admin_state_up": flag(True),
    "fixed_ips": Attr(FIXED_IPS, ABSENT, guard=True, column=""),
    "device_id": Attr(STRING_OR_NULL, "", convert=text),
    "device_owner": Attr(STRING_OR_NULL, "", convert=text),
    "security_groups": Attr(GROUPS, ABSENT, column=""),
    "allowed_address_pairs": Attr(PAIRS, [], convert=many, guard=True, column=""),
    "extra_dhcp_opts": Attr(DHCP_OPTS, [], column=""),
    "port_security_enabled": flag(ABSENT, guard=True),
    "binding:host_id": Attr(STRING_OR_NULL, ABSENT, guard=True, hide=True, column="binding_host"),
    "binding:vnic_type": Attr(VNIC, "normal", column="vnic_type"),
    "binding:profile": Attr({"type": ["object", "null"]}, ABSENT, guard=True, hide=True, column=""),
    "binding:vif_type": shown("vif_type", hide=True),
    "binding:vif_details": shown("", hide=True),
    "dns_name": Attr(DNS_NAME, "", convert=text),
    "dns_domain": Attr(STRING, ""),
    "dns_assignment": shown(""),
    "status": shown(), "ip_allocation": shown(), "qos_policy_id": shown(""), "resource_request": shown("", hide=True),
    "data_plane_status": Attr({"enum": ["ACTIVE", "DOWN", None]}, post=False, guard=True),
})
