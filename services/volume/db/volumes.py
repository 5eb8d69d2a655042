"""Queries and compare-and-swap changes of volumes."""

import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common import clock, errors
from common.db.filters import paginate
from common.db.session import Session
from common.http.paging import Page
from services.volume.db.models import AgentJob, Attachment, Snapshot, Tombstone, Transfer, Volume, VolumeMetadata, VolumeType

WHOLE = (orm.joinedload(Volume.volume_type), orm.selectinload(Volume.items), orm.selectinload(Volume.attachments))
COLUMNS = {"name": Volume.name, "display_name": Volume.name, "bootable": Volume.bootable}


def get(session: Session, volume_id: str) -> Volume | None:
    """A volume with its type, metadata and attachments."""
    return session.scalars(_one(), {"id": volume_id}).unique().first()


@functools.cache
def _one() -> Any:
    """The statement of `get`, made once, as that takes as long as running it; no second one for the few rows that hang on it."""
    joined = (orm.joinedload(Volume.volume_type), orm.joinedload(Volume.items), orm.joinedload(Volume.attachments))
    return sa.select(Volume).where(Volume.id == sa.bindparam("id")).options(*joined).execution_options(populate_existing=True)


def get_all(session: Session, volume_ids: Collection[str]) -> dict[str, Volume]:
    """Volumes by id, as `get`."""
    found = session.scalars(sa.select(Volume).where(Volume.id.in_(list(volume_ids))).options(*WHOLE))
    return {v.id: v for v in found}


def listing(
    session: Session, page: Page, *, filters: Mapping[str, Any], project_id: str | None, offset: int = 0, whole: bool = True
) -> Sequence[Volume]:
    """One page of volumes; `project_id` None means of all projects. errors.BadRequest for an unknown marker or sort key."""
    visible = Volume.project_id == project_id if project_id is not None else sa.true()
    query = _filtered(sa.select(Volume), filters).where(visible)
    if whole:
        query = query.options(*WHOLE)
    query = paginate(session, query, Volume, page, columns=COLUMNS, visible=visible)
    return session.scalars(query.offset(offset) if offset else query).unique().all()


def count(session: Session, *, filters: Mapping[str, Any], project_id: str | None) -> tuple[int, int]:
    """How many volumes there are, and their GiB."""
    query = _filtered(sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(Volume.size), 0)).select_from(Volume), filters)
    if project_id is not None:
        query = query.where(Volume.project_id == project_id)
    row = session.execute(query).one()
    return int(row[0]), int(row[1])


def metadata_of(session: Session, project_id: str | None) -> dict[str, list[str]]:
    """Every metadata key of a project's volumes with its distinct values."""
    query = sa.select(VolumeMetadata.key, VolumeMetadata.value).distinct().join(Volume, Volume.id == VolumeMetadata.volume_id)
    if project_id is not None:
        query = query.where(Volume.project_id == project_id)
    found: dict[str, list[str]] = {}
    for key, value in session.execute(query.order_by(VolumeMetadata.key, VolumeMetadata.value)):
        found.setdefault(key, []).append(value)
    return found


def _filtered(query: Any, filters: Mapping[str, Any]) -> Any:
    for key, value in filters.items():
        if key == "metadata":
            for name, text in value.items():
                query = query.where(
                    sa.exists().where(
                        VolumeMetadata.volume_id == Volume.id, VolumeMetadata.key == name, VolumeMetadata.value == str(text)
                    )
                )
        elif key == "like":
            for name, text in value.items():
                escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
                query = query.where(getattr(Volume, name).like(f"%{escaped}%", escape="\\"))
        elif key == "times":
            for column, operator, when in value:
                query = query.where(compare(getattr(Volume, column), operator, when))
        elif isinstance(value, list | tuple | set):
            query = query.where(getattr(Volume, key).in_(list(value)))
        else:
            query = query.where(getattr(Volume, key) == value)
    return query


def compare(column: Any, operator: str, value: Any) -> Any:
    """The condition that a column compares so (gt, gte, eq …) with a value."""
    return {
        "gt": column > value,
        "gte": column >= value,
        "lt": column < value,
        "lte": column <= value,
        "eq": column == value,
        "neq": column != value,
    }[operator]


def insert(session: Session, metadata: Mapping[str, str], **values: Any) -> Volume:
    """A new volume."""
    row = Volume(**values)
    session.add(row)
    session.flush()
    set_metadata(session, row.id, metadata, replace=False)
    session.flush()
    return row


def change(session: Session, volume_id: str, expected: Iterable[str] | None, *, where: Sequence[Any] = (), **values: Any) -> bool:
    """Compare-and-swap: change a volume while its status is one of `expected` (None: any); whether it was."""
    query = sa.update(Volume).where(Volume.id == volume_id, *where)
    if expected is not None:
        query = query.where(Volume.status.in_(list(expected)))
    values.setdefault("updated_at", clock.now())
    return bool(session.execute(query.values(**values), execution_options={"synchronize_session": False}).rowcount)


