"""Limits and usage per project. Usage is a counter that is changed by compare-and-swap, so two callers never pass together."""

import functools
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common.db.prepared import prepared
from services.network.db import models, rows

Usage = models.QuotaUsage
COUNTED: dict[str, Any] = {
    "network": models.Network, "subnet": models.Subnet, "port": models.Port, "router": models.Router,
    "floatingip": models.FloatingIp, "security_group": models.SecurityGroup,
    "security_group_rule": models.SecurityGroupRule, "rbac_policy": models.RbacPolicy, "subnetpool": models.SubnetPool,
}


def limits(session: orm.Session, project_id: str) -> dict[str, int]:
    """The project's own limits, resource -> number."""
    columns = models.Quota.project_id, models.Quota.resource, models.Quota.limit
    return {resource: limit for _, resource, limit in rows.pick(session, [project_id], columns[0], *columns)}


def set_limit(session: orm.Session, project_id: str, resource: str, limit: int) -> None:
    """Give a project a limit of its own."""
    row = rows.get(session, models.Quota, (project_id, resource))
    if row is None:
        rows.add(session, models.Quota(project_id=project_id, resource=resource, limit=limit))
    else:
        row.limit = limit


def drop(session: orm.Session, project_id: str) -> int:
    """Back to the defaults; how many limits the project had."""
    return rows.remove_where(session, models.Quota, models.Quota.project_id == project_id)


def projects(session: orm.Session) -> list[str]:
    """Projects that have limits of their own."""
    return sorted(session.scalars(sa.select(models.Quota.project_id).distinct()).all())


def use(session: orm.Session, project_id: str, resource: str, amount: int, default: int | None,
        flush: Callable[[], None]) -> bool:
    """Count `amount` more (negative: fewer) of `resource`; False, and nothing changed, when that passes the project's limit.

    default  the limit of projects that have none of their own; None: count without regard to limits
    flush    writes what the transaction has added so far
    The counter's row stays locked until the transaction ends: call this last.
    """
    sent = {"project": project_id, "what": resource, "amount": amount} | ({} if default is None else {"default": default})
    if session.execute(_use(default is not None), sent).rowcount:  # type: ignore[attr-defined]
        return True
    if rows.exists(session, Usage.project_id == project_id, Usage.resource == resource):
        return False
    flush()
    used = actual(session, project_id, resource)
    if default is not None and 0 <= limits(session, project_id).get(resource, default) < used:
        return False
    rows.add(session, Usage(project_id=project_id, resource=resource, used=used))
    return True


@functools.cache
def _use(limited: bool) -> Any:
    table, quota, more = Usage.__table__, models.Quota.__table__, sa.bindparam("amount", type_=sa.Integer())
    project: Any = sa.bindparam("project")
    what: Any = sa.bindparam("what")
    query = sa.update(table).where(table.c.project_id == project, table.c.resource == what)
    if limited:
        own = sa.select(quota.c.limit).where(quota.c.project_id == project, quota.c.resource == what)
        limit = sa.func.coalesce(own.scalar_subquery(), sa.bindparam("default", type_=sa.Integer()))
        query = query.where(sa.not_(limit.between(0, table.c.used + more - 1)))  # one below zero is none
    return prepared(query.values(used=table.c.used + more))


def actual(session: orm.Session, project_id: str, resource: str) -> int:
    """How many rows of `resource` the project has, counted."""
    model = COUNTED[resource]
    return rows.count(session, model, model.project_id == project_id)
