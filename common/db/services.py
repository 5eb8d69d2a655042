"""The `services` table: heartbeats in, a list of daemons out."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common import clock, ids


def beat(session: orm.Session, model: Any, *, daemon: str, binary: str, host: str, version: str,
         info: Any = None, availability_zone: str | None = None) -> bool:
    """Note that `daemon` on `host` is alive; whether that made its row. `info` replaces the row's when given."""
    values: dict[str, Any] = {"last_seen_at": clock.now(), "version": version, "daemon": daemon}
    if info is not None:
        values["info"] = info
    table = model.__table__  # what is written all day long is no object: half the cost
    found = session.execute(sa.update(table).where(table.c.binary == binary, table.c.host == host).values(**values))
    if found.rowcount == 0:
        session.add(model(uuid=ids.uuid(), daemon=daemon, binary=binary, host=host, version=version,
                          info=info or {}, availability_zone=availability_zone))
        session.flush()
    return bool(found.rowcount == 0)


def forget(session: orm.Session, model: Any, *, daemon: str, unseen_s: int) -> int:
    """Remove the rows of this `daemon`'s copies that were not heard of for `unseen_s` seconds; how many."""
    table = model.__table__
    gone = session.execute(sa.delete(table).where(table.c.daemon == daemon, table.c.last_seen_at < clock.after(-unseen_s)))
    return int(gone.rowcount)


def list_all(session: orm.Session, model: Any, *, binary: str | None = None, host: str | None = None) -> Sequence[Any]:
    """Every row, or those of one `binary` and/or `host`, oldest first."""
    query = sa.select(model).order_by(model.id)
    if binary is not None:
        query = query.where(model.binary == binary)
    if host is not None:
        query = query.where(model.host == host)
    return session.scalars(query).all()


def is_up(row: Any, down_after_s: int) -> bool:
    """Whether a row's daemon was heard of within `down_after_s` seconds and is not forced down."""
    return not row.forced_down and row.last_seen_at >= clock.after(-down_after_s)
