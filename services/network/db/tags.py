"""Tags of any resource."""

from collections.abc import Iterable

from sqlalchemy import orm

from services.network.db import models, rows

Tag = models.Tag


def of(session: orm.Session, resource_id: str) -> list[str]:
    """The tags of one resource, in order."""
    return sorted(t.tag for t in rows.find(session, Tag, Tag.resource_id == resource_id))


def replace(session: orm.Session, resource_id: str, words: Iterable[str]) -> None:
    """Let a resource have exactly these tags."""
    have, want = set(of(session, resource_id)), set(words)
    if have - want:
        rows.remove_where(session, Tag, Tag.resource_id == resource_id, Tag.tag.in_(have - want))
    session.add_all(Tag(resource_id=resource_id, tag=word) for word in sorted(want - have))
    session.flush()
