"""Removing a volume, and with `cascade` its snapshots. Cannot be cancelled; what ran before was cancelled and has been undone."""

from common.db import sagas
from common.db.session import Session
from common.saga import Run, Saga, Step, Wait
from services.volume.conductor.ending import forget_jobs, reason, tell
from services.volume.conductor.jobs import run_job
from services.volume.db import snapshots, volumes
from services.volume.db.models import Saga as SagaRow


def remove_snapshots(run: Run) -> Wait | None:
    """Have the agent remove the volume's snapshots, each as soon as what ran on it has ended."""
    waits: list[Wait] = []
    for snapshot_id in run.data.get("snapshots", []):
        with run.deps.database.read() as session:
            row = snapshots.get(session, snapshot_id)
            busy = sagas.active(session, SagaRow, snapshot_id)
            volume = volumes.get(session, run.resource_id)
        if row is None:
            continue
        if busy:
            waits.append(Wait(1.0))
            continue
        if volume is not None and volume.host:
            found = run_job(
                run, "delete_snapshot", volume.host, run.resource_id, {"snapshot_id": snapshot_id}, name=f"snapshot-{snapshot_id}"
            )
            if isinstance(found, Wait):
                waits.append(found)
                continue
        run.deps.database.transaction(snapshots.delete, snapshot_id)
    return min(waits, key=lambda w: w.seconds) if waits else None


def remove(run: Run) -> Wait | None:
    """Have the agent take away all access, then the volume."""
    with run.deps.database.read() as session:
        volume = volumes.get(session, run.resource_id)
    if volume is None or not volume.host:
        return None
    found = run_job(run, "delete_volume", volume.host, volume.id)
    return found if isinstance(found, Wait) else None


def done(session: Session, run: Run) -> None:
    """The volume is gone."""
    volumes.delete(session, run.resource_id)
    forget_jobs(session, run)


def failed(session: Session, run: Run, failure: Exception) -> None:
    """The back end could not: the volume stays, in error_deleting, and may be deleted again."""
    row = volumes.get(session, run.resource_id)
    if row is not None:
        volumes.change(session, row.id, None, status="error_deleting")
        for snapshot_id in run.data.get("snapshots", []):
            snapshots.change(session, snapshot_id, ["deleting"], status="error_deleting")
        tell(session, run, "VOLUME_VOLUME_003_001", "VOLUME", row.project_id, f"delete volume: {reason(run, failure)}")
    forget_jobs(session, run)


SAGA = Saga(
    "volume_delete",
    (Step("snapshots", remove_snapshots), Step("remove", remove)),
    on_done=done,
    on_failed=failed,
    cancellable=False,
)
