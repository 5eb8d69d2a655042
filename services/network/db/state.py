"""Queries that gather what a host's desired state is made of."""

import datetime
import functools
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common.db.prepared import prepared
from services.network.db import models, rows

Port, Ip, PortGroup, Rule = models.Port, models.IpAllocation, models.PortGroup, models.SecurityGroupRule
Binding = models.PortBinding


# what hosts are told of: fewer columns than there are, for each is read by slow code
_PORT = (Port.id, Port.project_id, Port.network_id, Port.mac_address, Port.admin_state_up, Port.device_id, Port.device_owner,
         Port.port_security_enabled, Port.allowed_address_pairs, Port.extra_dhcp_opts, Port.dns_name, Port.binding_host,
         Port.vif_type)
_NETWORK = tuple(getattr(models.Network, n) for n in ("network_type", "segmentation_id", "physical_network", "mtu", "dns_domain"))
_SUBNET = tuple(getattr(models.Subnet, n) for n in (
    "id", "network_id", "ip_version", "cidr", "gateway_ip", "enable_dhcp", "dns_nameservers", "host_routes", "ipv6_ra_mode",
    "ipv6_address_mode"))


def ports(session: orm.Session, port_ids: Iterable[str]) -> list[Any]:
    """These ports, as far as hosts are told of them, each with the columns of `networks` of its network."""
    return rows.pick(session, port_ids, Port.id, *_PORT, *_NETWORK, of=models.Network)


def networks(session: orm.Session, network_ids: Iterable[str]) -> dict[str, Any]:
    """network id -> (id, network_type, segmentation_id, physical_network, mtu, dns_domain): what hosts are told of networks."""
    return {n.id: n for n in rows.pick(session, network_ids, models.Network.id, models.Network.id, *_NETWORK)}


def addresses(session: orm.Session, port_ids: Iterable[str]) -> dict[str, list[Any]]:
    """port id -> its addresses in order, each with its subnet's `cidr`."""
    columns = Ip.port_id, Ip.subnet_id, Ip.ip_address, Ip.position, models.Subnet.cidr
    found: dict[str, list[Any]] = {}
    picked = rows.pick(session, port_ids, Ip.port_id, *columns, of=models.Subnet)
    for row in sorted(picked, key=lambda r: (r.position, r.ip_address)):
        found.setdefault(row.port_id, []).append(row)
    return found


def subnets(session: orm.Session, network_ids: Iterable[str]) -> list[Any]:
    """The subnets of these networks, as far as hosts are told of them."""
    return rows.pick(session, network_ids, models.Subnet.network_id, *_SUBNET)


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


def present(session: orm.Session, host: str, network_ids: Iterable[str]) -> tuple[set[str], set[str]]:
    """(those of `network_ids` that have a port on the host, or whose DHCP it serves; those whose DHCP it serves or in which a
    router that it runs has an interface)."""
    wanted = sorted(set(network_ids))
    found = session.execute(_present(), {"host": host, "ids": wanted}).all() if wanted else ()
    return {n for n, how in found if how != "router"}, {n for n, how in found if how in ("dhcp", "router")}


@functools.cache
def _present() -> Any:
    host: Any = sa.bindparam("host")
    ids: Any = sa.bindparam("ids", expanding=True)
    port, to_be, dhcp = Port.__table__.c, Binding.__table__.c, models.DhcpBinding.__table__.c
    link, router = models.RouterPort.__table__, models.Router.__table__
    routed = sa.select(port.network_id, sa.literal_column("'router'")).join(link, link.c.port_id == port.id).join(
        router, router.c.id == link.c.router_id).where(
        port.network_id.in_(ids), port.binding_host == host, port.device_owner.startswith("network:router_interface"),
        link.c.kind == "interface", router.c.agent_host == host).distinct()
    here: Any = sa.literal_column("'port'")
    return prepared(sa.union_all(
        sa.select(port.network_id, here).where(port.binding_host == host, port.network_id.in_(ids)).distinct(),
        sa.select(to_be.network_id, here).where(to_be.host == host, to_be.network_id.in_(ids)),
        sa.select(dhcp.network_id, sa.literal_column("'dhcp'")).where(dhcp.host == host, dhcp.network_id.in_(ids)), routed))


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
    for group, host in session.execute(_hosts_of_groups(), {"ids": sorted(by_group)}).all() if by_group else ():
        found.setdefault(host, set()).update(by_group[group])
    return found


