"""Making an image of a server: of its root disk by the agent, or of its volumes by block storage."""

from typing import Any

from oslo_utils.strutils import bool_from_string

from common.clients.base import RemoteError
from common.db.session import Session
from common.saga import NOTHING, Failure, Outcome, Run, Saga, Step, Wait
from services.compute.conductor import ending, jobs, volume_snapshots
from services.compute.domain import states

FREEZE_TIMEOUT_S = 30
"""How long a guest may stand still for its snapshots, at most."""


def freeze(run: Run) -> Outcome:
    """Have the guest's agent freeze its file systems, so that the snapshots of its volumes belong together.

    Without an agent they are taken as they are, unless the image says that this must not be (`os_require_quiesce`).
    """
    server = ending.server(run)
    properties = (server.system or {}).get("image") or {}
    if not run.data.get("volume_backed") or run.data["vm_state"] != states.ACTIVE:
        return NOTHING
    needed = bool_from_string(properties.get("os_require_quiesce"))
    if bool_from_string(properties.get("hw_qemu_guest_agent")):
        run.data["freezing"] = server.host
        found = jobs.run_job(run, "freeze", server.host, timeout_s=FREEZE_TIMEOUT_S)
        if isinstance(found, Wait):
            return found
        if found["frozen"]:
            return None
    run.data["freezing"] = None
    if needed:
        raise Failure(f"Quiescing is not supported in instance {server.id}")
    return None


def melt(run: Run) -> None:
    """Undo `freeze`."""
    if run.data.get("freezing"):
        jobs.finish_job(run, "thaw", run.data["freezing"])


def thaw(run: Run) -> Outcome:
    """Let the guest go on as soon as block storage has what it stood still for."""
    if not run.data.get("freezing"):
        return NOTHING
    if volume_snapshots.underway(run) and run.step_age_s < FREEZE_TIMEOUT_S:
        return Wait(0.5)
    found = jobs.run_job(run, "thaw", run.data["freezing"])
    return found if isinstance(found, Wait) else None


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


SAGA = Saga("server_snapshot", (Step("freeze", freeze, melt), Step("copy_disk", copy_disk, drop_image), Step("thaw", thaw),
                                Step("rotate", rotate)), on_done=done,
            on_failed=ending.failing("compute_snapshot_instance", vm_state=None))
