"""Evacuation: a server whose host is lost is built anew on another one, with its ports and volumes.

The lost host's claim stays with the move until its agent is back and has removed what it had (conductor.service.report).
"""

from common import clock
from common.db.session import Session
from common.saga import NOTHING, Nothing, Run, Saga, Step, Wait
from services.compute.conductor import disks, ending, jobs, moving, placing, ports, server_create
from services.compute.db import migrations, servers
from services.compute.domain import states


def choose_host(run: Run) -> Wait | None:
    """Claim room on another host; the move holds what the server has on the lost one."""
    server = ending.server(run)
    moving.begin(run, server, "evacuation", server.flavor, "accepted")
    return moving.choose_host(run, server, server.flavor, status="pre-migrating")


def leave_destination(run: Run) -> None:
    """Give the new claim back and note that the move failed."""
    if run.data.get("migration_uuid"):
        placing.restore(run, run.data["migration_uuid"])
        moving.note(run, status="error")


def move_volumes(run: Run) -> Wait | Nothing | None:
    """The volumes are connected for the destination, and no longer for the lost host."""
    if not moving.has_volumes(run):
        return NOTHING
    disks.move(run, run.data["destination"])
    return None


def bring_volumes_back(run: Run) -> None:
    """The volumes are connected for the lost host again."""
    disks.move(run, run.data["source"])
    disks.complete(run)


def arrive(run: Run) -> Wait | None:
    """The row shows the destination, the ports are bound there; a server that was off, or is to wait, stays off."""
    off = run.data["vm_state"] == states.STOPPED or bool(run.data.get("stay_stopped"))
    moving.place(run, run.data["destination"], run.data["node"], task_state=states.REBUILD_SPAWNING,
                 wanted_power="stopped" if off else "running")
    ports.rebind(run, run.data["destination"])
    return None


def go_back(run: Run) -> None:
    """The row shows the lost host again, the ports are bound there."""
    moving.place(run, run.data["source"], run.data["source_node"])
    ports.rebind(run, run.data["source"])


def build(run: Run) -> Wait | None:
    """Have the destination build it."""
    found = jobs.run_job(run, "evacuate", run.data["destination"], {"shared": run.data.get("on_shared_storage")},
                         timeout_s=run.deps.conf.compute.build_timeout_s)
    if isinstance(found, Wait):
        return found
    disks.complete(run)
    return None


def unbuild(run: Run) -> None:
    """Have the destination remove what it built."""
    jobs.drop_jobs(run)
    jobs.finish_job(run, "move_abandon", run.data["destination"])


def await_network(run: Run) -> Wait | Nothing:
    """Wait until the ports of a running server are plugged."""
    return NOTHING if moving.off(run) else server_create.await_network(run)


def evacuated(session: Session, run: Run) -> None:
    """It is there; the lost host has not cleaned up yet."""
    migrations.change(session, run.data["migration_id"], status="done")
    off = servers.get(session, run.resource_id).wanted_power == "stopped"
    servers.change_request(session, run.resource_id, admin_pass=None)
    ending.succeed(session, run, "compute_rebuild_instance", vm_state=states.STOPPED if off else states.ACTIVE,
                   power_state=states.SHUTDOWN if off else states.RUNNING, launched_at=clock.now())


SAGA = Saga("server_evacuate", (
    Step("choose_host", choose_host, leave_destination), Step("move_volumes", move_volumes, bring_volumes_back),
    Step("arrive", arrive, go_back), Step("build", build, unbuild), Step("await_network", await_network),
), on_done=evacuated, on_failed=ending.failing("compute_rebuild_instance"))