@functools.cache
def _hosts_of_groups() -> Any:
    """(group, host) of ports that are members of the groups `ids`, or about to be there. By an index of (group, host)
    MariaDB goes from one host to the next."""
    member, to_be = PortGroup.__table__.c, Binding.__table__
    ids: Any = sa.bindparam("ids", expanding=True)
    return prepared(sa.union_all(
        sa.select(member.security_group_id, member.host).where(member.security_group_id.in_(ids), member.host != "").distinct(),
        sa.select(member.security_group_id, to_be.c.host).join(to_be, to_be.c.port_id == member.port_id).where(
            member.security_group_id.in_(ids))))


def _groups_naming(session: orm.Session, set_ids: Iterable[str]) -> dict[str, set[str]]:
    """security group -> those of `set_ids` that its rules name."""
    wanted = sorted(set(set_ids))
    found: dict[str, set[str]] = {}
    for group, set_id in session.execute(_naming(), {"ids": wanted}).all() if wanted else ():
        found.setdefault(group, set()).add(set_id)
    return found


@functools.cache
def _naming() -> Any:
    """(group, set) of rules that name one of the sets `ids`."""
    rule = Rule.__table__.c
    ids: Any = sa.bindparam("ids", expanding=True)
    return prepared(sa.union_all(*(sa.select(rule.security_group_id, column).where(column.in_(ids)).distinct()
                          for column in (rule.remote_group_id, rule.remote_address_group_id))))


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


def concerned_hosts(session: orm.Session, network_ids: Iterable[str], since: datetime.datetime) -> dict[str, set[str]]:
    """network id -> hosts that have a port of it, or are about to, or serve its DHCP, and whose layer 2 agent is enabled and was
    heard of since then."""
    wanted = sorted(set(network_ids))
    found: dict[str, set[str]] = {}
    for network, host in session.execute(_concerned(), {"ids": wanted, "since": since}).all() if wanted else ():
        found.setdefault(network, set()).add(host)
    return found


@functools.cache
def _concerned() -> Any:
    port = Port.__table__.c
    ids: Any = sa.bindparam("ids", expanding=True)
    others = (table.__table__.c for table in (Binding, models.DhcpBinding))
    here = sa.union_all(
        sa.select(port.network_id, port.binding_host.label("host")).where(
            port.network_id.in_(ids), port.binding_host != "").distinct(),
        *(sa.select(c.network_id, c.host).where(c.network_id.in_(ids)) for c in others)).subquery()
    agent = models.Agent.__table__
    since: Any = sa.bindparam("since", type_=agent.c.heartbeat_at.type)
    return prepared(sa.select(here.c.network_id, here.c.host).join_from(here, agent, agent.c.host == here.c.host).where(
        agent.c.role == "l2", agent.c.admin_state_up.is_(True), agent.c.heartbeat_at >= since))


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
    """Routers with a port and no host, but for those set aside."""
    query = sa.select(models.Router.id).where(
        models.Router.agent_host.is_(None), models.Router.set_aside.is_(False),
        sa.exists().where(models.RouterPort.router_id == models.Router.id)).limit(limit)
    return list(session.scalars(query).all())


def loads(session: orm.Session) -> tuple[dict[str, int], dict[str, int]]:
    """(host -> networks whose DHCP it serves, host -> routers that it runs)."""
    dhcp = sa.select(models.DhcpBinding.host, sa.func.count()).group_by(models.DhcpBinding.host)
    routers = sa.select(models.Router.agent_host, sa.func.count()).where(
        models.Router.agent_host.isnot(None)).group_by(models.Router.agent_host)
    return ({h: int(n) for h, n in session.execute(dhcp).all()}, {h: int(n) for h, n in session.execute(routers).all()})


def port_states(session: orm.Session, port_ids: Iterable[str]) -> list[Any]:
    """(id, status, binding_host, admin_state_up, device_owner, device_id) of these ports."""
    return rows.pick(session, port_ids, Port.id, Port.id, Port.status, Port.binding_host, Port.admin_state_up, Port.device_owner,
                     Port.device_id)


def set_port_status(session: orm.Session, host: str, port_ids: Sequence[str], status: str) -> None:
    """Set the status of those of the ports that are bound to the host and have another one."""
    for start in range(0, len(port_ids), 500):
        session.execute(_set_port_status(), {"ids": list(port_ids[start:start + 500]), "the_host": host, "the_status": status})


@functools.cache
def _set_port_status() -> Any:
    table = Port.__table__
    status: Any = sa.bindparam("the_status")
    return prepared(sa.update(table).where(
        table.c.id.in_(sa.bindparam("ids", expanding=True)), table.c.binding_host == sa.bindparam("the_host"),
        table.c.status != status).values(status=status, revision_number=table.c.revision_number + 1))


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
