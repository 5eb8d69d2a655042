"""Filling an image from a volume, and a volume from an image in place (reimage)."""

from common.clients.base import RemoteError
from common.db.session import Session
from common.saga import Failure, Run, Saga, Step, Wait
from services.volume.conductor.ending import forget_jobs, reason, tell
from services.volume.conductor.jobs import run_job
from services.volume.db import volumes


def _host(run: Run) -> str:
    with run.deps.database.read() as session:
        row = volumes.get(session, run.resource_id)
    if row is None or not row.host:
        raise Failure(f"volume {run.resource_id} is on no back end")
    return row.host


def send(run: Run) -> Wait | None:
    """Have the agent stream the volume into the image."""
    args = {"image_id": run.data["image_id"], "disk_format": run.data["disk_format"]}
    found = run_job(run, "upload_image", _host(run), run.resource_id, args)
    return found if isinstance(found, Wait) else None


def drop_image(run: Run) -> None:
    """An image that was not filled is worth nothing."""
    try:
        run.deps.image.as_user(run.context).remove(run.data["image_id"])
    except RemoteError as e:
        if e.status not in (401, 403, 404):
            raise


def restored(session: Session, run: Run) -> None:
    """The volume is what it was."""
    volumes.restore_status(session, run.resource_id, ["uploading"], "available")
    forget_jobs(session, run)


def upload_failed(session: Session, run: Run, failure: Exception) -> None:
    """The volume is what it was; the owner is told."""
    row = volumes.get(session, run.resource_id)
    if row is not None:
        tell(session, run, "VOLUME_VOLUME_004_001", "VOLUME", row.project_id, f"copy volume to image: {reason(run, failure)}")
    restored(session, run)


def overwrite(run: Run) -> Wait | None:
    """Have the agent write the image over the volume."""
    with run.deps.database.read() as session:
        row = volumes.get(session, run.resource_id)
    args = {"image_id": run.data["image_id"], "disk_format": run.data["disk_format"], "size": row.size if row else 0}
    found = run_job(run, "reimage_volume", _host(run), run.resource_id, args)
    return found if isinstance(found, Wait) else None


def reimaged(session: Session, run: Run) -> None:
    """The volume has the image's content and says so."""
    volumes.change(
        session,
        run.resource_id,
        ["downloading"],
        image_metadata=run.data["image_metadata"],
        bootable=True,
        image_id=run.data["image_id"],
    )
    volumes.restore_status(session, run.resource_id, ["downloading"], "available")
    volumes.change(session, run.resource_id, ["error"], status="available")
    forget_jobs(session, run)


def reimage_failed(session: Session, run: Run, failure: Exception) -> None:
    """Nobody knows what is on the volume now."""
    row = volumes.get(session, run.resource_id)
    if row is not None:
        volumes.change(session, row.id, ["downloading"], status="error", previous_status=None)
        tell(session, run, "VOLUME_VOLUME_012_001", "VOLUME", row.project_id, f"reimage volume: {reason(run, failure)}")
    forget_jobs(session, run)


UPLOAD = Saga("volume_upload", (Step("send", send, drop_image),), on_done=restored, on_failed=upload_failed)
REIMAGE = Saga("volume_reimage", (Step("overwrite", overwrite),), on_done=reimaged, on_failed=reimage_failed)
