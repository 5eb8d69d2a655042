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


def use(session: orm.Session, project_id: str, resource: str, amount: int, limit: Callable[[], int]) -> bool:
    """Count `amount` more (negative: fewer) of `resource`; False, and nothing changed, when that passes the limit.

    The counter's row stays locked until the transaction ends: call this last.
    """
    bound = limit() if amount > 0 else -1
    sent = {"project": project_id, "what": resource, "amount": amount} | ({} if bound < 0 else {"bound": bound})
    if session.execute(_use(bound >= 0), sent).rowcount:  # type: ignore[attr-defined]
        return True
    if rows.exists(session, Usage.project_id == project_id, Usage.resource == resource):
        return False
    session.flush()
    used = actual(session, project_id, resource)  # with what this transaction added already
    if amount > 0 and 0 <= bound < used:
        return False
    rows.add(session, Usage(project_id=project_id, resource=resource, used=used))
    return True


@functools.cache
def _use(limited: bool) -> Any:
    table, more = Usage.__table__, sa.bindparam("amount", type_=sa.Integer())
    query = sa.update(table).where(table.c.project_id == sa.bindparam("project"), table.c.resource == sa.bindparam("what"))
    if limited:
        query = query.where(table.c.used + more <= sa.bindparam("bound", type_=sa.Integer()))
    return prepared(query.values(used=table.c.used + more))


def actual(session: orm.Session, project_id: str, resource: str) -> int:
    """How many rows of `resource` the project has, counted."""
    model = COUNTED[resource]
    return rows.count(session, model, model.project_id == project_id)
