"""Queries about networks."""

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common import errors
from common.context import RequestContext
from common.db.prepared import prepared
from services.network.db import models, rows

Network, Rbac = models.Network, models.RbacPolicy
SHARED, EXTERNAL = "access_as_shared", "access_as_external"


def visible(context: RequestContext, is_admin: bool) -> list[Any]:
    """Conditions: networks that the caller may see."""
    if is_admin:
        return []
    return [sa.or_(Network.project_id == context.project_id,
                   rows.shared_with("network", Network.id, context.project_id, (SHARED, EXTERNAL)))]


def shared_filter(values: Sequence[str], project_id: str | None) -> Any:
    """Condition of the filter `shared`."""
    condition = rows.shared_with("network", Network.id, project_id)
    wanted = {str(v).lower() in ("true", "1") for v in values}
    return sa.true() if len(wanted) == 2 else (condition if True in wanted else sa.not_(condition))


def sharing(session: orm.Session, ids: Sequence[str], project_id: str | None) -> set[str]:
    """Those of `ids` that are shared with everybody or with `project_id`."""
    found: set[str] = set()
    for object_id, action, target in rows.pick(session, ids, Rbac.object_id, Rbac.object_id, Rbac.action, Rbac.target_project):
        if action == SHARED and target in ("*", project_id):
            found.add(object_id)
    return found


def shown_subnets(session: orm.Session, network_ids: Sequence[str]) -> Sequence[Any]:
    """(subnet id, network id, IP version, address scope or None) of the subnets of these networks."""
    return session.execute(_shown_subnets(), {"ids": list(network_ids)}).all()


@functools.cache
def _shown_subnets() -> Any:
    subnet, pool = models.Subnet.__table__, models.SubnetPool.__table__
    return prepared(sa.select(subnet.c.id, subnet.c.network_id, subnet.c.ip_version, pool.c.address_scope_id).outerjoin_from(
        subnet, pool, pool.c.id == subnet.c.subnetpool_id).where(subnet.c.network_id.in_(sa.bindparam("ids", expanding=True))))


def serving_zones(session: orm.Session, network_ids: Sequence[str]) -> dict[str, list[str]]:
    """network id -> zones of the agents that serve its DHCP, in order."""
    found: dict[str, set[str]] = {}
    for network_id, zone in session.execute(_serving_zones(), {"ids": list(network_ids)}).all():
        found.setdefault(network_id, set()).add(zone)
    return {k: sorted(v) for k, v in found.items()}


@functools.cache
def _serving_zones() -> Any:
    binding, agent = models.DhcpBinding.__table__, models.Agent.__table__
    return prepared(sa.select(binding.c.network_id, agent.c.availability_zone).join_from(
        binding, agent, sa.and_(agent.c.host == binding.c.host, agent.c.role == "dhcp")).where(
        binding.c.network_id.in_(sa.bindparam("ids", expanding=True))))


def may_use(session: orm.Session, network: Any, project_id: str | None, actions: Sequence[str]) -> bool:
    """Whether an RBAC policy with one of `actions` lets `project_id` use the network."""
    return rows.exists(session, Rbac.object_id == network.id, Rbac.action.in_(list(actions)),
                       Rbac.target_project.in_(["*", project_id or "*"]))


def subnet_ids(session: orm.Session, ids: Sequence[str]) -> dict[str, list[str]]:
    """network id -> ids of its subnets."""
    found: dict[str, list[str]] = {}
    for subnet in rows.by_ids(session, models.Subnet, ids, models.Subnet.network_id):
        found.setdefault(subnet.network_id, []).append(subnet.id)
    return {k: sorted(v) for k, v in found.items()}


def subnets(session: orm.Session, network_id: str) -> Sequence[Any]:
    """The subnets of a network, oldest first."""
    return rows.find(session, models.Subnet, models.Subnet.network_id == network_id, order=models.Subnet.created_at)


def plain_subnets(session: orm.Session, network_id: str) -> list[Any]:
    """As `subnets`, to look at only."""
    return sorted(rows.pick(session, [network_id], models.Subnet.network_id), key=lambda s: s.created_at)


def foreign_users(session: orm.Session, network: Any, keep: Iterable[str]) -> bool:
    """Whether a project other than the owner and `keep` has ports in the network (our own ports have no project)."""
    mine = {network.project_id, "", *keep}
    return rows.exists(session, models.Port.network_id == network.id, models.Port.project_id.notin_(list(mine)))


def address_counts(session: orm.Session, network_ids: Sequence[str]) -> dict[str, int]:
    """subnet id -> addresses in use, for all subnets of `network_ids`."""
    ip = models.IpAllocation
    query = sa.select(ip.subnet_id, sa.func.count()).where(ip.network_id.in_(list(network_ids))).group_by(ip.subnet_id)
    return {subnet: int(number) for subnet, number in session.execute(query).all()}


def zones(session: orm.Session) -> dict[tuple[str, str], bool]:
    """(zone, "network" | "router") -> whether an enabled agent serves it."""
    found: dict[tuple[str, str], bool] = {}
    for agent in rows.find(session, models.Agent, models.Agent.role.in_(["dhcp", "l3"])):
        key = (agent.availability_zone, "network" if agent.role == "dhcp" else "router")
        found[key] = found.get(key, False) or agent.admin_state_up
    return found


def check_zones(session: orm.Session, hints: Sequence[str], kind: str) -> None:
    """404 AvailabilityZoneNotFound when a hint names a zone that no agent of `kind` serves."""
    if hints:
        known = {zone for zone, what in zones(session) if what == kind}
        for hint in hints:
            if hint not in known:
                raise errors.NotFound(f"AvailabilityZone {hint} could not be found.", kind="AvailabilityZoneNotFound")
