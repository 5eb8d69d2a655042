"""Every URL of the Networking API v2.0."""

from common.http.route import AUTHENTICATED, PUBLIC, Route, Row
from common.http.validation import NOTHING, Schema
from services.network.api import (
    agents,
    crud,
    networks,
    operations,
    port_bindings,
    port_forwardings,
    ports,
    routers,
    security_groups,
    subnetpools,
)
from services.network.api.schemas import agents as agent_schemas
from services.network.api.schemas import ports as port_schemas
from services.network.api.schemas import routers as router_schemas
from services.network.api.schemas import security_groups as group_schemas
from services.network.api.schemas import subnetpools as pool_schemas

ADDRESSES = Schema({"type": "object", "required": ["addresses"], "properties": {"addresses": group_schemas.ADDRESSES}})


def _noun(path: str, noun: crud.Noun, *, lister: object = None) -> list[Row]:
    """The usual five routes of a noun (no PUT where nothing can be changed)."""
    name = noun.resource.name
    base, one = f"/v2.0/{path}", f"/v2.0/{path}/<id>"
    made: list[Row] = [
        Route("GET", base, lister or noun.index, f"get_{name}", query=NOTHING),  # type: ignore[arg-type]
        Route("POST", base, noun.post, f"create_{name}", body=noun.resource.create, status=201, targeted=True),
        Route("GET", one, noun.show, f"get_{name}", query=NOTHING, targeted=True),
        Route("DELETE", one, noun.remove, f"delete_{name}", status=204, targeted=True),
    ]
    if noun.update is not None:
        made.append(Route("PUT", one, noun.put, f"update_{name}", body=noun.resource.update, targeted=True))
    return made


def _tags(path: str, noun: crud.Noun) -> list[Row]:
    """The tag routes of a noun."""
    name, handlers = noun.resource.name, operations.Tags(noun)
    base = f"/v2.0/{path}/<id>/tags"
    return [
        Route("GET", base, handlers.index, f"get_{name}", targeted=True),
        Route("PUT", base, handlers.replace, f"update_{name}", body=operations.TAGS, targeted=True),
        Route("POST", base, handlers.add_many, f"update_{name}", body=operations.TAGS, targeted=True),
        Route("DELETE", base, handlers.clear, f"update_{name}", status=204, targeted=True),
        Route("GET", f"{base}/<tag>", handlers.has, f"get_{name}", status=204, targeted=True),
        Route("PUT", f"{base}/<tag>", handlers.add, f"update_{name}", status=201, targeted=True),
        Route("DELETE", f"{base}/<tag>", handlers.remove, f"update_{name}", status=204, targeted=True),
    ]


def _forwardings() -> list[Row]:
    """The routes of a floating IP's port forwardings."""
    base, noun = "/v2.0/floatingips/<id>/port_forwardings", router_schemas.PORT_FORWARDING
    one, name = base + "/<forwarding_id>", "floatingip_port_forwarding"
    return [
        Route("GET", base, port_forwardings.index, f"get_{name}", query=NOTHING, targeted=True),
        Route("POST", base, port_forwardings.create, f"create_{name}", body=noun.create, status=201, targeted=True),
        Route("GET", one, port_forwardings.show, f"get_{name}", query=NOTHING, targeted=True),
        Route("PUT", one, port_forwardings.update, f"update_{name}", body=noun.update, targeted=True),
        Route("DELETE", one, port_forwardings.remove, f"delete_{name}", status=204, targeted=True),
    ]


