"""Removing a server: from its host, then everything it held elsewhere, then its row.

It comes after every other saga of the server (they were cancelled and have undone what they did), and it never gives up.
"""

import logging
from typing import Any

from common.db.session import Session
from common.saga import LATER, NOTHING, Failure, Later, Run, Saga, Step, Wait
from services.compute.conductor import disks, ending, jobs, placing, ports
from services.compute.db import jobs as job_rows
from services.compute.db import migrations, server_batches, server_parts, servers

LOG = logging.getLogger(__name__)
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


def destroy_all(runs: list[Run]) -> list[Wait | Exception | None]:
    """As `destroy`, for servers that go together: one poke for each host. Those that were moved are looked at alone."""
    with runs[0].deps.database.read() as session:
        rows = server_batches.states(session, [run.resource_id for run in runs])
        moved = migrations.holding(session, list(rows))
    simple: dict[str, list[Run]] = {}
    for run in runs:
        row = rows.get(run.resource_id)
        if row is not None and row.host and row.id not in moved and not run.data.get("other_hosts"):
            simple.setdefault(row.host, []).append(run)
    found: dict[str, Any] = {}
    for host, members in simple.items():
        found |= jobs.run_jobs([(run, host) for run in members], "destroy", name=f"destroy-{host}", timeout_s=FOREVER_S)
    return [_judged(run, found) for run in runs]


def _judged(run: Run, found: dict[str, Any]) -> Wait | Exception | None:
    how = found.get(run.id)
    if isinstance(how, Wait) or (how is not None and not isinstance(how, Exception)):
        return how if isinstance(how, Wait) else None
    try:
        return destroy(run)  # what is not as usual
    except Exception as e:  # process edge: one of several that go together; the saga's runner logs it
        LOG.debug("removing %s: %s", run.resource_id, e)
        return e


def release_ports(run: Run) -> Later:
    """Delete or let go of its ports."""
    ports.unplug_all([run])
    return LATER


def release_all_ports(runs: list[Run]) -> list[Later]:
    """As `release_ports`."""
    ports.unplug_all(runs)
    return [LATER] * len(runs)


def release_volumes(run: Run) -> Wait | None:
    """Detach its volumes, delete those that go with it."""
    disks.release(run, delete_made=False)
    return None


def release_all_volumes(runs: list[Run]) -> list[Any]:
    """As `release_volumes`."""
    with runs[0].deps.database.read() as session:
        found = server_parts.disks(session, [run.resource_id for run in runs])
    having = {server_id for server_id, rows in found.items() if any(d.volume_id or d.attachment_id for d in rows)}
    return [release_volumes(run) if run.resource_id in having else NOTHING for run in runs]


def release_host(run: Run) -> Later:
    """Give back what it held in Placement."""
    placing.release(run)
    return LATER


def release_hosts(runs: list[Run]) -> list[Later]:
    """As `release_host`, in one request."""
    runs[0].deps.placement.drop_allocations([run.resource_id for run in runs])
    return [LATER] * len(runs)


def gone(session: Session, runs: list[Run]) -> None:
    """The rows stay as deleted ones."""
    ids = [run.resource_id for run in runs]
    servers.mark_deleted(session, ids)
    for run in runs:
        if run.data.get("moved"):
            migrations.close(session, run.resource_id)
    server_batches.add_events(session, [
        {"server_id": run.resource_id, "request_id": run.context.request_id, "started_at": run.step_started_at} for run in runs],
        "compute_terminate_instance")
    job_rows.drop_all(session, ids)


SAGA = Saga("server_delete", (
    Step("destroy", destroy, patience_s=FOREVER_S, together=destroy_all),
    Step("release_ports", release_ports, patience_s=FOREVER_S, together=release_all_ports),
    Step("release_volumes", release_volumes, patience_s=FOREVER_S, together=release_all_volumes),
    Step("release_host", release_host, patience_s=FOREVER_S, together=release_hosts),
), on_all_done=gone, on_failed=ending.failing("compute_terminate_instance"), cancellable=False)
