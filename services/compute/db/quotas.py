"""Limits, and what is used of them."""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy import orm

from common.db import locks
from common.db.prepared import prepared
from services.compute.db.models import KeyPair, ProjectLock, Quota, Server, ServerGroup

DEFAULT_CLASS = "class:default"
"""In place of a project's id: limits of all projects that have none of their own."""
_C = Quota.__table__.c
_LIMITS = prepared(sa.select(_C.project_id, _C.user_id, _C.resource, _C.hard_limit).where(sa.or_(
    sa.and_(_C.project_id == DEFAULT_CLASS, _C.user_id == ""),
    sa.and_(_C.project_id == sa.bindparam("project"), _C.user_id.in_(sa.bindparam("users", expanding=True))))))


def lock_project(session: orm.Session, project_id: str) -> None:
    """Let nobody else count and add to the project's usage until this transaction ends."""
    locks.hold(session, ProjectLock.uses, ProjectLock.project_id, project_id)


def limits(session: orm.Session, project_id: str, user_id: str = "") -> dict[str, int]:
    """Stored limits that hold for a project (and user): the nearest wins. Resources without one are missing."""
    rows = session.execute(_LIMITS, {"project": project_id, "users": ["", user_id]}).all()
    rows = sorted(rows, key=lambda q: (q.project_id != DEFAULT_CLASS, q.user_id != ""))
    return {q.resource: q.hard_limit for q in rows}


def usage(session: orm.Session, project_id: str, user_id: str | None = None) -> dict[str, int]:
    """{"instances", "cores", "ram"} of a project (of one user in it), in one statement."""
    query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(Server.vcpus), 0),
                      sa.func.coalesce(sa.func.sum(Server.memory_mb), 0)).where(
        Server.project_id == project_id, Server.deleted.is_(False), Server.vm_state != "soft-delete")
    if user_id is not None:
        query = query.where(Server.user_id == user_id)
    row = session.execute(query).one()
    return {"instances": int(row[0]), "cores": int(row[1]), "ram": int(row[2])}


def other_usage(session: orm.Session, project_id: str, user_id: str | None = None) -> dict[str, int]:
    """{"server_groups", "key_pairs"}: key pairs are counted for `user_id` alone."""
    groups = sa.select(sa.func.count()).select_from(ServerGroup).where(ServerGroup.project_id == project_id)
    keys = sa.select(sa.func.count()).select_from(KeyPair).where(KeyPair.user_id == (user_id or ""))
    row = session.execute(sa.select(groups.scalar_subquery(), keys.scalar_subquery())).one()
    return {"server_groups": int(row[0]), "key_pairs": int(row[1])}


def set_limits(session: orm.Session, project_id: str, user_id: str, values: Mapping[str, int]) -> None:
    """Store limits by resource."""
    for resource, limit in values.items():
        same = sa.and_(Quota.project_id == project_id, Quota.user_id == user_id, Quota.resource == resource)
        if session.execute(sa.update(Quota).where(same).values(hard_limit=limit)).rowcount == 0:
            session.merge(Quota(project_id=project_id, user_id=user_id, resource=resource, hard_limit=limit))
    session.flush()


def delete_limits(session: orm.Session, project_id: str, user_id: str | None = None) -> None:
    """Forget the limits of a project (of one user in it)."""
    query = sa.delete(Quota).where(Quota.project_id == project_id)
    session.execute(query.where(Quota.user_id == user_id) if user_id is not None else query)


def user_limits(session: orm.Session, project_id: str, resources: Sequence[str]) -> dict[str, int]:
    """The largest limit that any user of the project has of each resource."""
    query = sa.select(Quota.resource, sa.func.max(Quota.hard_limit)).where(
        Quota.project_id == project_id, Quota.user_id != "", Quota.resource.in_(list(resources))).group_by(Quota.resource)
    return {str(resource): int(limit) for resource, limit in session.execute(query)}
