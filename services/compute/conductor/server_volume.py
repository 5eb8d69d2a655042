"""Attaching volumes to servers and detaching them, running or not."""

from typing import Any

from common.db.session import Session
from common.saga import Failure, Run, Saga, Step, Wait
from services.compute.conductor import disks, ending, jobs
from services.compute.db import server_parts


def connect(run: Run) -> Wait | None:
    """Connect the volume for the server's host. A server that is on no host gets it when it has one."""
    server, disk = ending.server(run), _disk(run)
    if server.host and not disk.connection_info:
        disks.attach(run, server.host, disk, disk.volume_id)
    return None


def disconnect(run: Run) -> None:
    """Give the volume back and forget the disk."""
    with run.deps.database.read() as session:
        disk = server_parts.disk_of_volume(session, run.resource_id, run.data["volume_id"])
    if disk is None:
        return
    if disk.attachment_id:
        run.deps.volume.delete_attachment(disk.attachment_id)
    run.deps.database.transaction(server_parts.delete_disk, disk.id)


def plug(run: Run) -> Wait | None:
    """Have the agent give it to the guest, and note the device name it got."""
    server, disk = ending.server(run), _disk(run)
    if not server.host:
        return None
    found = jobs.run_job(run, "attach_volume", server.host, {"volume_id": disk.volume_id})
    if isinstance(found, Wait):
        return found
    if found.get("device"):
        run.deps.database.transaction(server_parts.change_disk, disk.id, device_name=found["device"])
    return None


def unplug(run: Run) -> None:
    """Have the agent take it away again."""
    server = ending.server(run)
    if server.host:
        jobs.finish_job(run, "detach_volume", server.host, {"volume_id": run.data["volume_id"]})


def complete(run: Run) -> Wait | None:
    """Tell block storage that the volume is in use."""
    disk = _disk(run)
    if disk.attachment_id:
        run.deps.volume.complete_attachment(disk.attachment_id)
    return None


def detach(run: Run) -> Wait | None:
    """Have the agent take the volume from the guest."""
    server = ending.server(run)
    with run.deps.database.read() as session:
        disk = server_parts.disk_of_volume(session, run.resource_id, run.data["volume_id"])
    if server.host and disk is not None:
        found = jobs.run_job(run, "detach_volume", server.host, {"volume_id": run.data["volume_id"]}, timeout_s=300)
        return found if isinstance(found, Wait) else None
    return None


def give_back(run: Run) -> Wait | None:
    """Let block storage have it; it stays, also where it was to go with the server."""
    disconnect(run)
    return None


def _disk(run: Run) -> Any:
    with run.deps.database.read() as session:
        disk = server_parts.disk_of_volume(session, run.resource_id, run.data["volume_id"])
    if disk is None:
        raise Failure(f"volume {run.data['volume_id']} is not attached")
    return disk


def attached(session: Session, run: Run) -> None:
    """The record says so."""
    ending.succeed(session, run, "compute_attach_volume")


def detached(session: Session, run: Run) -> None:
    """The record says so."""
    ending.succeed(session, run, "compute_detach_volume")


ATTACH = Saga("server_attach_volume", (Step("connect", connect, disconnect), Step("plug", plug, unplug),
                                       Step("complete", complete)),
              on_done=attached, on_failed=ending.failing("compute_attach_volume", vm_state=None))


def stays(run: Run) -> None:
    """A detach that failed: block storage shows the volume in use again."""
    jobs.drop_jobs(run)
    with run.deps.database.read() as session:
        disk = server_parts.disk_of_volume(session, run.resource_id, run.data["volume_id"])
    if disk is not None:
        run.deps.volume.action(disk.volume_id, "os-roll_detaching")


DETACH = Saga("server_detach_volume", (Step("detach", detach, stays), Step("give_back", give_back)),
              on_done=detached, on_failed=ending.failing("compute_detach_volume", vm_state=None))
