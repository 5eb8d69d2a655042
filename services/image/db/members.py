"""Projects that images are shared with."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common import clock
from services.image.db.models import ImageMember


def find(session: orm.Session, image_id: str, member: str) -> Any | None:
    """The membership, or None."""
    return session.scalars(sa.select(ImageMember).where(ImageMember.image_id == image_id, ImageMember.member == member)).first()


def list_all(session: orm.Session, image_id: str) -> Sequence[Any]:
    """An image's memberships, oldest first."""
    query = sa.select(ImageMember).where(ImageMember.image_id == image_id)
    return session.scalars(query.order_by(ImageMember.created_at, ImageMember.member)).all()


def count(session: orm.Session, image_id: str) -> int:
    """How many members an image has."""
    return int(session.scalar(sa.select(sa.func.count()).select_from(ImageMember).where(ImageMember.image_id == image_id)) or 0)


def insert(session: orm.Session, image_id: str, member: str) -> Any | None:
    """Add a membership (pending); None when it is there already. The image is to be locked (images.lock)."""
    if find(session, image_id, member) is not None:
        return None
    row = ImageMember(image_id=image_id, member=member, status="pending", created_at=clock.now(), updated_at=clock.now())
    session.add(row)
    session.flush()
    return row


def set_status(session: orm.Session, image_id: str, member: str, status: str) -> bool:
    """Change a membership's status; whether it is there."""
    query = sa.update(ImageMember).where(ImageMember.image_id == image_id, ImageMember.member == member)
    return bool(session.execute(query.values(status=status, updated_at=clock.now())).rowcount)


def delete(session: orm.Session, image_id: str, member: str) -> bool:
    """Remove a membership; whether it was there."""
    query = sa.delete(ImageMember).where(ImageMember.image_id == image_id, ImageMember.member == member)
    return bool(session.execute(query).rowcount)
