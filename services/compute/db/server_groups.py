"""Server groups and who is in them."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common import errors
from services.compute.db.models import Server, ServerGroup


def get(session: orm.Session, group_id: str, project_id: str | None = None) -> Any:
    """A group (of the project); errors.NotFound when there is none."""
    query = sa.select(ServerGroup).where(ServerGroup.id == group_id)
    if project_id is not None:
        query = query.where(ServerGroup.project_id == project_id)
    row = session.scalars(query).first()
    if row is None:
        raise errors.NotFound(f"Instance group {group_id} could not be found.")
    return row


def lock(session: orm.Session, group_id: str) -> Any | None:
    """The row, held until the transaction ends, so that its members are placed one after the other; None when it is gone."""
    return session.scalars(sa.select(ServerGroup).where(ServerGroup.id == group_id).with_for_update()).first()


def page(session: orm.Session, project_id: str | None, *, limit: int | None = None, offset: int = 0) -> Sequence[Any]:
    """Groups of a project (None: of all), oldest first."""
    query = sa.select(ServerGroup).order_by(ServerGroup.seq)
    if project_id is not None:
        query = query.where(ServerGroup.project_id == project_id)
    if limit is not None or offset:
        query = query.limit(limit if limit is not None else 1 << 31).offset(offset)
    return session.scalars(query).all()


def members(session: orm.Session, group_ids: Sequence[str]) -> dict[str, list[Any]]:
    """{group id: rows (id, host, user_id, group_id, vm_state, task_state) of its live servers, the oldest first}."""
    query = sa.select(Server.id, Server.host, Server.user_id, Server.group_id, Server.vm_state, Server.task_state).where(
        Server.group_id.in_(list(group_ids)), Server.deleted.is_(False)).order_by(Server.seq)
    found: dict[str, list[Any]] = {}
    for row in session.execute(query):
        found.setdefault(row.group_id, []).append(row)
    return found


def insert(session: orm.Session, values: Mapping[str, Any]) -> Any:
    """A new group."""
    row = ServerGroup(**values)
    session.add(row)
    session.flush()
    return row


def delete(session: orm.Session, row: Any) -> None:
    """Remove a group; its servers go on without one."""
    session.execute(sa.update(Server).where(Server.group_id == row.id).values(group_id=None))
    session.execute(sa.delete(ServerGroup).where(ServerGroup.id == row.id))


def count(session: orm.Session, project_id: str) -> int:
    """How many groups a project has."""
    return int(session.scalar(sa.select(sa.func.count()).select_from(ServerGroup).where(
        ServerGroup.project_id == project_id)) or 0)


def existing(session: orm.Session, group_ids: Sequence[str]) -> list[str]:
    """Which of these groups exist."""
    return list(session.scalars(sa.select(ServerGroup.id).where(ServerGroup.id.in_(list(group_ids)))))
