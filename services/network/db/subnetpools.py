"""Queries about subnet pools and address scopes."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common.context import RequestContext
from services.network.db import models, rows


def _visible(model: Any, kind: str, context: RequestContext, is_admin: bool) -> list[Any]:
    if is_admin:
        return []
    return [sa.or_(model.project_id == context.project_id, rows.shared_with(kind, model.id, context.project_id))]


def visible_pools(context: RequestContext, is_admin: bool) -> list[Any]:
    """Conditions: pools that the caller may see."""
    return _visible(models.SubnetPool, "subnetpool", context, is_admin)


def visible_scopes(context: RequestContext, is_admin: bool) -> list[Any]:
    """Conditions: address scopes that the caller may see."""
    return _visible(models.AddressScope, "address_scope", context, is_admin)


def subnets(session: orm.Session, pool_id: str) -> Sequence[Any]:
    """The subnets that were cut from a pool."""
    return rows.find(session, models.Subnet, models.Subnet.subnetpool_id == pool_id)


def shared_ids(session: orm.Session, ids: Sequence[str], project_id: str | None) -> set[str]:
    """Those of `ids` (of any kind) that are shared with everybody or with `project_id`."""
    policy = models.RbacPolicy
    return {p.object_id for p in rows.by_ids(session, policy, ids, policy.object_id)
            if p.action == "access_as_shared" and p.target_project in ("*", project_id)}
