"""Writing a new image over the root volume of a server that is rebuilt: block storage does it while no guest has the volume.

The server keeps the volume by an attachment without a host meanwhile; its row has no connection then.
"""

from typing import Any

from common.clients.base import RemoteError
from common.saga import NOTHING, Failure, Outcome, Run, Wait
from services.compute.conductor import disks, ending, jobs


def put_aside(run: Run) -> Outcome:
    """Have the agent take the server off its host, and keep its root volume for it."""
    disk = _root(run)
    if disk is None:
        return NOTHING
    if disk.connection_info is not None:
        found = jobs.run_job(run, "destroy", ending.server(run).host)
        if isinstance(found, Wait):
            return found
        disks.reserve(run, disk)
    disks.sweep_one(run, _root(run))
    return None


def overwrite(run: Run) -> Outcome:
    """Have block storage write the image, and wait until it has."""
    disk = _root(run)
    if disk is None:
        return NOTHING
    volume = run.deps.volume.volume(disk.volume_id)
    if volume["status"].startswith("error"):
        raise Failure(f"volume {disk.volume_id} went to {volume['status']}", public="The root volume could not be reimaged.")
    if volume["status"] != "downloading":
        if run.data.get("reimaging"):
            return None
        try:
            run.deps.volume.reimage(disk.volume_id, run.data["image"]["id"])
        except RemoteError as e:
            raise Failure(str(e), public=f"The root volume could not be reimaged: {e.message}") from e
        run.data["reimaging"] = True
    if run.step_age_s > disks.CREATE_TIMEOUT_S:
        raise Failure(f"volume {disk.volume_id} is still {volume['status']}")
    return Wait(1.0)


def connect(run: Run) -> Outcome:
    """Connect the volume for the server's host again."""
    disk = _root(run)
    if disk is None:
        return NOTHING
    disks.attach(run, ending.server(run).host, disk, disk.volume_id)
    return None


def complete(run: Run) -> Outcome:
    """The guest has it."""
    disk = _root(run)
    if disk is None:
        return NOTHING
    run.deps.volume.complete_attachment(disk.attachment_id)
    return None


def _root(run: Run) -> Any | None:
    """The root volume, where it is to get a new image."""
    if not run.data.get("reimage_volume"):
        return None
    return next((d for d in disks.rows(run) if d.boot_index == 0), None)
