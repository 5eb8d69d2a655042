"""Booting a server: choose a host, make its ports and volumes, have its agent build it, wait for its network.

Servers that are asked for together, or by chance stand at the same step, are booted together.

A boot that its host spoils is undone and started again elsewhere, as a new saga, at most [compute] max_attempts times.
"""

from types import SimpleNamespace
from typing import Any

from common import clock, errors
from common.db.session import Session
from common.saga import LATER, NOTHING, Failure, Later, Nothing, Run, Saga, Step, Wait
from services.compute.conductor import disks, ending, jobs, placing, ports
from services.compute.db import jobs as job_rows
from services.compute.db import operations, server_batches, server_parts, servers
from services.compute.domain import metadata, states


def choose_host(run: Run) -> Later | Wait | None:
    """Claim a host for the server."""
    found = choose_hosts([run])[0]
    if isinstance(found, Exception):
        raise found
    return found


def choose_hosts(runs: list[Run]) -> list[Later | Wait | Exception | None]:
    """Claim hosts for servers that boot together: one question for those of one request."""
    read_boots(runs)
    wanted: dict[str, list[tuple[Run, dict[str, Any]]]] = {}
    waiting: set[str] = set()
    with runs[0].deps.database.read() as session:
        for run in runs:
            server = run.memo.get("server")
            if server is not None and not (server.host and server.node):
                if server.group_id and not _has_its_turn(session, run, runs):
                    waiting.add(run.id)
                    continue
                devices = [] if run.data.get("volumes") is False else server_parts.disks(session, [server.id]).get(server.id, [])
                run.memo["volumes"] = any(d.destination == "volume" for d in devices)
                item = placing.request(session, server, server.flavor, server, ignore_hosts=run.data.get("ignore_hosts", []),
                                       devices=devices)
                if "host" in run.data:  # an unshelve's wish, or none: not the boot's
                    item |= {"host": run.data["host"], "node": None}
                wanted.setdefault(run.context.request_id, []).append((run, item))
    answers: dict[str, dict[str, Any]] = {}
    for asked in wanted.values():
        found = runs[0].deps.choose_hosts(asked[0][0].context, [item for _, item in asked])
        answers.update({run.id: answer for (run, _), answer in zip(asked, found, strict=True)})
    return [Wait(placing.TURN_S) if run.id in waiting else _take_host(run, answers.get(run.id)) for run in runs]


def _has_its_turn(session: Session, run: Run, runs: list[Run]) -> bool:
    """Whether a group's member may be placed now; those of one request are asked about together."""
    together = {r.resource_id for r in runs if r.context.request_id == run.context.request_id}
    return placing.has_its_turn(session, run.memo["server"], together)


def _take_host(run: Run, answer: dict[str, Any] | None) -> Later | Exception | None:
    """Note the host that the scheduler chose (None: the server has one, or is gone)."""
    server = run.memo.get("server")
    if server is None:
        return Failure(f"server {run.resource_id} is gone")
    if answer is None:
        return None
    if "error" in answer:
        return placing.refused(answer)
    conductor = run.deps
    zone = answer.get("availability_zone") or conductor.zone_of(answer["host"])
    changes = {"host": answer["host"], "node": answer["node"], "launched_on": answer["host"], "availability_zone": zone,
               "task_state": states.NETWORKING}
    if run.kind == SAGA.kind:
        changes["root_device_name"] = metadata.ROOT_DEVICE  # as is likely: what the agent reports then need not be written
    run.data["chosen"] = answer["host"]
    run.share(server_batches.change_all, (run.resource_id, changes))
    run.memo["server"] = SimpleNamespace(**{**server._asdict(), **changes})
    return LATER


def read_boots(runs: list[Run]) -> None:
    """Have the servers' rows in `memo`, unless they are there or gone."""
    missing = [run for run in runs if "server" not in run.memo]
    if missing:
        with runs[0].deps.database.read() as session:
            found = server_batches.boots(session, [run.resource_id for run in missing])
        for run in missing:
            if run.resource_id in found:
                run.memo["server"] = found[run.resource_id]


def leave_host(run: Run) -> None:
    """Give the claim back and forget the host."""
    placing.release(run)
    with run.deps.database.read() as session:
        found = servers.get_many(session, [run.resource_id])
    host = (found[0].host if found else None) or run.data.get("chosen")
    if host:
        run.data["failed_host"] = host
    if found and found[0].host:
        ending.change(run, host=None, node=None)


def make_ports(run: Run) -> Later:
    """Make or take the ports, bound to the host."""
    found = make_all_ports([run])[0]
    if isinstance(found, Exception):
        raise found
    return found


