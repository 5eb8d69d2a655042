"""Where images' bytes are, and which of them still have to be removed."""

import datetime
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common import clock
from services.image.db.models import ImageLocation


def insert(session: orm.Session, image_id: str, url: str, store: str, info: dict[str, Any] | None = None) -> None:
    """Add a location to an image."""
    session.execute(sa.insert(ImageLocation).values(image_id=image_id, url=url, store=store, info=info or {}, status="active"))


def update_info(session: orm.Session, location_id: int, info: dict[str, Any]) -> None:
    """Replace what clients keep with a location."""
    session.execute(sa.update(ImageLocation).where(ImageLocation.id == location_id).values(info=info))


def mark_deleted(session: orm.Session, image_id: str, location_ids: Sequence[int]) -> int:
    """Take locations from an image; the bytes are removed by whoever clears them. Returns how many there were."""
    query = sa.update(ImageLocation).where(ImageLocation.image_id == image_id, ImageLocation.id.in_(list(location_ids)),
                                           ImageLocation.status == "active")
    return int(session.execute(query.values(status="deleted", deleted_at=clock.now())).rowcount)


def forget(session: orm.Session, location_ids: Sequence[int]) -> None:
    """Remove rows whose bytes are gone (or were never ours)."""
    if location_ids:
        session.execute(sa.delete(ImageLocation).where(ImageLocation.id.in_(list(location_ids))))


def drop_leftovers(session: orm.Session, image_id: str) -> None:
    """Forget what failed additions left on a queued image, before it gets data. The bytes are on others' servers."""
    session.execute(sa.delete(ImageLocation).where(ImageLocation.image_id == image_id, ImageLocation.status == "active"))


def to_remove(session: orm.Session, *, image_id: str | None = None, before: datetime.datetime | None = None,
              after: int = 0, limit: int = 100) -> list[tuple[int, str, str, str]]:
    """(row id, image id, URL, store) of locations whose bytes have to go, with row ids from `after` on."""
    query = sa.select(ImageLocation.id, ImageLocation.image_id, ImageLocation.url, ImageLocation.store)
    query = query.where(ImageLocation.status == "deleted", ImageLocation.id > after).order_by(ImageLocation.id).limit(limit)
    if image_id is not None:
        query = query.where(ImageLocation.image_id == image_id)
    if before is not None:
        query = query.where(ImageLocation.deleted_at < before)
    return [(r.id, r.image_id, r.url, r.store) for r in session.execute(query)]


def in_use(session: orm.Session, url: str, *, but: int) -> bool:
    """Whether another row still needs the bytes at `url`."""
    query = sa.select(ImageLocation.id).where(ImageLocation.url == url, ImageLocation.id != but,
                                              ImageLocation.status == "active")
    return session.execute(query.limit(1)).first() is not None


def known(session: orm.Session, url: str) -> bool:
    """Whether any image has, or had and still has to clear, the bytes at `url`."""
    return session.execute(sa.select(ImageLocation.id).where(ImageLocation.url == url).limit(1)).first() is not None
