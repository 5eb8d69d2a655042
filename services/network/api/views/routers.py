"""The JSON form of routers and floating IPs."""

from collections.abc import Sequence
from typing import Any

from services.network.api.crud import Viewer, standard
from services.network.db import models, rows
from services.network.db import routers as db
from services.network.db.rows import Session


def routers(session: Session, found: Sequence[Any], viewer: Viewer) -> list[dict[str, Any]]:
    """Routers with their gateway."""
    words = rows.tags_of(session, [r.id for r in found])
    gateways = db.gateways(session, found)
    hosts = {r.agent_host for r in found if r.agent_host}
    zones = {a.host: a.availability_zone for a in rows.find(
        session, models.Agent, models.Agent.role == "l3", models.Agent.host.in_(hosts))} if hosts else {}
    return [viewer.cut({
        **standard(r, words), "name": r.name, "admin_state_up": r.admin_state_up, "status": r.status,
        "external_gateway_info": _gateway(r, gateways.get(r.gw_port_id or "", [])), "routes": r.routes,
        "distributed": False, "ha": False, "flavor_id": None, "availability_zone_hints": r.availability_zone_hints,
        "availability_zones": [zones[r.agent_host]] if r.agent_host in zones else [],
    }) for r in found]


def _gateway(r: Any, addresses: Sequence[Any]) -> dict[str, Any] | None:
    if not r.gw_port_id:
        return None
    return {"network_id": r.gw_network_id, "enable_snat": r.enable_snat, "external_fixed_ips": [
        {"subnet_id": a.subnet_id, "ip_address": a.ip_address} for a in addresses]}


def floating_ips(session: Session, found: Sequence[Any], viewer: Viewer) -> list[dict[str, Any]]:
    """Floating IPs with what their port is."""
    words = rows.tags_of(session, [f.id for f in found])
    ports = {p.id: p for p in rows.by_ids(session, models.Port, [f.fixed_port_id for f in found if f.fixed_port_id])}
    forwarded = db.forwardings(session, [f.id for f in found if f.router_id and not f.fixed_port_id])
    return [viewer.cut({
        **standard(f, words), "floating_network_id": f.floating_network_id, "floating_ip_address": f.floating_ip_address,
        "port_id": f.fixed_port_id, "fixed_ip_address": f.fixed_ip_address, "router_id": f.router_id, "status": f.status,
        "dns_name": f.dns_name, "dns_domain": f.dns_domain, "qos_policy_id": None,
        "port_forwardings": [_brief(p) for p in forwarded.get(f.id, ())],
        "port_details": _details(ports.get(f.fixed_port_id or "")),
    }) for f in found]


def _brief(p: Any) -> dict[str, Any]:
    return {name: getattr(p, name) for name in ("protocol", "external_port", "internal_ip_address", "internal_port")}


def port_forwardings(_session: Session, found: Sequence[Any], viewer: Viewer) -> list[dict[str, Any]]:
    """Port forwardings."""
    return [viewer.cut({"id": p.id, "description": p.description, "internal_port_id": p.internal_port_id, **_brief(p)})
            for p in found]


def _details(port: Any) -> dict[str, Any] | None:
    if port is None:
        return None
    return {name: getattr(port, name) for name in (
        "name", "network_id", "mac_address", "admin_state_up", "status", "device_id", "device_owner")}
