"""The default rules of the network API, under upstream's names, made from compact tables.

Roles: an operator (admin) may do all; members use their project, readers look at it. `net_owner` is whoever owns
the network that a port or subnet belongs to; `shared` holds for networks that everybody may use.
"""

from typing import Any

from oslo_policy import policy

from common.http.policy import ADMIN_OR_MANAGER, ADMIN_OR_MEMBER, ADMIN_OR_READER, rule

ADMIN = "rule:context_is_admin or rule:service_role"
OWNER_READ = f"{ADMIN_OR_READER} or rule:service_role"
OWNER_WRITE = f"{ADMIN_OR_MEMBER} or rule:service_role"
OWNER_MANAGE = f"{ADMIN_OR_MANAGER} or rule:service_role"
NET_READ = "role:reader and project_id:%(network:project_id)s"
NET_WRITE = "role:member and project_id:%(network:project_id)s"
NET_MANAGE = "role:manager and project_id:%(network:project_id)s"
SHARED = "role:reader and True:%(shared)s"
VISIBLE = "rule:context_is_admin or rule:service_role or role:reader"
"""For nouns whose rows a query already restricts to what the project may see, sharing included."""

_TABLE: dict[str, str] = {
    # networks: what a project may see is decided by ownership and RBAC policies in the query
    "get_network": VISIBLE, "create_network": OWNER_WRITE, "update_network": OWNER_WRITE, "delete_network": OWNER_WRITE,
    "get_network_ip_availability": ADMIN,
    "get_subnet": VISIBLE, "create_subnet": f"{OWNER_WRITE} or {NET_WRITE}", "update_subnet": f"{OWNER_WRITE} or {NET_WRITE}",
    "delete_subnet": f"{OWNER_WRITE} or {NET_WRITE}", "create_subnet:service_types": ADMIN, "update_subnet:service_types": ADMIN,
    "get_subnet:segment_id": ADMIN,
    "get_port": f"{OWNER_READ} or {NET_READ}", "create_port": OWNER_WRITE, "update_port": OWNER_WRITE,
    "delete_port": f"{OWNER_WRITE} or {NET_WRITE}",
    "create_port:device_owner": f"{ADMIN} or {NET_WRITE}", "update_port:device_owner": f"{ADMIN} or {NET_WRITE}",
    "create_port:fixed_ips": f"{ADMIN} or {NET_WRITE} or {SHARED}",
    "update_port:fixed_ips": f"{ADMIN} or {NET_WRITE} or {SHARED}",
    "create_port:fixed_ips:ip_address": f"{ADMIN} or {NET_WRITE}", "update_port:fixed_ips:ip_address": f"{ADMIN} or {NET_WRITE}",
    "create_port:mac_address": f"{ADMIN} or {NET_WRITE}", "update_port:mac_address": f"{OWNER_MANAGE} or {NET_MANAGE}",
    "create_port:allowed_address_pairs": f"{ADMIN} or {NET_WRITE}",
    "update_port:allowed_address_pairs": f"{ADMIN} or {NET_WRITE}",
    "create_port:port_security_enabled": f"{ADMIN} or {NET_WRITE}",
    "update_port:port_security_enabled": f"{ADMIN} or {NET_WRITE}", "update_port:data_plane_status": ADMIN,
    "get_port_binding": ADMIN, "create_port_binding": ADMIN, "update_port_binding": ADMIN, "delete_port_binding": ADMIN,
    "activate": ADMIN,
    "get_security_group": VISIBLE, "create_security_group": OWNER_WRITE, "update_security_group": OWNER_WRITE,
    "delete_security_group": OWNER_WRITE,
    "get_security_group_rule": VISIBLE, "create_security_group_rule": OWNER_WRITE, "delete_security_group_rule": OWNER_WRITE,
    "get_default_security_group_rule": "@", "create_default_security_group_rule": ADMIN,
    "delete_default_security_group_rule": ADMIN,
    "get_address_group": VISIBLE, "create_address_group": OWNER_WRITE, "update_address_group": OWNER_WRITE,
    "delete_address_group": OWNER_WRITE,
    "get_router": OWNER_READ, "create_router": OWNER_WRITE, "update_router": OWNER_WRITE, "delete_router": OWNER_WRITE,
    "add_router_interface": OWNER_WRITE, "remove_router_interface": OWNER_WRITE, "add_extraroutes": OWNER_WRITE,
    "remove_extraroutes": OWNER_WRITE,
    "create_router:external_gateway_info:enable_snat": ADMIN, "update_router:external_gateway_info:enable_snat": ADMIN,
    "create_router:external_gateway_info:external_fixed_ips": ADMIN,
    "update_router:external_gateway_info:external_fixed_ips": ADMIN,
    "get_floatingip": OWNER_READ, "create_floatingip": OWNER_WRITE, "update_floatingip": OWNER_WRITE,
    "delete_floatingip": OWNER_WRITE, "create_floatingip:floating_ip_address": OWNER_MANAGE,
    **{f"{verb}_floatingip_port_forwarding": OWNER_READ if verb == "get" else OWNER_WRITE
       for verb in ("get", "create", "update", "delete")},
    "get_subnetpool": VISIBLE, "create_subnetpool": OWNER_WRITE, "update_subnetpool": OWNER_WRITE,
    "delete_subnetpool": OWNER_WRITE, "add_prefixes": OWNER_WRITE, "remove_prefixes": OWNER_WRITE,
    "create_subnetpool:shared": ADMIN, "create_subnetpool:is_default": ADMIN, "update_subnetpool:is_default": ADMIN,
    "get_address_scope": VISIBLE, "create_address_scope": OWNER_WRITE, "update_address_scope": OWNER_WRITE,
    "delete_address_scope": OWNER_WRITE, "create_address_scope:shared": ADMIN,
    "get_rbac_policy": OWNER_READ, "create_rbac_policy": OWNER_WRITE, "update_rbac_policy": OWNER_WRITE,
    "delete_rbac_policy": OWNER_WRITE,
    "get_agent": ADMIN, "update_agent": ADMIN, "delete_agent": ADMIN, "get_dhcp-networks": ADMIN, "get_dhcp-agents": ADMIN,
    "create_dhcp-network": ADMIN, "delete_dhcp-network": ADMIN, "get_l3-routers": ADMIN, "get_l3-agents": ADMIN,
    "create_l3-router": ADMIN, "delete_l3-router": ADMIN,
    "get_availability_zone": "@", "get_service_provider": "@", "get_extension": "@",
    "get_auto_allocated_topology": OWNER_READ, "delete_auto_allocated_topology": OWNER_WRITE,
    "get_quota": ADMIN, "update_quota": ADMIN, "delete_quota": ADMIN,
    "get_tags": VISIBLE, "update_tags": f"{OWNER_WRITE}", "delete_tags": f"{OWNER_WRITE}",
}
_ADMIN_ONLY: dict[str, tuple[str, ...]] = {
    "network": ("shared", "router:external", "is_default", "provider:network_type", "provider:physical_network",
                "provider:segmentation_id"),
    "port": ("binding:host_id", "binding:profile"),
    "router": ("distributed", "ha"),
}
_HIDDEN: dict[str, tuple[str, ...]] = {
    "network": ("provider:network_type", "provider:physical_network", "provider:segmentation_id"),
    "port": ("binding:host_id", "binding:profile", "binding:vif_type", "binding:vif_details", "resource_request"),
    "router": ("distributed", "ha"),
}


def _rules() -> list[Any]:
    table = {name: check for name, check in _TABLE.items()}
    for noun, names in _ADMIN_ONLY.items():
        for name in names:
            table[f"create_{noun}:{name}"] = table[f"update_{noun}:{name}"] = ADMIN
    for noun, names in _HIDDEN.items():
        for name in names:
            table[f"get_{noun}:{name}"] = ADMIN
    for verb in ("create", "update"):
        table[f"{verb}_network:port_security_enabled"] = OWNER_WRITE
        # a policy that names everybody ("*") is for operators
        table[f"{verb}_rbac_policy:target_tenant"] = f"{ADMIN} or (not '*':%(target_tenant)s and ({ADMIN_OR_MEMBER}))"
    return [rule(name, check, _describe(name)) for name, check in sorted(table.items())]


def _describe(name: str) -> str:
    verb, _, noun = name.partition("_")
    return f"{verb.capitalize()} {noun.replace('_', ' ')}."


RULES: list[policy.RuleDefault] = _rules()
