"""Any daemon is killed while ten servers are made, and again while they are deleted: all end well, nothing is left."""

import contextlib
from typing import Any

import pytest

from tests.functional.stack.conftest import Ground
from tests.functional.stack.processes import Processes
from tests.waiting import wait_for

SERVERS, SETTLE_S = 10, 60
KILLED = ("compute-conductor", "compute-agent", "scheduler", "placement-api", "network-api", "network-conductor", "network-agent",
          "image-api", "identity-api", "compute-api")
LEFT = {  # what would be an orphan, once all servers are gone
    "servers": "SELECT id FROM {compute}.servers WHERE deleted = 0",
    "network cards": "SELECT port_id FROM {compute}.server_nics",
    "disks": "SELECT d.id FROM {compute}.block_devices d JOIN {compute}.servers s ON s.id = d.server_id WHERE s.deleted = 0",
    "allocations": "SELECT c.uuid FROM {scheduler}.allocations a JOIN {scheduler}.consumers c ON c.id = a.consumer_id",
    "used inventories": "SELECT used FROM {scheduler}.inventories WHERE used <> 0",
    "ports": "SELECT id FROM {network}.ports WHERE device_owner LIKE 'compute:%%'",
    "running operations": "SELECT kind FROM {compute}.sagas WHERE state IN ('running', 'undoing')",
    "agents' jobs": "SELECT id FROM {compute}.agent_jobs",
}


def _settled(ground: Ground, ids: list[str]) -> bool:
    servers = [s for s in ground.servers().values() if s.id in ids]
    return all(s.status in ("ACTIVE", "ERROR") and not s.task_state for s in servers)


def _look(look: Any) -> Any:
    """`look`, taking no answer of an API that is just being killed as a no."""
    def patient() -> Any:
        with contextlib.suppress(Exception):
            return look()
        return None
    return patient


@pytest.mark.parametrize("daemon", KILLED)
def test_servers_being_made_and_deleted_end_well(processes: Processes, ground: Ground, daemon: str) -> None:
    ids = ground.start(f"killed-{daemon}", SERVERS)
    assert len(ids) == SERVERS
    old = processes.kill(daemon)
    wait_for(f"end of the builds; {_tell(ground)}", _look(lambda: _settled(ground, ids)), SETTLE_S)
    processes.wait_up(daemon, not_pid=old)
    for server in ground.servers().values():
        if server.status == "ERROR":
            assert server.fault and server.fault["message"], f"{server.id} is in ERROR without a word"
    now = ground.servers()
    assert any(now[i].status == "ACTIVE" for i in ids), f"none of {SERVERS} servers was built: {_tell(ground)}"
    for one in ids:
        ground.admin.compute.delete_server(one)
    old = processes.kill(daemon)
    wait_for(f"end of the servers; {_tell(ground)}", _look(lambda: not ground.servers()), SETTLE_S)
    processes.wait_up(daemon, not_pid=old)
    try:
        wait_for("clean end", lambda: not _left(processes), 30)
    except AssertionError:
        raise AssertionError(f"left after {daemon} was killed: {_left(processes)}") from None


def test_a_boot_works_after_all_that(ground: Ground, processes: Processes) -> None:
    ids = ground.start("after", 1)
    wait_for("server", lambda: ground.servers()[ids[0]].status == "ACTIVE", SETTLE_S)
    ground.admin.compute.delete_server(ids[0])
    wait_for("end of the server", lambda: not ground.servers(), SETTLE_S)


def _left(processes: Processes) -> dict[str, list[Any]]:
    return {what: rows for what, question in LEFT.items() if (rows := processes.rows(question))}


def _tell(ground: Ground) -> list[str]:
    try:
        return [f"{s.name} {s.status} {s.task_state} {(s.fault or {}).get('message', '')}" for s in ground.servers().values()]
    except Exception as e:  # only words for a failure
        return [str(e)]