def lock(session: Session, volume_id: str) -> Volume:
    """The volume, locked until the end of the transaction; errors.Stale when it is gone."""
    row = session.scalars(
        sa.select(Volume).where(Volume.id == volume_id).with_for_update().execution_options(populate_existing=True)
    ).first()
    if row is None:
        raise errors.Stale(f"volume {volume_id} is gone")
    return row


def restore_status(session: Session, volume_id: str, expected: Sequence[str], default: str) -> bool:
    """Put a volume that is in one of `expected` back to the status it had before."""
    return change(session, volume_id, expected, status=sa.func.coalesce(Volume.previous_status, default), previous_status=None)


def delete(session: Session, volume_id: str) -> None:
    """Remove a volume with everything that is its own, and remember its id."""
    for model in (Attachment, VolumeMetadata, Transfer):
        session.execute(sa.delete(model).where(model.volume_id == volume_id))
    session.execute(sa.delete(AgentJob).where(AgentJob.resource_id == volume_id))
    if session.execute(sa.delete(Volume).where(Volume.id == volume_id)).rowcount:
        bury(session, volume_id)


def bury(session: Session, thing_id: str) -> None:
    """Remember that a volume or snapshot was deleted."""
    if session.get(Tombstone, thing_id) is None:
        session.add(Tombstone(id=thing_id))


def buried(session: Session, thing_ids: Collection[str]) -> list[str]:
    """Which of these ids were deleted."""
    return list(session.scalars(sa.select(Tombstone.id).where(Tombstone.id.in_(list(thing_ids)))))


def forget_buried(session: Session, older_than_s: float) -> None:
    """Forget the ids of what was deleted long ago."""
    session.execute(sa.delete(Tombstone).where(Tombstone.deleted_at < clock.after(-older_than_s)))


def set_metadata(session: Session, volume_id: str, items: Mapping[str, str], *, replace: bool) -> None:
    """Set metadata items; with `replace`, no others remain."""
    query = sa.delete(VolumeMetadata).where(VolumeMetadata.volume_id == volume_id)
    session.execute(query if replace else query.where(VolumeMetadata.key.in_(list(items))))
    if items:
        session.execute(sa.insert(VolumeMetadata), [{"volume_id": volume_id, "key": k, "value": v} for k, v in items.items()])


def delete_metadata(session: Session, volume_id: str, key: str) -> bool:
    """Remove one item; whether it was there."""
    query = sa.delete(VolumeMetadata).where(VolumeMetadata.volume_id == volume_id, VolumeMetadata.key == key)
    return bool(session.execute(query).rowcount)


def snapshot_ids(session: Session, volume_id: str) -> list[str]:
    """Ids of a volume's snapshots, oldest first."""
    return list(session.scalars(sa.select(Snapshot.id).where(Snapshot.volume_id == volume_id).order_by(Snapshot.created_at)))


def transfer_of(session: Session, volume_id: str) -> str | None:
    """Id of the transfer that offers a volume."""
    return session.scalars(sa.select(Transfer.id).where(Transfer.volume_id == volume_id)).first()


def usage(session: Session, project_id: str) -> dict[str, int]:
    """What a project uses: volumes, snapshots, gigabytes, each also as <name>_<type name>."""
    used = {"volumes": 0, "snapshots": 0, "gigabytes": 0}
    for model, name, size in ((Volume, "volumes", Volume.size), (Snapshot, "snapshots", Snapshot.volume_size)):
        query = (
            sa.select(VolumeType.name, sa.func.count(), sa.func.sum(size))
            .select_from(model)
            .join(VolumeType, VolumeType.id == getattr(model, "volume_type_id"))
            .where(getattr(model, "project_id") == project_id)
            .group_by(VolumeType.name)
        )
        for type_name, number, gigabytes in session.execute(query):
            for key in (name, f"{name}_{type_name}"):
                used[key] = used.get(key, 0) + int(number)
            for key in ("gigabytes", f"gigabytes_{type_name}"):
                used[key] = used.get(key, 0) + int(gigabytes or 0)
    return used


def promised_since(session: Session, moments: Mapping[str, Any]) -> dict[str, int]:
    """GiB placed on each pool since its numbers were taken (`moments`: {pool: when}), or still being made: not yet in them."""
    found: dict[str, int] = {}
    if not moments:
        return found
    making = Volume.status.in_(("creating", "downloading"))
    query = sa.select(Volume.host, Volume.size, Volume.created_at, Volume.status).where(
        Volume.host.in_(list(moments)), sa.or_(making, Volume.created_at >= min(moments.values()))
    )
    for host, size, created_at, status in session.execute(query):
        if host is not None and (status in ("creating", "downloading") or created_at >= moments[host]):
            found[host] = found.get(host, 0) + int(size)
    return found
