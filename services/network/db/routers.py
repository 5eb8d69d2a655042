"""Queries about routers and floating IPs."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common.context import RequestContext
from services.network.db import models, rows

Link, Port, Ip, Forward = models.RouterPort, models.Port, models.IpAllocation, models.PortForwarding


def own(model: Any, context: RequestContext, is_admin: bool) -> list[Any]:
    """Conditions: rows of the caller's project."""
    return [] if is_admin else [model.project_id == context.project_id]


def visible(context: RequestContext, is_admin: bool) -> list[Any]:
    """Conditions: routers that the caller may see."""
    return own(models.Router, context, is_admin)


def visible_floating_ips(context: RequestContext, is_admin: bool) -> list[Any]:
    """Conditions: floating IPs that the caller may see."""
    return own(models.FloatingIp, context, is_admin)


def links(session: orm.Session, router_id: str) -> Sequence[Any]:
    """The router's ports, as RouterPorts."""
    return rows.find(session, Link, Link.router_id == router_id)


def interface_ports(session: orm.Session, router_id: str) -> Sequence[Any]:
    """The inside ports of a router."""
    query = sa.select(Port).join(Link, Link.port_id == Port.id).where(Link.router_id == router_id, Link.kind == "interface")
    return session.scalars(query).all()


def subnets(session: orm.Session, router_id: str, without: str = "") -> Sequence[Any]:
    """Subnets that the router touches, leaving out those of port `without`."""
    query = sa.select(models.Subnet).join(Ip, Ip.subnet_id == models.Subnet.id).join(Link, Link.port_id == Ip.port_id).where(
        Link.router_id == router_id, Link.port_id != without)
    return session.scalars(query).unique().all()


def addresses(session: orm.Session, router_id: str) -> set[str]:
    """The router's own addresses."""
    query = sa.select(Ip.ip_address).join(Link, Link.port_id == Ip.port_id).where(Link.router_id == router_id)
    return set(session.scalars(query).all())


def floating_through(session: orm.Session, router_id: str, subnet_ids: Sequence[str]) -> bool:
    """Whether a floating IP of the router maps to an address in one of these subnets."""
    fip = models.FloatingIp
    query = sa.select(fip.id).join(Ip, sa.and_(Ip.port_id == fip.fixed_port_id, Ip.ip_address == fip.fixed_ip_address)).where(
        fip.router_id == router_id, Ip.subnet_id.in_(list(subnet_ids))).limit(1)
    forwarded = sa.select(Forward.id).join(fip, fip.id == Forward.floating_ip_id).join(
        Ip, sa.and_(Ip.port_id == Forward.internal_port_id, Ip.ip_address == Forward.internal_ip_address)).where(
        fip.router_id == router_id, Ip.subnet_id.in_(list(subnet_ids))).limit(1)
    return session.execute(query).first() is not None or session.execute(forwarded).first() is not None


def forwardings(session: orm.Session, floating_ip_ids: Iterable[str]) -> dict[str, list[Any]]:
    """floating IP id -> its port forwardings in order, to look at only."""
    found: dict[str, list[Any]] = {}
    for row in sorted(rows.pick(session, floating_ip_ids, Forward.floating_ip_id), key=lambda r: (r.external_port, r.protocol)):
        found.setdefault(row.floating_ip_id, []).append(row)
    return found


def candidates(session: orm.Session, subnet_id: str, external_network_id: str) -> list[tuple[Any, bool]]:
    """Routers between a subnet and an external network, each with whether it holds the subnet's gateway address."""
    query = sa.select(models.Router, Ip.ip_address, models.Subnet.gateway_ip).join(Link, Link.router_id == models.Router.id).join(
        Ip, Ip.port_id == Link.port_id).join(models.Subnet, models.Subnet.id == Ip.subnet_id).where(
        Ip.subnet_id == subnet_id, Link.kind == "interface", models.Router.gw_network_id == external_network_id)
    return [(router, ip == gateway) for router, ip, gateway in session.execute(query).all()]


def gateways(session: orm.Session, router_rows: Iterable[Any]) -> dict[str, list[Any]]:
    """gateway port id -> its addresses."""
    from services.network.db import ports

    return ports.addresses(session, [r.gw_port_id for r in router_rows if r.gw_port_id])


def floating_ips_of(session: orm.Session, router_ids: Iterable[str]) -> list[Any]:
    """Floating IPs that these routers translate."""
    return rows.by_ids(session, models.FloatingIp, router_ids, models.FloatingIp.router_id)


def links_of(session: orm.Session, router_ids: Iterable[str]) -> list[Any]:
    """RouterPorts of these routers."""
    return rows.by_ids(session, Link, router_ids, Link.router_id)


def routers_in_networks(session: orm.Session, network_ids: Iterable[str]) -> set[str]:
    """Routers with a port in one of these networks."""
    wanted = list(network_ids)
    query = sa.select(Link.router_id).join(Port, Port.id == Link.port_id).where(Port.network_id.in_(wanted)).distinct()
    return set(session.scalars(query).all()) if wanted else set()
