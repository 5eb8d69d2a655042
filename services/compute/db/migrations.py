"""Moves of servers between hosts and sizes."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common import ids
from common.db.filters import paginate
from common.http.paging import Page
from services.compute.db.models import Migration

RUNNING = ("queued", "preparing", "running", "post-migrating")
"""Statuses in which a live migration is on its way."""
BEGUN = (*RUNNING, "accepted", "pre-migrating", "migrating")
"""Statuses of moves that are not at their end."""
HOLDING = (*BEGUN, "finished", "confirming", "reverting", "done")
"""Statuses of moves that may hold a claim on a host."""
COUNTERS = ("memory_total", "memory_processed", "memory_remaining", "disk_total", "disk_processed", "disk_remaining")
"""Columns of a live migration's progress, in bytes."""
SETTLED = ("confirmed", "reverted", "error", "completed", "failed", "cancelled", "done")
"""Statuses of moves that concern their hosts no more (a `done` evacuation: but that the source cleans up when it is back)."""


def insert(session: orm.Session, values: Mapping[str, Any]) -> Any:
    """A new migration; its row."""
    row = Migration(**values)
    session.add(row)
    session.flush()
    return row


def get(session: orm.Session, server_id: str, migration_id: str) -> Any | None:
    """A server's migration by number or UUID, or None."""
    query = sa.select(Migration).where(Migration.server_id == server_id)
    number = ids.number_in(migration_id)
    same = Migration.uuid == migration_id if number is None else Migration.id == number
    return session.scalars(query.where(same)).first()


def newest(session: orm.Session, server_id: str, statuses: Sequence[str]) -> Any | None:
    """A server's newest migration in one of `statuses`, or None."""
    return session.scalars(sa.select(Migration).where(Migration.server_id == server_id, Migration.status.in_(list(statuses)))
                           .order_by(Migration.id.desc())).first()


def holding(session: orm.Session, server_ids: Sequence[str]) -> set[str]:
    """Those of `server_ids` that have a move in a status of HOLDING."""
    return set(session.scalars(sa.select(Migration.server_id).where(
        Migration.server_id.in_(list(server_ids)), Migration.status.in_(HOLDING))))


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


def one(session: orm.Session, migration_id: int) -> Any | None:
    """A migration by number, or None."""
    return session.get(Migration, migration_id)


def underway_from(session: orm.Session, host: str) -> int:
    """How many live migrations leave `host` just now, those that wait their turn left out."""
    return int(session.scalar(sa.select(sa.func.count()).select_from(Migration).where(
        Migration.source_compute == host, Migration.type == "live-migration",
        Migration.status.in_([s for s in RUNNING if s != "queued"]))) or 0)


def destinations(session: orm.Session, server_ids: Sequence[str]) -> dict[str, str]:
    """{server id: where it is going} of those that are on their way."""
    return {server_id: host for server_id, host in session.execute(sa.select(Migration.server_id, Migration.dest_compute).where(
        Migration.server_id.in_(list(server_ids)), Migration.status.in_(BEGUN), Migration.dest_compute.is_not(None)))}


def evacuated(session: orm.Session, server_ids: Sequence[str]) -> dict[str, list[Any]]:
    """{server id: its evacuations from hosts that have not cleaned up behind it yet}."""
    found: dict[str, list[Any]] = {}
    for row in session.scalars(sa.select(Migration).where(
            Migration.server_id.in_(list(server_ids)), Migration.type == "evacuation", Migration.status == "done")):
        found.setdefault(row.server_id, []).append(row)
    return found


def close(session: orm.Session, server_id: str) -> None:
    """The server is deleted: a move that waited for its confirmation has it, whatever else was under way has failed."""
    mine = sa.update(Migration).where(Migration.server_id == server_id)
    session.execute(mine.where(Migration.status.in_(("finished", "confirming"))).values(status="confirmed"))
    session.execute(mine.where(Migration.status == "done").values(status="completed"))
    session.execute(mine.where(Migration.status.not_in(SETTLED)).values(status="error"))


def touching(session: orm.Session, host: str, server_ids: Sequence[str] | None = None) -> set[str]:
    """Servers whose unfinished move concerns `host`: their files there must stay."""
    query = sa.select(Migration.server_id).where(
        sa.or_(Migration.source_compute == host, Migration.dest_compute == host),
        Migration.status.not_in(SETTLED))
    if server_ids is not None:
        query = query.where(Migration.server_id.in_(list(server_ids)))
    return set(session.scalars(query))
