"""Giving a server another volume in the place of one, with its content, while its guest runs: part of a volume's migration.

Until the guest has turned to the new volume everything can be undone; from then on (`data["swapped"]`) rows and block
storage only follow.
"""

import dataclasses
from typing import Any

from common.clients.base import RemoteError
from common.db.session import Session
from common.saga import Failure, Run, Saga, Step, Wait
from services.compute.conductor import disks, ending, jobs, specs
from services.compute.db import server_parts


def connect(run: Run) -> Wait | None:
    """Connect the new volume for the server's host."""
    server = ending.server(run)
    try:
        found = run.deps.volume.update_attachment(run.data["attachment_id"], disks.connector(run, server.host, _disk(run)))
    except RemoteError as e:
        raise Failure(str(e), public=f"Volume {run.data['new_volume_id']} could not be attached: {e.message}") from e
    run.data["connection_info"] = found["connection_info"]
    return None


def disconnect(run: Run) -> None:
    """Give the new volume back, and have the old one in use again; or the reverse, when the guest has the new one."""
    if run.data.get("swapped"):
        follow(run)
        return
    run.deps.volume.delete_attachment(run.data["attachment_id"])
    run.deps.volume.action(run.data["old_volume_id"], "os-roll_detaching")


def _disk(run: Run) -> Any:
    with run.deps.database.read() as session:
        disk = server_parts.disk_of_volume(session, run.resource_id, run.data["old_volume_id"])
    if disk is None:
        raise Failure(f"volume {run.data['old_volume_id']} is not attached")
    return disk


def _job(run: Run) -> dict[str, Any]:
    """The arguments of the agent's jobs."""
    volume = dataclasses.replace(specs.volume_spec(_disk(run)), volume_id=run.data["new_volume_id"],
                                 connection_info=run.data["connection_info"], attachment_id=run.data["attachment_id"])
    size_bytes = run.data["old_size"] * 1024**3 if run.data["new_size"] > run.data["old_size"] else None
    return {"old_volume_id": run.data["old_volume_id"], "volume": volume.to_dict(), "size_bytes": size_bytes}


def copy(run: Run) -> Wait | None:
    """Have the agent copy the volume and turn the guest to the copy, however long it takes."""
    found = jobs.run_job(run, "swap_volume", ending.server(run).host, _job(run), timeout_s=run.deps.conf.compute.move_timeout_s)
    if isinstance(found, Wait):
        return found
    run.data["swapped"] = True
    return None


def end_copy(run: Run) -> None:
    """Take the order back, have the agent end what it does, and hear whether the guest has the new volume already."""
    if run.data.get("swapped"):
        return
    jobs.drop_jobs(run)
    found = jobs.finish_job(run, "unswap_volume", ending.server(run).host, _job(run))
    run.data["swapped"] = bool(found.get("swapped"))


def follow(run: Run) -> Wait | None:
    """The server's row has the new volume; block storage knows who has what."""
    run.deps.database.transaction(_switch, run)
    run.deps.volume.complete_attachment(run.data["attachment_id"])
    if run.data.get("old_attachment_id"):
        run.deps.volume.delete_attachment(run.data["old_attachment_id"])
    return None


def _switch(session: Session, run: Run) -> None:
    if server_parts.disk_of_volume(session, run.resource_id, run.data["old_volume_id"]) is not None:
        server_parts.change_disk(session, run.data["disk_id"], volume_id=run.data["new_volume_id"],
                                 attachment_id=run.data["attachment_id"], connection_info=run.data["connection_info"],
                                 volume_size=run.data["new_size"])


def swapped(session: Session, run: Run) -> None:
    """The record says so."""
    ending.succeed(session, run, "compute_swap_volume")


SAGA = Saga("server_swap_volume", (Step("connect", connect, disconnect), Step("copy", copy, end_copy), Step("follow", follow)),
            on_done=swapped, on_failed=ending.failing("compute_swap_volume", vm_state=None))
