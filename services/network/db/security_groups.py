"""Queries about security groups, their rules, address groups and the rules that new groups start with."""

import functools
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common.context import RequestContext
from common.db.prepared import prepared
from services.network.db import models, rows

Group, Rule, Template = models.SecurityGroup, models.SecurityGroupRule, models.DefaultRule
_SEEDED = "default_rules_seeded"


def visible(context: RequestContext, is_admin: bool) -> list[Any]:
    """Conditions: groups that the caller may see."""
    if is_admin:
        return []
    return [sa.or_(Group.project_id == context.project_id, rows.shared_with("security_group", Group.id, context.project_id))]


def default_of(session: orm.Session, project_id: str) -> str | None:
    """The id of a project's default group, if it has one yet."""
    found: str | None = session.execute(_default_of(), {"project": project_id}).scalar()
    return found


@functools.cache
def _default_of() -> Any:
    c = models.DefaultGroup.__table__.c
    return prepared(sa.select(c.security_group_id).where(c.project_id == sa.bindparam("project")))


def visible_rules(context: RequestContext, is_admin: bool) -> list[Any]:
    """Conditions: rules that the caller may see: its own, and those of its groups."""
    if is_admin:
        return []
    own = sa.select(Group.id).where(Group.project_id == context.project_id)
    return [sa.or_(Rule.project_id == context.project_id, Rule.security_group_id.in_(own))]


def visible_address_groups(context: RequestContext, is_admin: bool) -> list[Any]:
    """Conditions: address groups that the caller may see."""
    model = models.AddressGroup
    if is_admin:
        return []
    return [sa.or_(model.project_id == context.project_id, rows.shared_with("address_group", model.id, context.project_id))]


def usable(session: orm.Session, ids: Sequence[str], projects: Sequence[str | None], everything: bool) -> set[str]:
    """Those of `ids` that exist and belong to one of `projects`, or are shared with one; all that exist for `everything`."""
    found = {g.id: g for g in rows.by_ids(session, Group, ids)}
    known = {p for p in projects if p}
    allowed = {i for i, g in found.items() if everything or g.project_id in known}
    if allowed != set(found):
        policies = rows.by_ids(session, models.RbacPolicy, set(found) - allowed, models.RbacPolicy.object_id)
        allowed |= {p.object_id for p in policies if p.target_project == "*" or p.target_project in known}
    return allowed


_FOR_HOSTS = tuple(getattr(Rule, n) for n in (
    "id", "created_at", "security_group_id", "direction", "ethertype", "protocol", "port_range_min", "port_range_max",
    "remote_ip_prefix", "remote_group_id", "remote_address_group_id"))


def rules_of(session: orm.Session, group_ids: Sequence[str], *, for_hosts: bool = False) -> dict[str, list[Any]]:
    """group id -> its rules, oldest first, to look at only; `for_hosts`: only the columns that hosts are told of."""
    found: dict[str, list[Any]] = {}
    columns = _FOR_HOSTS if for_hosts else ()
    for rule in sorted(rows.pick(session, group_ids, Rule.security_group_id, *columns), key=lambda r: (r.created_at, r.id)):
        found.setdefault(rule.security_group_id, []).append(rule)
    return found


def of_ports(session: orm.Session, port_ids: Sequence[str]) -> tuple[dict[str, list[str]], set[str]]:
    """(port id -> ids of its groups in order, those of the groups whose rules look at single packets)."""
    groups: dict[str, list[str]] = {}
    packets: set[str] = set()
    for start in range(0, len(port_ids), 500):
        for port_id, group, stateful in session.execute(_of_ports(), {"ids": list(port_ids[start:start + 500])}).all():
            groups.setdefault(port_id, []).append(group)
            if not stateful:
                packets.add(group)
    return {port_id: sorted(found) for port_id, found in groups.items()}, packets


@functools.cache
def _of_ports() -> Any:
    member, group = models.PortGroup.__table__.c, Group.__table__
    query = sa.select(member.port_id, group.c.id, group.c.stateful).join(group, group.c.id == member.security_group_id)
    return prepared(query.where(member.port_id.in_(sa.bindparam("ids", expanding=True))))


def stateless(session: orm.Session, group_ids: Sequence[str]) -> set[str]:
    """Those of `group_ids` whose rules look at single packets."""
    return {i for i, stateful in rows.pick(session, group_ids, Group.id, Group.id, Group.stateful) if not stateful}


def all_templates(session: orm.Session) -> Sequence[Any]:
    """The rules that new groups start with; upstream's four are put there once."""
    if rows.get(session, models.Marker, _SEEDED) is None:
        session.add(models.Marker(name=_SEEDED))
        for direction, remote, everywhere in (("egress", None, True), ("ingress", "PARENT", False)):
            for ethertype in ("IPv4", "IPv6"):
                session.add(Template(direction=direction, ethertype=ethertype, remote_group_id=remote,
                                     used_in_default_sg=True, used_in_non_default_sg=everywhere,
                                     description="Legacy default SG rule for " + (
                                         "ingress traffic from the same group" if remote else "egress traffic")))
        session.flush()
    return rows.find(session, Template)


def templates(session: orm.Session, for_default: bool) -> list[Any]:
    """The rules that a new group (a default one or not) starts with."""
    return [t for t in all_templates(session) if (t.used_in_default_sg if for_default else t.used_in_non_default_sg)]
