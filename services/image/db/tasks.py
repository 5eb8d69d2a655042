"""Tasks: what imports were asked for and what became of them."""

import datetime
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common import clock
from common.db.filters import paginate
from common.http.paging import Page
from services.image.db.models import Task


def insert(session: orm.Session, **values: Any) -> Any:
    """Add a task; its row."""
    row = Task(**{"message": "", "created_at": clock.now(), "updated_at": clock.now(), **values})
    session.add(row)
    session.flush()
    return row


def find(session: orm.Session, task_id: str) -> Any | None:
    """The task, or None."""
    return session.get(Task, task_id)


def list_page(session: orm.Session, page: Page, *, owner: str | None, filters: dict[str, str]) -> Sequence[Any]:
    """One page of tasks of `owner` (None: everyone's), with equal `type`, `status` and `owner` filters."""
    conditions = [getattr(Task, name) == value for name, value in filters.items()]
    if owner is not None:
        conditions.append(Task.owner == owner)
    visible = Task.owner == owner if owner is not None else sa.true()
    return session.scalars(paginate(session, sa.select(Task).where(*conditions), Task, page, visible=visible)).all()


def of_image(session: orm.Session, image_id: str) -> Sequence[Any]:
    """An image's tasks, newest first."""
    return session.scalars(sa.select(Task).where(Task.image_id == image_id).order_by(Task.created_at.desc())).all()


def update(session: orm.Session, task_id: str, *, unless: Sequence[str] = ("success", "failure"), **values: Any) -> bool:
    """Change a task that has not ended; whether it did."""
    query = sa.update(Task).where(Task.id == task_id, Task.status.notin_(list(unless)))
    return bool(session.execute(query.values(updated_at=clock.now(), **values)).rowcount)


def delete(session: orm.Session, task_id: str) -> bool:
    """Remove a task; whether it was there."""
    return bool(session.execute(sa.delete(Task).where(Task.id == task_id)).rowcount)


def purge(session: orm.Session, now: datetime.datetime) -> int:
    """Remove tasks that expired before `now`; how many."""
    return int(session.execute(sa.delete(Task).where(Task.expires_at.isnot(None), Task.expires_at < now)).rowcount)