_ROUTER, _POOL, _GROUP = "/v2.0/routers/<id>/", "/v2.0/subnetpools/<id>/", "/v2.0/address-groups/<id>/"
_QUOTA, _AGENT = "/v2.0/quotas/<project_id>", "/v2.0/agents/<id>"
_BINDINGS = "/v2.0/ports/<id>/bindings"
_TOPOLOGY = "/v2.0/auto-allocated-topology/<project_id>"
_REST: tuple[Row, ...] = (
    Route("GET", "/", operations.versions, PUBLIC),
    Route("GET", "/v2.0", operations.resources, AUTHENTICATED),
    Route("GET", "/v2.0/extensions", operations.list_extensions, AUTHENTICATED, query=NOTHING),
    Route("GET", "/v2.0/extensions/<alias>", operations.show_extension, AUTHENTICATED),
    Route("PUT", _ROUTER + "add_router_interface", routers.add_interface, "add_router_interface",
          body=router_schemas.INTERFACE, targeted=True),
    Route("PUT", _ROUTER + "remove_router_interface", routers.remove_interface, "remove_router_interface",
          body=router_schemas.INTERFACE, targeted=True),
    Route("PUT", _ROUTER + "add_extraroutes", routers.add_routes, "add_extraroutes", body=router_schemas.EXTRA_ROUTES,
          targeted=True),
    Route("PUT", _ROUTER + "remove_extraroutes", routers.remove_routes, "remove_extraroutes",
          body=router_schemas.EXTRA_ROUTES, targeted=True),
    Route("PUT", _POOL + "add_prefixes", subnetpools.add_prefixes, "add_prefixes", body=pool_schemas.PREFIX_CHANGE,
          targeted=True),
    Route("PUT", _POOL + "remove_prefixes", subnetpools.remove_prefixes, "remove_prefixes",
          body=pool_schemas.PREFIX_CHANGE, targeted=True),
    Route("PUT", _GROUP + "add_addresses", security_groups.add_addresses, "update_address_group", body=ADDRESSES,
          targeted=True),
    Route("PUT", _GROUP + "remove_addresses", security_groups.remove_addresses, "update_address_group", body=ADDRESSES,
          targeted=True),
    Route("GET", "/v2.0/default-security-group-rules", security_groups.list_templates, "get_default_security_group_rule",
          query=NOTHING),
    Route("POST", "/v2.0/default-security-group-rules", security_groups.create_template,
          "create_default_security_group_rule", body=group_schemas.TEMPLATE.create, status=201),
    Route("GET", "/v2.0/default-security-group-rules/<id>", security_groups.show_template,
          "get_default_security_group_rule", query=NOTHING),
    Route("DELETE", "/v2.0/default-security-group-rules/<id>", security_groups.delete_template,
          "delete_default_security_group_rule", status=204),
    Route("GET", "/v2.0/network-ip-availabilities", networks.availability, AUTHENTICATED, query=NOTHING),
    Route("GET", "/v2.0/network-ip-availabilities/<id>", networks.availability_of, "get_network_ip_availability",
          query=NOTHING, targeted=True),
    Route("GET", "/v2.0/quotas", operations.list_quotas, "get_quota", query=NOTHING),
    Route("GET", "/v2.0/quotas/tenant", operations.own_project, AUTHENTICATED),
    Route("GET", "/v2.0/quotas/project", operations.own_project, AUTHENTICATED),
    Route("GET", _QUOTA, operations.show_quota, "get_quota", query=NOTHING, targeted=True),
    Route("GET", _QUOTA + "/default", operations.default_quota, "get_quota", targeted=True),
    Route("GET", _QUOTA + "/details", operations.quota_details, "get_quota", targeted=True),
    Route("PUT", _QUOTA, operations.update_quota, "update_quota", body=operations.QUOTA),
    Route("DELETE", _QUOTA, operations.delete_quota, "delete_quota", status=204),
    Route("GET", _TOPOLOGY, operations.show_topology, "get_auto_allocated_topology", query=NOTHING, targeted=True),
    Route("DELETE", _TOPOLOGY, operations.delete_topology, "delete_auto_allocated_topology", status=204, targeted=True),
    Route("GET", "/v2.0/availability_zones", operations.zones, "get_availability_zone", query=NOTHING),
    Route("GET", "/v2.0/service-providers", operations.providers, "get_service_provider", query=NOTHING),
    Route("GET", "/v2.0/agents", agents.list_agents, AUTHENTICATED, query=NOTHING),
    Route("GET", _AGENT, agents.show, "get_agent", query=NOTHING),
    Route("PUT", _AGENT, agents.update, "update_agent", body=agent_schemas.AGENT),
    Route("DELETE", _AGENT, agents.delete, "delete_agent", status=204),
    Route("GET", _AGENT + "/dhcp-networks", agents.dhcp_networks, "get_dhcp-networks"),
    Route("POST", _AGENT + "/dhcp-networks", agents.add_network, "create_dhcp-network", body=agent_schemas.NETWORK,
          status=201),
    Route("DELETE", _AGENT + "/dhcp-networks/<network_id>", agents.remove_network, "delete_dhcp-network", status=204),
    Route("GET", _AGENT + "/l3-routers", agents.l3_routers, "get_l3-routers"),
    Route("POST", _AGENT + "/l3-routers", agents.add_router, "create_l3-router", body=agent_schemas.ROUTER, status=201),
    Route("DELETE", _AGENT + "/l3-routers/<router_id>", agents.remove_router, "delete_l3-router", status=204),
    Route("GET", _BINDINGS, port_bindings.index, "get_port_binding", query=NOTHING, targeted=True),
    Route("POST", _BINDINGS, port_bindings.create, "create_port_binding", body=port_schemas.BINDING_CREATE, status=201,
          targeted=True),
    Route("GET", _BINDINGS + "/<host>", port_bindings.show, "get_port_binding", query=NOTHING, targeted=True),
    Route("PUT", _BINDINGS + "/<host>", port_bindings.update, "update_port_binding", body=port_schemas.BINDING_UPDATE,
          targeted=True),
    Route("PUT", _BINDINGS + "/<host>/activate", port_bindings.activate, "activate", targeted=True),
    Route("DELETE", _BINDINGS + "/<host>", port_bindings.remove, "delete_port_binding", status=204, targeted=True),
    *_forwardings(),
    Route("GET", "/v2.0/networks/<id>/dhcp-agents", agents.of_network, "get_dhcp-agents"),
    Route("GET", "/v2.0/routers/<id>/l3-agents", agents.of_router, "get_l3-agents"),
)
_TAGGED = (("networks", networks.NETWORKS), ("subnets", networks.SUBNETS), ("ports", ports.PORTS),
           ("routers", routers.ROUTERS), ("floatingips", routers.FLOATING_IPS), ("subnetpools", subnetpools.POOLS),
           ("security-groups", security_groups.GROUPS))
_PLAIN = (("security-group-rules", security_groups.RULES), ("address-groups", security_groups.ADDRESS_GROUPS),
          ("address-scopes", subnetpools.SCOPES), ("rbac-policies", subnetpools.RBAC))
ROUTES: tuple[Row, ...] = (
    *(row for path, noun in (*_TAGGED, *_PLAIN)
      for row in _noun(path, noun, lister=security_groups.list_groups if path == "security-groups" else None)),
    *(row for path, noun in _TAGGED for row in _tags(path, noun)),
    *_REST,
)
