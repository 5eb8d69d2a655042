"""Booting a server: choose a host, make its ports and volumes, have its agent build it, wait for its network.

A boot that its host spoils is undone and started again elsewhere, as a new saga, at most [compute] max_attempts times.
"""

from types import SimpleNamespace
from typing import Any

from common import clock
from common.db.session import Session
from common.saga import NOTHING, Failure, Nothing, Run, Saga, Step, Wait
from services.compute.conductor import disks, ending, jobs, placing, ports
from services.compute.db import hosts, operations, server_parts, servers
from services.compute.db import jobs as job_rows
from services.compute.domain import states


def choose_host(run: Run) -> Wait | None:
    """Claim a host for the server and write it down."""
    with run.deps.database.read() as session:
        server = one(session, run)
        if server.host and server.node:
            return None
        asked = servers.request(session, run.resource_id)
        devices = server_parts.disks(session, [server.id]).get(server.id, [])
        wanted = placing.request(session, server, server.flavor, asked, ignore_hosts=run.data.get("ignore_hosts", []),
                                 devices=devices)
        zones = hosts.zones(session)
    answer = placing.choose(run, wanted)
    zone = answer.get("availability_zone") or zones.get(answer["host"], run.deps.conf.compute.default_availability_zone)
    changes = {"host": answer["host"], "node": answer["node"], "launched_on": answer["host"], "availability_zone": zone,
               "task_state": states.NETWORKING}
    run.write(servers.change, run.resource_id, changes)
    run.memo.update(server=SimpleNamespace(**{**server._asdict(), **changes}), asked=asked,
                    volumes=any(d.destination == "volume" for d in devices))
    return None


def one(session: Session, run: Run) -> Any:
    """The server's row; Failure when it is gone."""
    found = servers.get_many(session, [run.resource_id])
    if not found:
        raise Failure(f"server {run.resource_id} is gone")
    return found[0]


def leave_host(run: Run) -> None:
    """Give the claim back and forget the host."""
    placing.release(run)
    with run.deps.database.read() as session:
        found = servers.get_many(session, [run.resource_id])
    if found and found[0].host:
        run.data["failed_host"] = found[0].host
        ending.change(run, host=None, node=None)


def make_ports(run: Run) -> Wait | None:
    """Make or take the ports, bound to the host."""
    if "server" not in run.memo:
        with run.deps.database.read() as session:
            run.memo.update(server=one(session, run), asked=servers.request(session, run.resource_id))
    ports.plug(run, run.memo["server"], run.memo["asked"])
    return None


def make_volumes(run: Run) -> Wait | Nothing | None:
    """Make and attach the volumes that were asked for."""
    if not run.memo.get("volumes", True) or not disks.rows(run):
        return NOTHING
    server = ending.server(run)
    if server.task_state != states.BLOCK_DEVICE_MAPPING:
        ending.change(run, task_state=states.BLOCK_DEVICE_MAPPING)
    return disks.prepare(run, server)


def spawn(run: Run) -> Wait | Nothing:
    """Have the agent build the server."""
    host = (run.memo.get("server") or ending.server(run)).host
    found = jobs.run_job(run, "ensure", host, timeout_s=run.deps.conf.compute.build_timeout_s)
    return found if isinstance(found, Wait) else NOTHING


def unspawn(run: Run) -> None:
    """Have the agent remove what it built; a host that is down cleans up when it comes back."""
    jobs.drop_jobs(run)
    with run.deps.database.read() as session:
        found = servers.get_many(session, [run.resource_id])
    if found and found[0].host and run.deps.host_is_up(found[0].host):
        jobs.finish_job(run, "destroy", found[0].host)


def await_network(run: Run) -> Wait | Nothing:
    """Wait until the network service says that every port is plugged."""
    with run.deps.database.read() as session:
        waiting, failed = ports.plugged(session, run.resource_id)
    conf = run.deps.conf.compute
    if failed:
        raise Failure(f"ports could not be plugged: {', '.join(failed)}", public="Virtual interface creation failed.")
    if not waiting:
        return NOTHING
    if run.step_age_s > conf.vif_plugging_timeout_s:
        if conf.vif_plugging_is_fatal:
            raise Failure(f"ports were not plugged within {conf.vif_plugging_timeout_s} s: {', '.join(waiting)}",
                          public="Virtual interface creation failed.")
        return NOTHING
    return Wait(min(5.0, conf.vif_plugging_timeout_s))


def finish_volumes(run: Run) -> Wait | Nothing:
    """The guest has its volumes: tell block storage."""
    disks.complete(run)
    return NOTHING  # telling it twice does no harm


def launched(session: Session, run: Run) -> None:
    """The server is up."""
    with_pass = servers.request(session, run.resource_id)
    if with_pass is not None and with_pass.admin_pass:
        servers.change_request(session, run.resource_id, admin_pass=None)
    ending.succeed(session, run, "compute__do_build_and_run_instance", vm_state=states.ACTIVE, power_state=states.RUNNING,
                   launched_at=clock.now())


def failed(session: Session, run: Run, error: Exception) -> None:
    """Start again on another host while that may help; else the server goes to ERROR with the reason."""
    attempt = int(run.data.get("attempt", 1))
    bad_host = run.data.get("failed_host")
    if bad_host and attempt < run.deps.conf.compute.max_attempts and servers.get_many(session, [run.resource_id]):
        job_rows.drop_saga(session, run.id)
        ignored = sorted({*run.data.get("ignore_hosts", []), bad_host})
        servers.change(session, run.resource_id, {"task_state": states.SCHEDULING})
        server_parts.forget_events(session, run.resource_id, "network-vif-plugged", [])
        operations.begin_again(session, run.context, run.kind, run.resource_id,
                               {"attempt": attempt + 1, "ignore_hosts": ignored,
                                "errors": [*run.data.get("errors", []), str(error)]})
        return
    earlier = run.data.get("errors", [])
    if earlier:
        error = Failure(f"{error} (earlier tries: {'; '.join(earlier)})",
                        public=error.public if isinstance(error, Failure) else run.data.get("public_error"))
    ending.fail(session, run, "compute__do_build_and_run_instance", error)


SAGA = Saga("server_create", (
    Step("choose_host", choose_host, leave_host),
    Step("make_ports", make_ports, ports.unplug),
    Step("make_volumes", make_volumes, lambda run: disks.release(run, delete_made=True)),
    Step("spawn", spawn, unspawn),
    Step("await_network", await_network),
    Step("finish_volumes", finish_volumes),
), on_done=launched, on_failed=failed)
