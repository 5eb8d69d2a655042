"""Queries about ports and their addresses."""

import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common.context import RequestContext
from common.db.prepared import prepared
from services.network.db import models, rows

Port, Ip, PortGroup, Binding = models.Port, models.IpAllocation, models.PortGroup, models.PortBinding
INTERNAL_OWNERS = ("network:dhcp",)


def visible(context: RequestContext, is_admin: bool) -> list[Any]:
    """Conditions: ports that the caller may see: its own, and all ports of its own networks."""
    if is_admin:
        return []
    own = sa.select(models.Network.id).where(models.Network.project_id == context.project_id)
    return [sa.or_(Port.project_id == context.project_id, Port.network_id.in_(own))]


def addresses(session: orm.Session, port_ids: Iterable[str]) -> dict[str, list[Any]]:
    """port id -> its addresses in order (rows with subnet_id and ip_address), to look at only."""
    found: dict[str, list[Any]] = {}
    for row in rows.pick(session, port_ids, Ip.port_id, Ip.port_id, Ip.subnet_id, Ip.ip_address, Ip.position):
        found.setdefault(row[0], []).append(row)
    for items in found.values():
        if len(items) > 1:
            items.sort(key=lambda r: (r.position, r.ip_address))
    return found


def allocations(session: orm.Session, port_id: str) -> list[Any]:
    """The IpAllocations of a port in order, which may be changed."""
    return sorted(rows.find(session, Ip, Ip.port_id == port_id), key=lambda r: (r.position, r.ip_address))


def groups(session: orm.Session, port_ids: Iterable[str]) -> dict[str, list[str]]:
    """port id -> ids of its security groups."""
    found: dict[str, list[str]] = {}
    for port_id, group in rows.pick(session, port_ids, PortGroup.port_id, PortGroup.port_id, PortGroup.security_group_id):
        found.setdefault(port_id, []).append(group)
    return {k: sorted(v) for k, v in found.items()}


def fixed_ip_filter(values: Sequence[str]) -> list[Any]:
    """Conditions of `fixed_ips=ip_address=…`, `…subnet_id=…`, `…subnet=…`, `…ip_address_substr=…`; None of a kind: no bound."""
    kinds: dict[str, list[str]] = {}
    for text in values:
        name, _, value = text.partition("=")
        kinds.setdefault(name, []).append(value)
    found = []
    if "ip_address" in kinds:
        found.append(Port.id.in_(sa.select(Ip.port_id).where(Ip.ip_address.in_(kinds["ip_address"]))))
    nets = kinds.get("subnet_id", []) + kinds.get("subnet", [])
    if nets:
        found.append(Port.id.in_(sa.select(Ip.port_id).where(Ip.subnet_id.in_(nets))))
    if "ip_address_substr" in kinds:
        parts = [rows.matches(Ip.ip_address, text) for text in kinds["ip_address_substr"]]
        found.append(Port.id.in_(sa.select(Ip.port_id).where(sa.or_(*parts))))
    return found


def group_filter(values: Sequence[str]) -> Any:
    """Condition: ports that are members of one of these security groups."""
    return Port.id.in_(sa.select(PortGroup.port_id).where(PortGroup.security_group_id.in_(list(values))))


def taken(session: orm.Session, subnet_id: str, offsets: Sequence[int]) -> set[int]:
    """Those of `offsets` that are in use."""
    return {int(n) for n in session.scalars(_taken(), {"subnet": subnet_id, "offsets": list(offsets)}).all()}


@functools.cache
def _taken() -> Any:
    c = Ip.__table__.c
    return prepared(sa.select(c.offset).where(
        c.subnet_id == sa.bindparam("subnet"), c.offset.in_(sa.bindparam("offsets", expanding=True))))


def first_gap(session: orm.Session, subnet_id: str, spans: Sequence[tuple[int, int]]) -> int | None:
    """The first free offset of a nearly full subnet: the start of a span, or one after a used address."""
    for first, last in spans:
        if not taken(session, subnet_id, [first]):
            return first
        other = sa.orm.aliased(Ip)
        query = sa.select(Ip.offset + 1).outerjoin(other, sa.and_(
            other.subnet_id == Ip.subnet_id, other.offset == Ip.offset + 1)).where(
            Ip.subnet_id == subnet_id, Ip.offset >= first, Ip.offset < last, other.ip_address.is_(None)
        ).order_by(Ip.offset).limit(1)
        found = session.execute(query).scalar()
        if found is not None:
            return int(found)
    return None


