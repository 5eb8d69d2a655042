"""Which images each API host has a copy of, or shall get one."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common import clock
from services.image.db.models import CachedImage, Image

QUEUED, CACHING, CACHED = "queued", "caching", "cached"
_STALE_S = 3600.0


def list_node(session: orm.Session, node: str) -> Sequence[Any]:
    """What a node has or shall get, oldest wish first."""
    return session.scalars(sa.select(CachedImage).where(CachedImage.node == node).order_by(CachedImage.queued_at)).all()


def of_nothing(session: orm.Session, node: str) -> list[str]:
    """The images that a node has a copy of, or a wish for one, and that are deleted."""
    known = sa.select(Image.id).where(Image.id == CachedImage.image_id, Image.deleted.is_(False))
    return list(session.scalars(sa.select(CachedImage.image_id).where(CachedImage.node == node, ~known.exists())))


def nodes(session: orm.Session, image_id: str) -> list[str]:
    """The nodes that hold a complete copy."""
    query = sa.select(CachedImage.node).where(CachedImage.image_id == image_id, CachedImage.state == CACHED)
    return list(session.scalars(query.order_by(CachedImage.node)))


def queue(session: orm.Session, node: str, image_id: str) -> None:
    """Wish for a copy; harmless when there is one, or a wish."""
    query = sa.select(CachedImage.image_id).where(CachedImage.node == node, CachedImage.image_id == image_id)
    if session.execute(query).first() is None:
        session.execute(sa.insert(CachedImage).values(node=node, image_id=image_id, state=QUEUED, size=0, hits=0,
                                                      queued_at=clock.now()))


def take(session: orm.Session, node: str) -> str | None:
    """Claim the oldest wish of a node (or one that somebody claimed long ago); its image, None: nothing is wished."""
    stale = sa.and_(CachedImage.state == CACHING, CachedImage.last_modified_at < clock.after(-_STALE_S))
    free = sa.and_(CachedImage.node == node, sa.or_(CachedImage.state == QUEUED, stale))
    for image_id in session.scalars(sa.select(CachedImage.image_id).where(free).order_by(CachedImage.queued_at).limit(5)).all():
        query = sa.update(CachedImage).where(free, CachedImage.image_id == image_id)
        if session.execute(query.values(state=CACHING, last_modified_at=clock.now())).rowcount:
            return str(image_id)
    return None


def cached(session: orm.Session, node: str, image_id: str, size: int) -> bool:
    """The copy is complete; False when nobody wishes for it any more."""
    query = sa.update(CachedImage).where(CachedImage.node == node, CachedImage.image_id == image_id)
    now = clock.now()
    return bool(session.execute(query.values(state=CACHED, size=size, last_modified_at=now, last_accessed_at=now)).rowcount)


def hit(session: orm.Session, node: str, image_id: str) -> None:
    """Count a use of a copy."""
    query = sa.update(CachedImage).where(CachedImage.node == node, CachedImage.image_id == image_id)
    session.execute(query.values(hits=CachedImage.hits + 1, last_accessed_at=clock.now()))


def remove(session: orm.Session, node: str, image_ids: Sequence[str]) -> int:
    """Forget copies and wishes of a node; how many there were."""
    if not image_ids:
        return 0
    query = sa.delete(CachedImage).where(CachedImage.node == node, CachedImage.image_id.in_(list(image_ids)))
    return int(session.execute(query).rowcount)
