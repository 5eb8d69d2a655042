"""Messages for owners of resources: what went wrong."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from common import clock
from common.db.filters import paginate
from common.db.session import Session
from common.http.paging import Page
from services.volume.db.models import Message


def insert(session: Session, ttl_s: float, **values: Any) -> None:
    """Add a message that is kept for `ttl_s` seconds."""
    session.add(Message(guaranteed_until=clock.after(ttl_s), **values))


def get(session: Session, message_id: str) -> Message | None:
    """One message."""
    return session.get(Message, message_id)


def listing(
    session: Session, page: Page, *, filters: Mapping[str, Any], project_id: str | None, offset: int = 0
) -> Sequence[Message]:
    """One page of messages; of all projects without `project_id`."""
    visible = Message.project_id == project_id if project_id is not None else sa.true()
    query = sa.select(Message).where(visible)
    for key, value in filters.items():
        query = query.where(getattr(Message, key) == value)
    query = paginate(session, query, Message, page, visible=visible)
    return session.scalars(query.offset(offset) if offset else query).all()


def delete(session: Session, message_id: str) -> None:
    """Remove a message."""
    session.execute(sa.delete(Message).where(Message.id == message_id))


def purge(session: Session) -> None:
    """Remove messages whose time is over."""
    session.execute(sa.delete(Message).where(Message.guaranteed_until < clock.now()))
