"""Moves of servers between hosts and sizes."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common.db.filters import paginate
from common.http.paging import Page
from services.compute.db.models import Migration

RUNNING = ("queued", "preparing", "running", "post-migrating")
"""Statuses in which a live migration is on its way."""


def insert(session: orm.Session, values: Mapping[str, Any]) -> Any:
    """A new migration; its row."""
    row = Migration(**values)
    session.add(row)
    session.flush()
    return row


def get(session: orm.Session, server_id: str, migration_id: str) -> Any | None:
    """A server's migration by number or UUID, or None."""
    query = sa.select(Migration).where(Migration.server_id == server_id)
    same = Migration.id == int(migration_id) if str(migration_id).isdigit() else Migration.uuid == migration_id
    return session.scalars(query.where(same)).first()


def newest(session: orm.Session, server_id: str, statuses: Sequence[str]) -> Any | None:
    """A server's newest migration in one of `statuses`, or None."""
    return session.scalars(sa.select(Migration).where(Migration.server_id == server_id, Migration.status.in_(list(statuses)))
                           .order_by(Migration.id.desc())).first()


def page(session: orm.Session, wanted: Mapping[str, Any], page: Page | None = None, *, since: Any = None, before: Any = None,
         statuses: Sequence[str] | None = None) -> Sequence[Any]:
    """Migrations whose columns equal `wanted` (`host`: source or destination), newest first or as `page` says."""
    query = sa.select(Migration)
    for name, value in wanted.items():
        if name == "host":
            query = query.where(sa.or_(Migration.source_compute == value, Migration.dest_compute == value))
        else:
            query = query.where(getattr(Migration, name) == value)
    changed = sa.func.coalesce(Migration.updated_at, Migration.created_at)
    if since is not None:
        query = query.where(changed >= since)
    if before is not None:
        query = query.where(changed <= before)
    if statuses is not None:
        query = query.where(Migration.status.in_(list(statuses)))
    if page is None:
        return session.scalars(query.order_by(Migration.id.desc())).all()
    return session.scalars(paginate(session, query, Migration, page, id_column=Migration.uuid)).all()


def change(session: orm.Session, migration_id: int, **values: Any) -> None:
    """Set columns of a migration."""
    session.execute(sa.update(Migration).where(Migration.id == migration_id).values(**values))


def touching(session: orm.Session, host: str, server_ids: Sequence[str] | None = None) -> set[str]:
    """Servers whose unfinished move concerns `host`: their files there must stay."""
    query = sa.select(Migration.server_id).where(
        sa.or_(Migration.source_compute == host, Migration.dest_compute == host),
        Migration.status.not_in(("confirmed", "reverted", "error", "completed", "failed", "cancelled", "done")))
    if server_ids is not None:
        query = query.where(Migration.server_id.in_(list(server_ids)))
    return set(session.scalars(query))
