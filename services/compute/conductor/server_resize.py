"""Resize and cold migration: to another size and/or host, with the way back open until it is confirmed.

The source keeps the old disks aside; the destination builds the server from them (on the same host directly, on another
one after fetching them); confirm drops the old ones, revert brings them back.
"""

from typing import Any

from common import clock
from common.db.session import Session
from common.saga import Failure, Run, Saga, Step, Wait
from services.compute.conductor import ending, jobs, placing, ports
from services.compute.db import migrations, servers
from services.compute.domain import states


def choose_host(run: Run) -> Wait | None:
    """Claim room for the new size, on another host or (where allowed) on the same. The old claim is held by the move."""
    server = ending.server(run)
    flavor = server.new_flavor or server.flavor
    resize = run.kind == "server_resize"
    move = run.deps.database.transaction(_begin_move, server, flavor, "resize" if resize else "migration")
    run.data.update(migration_id=move["id"], migration_uuid=move["uuid"], source=move["source"])
    placing.hold(run, move["uuid"])
    same = resize and run.deps.conf.compute.allow_resize_to_same_host
    with run.deps.database.read() as session:
        asked = servers.request(session, run.resource_id)
        wanted = placing.request(session, server, flavor, asked, ignore_hosts=[] if same else [move["source"]],
                                 host=run.data.get("host"), node=None)
    answer = placing.choose(run, wanted)
    run.data.update(destination=answer["host"], node=answer["node"])
    run.deps.database.transaction(migrations.change, move["id"], status="migrating", dest_compute=answer["host"],
                                  dest_node=answer["node"])
    return None


def _begin_move(session: Session, server: Any, flavor: Any, kind: str) -> dict[str, Any]:
    row = migrations.newest(session, server.id, ("pre-migrating", "migrating"))
    if row is None:
        row = migrations.insert(session, {
            "server_id": server.id, "type": kind, "status": "pre-migrating", "source_compute": server.host,
            "source_node": server.node, "old_flavor": server.flavor, "new_flavor": flavor, "user_id": server.user_id,
            "project_id": server.project_id})
    return {"id": row.id, "uuid": row.uuid, "source": row.source_compute}


def leave_destination(run: Run) -> None:
    """Give the new claim back and note that the move failed."""
    if run.data.get("migration_uuid"):
        placing.restore(run, run.data["migration_uuid"])
        run.deps.database.transaction(migrations.change, run.data["migration_id"], status="error")


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
    jobs.finish_job(run, "resize_revert", run.data["source"], {"spec_here": True})


def finish(run: Run) -> Wait | None:
    """Have the destination build the server of the new size."""
    server, host = ending.server(run), run.data["destination"]
    if server.host != host or server.task_state != states.RESIZE_FINISH:
        flavor = server.new_flavor or server.flavor
        run.deps.database.transaction(_arrive, server, flavor, host, run.data["node"])
        if host != run.data["source"]:
            ports.rebind(run, host)
    found = jobs.run_job(run, "resize_finish", host, {"disks": run.data["disks"], "source": run.data["source"]}, timeout_s=1200)
    return found if isinstance(found, Wait) else None


def _arrive(session: Session, server: Any, flavor: Any, host: str, node: str) -> None:
    servers.change(session, server.id, {
        "host": host, "node": node, "flavor": flavor, "old_flavor": server.old_flavor or server.flavor,
        "flavorid": flavor["flavorid"], "vcpus": flavor["vcpus"], "memory_mb": flavor["memory_mb"],
        "root_gb": flavor["root_gb"], "ephemeral_gb": flavor.get("ephemeral_gb") or 0, "task_state": states.RESIZE_FINISH})


def unfinish(run: Run) -> None:
    """Have the destination drop what it built; the row shows the source and the old size again."""
    source, destination = run.data["source"], run.data["destination"]
    server = ending.server(run)
    if destination != source:
        jobs.finish_job(run, "destroy", destination)
    if server.old_flavor:
        with run.deps.database.read() as session:
            move = migrations.newest(session, run.resource_id, ("migrating", "post-migrating", "finished"))
        run.deps.database.transaction(_return, server, source, move.source_node if move else server.node)
        if destination != source:
            ports.rebind(run, source)


def _return(session: Session, server: Any, host: str, node: str | None) -> None:
    flavor = server.old_flavor
    servers.change(session, server.id, {
        "host": host, "node": node, "flavor": flavor, "old_flavor": None, "new_flavor": None, "flavorid": flavor["flavorid"],
        "vcpus": flavor["vcpus"], "memory_mb": flavor["memory_mb"], "root_gb": flavor["root_gb"],
        "ephemeral_gb": flavor.get("ephemeral_gb") or 0})


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
    return move


def confirm(run: Run) -> Wait | None:
    """Have the source drop the old disks."""
    move = _move(run)
    run.data.update(migration_id=move.id, migration_uuid=move.uuid)
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


def revert(run: Run) -> Wait | None:
    """Drop the new one, bring the old one back."""
    move = _move(run)
    run.data.update(migration_id=move.id, migration_uuid=move.uuid, source=move.source_compute, destination=move.dest_compute)
    if move.source_compute != move.dest_compute:
        gone = jobs.run_job(run, "destroy", move.dest_compute, name="revert-destroy", timeout_s=1200)
        if isinstance(gone, Wait):
            return gone
    server = ending.server(run)
    if server.old_flavor:
        run.deps.database.transaction(_return, server, move.source_compute, move.source_node)
        if move.source_compute != move.dest_compute:
            ports.rebind(run, move.source_compute)
    found = jobs.run_job(run, "resize_revert", move.source_compute, {"spec_here": True}, timeout_s=1200)
    return found if isinstance(found, Wait) else None


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
          Step("finish", finish, unfinish))
RESIZE = Saga("server_resize", _STEPS, on_done=resized, on_failed=not_resized)
MIGRATE = Saga("server_migrate", _STEPS, on_done=resized, on_failed=not_resized)
CONFIRM = Saga("server_resize_confirm", (Step("confirm", confirm), Step("release_source", release_source)), on_done=confirmed,
               on_failed=ending.failing("compute_confirm_resize"))
REVERT = Saga("server_resize_revert", (Step("revert", revert), Step("release_destination", release_destination)),
              on_done=reverted, on_failed=ending.failing("compute_revert_resize"))
