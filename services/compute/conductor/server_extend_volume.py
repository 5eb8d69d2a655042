"""Telling a running guest that a volume of its has grown; no state of the server changes."""

from common.saga import Run, Saga, Step, Wait
from services.compute.conductor import ending, jobs
from services.compute.db import server_parts
from services.compute.domain import states

GIB = 1024**3


def grow(run: Run) -> Wait | None:
    """Have the agent give the guest all of the volume; a server that does not run sees it at its next start."""
    server, volume_id = ending.server(run), run.data["volume_id"]
    size = run.deps.volume.volume(volume_id)["size"]
    with run.deps.database.read() as session:
        disk = server_parts.disk_of_volume(session, server.id, volume_id)
    if disk is None:
        return None
    if server.host and server.power_state in (states.RUNNING, states.POWER_PAUSED):
        found = jobs.run_job(run, "extend_volume", server.host, {"volume_id": volume_id, "size_bytes": size * GIB})
        if isinstance(found, Wait):
            return found
    run.deps.database.transaction(server_parts.change_disk, disk.id, volume_size=size)
    return None


SAGA = Saga("server_extend_volume", (Step("grow", grow, jobs.drop_jobs),), on_done=ending.noting("compute_extend_volume"),
            on_failed=ending.noting("compute_extend_volume"))
