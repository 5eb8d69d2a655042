"""Queries that gather what a host's desired state is made of."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from services.network.db import models, rows

Port, Ip, PortGroup, Rule = models.Port, models.IpAllocation, models.PortGroup, models.SecurityGroupRule
Binding = models.PortBinding


def ports_on(session: orm.Session, host: str) -> Sequence[Any]:
    """Every port bound to a host."""
    return rows.plain(session, Port, Port.binding_host == host)


def bindings_to(session: orm.Session, host: str, port_ids: Iterable[str] | None = None) -> dict[str, Any]:
    """port id -> its PortBinding to the host, of ports (of these) that may move there."""
    conditions = [Binding.host == host]
    if port_ids is not None:
        conditions.append(Binding.port_id.in_(list(port_ids)))
    return {b.port_id: b for b in rows.plain(session, Binding, *conditions)}


def networks_on(session: orm.Session, host: str) -> set[str]:
    """Networks with a port bound to the host, or whose DHCP it serves."""
    found = set(session.scalars(sa.select(Port.network_id).where(Port.binding_host == host).distinct()).all())
    found |= set(session.scalars(sa.select(Binding.network_id).where(Binding.host == host)).all())
    return found | set(session.scalars(sa.select(models.DhcpBinding.network_id).where(
        models.DhcpBinding.host == host)).all())


def present(session: orm.Session, host: str, network_ids: Iterable[str]) -> set[str]:
    """Those of `network_ids` that have a port on the host, or whose DHCP it serves."""
    wanted = list(set(network_ids))
    if not wanted:
        return set()
    found = set(session.scalars(sa.select(Port.network_id).where(
        Port.binding_host == host, Port.network_id.in_(wanted)).distinct()).all())
    found |= set(session.scalars(sa.select(Binding.network_id).where(Binding.host == host, Binding.network_id.in_(wanted))).all())
    return found | set(session.scalars(sa.select(models.DhcpBinding.network_id).where(
        models.DhcpBinding.host == host, models.DhcpBinding.network_id.in_(wanted))).all())


def ports_in(session: orm.Session, network_ids: Iterable[str]) -> list[Any]:
    """Every port of these networks, to look at only."""
    return rows.pick(session, network_ids, Port.network_id)


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


def routed_networks(session: orm.Session, host: str, network_ids: Iterable[str]) -> set[str]:
    """Those of `network_ids` in which a router that the host runs has an interface."""
    wanted = list(set(network_ids))
    if not wanted:
        return set()
    link, owner = models.RouterPort, models.Port.device_owner
    query = sa.select(Port.network_id).join(link, link.port_id == Port.id).join(models.Router, models.Router.id == link.router_id)
    return set(session.scalars(query.where(
        Port.network_id.in_(wanted), Port.binding_host == host, owner.startswith("network:router_interface"),
        link.kind == "interface", models.Router.agent_host == host).distinct()).all())


def routed_subnets(session: orm.Session, subnet_ids: Iterable[str]) -> set[str]:
    """Those of `subnet_ids` that a router has an interface in."""
    wanted = list(subnet_ids)
    if not wanted:
        return set()
    query = sa.select(Ip.subnet_id).join(models.RouterPort, models.RouterPort.port_id == Ip.port_id).where(
        Ip.subnet_id.in_(wanted)).distinct()
    return set(session.scalars(query).all())


def sets_used_on(session: orm.Session, host: str, set_ids: Iterable[str]) -> set[str]:
    """Those of `set_ids` (security or address groups) that a rule of a port on the host, or about to be there, names."""
    by_group = _groups_naming(session, set_ids)
    if not by_group:
        return set()
    here = sa.select(PortGroup.security_group_id).where(
        PortGroup.security_group_id.in_(list(by_group)), PortGroup.host == host).distinct()
    to_be = _hosts_to_be(by_group).where(Binding.host == host)
    groups = [*session.scalars(here).all(), *session.scalars(to_be).all()]
    return {set_id for group in groups for set_id in by_group[group]}


def hosts_using_sets(session: orm.Session, set_ids: Iterable[str]) -> dict[str, set[str]]:
    """host -> those of `set_ids` that rules of its ports name."""
    found: dict[str, set[str]] = {}
    by_group = _groups_naming(session, set_ids)
    if not by_group:
        return found
    hosts = rows.values_by_key(session, PortGroup.security_group_id, PortGroup.host, by_group)
    pairs = [(group, host) for group, where in hosts.items() for host in where]
    for group, host in [*pairs, *session.execute(_hosts_to_be(by_group)).all()]:
        found.setdefault(host, set()).update(by_group[group])
    return found


def _groups_naming(session: orm.Session, set_ids: Iterable[str]) -> dict[str, set[str]]:
    """security group -> those of `set_ids` that its rules name."""
    wanted = set(set_ids)
    found: dict[str, set[str]] = {}
    for column in (Rule.remote_group_id, Rule.remote_address_group_id):
        for group, set_id in rows.pick(session, wanted, column, Rule.security_group_id, column):
            found.setdefault(group, set()).add(set_id)
    return found


def _hosts_to_be(groups: Iterable[str]) -> Any:
    """(group, host) of ports that may move to a host."""
    return sa.select(PortGroup.security_group_id, Binding.host).join(PortGroup, PortGroup.port_id == Binding.port_id).where(
        PortGroup.security_group_id.in_(list(groups)))


def ports_of_groups(session: orm.Session, group_ids: Iterable[str]) -> dict[str, set[str]]:
    """host -> ports bound there that are members of one of these security groups."""
    wanted = list(group_ids)
    found: dict[str, set[str]] = {}
    if wanted:
        query = sa.select(PortGroup.host, PortGroup.port_id).where(
            PortGroup.security_group_id.in_(wanted), PortGroup.host != "")
        to_be = sa.select(Binding.host, Binding.port_id).join(PortGroup, PortGroup.port_id == Binding.port_id).where(
            PortGroup.security_group_id.in_(wanted))
        for host, port_id in [*session.execute(query).all(), *session.execute(to_be).all()]:
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
