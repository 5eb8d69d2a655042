"""Routers: their gateway, their extra routes; interfaces are in router_interfaces."""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from services.network.db import models, rows
from services.network.db import networks as db_networks
from services.network.db import routers as db
from services.network.domain import faults, ipam, networks, ports, quotas
from services.network.domain.work import Work

GATEWAY, INTERFACE = "network:router_gateway", "network:router_interface"


def create(work: Work, values: dict[str, Any]) -> Any:
    """A new router. 400, 404 for a wrong gateway; 409 OverQuota."""
    _check_flags(values)
    db_networks.check_zones(work.session, values.get("availability_zone_hints") or [], "router")
    plain = ("name", "description", "admin_state_up", "availability_zone_hints")
    row = rows.add(work.session, models.Router(project_id=values["project_id"], **{k: values[k] for k in plain if k in values}))
    if values.get("external_gateway_info"):
        set_gateway(work, row, values["external_gateway_info"])
    work.changes.routers.add(row.id)
    quotas.claim(work, row.project_id, "router")
    return row


def update(work: Work, row: Any, values: dict[str, Any]) -> Any:
    """Change a router. 400 for routes whose next hop is not reachable; 409 while floating IPs need the gateway."""
    _check_flags(values)
    for name in ("name", "description", "admin_state_up"):
        if name in values:
            setattr(row, name, values[name])
    if "external_gateway_info" in values:
        set_gateway(work, row, values["external_gateway_info"] or {})
    if "routes" in values:
        row.routes = _check_routes(work, row, values["routes"] or [])
    row.set_aside = False
    rows.touch(row)
    work.changes.routers.add(row.id)
    return row


def delete(work: Work, row: Any) -> None:
    """Remove a router. 409 RouterInUse while it has interfaces."""
    if any(link.kind == "interface" for link in db.links(work.session, row.id)):
        raise faults.conflict("RouterInUse", f"Router {row.id} still has ports")
    row.routes = []
    _drop_gateway(work, row)
    work.changes.lost(row.agent_host, router_id=row.id)
    rows.remove(work.session, row)
    quotas.release(work, row.project_id, "router")


def set_gateway(work: Work, row: Any, info: Mapping[str, Any]) -> None:
    """Give the router this gateway; an empty `info` takes it away. Addresses stay where they need not change."""
    network_id = info.get("network_id")
    if info and not network_id:
        raise faults.bad("Invalid input for external_gateway_info. Reason: Validation of dictionary's keys failed. "
                         "Expected keys: {'network_id'}.")
    if not network_id:
        _drop_gateway(work, row)
        return
    network = networks.visible(work, network_id)
    if not network.external:
        raise faults.invalid(f"Bad router request: Network {network_id} is not an external network.", "BadRequest")
    row.enable_snat = info.get("enable_snat", True if row.gw_network_id != network_id else row.enable_snat)
    wanted = info.get("external_fixed_ips") or None
    if row.gw_network_id == network_id and row.gw_port_id:
        if wanted is not None:
            port = rows.get(work.session, models.Port, row.gw_port_id)
            ports.update(work, port, {"fixed_ips": [dict(w) for w in wanted]})
        return
    _drop_gateway(work, row)
    _check_overlap(work, row, db_networks.subnets(work.session, network_id), "")
    port = ports.make_internal(work, network, GATEWAY, row.id, [dict(w) for w in wanted] if wanted else None,
                               host=row.agent_host or "")
    rows.add(work.session, models.RouterPort(port_id=port.id, router_id=row.id, kind="gateway"))
    row.gw_port_id, row.gw_network_id = port.id, network_id


def _drop_gateway(work: Work, row: Any) -> None:
    if not row.gw_port_id:
        return
    if rows.exists(work.session, models.FloatingIp.router_id == row.id):
        raise faults.conflict("RouterExternalGatewayInUseByFloatingIp",
                              f"Gateway cannot be updated for router {row.id}, since a gateway to external network "
                              f"{row.gw_network_id} is required by one or more floating IPs.")
    port = rows.get(work.session, models.Port, row.gw_port_id)
    row.gw_port_id = row.gw_network_id = None
    work.session.flush()
    if port is not None:
        _check_route_hops(work, row, without=port.id)
        ports.remove(work, port)


