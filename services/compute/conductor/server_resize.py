"""Resize and cold migration: to another size and/or host, with the way back open until it is confirmed.

The source keeps the old disks aside; the destination builds the server from them (on the same host directly, on another
one once they were sent: agent.moves); confirm drops the old ones, revert brings them back.
"""

from typing import Any

from common import clock
from common.db.session import Session
from common.saga import NOTHING, Failure, Nothing, Run, Saga, Step, Wait
from services.compute.conductor import disks, ending, jobs, moving, placing, ports, server_create
from services.compute.db import migrations, servers
from services.compute.domain import states

TICKETS_MAX = 4
"""How often the destination is asked for a new ticket when the way between the hosts breaks."""


def choose_host(run: Run) -> Wait | None:
    """Claim room for the new size, on another host or (where allowed) on the same. The old claim is held by the move."""
    server, resize = ending.server(run), run.kind == "server_resize"
    flavor = server.new_flavor or server.flavor
    moving.begin(run, server, "resize" if resize else "migration", flavor, "pre-migrating")
    return moving.choose_host(run, server, flavor, same=resize and run.deps.conf.compute.allow_resize_to_same_host,
                              status="migrating")


def leave_destination(run: Run) -> None:
    """Give the new claim back and note that the move failed."""
    if run.data.get("migration_uuid"):
        placing.restore(run, run.data["migration_uuid"])
        moving.note(run, status="error")


def prepare(run: Run) -> Wait | None:
    """Have the source stop the server and put its disks aside."""
    server = ending.server(run)
    if server.task_state != states.RESIZE_MIGRATING:
        ending.change(run, task_state=states.RESIZE_MIGRATING)
    found = jobs.run_job(run, "resize_prepare", run.data["source"], {"keep": True}, timeout_s=1200)
    if isinstance(found, Wait):
        return found
    run.data["disks"] = found.get("disks", [])
    return None


def put_back(run: Run) -> None:
    """Have the source bring the server back as it was."""
    jobs.drop_jobs(run)
    jobs.finish_job(run, "resize_revert", run.data["source"], {"spec_here": True})


def transfer(run: Run) -> Wait | Nothing | None:
    """Have the source send the disks, and the destination take them; a way that breaks is opened again a few times."""
    if not moving.elsewhere(run):
        return NOTHING
    source, destination, number = run.data["source"], run.data["destination"], run.data.get("tickets", 1)
    args = moving.arriving(run, disks=run.data["disks"])
    opened = jobs.run_job(run, "move_open", destination, args, name=f"move_open-{number}")
    if isinstance(opened, Wait):
        return opened
    if opened["ticket"] is None:
        return None
    sent = jobs.run_job(run, "move_send", source, {"ticket": opened["ticket"], "disks": run.data["disks"]},
                        name=f"move_send-{number}", timeout_s=run.deps.conf.compute.move_timeout_s)
    if isinstance(sent, Wait):
        return sent
    if "again" in sent:
        if number >= TICKETS_MAX:
            raise Failure(f"the disks could not be sent from {source} to {destination}: {sent['again']}",
                          public="The disks of the server could not be sent to its new host.")
        run.data["tickets"] = number + 1
        return Wait(2.0)
    return None


def abandon(run: Run) -> None:
    """Have the destination drop what arrived and what it built."""
    if moving.elsewhere(run):
        jobs.drop_jobs(run)
        jobs.finish_job(run, "move_abandon", run.data["destination"])


def move_volumes(run: Run) -> Wait | Nothing | None:
    """The volumes follow: connected for the destination, given back for the source."""
    if not moving.elsewhere(run) or not moving.has_volumes(run):
        return NOTHING
    disks.move(run, run.data["destination"])
    return None


def bring_volumes_back(run: Run) -> None:
    """The volumes are connected for the source again."""
    if moving.elsewhere(run):
        disks.move(run, run.data["source"])
        disks.complete(run)


def arrive(run: Run) -> Wait | None:
    """The row shows the destination and the new size, the ports are bound there."""
    server = ending.server(run)
    moving.place(run, run.data["destination"], run.data["node"], old_flavor=server.old_flavor or server.flavor,
                 task_state=states.RESIZE_FINISH, **_sizes(server.new_flavor or server.flavor))
    moving.note(run, status="post-migrating")
    if moving.elsewhere(run):
        ports.rebind(run, run.data["destination"])
    return None


def go_back(run: Run) -> None:
    """The row shows the source and the old size again, the ports are bound there."""
    _return(run)
    if moving.elsewhere(run):
        ports.rebind(run, run.data["source"])


def _return(run: Run) -> None:
    old = ending.server(run).old_flavor
    if old:
        moving.place(run, run.data["source"], run.data["source_node"], old_flavor=None, new_flavor=None, **_sizes(old))


def finish(run: Run) -> Wait | None:
    """Have the destination build the server of the new size."""
    found = jobs.run_job(run, "resize_finish", run.data["destination"], timeout_s=1200)
    if isinstance(found, Wait):
        return found
    if moving.elsewhere(run):
        disks.complete(run)
    return None


