"""A compute service is deleted: its host is forgotten everywhere, and is as new with its next heartbeat."""

import os
import signal
from typing import Any

from tests.functional.stack.conftest import Ground
from tests.functional.stack.processes import Processes
from tests.waiting import wait_for


def _providers(ground: Ground) -> dict[str, str]:
    """Name -> id."""
    found = ground.admin.placement.get("/resource_providers?resources=VCPU:1", microversion="1.4").json()["resource_providers"]
    return {p["name"]: p["uuid"] for p in found}


def _delete(ground: Ground) -> Any:
    [service] = ground.admin.compute.get("/os-services?binary=nova-compute", microversion="2.53").json()["services"]
    return ground.admin.compute.delete(f"/os-services/{service['id']}", microversion="2.53").status_code


def test_a_host_that_is_deleted_registers_itself_again(ground: Ground, processes: Processes) -> None:
    [server] = ground.start("here", 1)
    wait_for("server", lambda: ground.servers()[server].status == "ACTIVE", 60)
    before = _providers(ground)
    assert _delete(ground) == 409 and _providers(ground) == before
    ground.admin.compute.delete_server(server)
    wait_for("end of the server", lambda: not ground.servers(), 60)

    agent = processes.pid("compute-agent")
    os.kill(agent, signal.SIGSTOP)  # no heartbeat comes between
    try:
        assert _delete(ground) == 204
        assert _providers(ground) == {} and list(ground.admin.compute.hypervisors()) == []
        # what an earlier deletion left behind does not bar the way either
        left = sorted(before)[0]
        made = ground.admin.placement.post("/resource_providers", json={"name": left}, microversion="1.20")
        assert made.status_code == 200, made.text
    finally:
        os.kill(agent, signal.SIGCONT)

    wait_for("all providers", lambda: set(_providers(ground)) == set(before), 60)
    assert not set(_providers(ground).values()) & {*before.values(), made.json()["uuid"]}
    assert processes.pid("compute-agent") == agent, "it registers itself again while it runs"
    [again] = ground.start("again", 1)
    wait_for("server on the host that came back", lambda: ground.servers()[again].status != "BUILD", 60)
    assert ground.servers()[again].status == "ACTIVE", ground.servers()[again].fault
    ground.admin.compute.delete_server(again)
    wait_for("end of the server", lambda: not ground.servers(), 60)
