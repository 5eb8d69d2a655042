"""Events that compute has yet to hear of."""

import functools
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common.db.prepared import prepared
from services.network.db import models

Event = models.ServerEvent


def as_item(row: Any) -> dict[str, Any]:
    """{"id", "attempts", "event": what compute's API takes}."""
    return {"id": row.id, "attempts": row.attempts,
            "event": {"server_uuid": row.server_id, "name": row.name, "tag": row.tag, "status": row.status}}


def some_due(session: orm.Session, now: Any) -> bool:
    """Whether `claim` would find an event, or one that another conductor is claiming."""
    return session.execute(_one_due(), {"now": now}).first() is not None


@functools.cache
def _one_due() -> Any:
    table = Event.__table__
    return sa.select(table.c.id).where(table.c.due_at <= sa.bindparam("now")).limit(1)


def claim(session: orm.Session, limit: int, now: Any, lease_until: Any) -> list[dict[str, Any]]:
    """Events that are due, kept from other conductors until `lease_until`."""
    query = sa.select(Event).where(Event.due_at <= now).order_by(Event.id).limit(limit).with_for_update(skip_locked=True)
    found = []
    for row in session.scalars(query).all():
        found.append(as_item(row))
        row.due_at = lease_until
        row.attempts += 1
    return found


def drop_and_keep(session: orm.Session, heard: Sequence[int], kept: Sequence[int], lease_until: Any) -> None:
    """Compute has heard some; keep the others from other conductors until then."""
    if heard:
        session.execute(_drop(), {"ids": list(heard)})
    if kept:
        session.execute(sa.update(Event).where(Event.id.in_(kept)).values(due_at=lease_until))


@functools.cache
def _drop() -> Any:
    table = Event.__table__
    return prepared(sa.delete(table).where(table.c.id.in_(sa.bindparam("ids", expanding=True))))