def _check_flags(values: Mapping[str, Any]) -> None:
    for name in ("distributed", "ha"):
        if values.get(name):
            raise faults.bad(f"Invalid input for {name}. Reason: routers of this cloud cannot be {name}.")


def _check_overlap(work: Work, row: Any, new: Sequence[Any], port_id: str) -> None:
    """400 when a subnet of `new` overlaps one that the router has already (a gateway network's: only with insides)."""
    have = db.subnets(work.session, row.id, without=port_id)
    for subnet in new:
        for other in have:
            if subnet.id == other.id:
                raise faults.invalid(f"Bad router request: Router already has a port on subnet {subnet.id}.", "BadRequest")
            if ipam.overlap(subnet.cidr, other.cidr):
                raise faults.invalid(f"Bad router request: Cidr {subnet.cidr} of subnet {subnet.id} overlaps with cidr "
                                     f"{other.cidr} of subnet {other.id}.", "BadRequest")


def check_overlap(work: Work, row: Any, new: Sequence[Any], port_id: str = "") -> None:
    """As above, for interfaces."""
    _check_overlap(work, row, new, port_id)


# extra routes

def _normal(route: Mapping[str, str]) -> dict[str, str]:
    return {"destination": ipam.canonical_cidr(route["destination"]), "nexthop": ipam.canonical(route["nexthop"])}


def _check_routes(work: Work, row: Any, routes: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """The routes in their shown form; 400 InvalidRoutes, 409 RoutesExhausted."""
    if len(routes) > work.conf.network.routes_max:
        raise faults.conflict("RoutesExhausted", f"Unable to complete operation for {row.id}. The number of routes exceeds "
                                                 f"the maximum {work.conf.network.routes_max}.")
    made = [_normal(r) for r in routes]
    if any(made.count(r) > 1 for r in made):
        raise _bad_routes(routes, "duplicate routes")
    cidrs = [s.cidr for s in db.subnets(work.session, row.id)]
    own = db.addresses(work.session, row.id)
    for route in made:
        hop = ipaddress.ip_address(route["nexthop"])
        if not any(ipam.contains(c, str(hop)) for c in cidrs):
            raise _bad_routes(routes, "the nexthop is not connected with router")
        if str(hop) in own:
            raise _bad_routes(routes, "the nexthop is used by router")
    return made


def _check_route_hops(work: Work, row: Any, without: str) -> None:
    """409 when a route's next hop is in a subnet that only the port `without` reaches."""
    if not row.routes:
        return
    cidrs = [s.cidr for s in db.subnets(work.session, row.id, without=without)]
    for route in row.routes:
        if not any(ipam.contains(c, route["nexthop"]) for c in cidrs):
            raise faults.conflict("RouterInterfaceInUseByRoute",
                                  f"Router interface on router {row.id} cannot be deleted, as it is required by one or more "
                                  "routes.")


def check_route_hops(work: Work, row: Any, without: str) -> None:
    """As above, for interfaces."""
    _check_route_hops(work, row, without)


def _bad_routes(routes: Sequence[Any], reason: str) -> Exception:
    return faults.invalid(f"Invalid format for routes: {list(routes)}, {reason}", "InvalidRoutes")


def add_routes(work: Work, row: Any, routes: Sequence[Mapping[str, str]]) -> Any:
    """Add extra routes; those that are there already are left alone."""
    made = [_normal(r) for r in routes]
    merged = list(row.routes) + [r for i, r in enumerate(made) if r not in row.routes and r not in made[:i]]
    row.routes = _check_routes(work, row, merged)
    rows.touch(row)
    work.changes.routers.add(row.id)
    return row


def remove_routes(work: Work, row: Any, routes: Sequence[Mapping[str, str]]) -> Any:
    """Take extra routes away; those that are not there are left alone."""
    gone = [_normal(r) for r in routes]
    row.routes = [r for r in row.routes if r not in gone]
    rows.touch(row)
    work.changes.routers.add(row.id)
    return row
