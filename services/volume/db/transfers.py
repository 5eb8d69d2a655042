"""Queries and changes of transfers."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from common.db.filters import paginate
from common.db.session import Session
from common.http.paging import Page
from services.volume.db.models import Transfer


def get(session: Session, transfer_id: str) -> Transfer | None:
    """One transfer."""
    return session.get(Transfer, transfer_id)


def listing(
    session: Session, page: Page, *, filters: Mapping[str, Any], project_id: str | None, offset: int = 0
) -> Sequence[Transfer]:
    """One page of transfers; of all projects without `project_id`."""
    visible = Transfer.source_project_id == project_id if project_id is not None else sa.true()
    query = sa.select(Transfer).where(visible)
    for key, value in filters.items():
        query = query.where(getattr(Transfer, key) == value)
    query = paginate(session, query, Transfer, page, visible=visible)
    return session.scalars(query.offset(offset) if offset else query).all()


def insert(session: Session, **values: Any) -> Transfer:
    """A new transfer."""
    row = Transfer(**values)
    session.add(row)
    session.flush()
    return row


def delete(session: Session, transfer_id: str) -> bool:
    """Remove a transfer; whether it was there."""
    return bool(session.execute(sa.delete(Transfer).where(Transfer.id == transfer_id)).rowcount)
