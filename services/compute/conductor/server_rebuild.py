"""Rebuilding a server on its host: a new root disk (or a new image on its root volume), the same ports, volumes and address."""

from common.db.session import Session
from common.saga import Run, Saga, Step, Wait
from services.compute.conductor import ending, jobs, volume_reimage
from services.compute.db import servers
from services.compute.domain import states


def rebuild(run: Run) -> Wait | None:
    """Have the agent drop the old disks and build the server anew from what its row says now."""
    server = ending.server(run)
    if server.task_state != states.REBUILD_SPAWNING:
        wanted = "stopped" if run.data["vm_state"] == states.STOPPED else "running"
        ending.change(run, task_state=states.REBUILD_SPAWNING, wanted_power=wanted)
    found = jobs.run_job(run, "rebuild", server.host, timeout_s=run.deps.conf.compute.build_timeout_s)
    return found if isinstance(found, Wait) else None


def done(session: Session, run: Run) -> None:
    """Active again, or off when it was."""
    off = run.data["vm_state"] == states.STOPPED
    servers.change_request(session, run.resource_id, admin_pass=None)
    ending.succeed(session, run, "compute_rebuild_instance", vm_state=states.STOPPED if off else states.ACTIVE,
                   power_state=states.SHUTDOWN if off else states.RUNNING)


SAGA = Saga("server_rebuild", (
    Step("put_aside", volume_reimage.put_aside), Step("overwrite", volume_reimage.overwrite),
    Step("connect", volume_reimage.connect), Step("rebuild", rebuild), Step("complete", volume_reimage.complete),
), on_done=done, on_failed=ending.failing("compute_rebuild_instance"))
