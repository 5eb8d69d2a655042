"""Making a volume: choose a pool, have its agent make the volume, empty or with content."""

from typing import Any

from common import clock
from common.db.session import Session
from common.saga import Failure, Run, Saga, Step, Wait
from services.volume.conductor.ending import forget_jobs, reason, tell
from services.volume.conductor.jobs import run_job, undo_job
from services.volume.db import volumes
from services.volume.db.models import Volume

_MAKING = ("creating", "downloading")


def _volume(run: Run) -> Volume:
    with run.deps.database.read() as session:
        row = volumes.get(session, run.resource_id)
    if row is None:
        raise Failure(f"volume {run.resource_id} is gone")
    return row


def choose(run: Run) -> None:
    """Ask the scheduler for a pool; what comes from a snapshot or volume stays on its back end."""
    row = _volume(run)
    if row.host is None:
        hints = run.data.get("hints") or {}
        request: dict[str, Any] = {
            "volume_id": row.id,
            "size_gb": row.size,
            "availability_zone": row.availability_zone,
            "volume_type": {"name": row.volume_type.name, "extra_specs": row.volume_type.extra_specs or {}},
            "host": run.data.get("origin_host"),
            "ignore_hosts": run.data.get("failed", []),
            "same_host": _hosts(run, hints.get("same_host")),
            "different_host": _hosts(run, hints.get("different_host")),
            "pools": run.deps.pools(),
        }
        answer = run.deps.scheduler.select_backends(run.context, [request])[0]
        if "error" in answer:
            raise Failure(answer["error"], public=answer.get("public_error"))
        if not run.deps.database.transaction(volumes.change, row.id, _MAKING, host=answer["host"]):
            raise Failure(f"volume {row.id} is not being created any more")
        run.data["host"] = answer["host"]
    else:
        run.data["host"] = row.host


def _hosts(run: Run, wanted: Any) -> list[str]:
    """Pools of the volumes that a scheduler hint names."""
    names = [wanted] if isinstance(wanted, str) else list(wanted or [])
    if not names:
        return []
    with run.deps.database.read() as session:
        return [v.host for v in volumes.get_all(session, names).values() if v.host and v.project_id == run.context.project_id]


def release(run: Run) -> None:
    """The volume is on no pool."""
    run.deps.database.transaction(volumes.change, run.resource_id, None, host=None)


def make(run: Run) -> Wait | None:
    """Have the agent make the volume."""
    row = _volume(run)
    args: dict[str, Any] = {"size": row.size}
    if row.image_id:
        args |= {"image_id": row.image_id, "disk_format": run.data.get("disk_format") or "raw"}
        run.deps.database.transaction(volumes.change, row.id, ["creating"], status="downloading")
    elif row.snapshot_id:
        args["snapshot_id"] = row.snapshot_id
    elif row.source_volid:
        args["source_volume_id"] = row.source_volid
    found = run_job(run, "create_volume", run.data["host"], row.id, args)
    return found if isinstance(found, Wait) else None


def unmake(run: Run) -> None:
    """Have the agent remove whatever it made."""
    undo_job(run, "delete_volume", run.data["host"], run.resource_id)


def done(session: Session, run: Run) -> None:
    """The volume can be used."""
    row = volumes.get(session, run.resource_id)
    values: dict[str, Any] = {"status": "available", "launched_at": clock.now()}
    if row is not None and row.image_id:
        values["bootable"] = True
    # A volume may have been reserved while its image was still being written.
    if not volumes.change(session, run.resource_id, _MAKING, **values):
        values.pop("status")
        volumes.change(session, run.resource_id, None, **values)
    forget_jobs(session, run)


def failed(session: Session, run: Run, failure: Exception) -> None:
    """The volume is of no use; its owner is told why."""
    row = volumes.get(session, run.resource_id)
    if row is None:
        return
    volumes.change(session, row.id, None, status="error")
    why = reason(run, failure)
    scheduling = "host" not in run.data
    tell(
        session,
        run,
        "VOLUME_VOLUME_001_002" if scheduling else "VOLUME_VOLUME_001_001",
        "VOLUME",
        row.project_id,
        f"schedule allocate volume: {why}" if scheduling else f"create volume: {why}",
    )
    forget_jobs(session, run)


SAGA = Saga(
    "volume_create",
    (
        Step("choose", choose, release, patience_s=600),
        Step("make", make, unmake),
    ),
    on_done=done,
    on_failed=failed,
)
