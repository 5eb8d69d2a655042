"""Live migration: the guest goes on while its memory, and where hosts share no storage its disks, cross to another host.

Until `send` is done everything can be undone and the guest stays; from then on it runs on the destination, and what is
left to do only follows it (`data["moved"]`).
"""

from typing import Any

from common.db.session import Session
from common.saga import NOTHING, Failure, Nothing, Run, Saga, Step, Wait
from services.compute.conductor import disks, ending, jobs, moving, placing, port_bindings, server_create
from services.compute.db import hosts, migrations
from services.compute.domain import states

LOOK_AGAIN_S = 3.0


def wait_turn(run: Run) -> Wait | None:
    """A source sends only so many servers at a time; the others are queued."""
    server = ending.server(run)
    moving.begin(run, server, "live-migration", server.flavor, "queued")
    _stop_if_asked(run)
    most = run.deps.conf.compute.max_concurrent_live_migrations
    return None if run.deps.database.transaction(_take_turn, run, most) else Wait(LOOK_AGAIN_S)


def _take_turn(session: Session, run: Run, most: int) -> bool:
    hosts.lock_service(session, run.data["source"], hosts.COMPUTE)
    row = migrations.one(session, run.data["migration_id"])
    if row is None or row.status != "queued":
        return True
    if most and migrations.underway_from(session, run.data["source"]) >= most:
        return False
    migrations.change(session, row.id, status="preparing")
    return True


def _stop_if_asked(run: Run) -> None:
    with run.deps.database.read() as session:
        row = migrations.one(session, run.data["migration_id"])
    if row is not None and row.command == "abort":
        run.data["aborted"] = True
        raise Failure("the live migration was aborted")


def forget_turn(run: Run) -> None:
    """The move's record tells how it ended."""
    if run.data.get("migration_id"):
        status = "completed" if run.data.get("moved") else "cancelled" if run.data.get("aborted") else \
            "failed" if run.data.get("sending") else "error"
        moving.note(run, status=status)


def choose_host(run: Run) -> Wait | None:
    """Claim room on the destination; the move holds the old claim."""
    _stop_if_asked(run)
    server = ending.server(run)
    return moving.choose_host(run, server, server.flavor)


def leave_destination(run: Run) -> None:
    """Give back the claim on the host where the server is not."""
    if run.data.get("moved"):
        follow(run)
        placing.settle(run, run.data["migration_uuid"])
    else:
        placing.restore(run, run.data["migration_uuid"])


def connect_volumes(run: Run) -> Wait | Nothing | None:
    """Connect the volumes for the destination, too."""
    if not moving.has_volumes(run):
        return NOTHING
    disks.attach_beside(run, run.data["destination"])
    return None


def disconnect_volumes(run: Run) -> None:
    """Give back the connections for the host where the server is not."""
    if run.data.get("moved"):
        disks.switch(run)
        disks.complete(run)
    disks.sweep(run)


def probe(run: Run) -> Wait | None:
    """Ask the source what the destination must know."""
    _stop_if_asked(run)
    found = jobs.run_job(run, "live_probe", run.data["source"])
    if isinstance(found, Wait):
        return found
    run.data["found"] = found["found"]
    return None


def forget_probe(run: Run) -> None:
    """Have the source remove what the attempt left, or the server that it lost."""
    if run.data.get("found"):
        plan = run.data.get("plan") if run.data.get("moved") else None
        jobs.finish_job(run, "live_clean", run.data["source"], {"found": run.data["found"], "plan": plan})


def bind_ports(run: Run) -> Wait | None:
    """Have the destination's network get ready for the guest."""
    port_bindings.prepare(run, run.data["destination"])
    return None


def unbind_ports(run: Run) -> None:
    """The ports are where the guest is, and nowhere else."""
    if run.data.get("moved"):
        port_bindings.leave(run, run.data["source"])
        return
    port_bindings.switch(run.deps, run.resource_id, run.data["source"])
    port_bindings.leave(run, run.data["destination"])


def receive(run: Run) -> Wait | None:
    """Have the destination get ready."""
    args = moving.arriving(run, found=run.data["found"], block=_block(run), connections=disks.connections(run),
                           full_size=run.data.get("disk_over_commit") is False)
    found = jobs.run_job(run, "live_receive", run.data["destination"], args)
    if isinstance(found, Wait):
        return found
    run.data.update(plan=found["plan"], ticket=found["ticket"])
    return None


