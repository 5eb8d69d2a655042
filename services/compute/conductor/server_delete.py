"""Removing a server: from its host, then everything it held elsewhere, then its row.

It comes after every other saga of the server (they were cancelled and have undone what they did), and it never gives up.
"""

from common.db.session import Session
from common.saga import Failure, Run, Saga, Step, Wait
from services.compute.conductor import disks, ending, jobs, placing, ports
from services.compute.db import jobs as job_rows
from services.compute.db import migrations, operations, servers

FOREVER_S = 7 * 86400.0


def destroy(run: Run) -> Wait | None:
    """Have the agent remove the server. A host that is down removes it when it comes back, for nobody expects it there."""
    server = ending.server(run)
    hosts = {h for h in (server.host, *run.data.get("other_hosts", ())) if h}
    with run.deps.database.read() as session:
        move = migrations.newest(session, run.resource_id, migrations.HOLDING)
    if move is not None:
        run.data["moved"] = True
        placing.settle(run, move.uuid)
    if move is not None and move.status != "done":
        hosts |= {h for h in (move.source_compute, move.dest_compute) if h}
    for host in sorted(hosts):
        try:
            found = jobs.run_job(run, "destroy", host, name=f"destroy-{host}", timeout_s=FOREVER_S)
        except Failure:
            if run.deps.host_is_up(host):
                run.deps.database.transaction(job_rows.drop, run.resource_id, host=host)
                return Wait(5.0)
            continue
        if isinstance(found, Wait):
            return found
    return None


def release_ports(run: Run) -> Wait | None:
    """Delete or let go of its ports."""
    ports.unplug(run)
    return None


def release_volumes(run: Run) -> Wait | None:
    """Detach its volumes, delete those that go with it."""
    disks.release(run, delete_made=False)
    return None


def release_host(run: Run) -> Wait | None:
    """Give back what it held in Placement."""
    placing.release(run)
    return None


def gone(session: Session, run: Run) -> None:
    """The row stays as a deleted one."""
    servers.mark_deleted(session, run.resource_id)
    if run.data.get("moved"):
        migrations.close(session, run.resource_id)
    operations.add_event(session, run.resource_id, run.context.request_id, "compute_terminate_instance",
                         started_at=run.step_started_at)
    job_rows.drop(session, run.resource_id)


SAGA = Saga("server_delete", (
    Step("destroy", destroy, patience_s=FOREVER_S),
    Step("release_ports", release_ports, patience_s=FOREVER_S),
    Step("release_volumes", release_volumes, patience_s=FOREVER_S),
    Step("release_host", release_host, patience_s=FOREVER_S),
), on_done=gone, on_failed=ending.failing("compute_terminate_instance"), cancellable=False)