def make_all_ports(runs: list[Run]) -> list[Later | Exception]:
    """Ports of servers that boot together: those that need nothing looked up are made by one request."""
    read_boots(runs)
    plugged = ports.plug_all([(run, run.memo["server"], run.memo["server"]) for run in runs if "server" in run.memo])
    return [Failure(f"server {run.resource_id} is gone") if "server" not in run.memo else plugged.get(run.id) or LATER
            for run in runs]


def make_volumes(run: Run) -> Wait | Nothing | None:
    """Make and attach the volumes that were asked for."""
    if not run.memo.get("volumes", run.data.get("volumes", True)) or not disks.rows(run):
        return NOTHING
    server = run.memo.get("server") or ending.server(run)  # the row may not name the host yet, for which volumes are connected
    if server.task_state != states.BLOCK_DEVICE_MAPPING:
        run.write(servers.change, run.resource_id, {"task_state": states.BLOCK_DEVICE_MAPPING})
    return disks.prepare(run, server)


def spawn(run: Run) -> Wait | Nothing:
    """Have the agent build the server."""
    found = spawn_all([run])[0]
    if isinstance(found, Exception):
        raise found
    return found


def spawn_all(runs: list[Run]) -> list[Wait | Nothing | Exception]:
    """Have agents build servers: one poke for each host."""
    read_boots([run for run in runs if not run.data.get("chosen")])
    wanted = [(run, run.data.get("chosen") or run.memo["server"].host) for run in runs
              if run.data.get("chosen") or "server" in run.memo]
    found = jobs.run_jobs(wanted, "ensure", name=jobs.BOOT, timeout_s=runs[0].deps.conf.compute.build_timeout_s)
    gone = Failure("the server is gone")
    return [how if isinstance(how := found.get(run.id, gone), Wait | Exception) else NOTHING for run in runs]


def unspawn(run: Run) -> None:
    """Have the agent remove what it built; a host that is down cleans up when it comes back."""
    jobs.drop_jobs(run)
    with run.deps.database.read() as session:
        found = servers.get_many(session, [run.resource_id])
    if found and found[0].host and run.deps.host_is_up(found[0].host):
        jobs.finish_job(run, "destroy", found[0].host)


def await_network(run: Run) -> Wait | Nothing:
    """Wait until the network service says that every port is plugged."""
    found = await_networks([run])[0]
    if isinstance(found, Exception):
        raise found
    return found


def await_networks(runs: list[Run]) -> list[Wait | Nothing | Exception]:
    """As `await_network`, for servers that boot together."""
    with runs[0].deps.database.read() as session:
        waiting, failed = server_batches.unplugged(session, [run.resource_id for run in runs])
    return [_judge_network(run, waiting.get(run.resource_id, []), failed.get(run.resource_id, [])) for run in runs]


def _judge_network(run: Run, waiting: list[str], failed: list[str]) -> Wait | Nothing | Exception:
    conf = run.deps.conf.compute
    if failed:
        return Failure(f"ports could not be plugged: {', '.join(failed)}", public="Virtual interface creation failed.")
    if not waiting:
        return NOTHING
    if run.step_age_s > conf.vif_plugging_timeout_s:
        if conf.vif_plugging_is_fatal:
            return Failure(f"ports were not plugged within {conf.vif_plugging_timeout_s} s: {', '.join(waiting)}",
                           public="Virtual interface creation failed.")
        return NOTHING
    return Wait(min(5.0, conf.vif_plugging_timeout_s))


def finish_volumes(run: Run) -> Wait | Nothing:
    """The guest has its volumes: tell block storage."""
    if run.data.get("volumes", True):
        disks.complete(run)
    return NOTHING  # telling it twice does no harm


def launched(session: Session, runs: list[Run]) -> None:
    """The servers are up."""
    ids = [run.resource_id for run in runs]
    server_batches.forget_passwords(session, ids)
    changes = {"vm_state": states.ACTIVE, "task_state": None, "power_state": states.RUNNING, "progress": 100,
               "launched_at": clock.now()}
    if server_batches.change_equally(session, ids, changes) != len(ids):
        raise errors.Stale(f"of {len(ids)} servers some are gone")
    server_batches.add_events(session, [
        {"server_id": run.resource_id, "request_id": run.context.request_id, "started_at": run.step_started_at} for run in runs],
        "compute__do_build_and_run_instance")
    job_rows.drop_all(session, ids)


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
    Step("choose_host", choose_host, leave_host, together=choose_hosts),
    Step("make_ports", make_ports, ports.unplug, together=make_all_ports),
    Step("make_volumes", make_volumes, lambda run: disks.release(run, delete_made=True)),
    Step("spawn", spawn, unspawn, together=spawn_all),
    Step("await_network", await_network, together=await_networks),
    Step("finish_volumes", finish_volumes),
), on_all_done=launched, on_failed=failed)
