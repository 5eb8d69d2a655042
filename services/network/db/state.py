"""Queries that gather what a host's desired state is made of."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from services.network.db import models, rows

Port, Ip, PortGroup, Rule = models.Port, models.IpAllocation, models.PortGroup, models.SecurityGroupRule


def ports_on(session: orm.Session, host: str) -> Sequence[Any]:
    """Every port bound to a host."""
    return rows.find(session, Port, Port.binding_host == host)


def networks_on(session: orm.Session, host: str) -> set[str]:
    """Networks with a port bound to the host, or whose DHCP it serves."""
    found = set(session.scalars(sa.select(Port.network_id).where(Port.binding_host == host).distinct()).all())
    return found | set(session.scalars(sa.select(models.DhcpBinding.network_id).where(
        models.DhcpBinding.host == host)).all())


def present(session: orm.Session, host: str, network_ids: Iterable[str]) -> set[str]:
    """Those of `network_ids` that have a port on the host, or whose DHCP it serves."""
    wanted = list(set(network_ids))
    if not wanted:
        return set()
    found = set(session.scalars(sa.select(Port.network_id).where(
        Port.binding_host == host, Port.network_id.in_(wanted)).distinct()).all())
    return found | set(session.scalars(sa.select(models.DhcpBinding.network_id).where(
        models.DhcpBinding.host == host, models.DhcpBinding.network_id.in_(wanted))).all())


def ports_in(session: orm.Session, network_ids: Iterable[str]) -> list[Any]:
    """Every port of these networks."""
    return rows.by_ids(session, Port, network_ids, Port.network_id)


def dhcp_on(session: orm.Session, host: str, network_ids: Iterable[str] | None = None) -> Sequence[Any]:
    """DHCP bindings of the host (of these networks)."""
    conditions = [models.DhcpBinding.host == host]
    if network_ids is not None:
        conditions.append(models.DhcpBinding.network_id.in_(list(network_ids)))
    return rows.find(session, models.DhcpBinding, *conditions)


def routers_on(session: orm.Session, host: str, router_ids: Iterable[str] | None = None) -> Sequence[Any]:
    """Routers that the host runs (of these)."""
    conditions = [models.Router.agent_host == host]
    if router_ids is not None:
        conditions.append(models.Router.id.in_(list(router_ids)))
    return rows.find(session, models.Router, *conditions)


def routed_subnets(session: orm.Session, subnet_ids: Iterable[str]) -> set[str]:
    """Those of `subnet_ids` that a router has an interface in."""
    wanted = list(subnet_ids)
    if not wanted:
        return set()
    query = sa.select(Ip.subnet_id).join(models.RouterPort, models.RouterPort.port_id == Ip.port_id).where(
        Ip.subnet_id.in_(wanted)).distinct()
    return set(session.scalars(query).all())


def sets_used_on(session: orm.Session, host: str, set_ids: Iterable[str]) -> set[str]:
    """Those of `set_ids` (security or address groups) that a rule of a port on the host names."""
    wanted = list(set_ids)
    if not wanted:
        return set()
    query = sa.select(Rule.remote_group_id, Rule.remote_address_group_id).join(
        PortGroup, PortGroup.security_group_id == Rule.security_group_id).join(Port, Port.id == PortGroup.port_id).where(
        Port.binding_host == host, sa.or_(Rule.remote_group_id.in_(wanted), Rule.remote_address_group_id.in_(wanted))
    ).distinct()
    return {i for row in session.execute(query).all() for i in row if i in set(wanted)}


def hosts_using_sets(session: orm.Session, set_ids: Iterable[str]) -> dict[str, set[str]]:
    """host -> those of `set_ids` that rules of its ports name."""
    wanted = list(set_ids)
    found: dict[str, set[str]] = {}
    if not wanted:
        return found
    rules = sa.select(Rule.security_group_id, Rule.remote_group_id, Rule.remote_address_group_id).where(
        sa.or_(Rule.remote_group_id.in_(wanted), Rule.remote_address_group_id.in_(wanted))).distinct()
    by_group: dict[str, set[str]] = {}
    for group, remote, address_group in session.execute(rules).all():
        by_group.setdefault(group, set()).update(i for i in (remote, address_group) if i in set(wanted))
    if not by_group:
        return found
    query = sa.select(PortGroup.security_group_id, Port.binding_host).join(Port, Port.id == PortGroup.port_id).where(
        PortGroup.security_group_id.in_(list(by_group)), Port.binding_host != "").distinct()
    for group, host in session.execute(query).all():
        found.setdefault(host, set()).update(by_group[group])
    return found


def ports_of_groups(session: orm.Session, group_ids: Iterable[str]) -> dict[str, set[str]]:
    """host -> ports bound there that are members of one of these security groups."""
    wanted = list(group_ids)
    found: dict[str, set[str]] = {}
    if wanted:
        query = sa.select(Port.binding_host, Port.id).join(PortGroup, PortGroup.port_id == Port.id).where(
            PortGroup.security_group_id.in_(wanted), Port.binding_host != "")
        for host, port_id in session.execute(query).all():
            found.setdefault(host, set()).add(port_id)
    return found


def dhcp_hosts(session: orm.Session, network_ids: Iterable[str]) -> dict[str, set[str]]:
    """network id -> hosts that serve its DHCP."""
    found: dict[str, set[str]] = {}
    for item in rows.by_ids(session, models.DhcpBinding, network_ids, models.DhcpBinding.network_id):
        found.setdefault(item.network_id, set()).add(item.host)
    return found


def router_hosts(session: orm.Session, router_ids: Iterable[str]) -> dict[str, str]:
    """router id -> the host that runs it."""
    return {r.id: r.agent_host for r in rows.by_ids(session, models.Router, router_ids) if r.agent_host}


def unscheduled_networks(session: orm.Session, copies: int, limit: int) -> list[str]:
    """Networks with DHCP subnets and fewer than `copies` DHCP servers."""
    bound = sa.select(models.DhcpBinding.network_id, sa.func.count().label("n")).group_by(
        models.DhcpBinding.network_id).subquery()
    query = sa.select(models.Subnet.network_id).outerjoin(bound, bound.c.network_id == models.Subnet.network_id).where(
        models.Subnet.enable_dhcp.is_(True), sa.func.coalesce(bound.c.n, 0) < copies).distinct().limit(limit)
    return list(session.scalars(query).all())


def unscheduled_routers(session: orm.Session, limit: int) -> list[str]:
    """Routers with a port and no host."""
    query = sa.select(models.Router.id).where(
        models.Router.agent_host.is_(None), sa.exists().where(models.RouterPort.router_id == models.Router.id)).limit(limit)
    return list(session.scalars(query).all())


def loads(session: orm.Session) -> tuple[dict[str, int], dict[str, int]]:
    """(host -> networks whose DHCP it serves, host -> routers that it runs)."""
    dhcp = sa.select(models.DhcpBinding.host, sa.func.count()).group_by(models.DhcpBinding.host)
    routers = sa.select(models.Router.agent_host, sa.func.count()).where(
        models.Router.agent_host.isnot(None)).group_by(models.Router.agent_host)
    return ({h: int(n) for h, n in session.execute(dhcp).all()}, {h: int(n) for h, n in session.execute(routers).all()})


def claim_events(session: orm.Session, limit: int, now: Any, lease_until: Any) -> list[dict[str, Any]]:
    """Events that are due, kept from other conductors until `lease_until`."""
    model = models.ServerEvent
    query = sa.select(model).where(model.due_at <= now).order_by(model.id).limit(limit).with_for_update(skip_locked=True)
    found = []
    for row in session.scalars(query).all():
        found.append({"id": row.id, "attempts": row.attempts,
                      "event": {"server_uuid": row.server_id, "name": row.name, "tag": row.tag, "status": row.status}})
        row.due_at = lease_until
        row.attempts += 1
    return found


def set_status(session: orm.Session, model: Any, ids: Iterable[str], status: str, *conditions: Any) -> list[str]:
    """Set the status of those of `ids` that meet the conditions and have another one; their ids."""
    changed: list[str] = []
    wanted = sorted(ids)
    for start in range(0, len(wanted), 500):
        part = list(session.scalars(sa.select(model.id).where(
            model.id.in_(wanted[start:start + 500]), model.status != status, *conditions)).all())
        if part:
            rows.change(session, model, [model.id.in_(part), model.status != status, *conditions], status=status,
                        revision_number=model.revision_number + 1)
            changed += part
    return changed
