"""Queries and changes of snapshots."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common import clock
from common.db.filters import paginate
from common.db.session import Session
from common.http.paging import Page
from services.volume.db import volumes
from services.volume.db.models import AgentJob, Snapshot, SnapshotMetadata, Volume

WHOLE = (orm.selectinload(Snapshot.items),)
COLUMNS = {"name": Snapshot.name, "display_name": Snapshot.name}


def get(session: Session, snapshot_id: str) -> Snapshot | None:
    """A snapshot with its metadata."""
    return session.scalars(
        sa.select(Snapshot).where(Snapshot.id == snapshot_id).options(*WHOLE).execution_options(populate_existing=True)
    ).first()


def listing(
    session: Session, page: Page, *, filters: Mapping[str, Any], project_id: str | None, offset: int = 0
) -> Sequence[Snapshot]:
    """One page of snapshots; of all projects without `project_id`."""
    visible = Snapshot.project_id == project_id if project_id is not None else sa.true()
    query = _filtered(sa.select(Snapshot).options(*WHOLE), filters).where(visible)
    query = paginate(session, query, Snapshot, page, columns=COLUMNS, visible=visible)
    return session.scalars(query.offset(offset) if offset else query).all()


def count(session: Session, *, filters: Mapping[str, Any], project_id: str | None) -> int:
    """How many snapshots there are."""
    query = _filtered(sa.select(sa.func.count()).select_from(Snapshot), filters)
    if project_id is not None:
        query = query.where(Snapshot.project_id == project_id)
    return int(session.execute(query).scalar_one())


def _filtered(query: Any, filters: Mapping[str, Any]) -> Any:
    for key, value in filters.items():
        if key == "metadata":
            for name, text in value.items():
                query = query.where(
                    sa.exists().where(
                        SnapshotMetadata.snapshot_id == Snapshot.id,
                        SnapshotMetadata.key == name,
                        SnapshotMetadata.value == str(text),
                    )
                )
        elif key == "like":
            for name, text in value.items():
                escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
                query = query.where(getattr(Snapshot, name).like(f"%{escaped}%", escape="\\"))
        elif key == "availability_zone":
            query = query.where(Snapshot.volume_id.in_(sa.select(Volume.id).where(Volume.availability_zone == value)))
        elif key == "times":
            for column, operator, when in value:
                query = query.where(volumes.compare(getattr(Snapshot, column), operator, when))
        else:
            query = query.where(getattr(Snapshot, key) == value)
    return query


def insert(session: Session, metadata: Mapping[str, str], **values: Any) -> Snapshot:
    """A new snapshot."""
    row = Snapshot(**values)
    session.add(row)
    session.flush()
    set_metadata(session, row.id, metadata, replace=False)
    return row


def change(session: Session, snapshot_id: str, expected: Iterable[str] | None, **values: Any) -> bool:
    """Compare-and-swap: change a snapshot while its status is one of `expected` (None: any); whether it was."""
    query = sa.update(Snapshot).where(Snapshot.id == snapshot_id)
    if expected is not None:
        query = query.where(Snapshot.status.in_(list(expected)))
    values.setdefault("updated_at", clock.now())
    return bool(session.execute(query.values(**values), execution_options={"synchronize_session": False}).rowcount)


def delete(session: Session, snapshot_id: str) -> None:
    """Remove a snapshot with its metadata, and remember its id."""
    session.execute(sa.delete(SnapshotMetadata).where(SnapshotMetadata.snapshot_id == snapshot_id))
    session.execute(sa.delete(AgentJob).where(AgentJob.resource_id == snapshot_id))
    if session.execute(sa.delete(Snapshot).where(Snapshot.id == snapshot_id)).rowcount:
        volumes.bury(session, snapshot_id)


def set_metadata(session: Session, snapshot_id: str, items: Mapping[str, str], *, replace: bool) -> None:
    """Set metadata items; with `replace`, no others remain."""
    query = sa.delete(SnapshotMetadata).where(SnapshotMetadata.snapshot_id == snapshot_id)
    session.execute(query if replace else query.where(SnapshotMetadata.key.in_(list(items))))
    if items:
        session.execute(
            sa.insert(SnapshotMetadata), [{"snapshot_id": snapshot_id, "key": k, "value": v} for k, v in items.items()]
        )


def delete_metadata(session: Session, snapshot_id: str, key: str) -> bool:
    """Remove one item; whether it was there."""
    query = sa.delete(SnapshotMetadata).where(SnapshotMetadata.snapshot_id == snapshot_id, SnapshotMetadata.key == key)
    return bool(session.execute(query).rowcount)
