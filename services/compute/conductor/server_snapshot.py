"""Making an image of a server: of its root disk by the agent, or of its volumes by block storage."""

from typing import Any

from common.clients.base import RemoteError
from common.db.session import Session
from common.saga import Failure, Run, Saga, Step, Wait
from services.compute.conductor import ending, jobs, volume_snapshots
from services.compute.domain import states


def copy_disk(run: Run) -> Wait | None:
    """Have the agent copy the root disk into the image that the API made (`image_id`)."""
    server, image_id = ending.server(run), run.data["image_id"]
    if not image_id:
        return None
    if run.data.get("volume_backed"):
        volume_snapshots.map_image(run, server, image_id)
        return None
    if server.task_state == states.SNAPSHOT_PENDING:
        ending.change(run, task_state=states.SNAPSHOT)
    if "disk_format" not in run.data:
        run.data["disk_format"] = run.deps.image.as_user(run.context).show(image_id).get("disk_format") or "qcow2"
    found = jobs.run_job(run, "snapshot", server.host, {"image_id": image_id, "disk_format": run.data["disk_format"]},
                         timeout_s=3600)
    return found if isinstance(found, Wait) else None


def drop_image(run: Run) -> None:
    """Remove the image that got no data."""
    jobs.drop_jobs(run)
    if run.data.get("volume_backed"):
        volume_snapshots.drop(run)
    if run.data.get("image_id"):
        remove_image(run, run.data["image_id"])


def remove_image(run: Run, image_id: str) -> None:
    """Delete an image of the tenant's; one that is gone or may not be deleted any more is left alone."""
    try:
        run.deps.image.as_user(run.context).remove(image_id)
    except RemoteError as e:
        if e.status not in (401, 403, 404):
            raise


def rotate(run: Run) -> Wait | None:
    """A backup keeps only its newest `rotation` images."""
    rotation = run.data.get("rotation")
    if rotation is None:
        return None
    images = run.deps.image.as_user(run.context)
    kept: list[dict[str, Any]] = images.find(instance_uuid=run.resource_id, image_type="backup",
                                             backup_type=run.data.get("backup_type"), sort="created_at:desc")
    for item in kept[int(rotation):]:
        try:
            images.remove(item["id"])
        except RemoteError as e:
            if e.status not in (404, 409):
                raise Failure(str(e)) from e
    return None


def done(session: Session, run: Run) -> None:
    """The server goes on."""
    ending.succeed(session, run, "compute_snapshot_instance")


SAGA = Saga("server_snapshot", (Step("copy_disk", copy_disk, drop_image), Step("rotate", rotate)), on_done=done,
            on_failed=ending.failing("compute_snapshot_instance", vm_state=None))
