"""Queries and changes of attachments."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from common import clock
from common.db.filters import paginate
from common.db.session import Session
from common.http.paging import Page
from services.volume.db.models import Attachment, Volume


def get(session: Session, attachment_id: str) -> tuple[Attachment, Volume] | None:
    """An attachment and its volume."""
    row = session.execute(
        sa.select(Attachment, Volume).join(Volume, Volume.id == Attachment.volume_id).where(Attachment.id == attachment_id)
    ).first()
    return (row[0], row[1]) if row else None


def listing(session: Session, page: Page, *, filters: Mapping[str, Any], project_id: str | None) -> Sequence[Attachment]:
    """One page of attachments; of all projects without `project_id`."""
    visible = (
        sa.true() if project_id is None else Attachment.volume_id.in_(sa.select(Volume.id).where(Volume.project_id == project_id))
    )
    query = sa.select(Attachment).where(visible)
    for key, value in filters.items():
        if key == "volume_status":
            query = query.where(Attachment.volume_id.in_(sa.select(Volume.id).where(Volume.status == value)))
        else:
            query = query.where(getattr(Attachment, key) == value)
    return session.scalars(paginate(session, query, Attachment, page, visible=visible)).all()


def of_volume(session: Session, volume_id: str) -> Sequence[Attachment]:
    """A volume's attachments, oldest first."""
    return session.scalars(sa.select(Attachment).where(Attachment.volume_id == volume_id).order_by(Attachment.created_at)).all()


def insert(session: Session, **values: Any) -> Attachment:
    """A new attachment."""
    row = Attachment(**values)
    session.add(row)
    session.flush()
    return row


def change(session: Session, attachment_id: str, **values: Any) -> bool:
    """Change an attachment; whether it is there."""
    return bool(
        session.execute(
            sa.update(Attachment).where(Attachment.id == attachment_id).values(updated_at=clock.now(), **values)
        ).rowcount
    )


def delete(session: Session, attachment_id: str) -> None:
    """Remove an attachment."""
    session.execute(sa.delete(Attachment).where(Attachment.id == attachment_id))


def exports(session: Session, backend: str) -> dict[str, list[str]]:
    """Every export that back end `host@name` should have: {volume id: [attachment ids]}."""
    query = (
        sa.select(Attachment.volume_id, Attachment.id)
        .join(Volume, Volume.id == Attachment.volume_id)
        .where(Volume.host.like(f"{backend}#%"), Attachment.connector.isnot(None))
    )
    found: dict[str, list[str]] = {}
    for volume_id, attachment_id in session.execute(query):
        found.setdefault(volume_id, []).append(attachment_id)
    return found
