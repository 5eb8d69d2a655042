"""What may be done with snapshots: create and delete."""

from common import errors, ids
from common.context import RequestContext
from common.db import sagas
from common.db.session import Session
from services.volume.db import snapshots, types, volumes
from services.volume.db.models import Saga, Snapshot, Volume
from services.volume.domain import faults, quotas, states
from services.volume.domain.deps import Deps


def create(
    deps: Deps,
    context: RequestContext,
    volume: Volume,
    *,
    name: str | None,
    description: str | None,
    metadata: dict[str, str],
    force: bool,
) -> Snapshot:
    """A new snapshot in `creating`. 400 when the volume's state forbids it, 413 over quota."""
    snapshot_id = ids.uuid()

    def make(session: Session) -> tuple[Snapshot, list[str]]:
        row = volumes.lock(session, volume.id)
        allowed = states.VOLUME["snapshot_forced" if force else "snapshot"].allowed
        if row.status not in allowed:
            raise faults.invalid_volume(
                f"Volume {row.id} status must be {' or '.join(allowed)}, but current status is: {row.status}."
            )
        kind = types.get(session, row.volume_type_id)
        assert kind is not None
        quotas.check(session, deps.conf, row.project_id, kind, snapshots_more=1, gigabytes_more=row.size)
        snapshots.insert(
            session,
            metadata,
            id=snapshot_id,
            volume_id=row.id,
            project_id=row.project_id,
            user_id=context.user_id,
            name=name,
            description=description,
            status="creating",
            progress="0%",
            volume_size=row.size,
            volume_type_id=row.volume_type_id,
        )
        saga = sagas.insert(session, Saga, "snapshot_create", snapshot_id, context, {"volume_id": row.id, "host": row.host})
        session.flush()
        made = snapshots.get(session, snapshot_id)
        assert made is not None
        return made, [saga]

    try:
        made, poke = deps.db.transaction(make)
    except errors.Stale:
        raise faults.missing("volume", volume.id) from None
    deps.run(context, poke)
    return made


def delete(deps: Deps, context: RequestContext, snapshot: Snapshot, *, force: bool = False) -> None:
    """Delete a snapshot, cancelling what runs on it; 400 in a state that forbids it."""

    def begin(session: Session) -> list[str]:
        allowed = None if force else states.SNAPSHOT["delete"].allowed
        if not snapshots.change(session, snapshot.id, allowed, status="deleting"):
            raise faults.invalid_snapshot("Snapshot status must be available or error, and it must not be in use.")
        running = sagas.active(session, Saga, snapshot.id)
        if any(s.kind == "snapshot_delete" for s in running):
            return []
        sagas.cancel(session, Saga, snapshot.id)
        volume = volumes.get(session, snapshot.volume_id)
        data = {"volume_id": snapshot.volume_id, "host": volume.host if volume else None}
        return [*[s.id for s in running], sagas.insert(session, Saga, "snapshot_delete", snapshot.id, context, data)]

    deps.run(context, deps.db.transaction(begin))