def _sizes(flavor: Any) -> dict[str, Any]:
    return {"flavor": flavor, "flavorid": flavor["flavorid"], "vcpus": flavor["vcpus"], "memory_mb": flavor["memory_mb"],
            "root_gb": flavor["root_gb"], "ephemeral_gb": flavor.get("ephemeral_gb") or 0}


def await_network(run: Run) -> Wait | Nothing:
    """Where a running server came to another host: wait until its ports are plugged there."""
    if not moving.elsewhere(run) or moving.off(run):
        return NOTHING
    return server_create.await_network(run)


def resized(session: Session, run: Run) -> None:
    """It waits for confirmation."""
    migrations.change(session, run.data["migration_id"], status="finished")
    off = run.data["vm_state"] == states.STOPPED
    ending.succeed(session, run, "compute_finish_resize", vm_state=states.RESIZED, launched_at=clock.now(),
                   power_state=states.SHUTDOWN if off else states.RUNNING)


def not_resized(session: Session, run: Run, error: Exception) -> None:
    """The server is as it was; a fault says why."""
    ending.fail(session, run, "compute_prep_resize", error, vm_state=run.data["vm_state"], new_flavor=None)


def _move(run: Run) -> Any:
    with run.deps.database.read() as session:
        move = migrations.newest(session, run.resource_id, ("finished", "confirming", "reverting"))
    if move is None:
        raise Failure(f"server {run.resource_id} has no finished move")
    run.data.update(migration_id=move.id, migration_uuid=move.uuid, source=move.source_compute, destination=move.dest_compute,
                    source_node=move.source_node)
    return move


def confirm(run: Run) -> Wait | None:
    """Have the source drop the old disks."""
    move = _move(run)
    found = jobs.run_job(run, "resize_confirm", move.source_compute, {"other_host": move.source_compute != move.dest_compute})
    return found if isinstance(found, Wait) else None


def release_source(run: Run) -> Wait | None:
    """Give the old claim back."""
    placing.settle(run, run.data["migration_uuid"])
    return None


def confirmed(session: Session, run: Run) -> None:
    """The new size it is."""
    migrations.change(session, run.data["migration_id"], status="confirmed")
    server = servers.get(session, run.resource_id)
    off = server.power_state == states.SHUTDOWN
    ending.succeed(session, run, "compute_confirm_resize", vm_state=states.STOPPED if off else states.ACTIVE, old_flavor=None,
                   new_flavor=None)


def drop_new(run: Run) -> Wait | None:
    """Have the destination drop the new one."""
    move = _move(run)
    if not moving.elsewhere(run):
        return None
    found = jobs.run_job(run, "move_abandon", move.dest_compute, timeout_s=1200)
    return found if isinstance(found, Wait) else None


def return_volumes(run: Run) -> Wait | Nothing | None:
    """The volumes go back to the source."""
    if not moving.elsewhere(run) or not moving.has_volumes(run):
        return NOTHING
    disks.move(run, run.data["source"])
    return None


def return_home(run: Run) -> Wait | None:
    """The row shows the source and the old size again, the ports are bound there."""
    go_back(run)
    return None


def revert(run: Run) -> Wait | None:
    """Bring the old one back."""
    found = jobs.run_job(run, "resize_revert", run.data["source"], {"spec_here": True}, timeout_s=1200)
    if isinstance(found, Wait):
        return found
    if moving.elsewhere(run):
        disks.complete(run)
    return None


def release_destination(run: Run) -> Wait | None:
    """Give the new claim back."""
    placing.restore(run, run.data["migration_uuid"])
    return None


def reverted(session: Session, run: Run) -> None:
    """The old size it is."""
    migrations.change(session, run.data["migration_id"], status="reverted")
    server = servers.get(session, run.resource_id)
    off = server.wanted_power == "stopped"
    ending.succeed(session, run, "compute_revert_resize", vm_state=states.STOPPED if off else states.ACTIVE,
                   power_state=states.SHUTDOWN if off else states.RUNNING, old_flavor=None, new_flavor=None)


_STEPS = (Step("choose_host", choose_host, leave_destination), Step("prepare", prepare, put_back),
          Step("transfer", transfer, abandon), Step("move_volumes", move_volumes, bring_volumes_back),
          Step("arrive", arrive, go_back), Step("finish", finish, abandon), Step("await_network", await_network))
RESIZE = Saga("server_resize", _STEPS, on_done=resized, on_failed=not_resized)
MIGRATE = Saga("server_migrate", _STEPS, on_done=resized, on_failed=not_resized)
CONFIRM = Saga("server_resize_confirm", (Step("confirm", confirm), Step("release_source", release_source)), on_done=confirmed,
               on_failed=ending.failing("compute_confirm_resize"))
REVERT = Saga("server_resize_revert", (
    Step("drop_new", drop_new), Step("return_volumes", return_volumes), Step("return_home", return_home), Step("revert", revert),
    Step("await_network", await_network), Step("release_destination", release_destination),
), on_done=reverted, on_failed=ending.failing("compute_revert_resize"))
