"""Limits and usage per project. Usage is a counter that is changed by compare-and-swap, so two callers never pass together."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from services.network.db import models, rows

Usage = models.QuotaUsage
COUNTED: dict[str, Any] = {
    "network": models.Network, "subnet": models.Subnet, "port": models.Port, "router": models.Router,
    "floatingip": models.FloatingIp, "security_group": models.SecurityGroup,
    "security_group_rule": models.SecurityGroupRule, "rbac_policy": models.RbacPolicy, "subnetpool": models.SubnetPool,
}


def limits(session: orm.Session, project_id: str) -> dict[str, int]:
    """The project's own limits, resource -> number."""
    return {q.resource: q.limit for q in rows.find(session, models.Quota, models.Quota.project_id == project_id)}


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
    key = [Usage.project_id == project_id, Usage.resource == resource]
    conditions = key if bound < 0 else [*key, Usage.used + amount <= bound]
    if rows.change(session, Usage, conditions, used=Usage.used + amount):
        return True
    if rows.exists(session, *key):
        return False
    session.flush()
    used = actual(session, project_id, resource)  # with what this transaction added already
    if amount > 0 and 0 <= bound < used:
        return False
    rows.add(session, Usage(project_id=project_id, resource=resource, used=used))
    return True


def actual(session: orm.Session, project_id: str, resource: str) -> int:
    """How many rows of `resource` the project has, counted."""
    model = COUNTED[resource]
    return rows.count(session, model, model.project_id == project_id)