def _block(run: Run) -> bool | None:
    wanted = run.data.get("block_migration", "auto")
    return None if wanted in ("auto", None) else bool(wanted)


def abandon(run: Run) -> None:
    """Have the destination drop what it made ready, unless the guest is there after all."""
    if run.data.get("moved"):
        return
    jobs.drop_jobs(run)
    found = jobs.finish_job(run, "live_abandon", run.data["destination"], {"found": run.data["found"]})
    if found.get("here"):
        run.data["moved"] = True
        follow(run)


def send(run: Run) -> Wait | None:
    """Have the source move the guest, however long it takes."""
    if not run.data.get("sending"):
        _stop_if_asked(run)
        moving.note(run, status="running")
        run.data["sending"] = True
    args = {"found": run.data["found"], "plan": run.data["plan"], "ticket": run.data["ticket"]}
    found = jobs.run_job(run, "live_send", run.data["source"], args, timeout_s=run.deps.conf.compute.move_timeout_s)
    if isinstance(found, Wait):
        return found
    if "aborted" in found:
        run.data["aborted"] = True
        raise Failure(found["aborted"])
    moving.note(run, status="post-migrating")
    run.data.update(moved=True, state=found["state"])
    return None


def stop_sending(run: Run) -> None:
    """Take the order back (the agent learns it with its next report of progress), and wait until the source has stopped."""
    if not run.data.get("moved"):
        jobs.drop_jobs(run)
        jobs.finish_job(run, "live_settle", run.data["source"])


def follow(run: Run) -> None:
    """The guest runs on the destination: its ports follow (most have done so as it went, see `followup.switching`), its row, its
    volumes."""
    port_bindings.switch(run.deps, run.resource_id, run.data["destination"])
    moving.place(run, run.data["destination"], run.data["node"])
    disks.switch(run)


def arrive(run: Run) -> Wait | None:
    """Row, volumes and ports follow the guest."""
    follow(run)
    return None


def look(run: Run) -> Wait | None:
    """Have the destination say that the guest is there."""
    found = jobs.run_job(run, "live_arrive", run.data["destination"], {"state": run.data["state"], "found": run.data["found"]})
    if isinstance(found, Wait):
        return found
    disks.complete(run)
    return None


def clean(run: Run) -> Wait | None:
    """Have the source remove what is left there; one that died meanwhile does so by itself when it is back."""
    try:
        found = jobs.run_job(run, "live_clean", run.data["source"], {"found": run.data["found"], "plan": run.data["plan"]})
    except Failure:
        if run.deps.host_is_up(run.data["source"]):
            raise
        return None
    return found if isinstance(found, Wait) else None


def release_source(run: Run) -> Wait | None:
    """Give back what the server had on the source: its ports' places, connections and claim."""
    port_bindings.leave(run, run.data["source"])
    disks.sweep(run)
    placing.settle(run, run.data["migration_uuid"])
    return None


def await_network(run: Run) -> Wait | Nothing:
    """Wait until the ports are plugged, but not for ever: the guest runs in any case."""
    try:
        return server_create.await_network(run)
    except Failure:
        return NOTHING


def _power(run: Run) -> int:
    return states.POWER_PAUSED if run.data["vm_state"] == states.PAUSED else states.RUNNING


def migrated(session: Session, run: Run) -> None:
    """It runs on its new host as it did before."""
    migrations.change(session, run.data["migration_id"], status="completed")
    ending.succeed(session, run, "compute_live_migration", power_state=_power(run))


def not_migrated(session: Session, run: Run, error: Exception) -> None:
    """The server is as it was. One that is found on neither host is in ERROR."""
    lost = bool((run.data.get("state") or {}).get("gone"))
    values: dict[str, Any] = {} if lost else {"power_state": _power(run)}
    ending.fail(session, run, "compute_live_migration", error, vm_state=states.ERROR if lost else None, **values)


SAGA = Saga("server_live_migrate", (
    Step("wait_turn", wait_turn, forget_turn), Step("choose_host", choose_host, leave_destination),
    Step("connect_volumes", connect_volumes, disconnect_volumes), Step("probe", probe, forget_probe),
    Step("bind_ports", bind_ports, unbind_ports), Step("receive", receive, abandon), Step("send", send, stop_sending),
    Step("arrive", arrive), Step("look", look), Step("clean", clean), Step("release_source", release_source),
    Step("await_network", await_network),
), on_done=migrated, on_failed=not_migrated)
