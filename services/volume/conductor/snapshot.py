"""Making and removing snapshots, and putting volumes back to them."""

from common.db.session import Session
from common.saga import Failure, Run, Saga, Step, Wait
from services.volume.conductor.ending import forget_jobs, reason, tell
from services.volume.conductor.jobs import run_job, undo_job
from services.volume.db import snapshots, volumes


def make(run: Run) -> Wait | None:
    """Have the agent make the snapshot."""
    if not run.data.get("host"):
        raise Failure(f"volume {run.data['volume_id']} is on no back end")
    found = run_job(run, "create_snapshot", run.data["host"], run.data["volume_id"], {"snapshot_id": run.resource_id})
    return found if isinstance(found, Wait) else None


def unmake(run: Run) -> None:
    """Have the agent remove whatever it made."""
    if run.data.get("host"):
        undo_job(run, "delete_snapshot", run.data["host"], run.data["volume_id"], {"snapshot_id": run.resource_id})


def made(session: Session, run: Run) -> None:
    """The snapshot can be used."""
    snapshots.change(session, run.resource_id, ["creating"], status="available", progress="100%")
    forget_jobs(session, run)


def make_failed(session: Session, run: Run, failure: Exception) -> None:
    """The snapshot is of no use; its owner is told why."""
    row = snapshots.get(session, run.resource_id)
    if row is not None:
        snapshots.change(session, row.id, ["creating"], status="error")
        tell(
            session, run, "VOLUME_SNAPSHOT_008_001", "VOLUME_SNAPSHOT", row.project_id, f"create snapshot: {reason(run, failure)}"
        )
    forget_jobs(session, run)


def remove(run: Run) -> Wait | None:
    """Have the agent remove the snapshot."""
    if not run.data.get("host"):
        return None
    found = run_job(run, "delete_snapshot", run.data["host"], run.data["volume_id"], {"snapshot_id": run.resource_id})
    return found if isinstance(found, Wait) else None


def removed(session: Session, run: Run) -> None:
    """The snapshot is gone."""
    snapshots.delete(session, run.resource_id)
    forget_jobs(session, run)


def remove_failed(session: Session, run: Run, failure: Exception) -> None:
    """The back end could not: the snapshot stays, in error_deleting, and may be deleted again."""
    row = snapshots.get(session, run.resource_id)
    if row is not None:
        snapshots.change(session, row.id, None, status="error_deleting")
        tell(
            session, run, "VOLUME_SNAPSHOT_009_001", "VOLUME_SNAPSHOT", row.project_id, f"delete snapshot: {reason(run, failure)}"
        )
    forget_jobs(session, run)


def revert(run: Run) -> Wait | None:
    """Have the agent put the volume back to the snapshot."""
    with run.deps.database.read() as session:
        row = volumes.get(session, run.resource_id)
    if row is None or not row.host:
        raise Failure(f"volume {run.resource_id} is on no back end")
    found = run_job(run, "revert_volume", row.host, row.id, {"snapshot_id": run.data["snapshot_id"]})
    return found if isinstance(found, Wait) else None


def reverted(session: Session, run: Run) -> None:
    """The volume is what it was at the time of the snapshot."""
    volumes.restore_status(session, run.resource_id, ["reverting"], "available")
    forget_jobs(session, run)


def revert_failed(session: Session, run: Run, failure: Exception) -> None:
    """Nobody knows what is on the volume now."""
    row = volumes.get(session, run.resource_id)
    if row is not None:
        volumes.change(session, row.id, ["reverting"], status="error", previous_status=None)
        tell(session, run, "VOLUME_VOLUME_010_001", "VOLUME", row.project_id, f"revert volume: {reason(run, failure)}")
    forget_jobs(session, run)


CREATE = Saga("snapshot_create", (Step("make", make, unmake),), on_done=made, on_failed=make_failed)
DELETE = Saga("snapshot_delete", (Step("remove", remove),), on_done=removed, on_failed=remove_failed, cancellable=False)
REVERT = Saga("volume_revert", (Step("revert", revert),), on_done=reverted, on_failed=revert_failed)