def holder(session: orm.Session, subnet_id: str, ip: str) -> Any | None:
    """The allocation of an address, or None when it is free."""
    return rows.get(session, Ip, (subnet_id, ip))


def mac_used(session: orm.Session, network_id: str, mac: str) -> bool:
    """Whether a port of the network has this MAC address."""
    return rows.exists(session, Port.network_id == network_id, Port.mac_address == mac)


def in_network(session: orm.Session, network_id: str) -> Sequence[Any]:
    """Every port of a network."""
    return rows.find(session, Port, Port.network_id == network_id)


def hosts_of_networks(session: orm.Session, network_ids: Iterable[str]) -> dict[str, set[str]]:
    """network id -> hosts with a port bound in it, or about to be."""
    wanted = set(network_ids)
    found = rows.values_by_key(session, Port.network_id, Port.binding_host, wanted)
    for network_id, host in rows.pick(session, wanted, Binding.network_id, Binding.network_id, Binding.host):
        found.setdefault(network_id, set()).add(host)
    return found


def on_subnet(session: orm.Session, subnet_id: str, limit: int | None = None) -> Sequence[Any]:
    """Ports with an address in the subnet."""
    query = sa.select(Port).join(Ip, Ip.port_id == Port.id).where(Ip.subnet_id == subnet_id)
    return session.scalars(query.limit(limit) if limit else query).all()


def members(session: orm.Session, group_ids: Iterable[str]) -> dict[str, list[str]]:
    """security group id -> addresses of its members, with their allowed address pairs."""
    wanted = sorted(set(group_ids))
    found: dict[str, set[str]] = {g: set() for g in wanted}
    if wanted:
        query = sa.select(PortGroup.security_group_id, Ip.ip_address).join(Ip, Ip.port_id == PortGroup.port_id).where(
            PortGroup.security_group_id.in_(wanted))
        for group, ip in session.execute(query).all():
            found[group].add(ip)
        for group, ip in _pairs_of(session, wanted):
            found[group].add(ip)
    return {g: sorted(ips) for g, ips in found.items()}


def still_members(session: orm.Session, asked: Mapping[str, Collection[str]]) -> dict[str, set[str]]:
    """security group id -> those of the addresses asked for that are its members' (allowed address pairs included)."""
    found: dict[str, set[str]] = {g: set() for g in asked}
    addresses = sorted({ip for ips in asked.values() for ip in ips})
    for start in range(0, len(addresses), 500):
        sent = {"addresses": addresses[start:start + 500], "groups": list(asked)}
        for group, ip in session.execute(_members_with(), sent).all():
            found[group].add(ip)
    for group, ip in _pairs_of(session, list(asked)):
        found[group].add(ip)
    return {g: ips & set(asked[g]) for g, ips in found.items()}


@functools.cache
def _members_with() -> Any:
    member, ip = PortGroup.__table__, Ip.__table__
    return prepared(sa.select(member.c.security_group_id, ip.c.ip_address).join(ip, ip.c.port_id == member.c.port_id).where(
        ip.c.ip_address.in_(sa.bindparam("addresses", expanding=True)),
        member.c.security_group_id.in_(sa.bindparam("groups", expanding=True))))


def _pairs_of(session: orm.Session, groups: Sequence[str]) -> list[tuple[str, str]]:
    found = session.execute(_with_pairs(), {"groups": list(groups)}).all()
    return [(group, item["ip_address"]) for group, items in found for item in items]


@functools.cache
def _with_pairs() -> Any:
    member, port = PortGroup.__table__, Port.__table__
    return prepared(sa.select(member.c.security_group_id, port.c.allowed_address_pairs).join(
        port, port.c.id == member.c.port_id).where(
        member.c.security_group_id.in_(sa.bindparam("groups", expanding=True)), member.c.with_pairs.is_(True)))
