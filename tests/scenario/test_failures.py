"""Daemons that do host work are killed under real servers; RabbitMQ and MariaDB are started anew: all goes on.

tests/functional/stack does the same with every daemon, ten servers and a simulated hypervisor. These tests disturb whoever
else uses the cloud, so they leave one alone that was not brought up for the tests, unless ALTOSTACK_TEST_DISRUPT=1.
"""

import os
import signal
import time
from typing import Any

import pytest

from tests.scenario import host
from tests.scenario.cloud import DEVSTACK, STATE, Cloud, run
from tests.scenario.guest import Guest
from tests.scenario.tenant import Tenant
from tests.waiting import PATIENCE, wait_for

KILLED = ("compute-conductor", "compute-agent", "network-conductor", "network-agent")
SERVERS, SETTLE_S = 3, 60  # seconds are for a machine that does nothing else; ALTOSTACK_TEST_PATIENCE stretches them

pytestmark = pytest.mark.timeout(300 * PATIENCE)


@pytest.fixture(scope="module", autouse=True)
def permitted(cloud: Cloud) -> None:
    """Leaves other people's clouds alone."""
    if not cloud.ours and os.environ.get("ALTOSTACK_TEST_DISRUPT") != "1":
        pytest.skip("this cloud was not brought up for the tests; ALTOSTACK_TEST_DISRUPT=1 permits to disturb it")


@pytest.fixture(scope="module")
def witness(tenant: Tenant, permitted: None) -> Guest:
    """A server that is there all the time and must notice nothing."""
    return tenant.boot("witness")


def kill(cloud: Cloud, daemon: str) -> int:
    """SIGKILL a daemon; its former process id."""
    pid = cloud.pid(daemon)
    assert pid, f"{daemon} does not run"
    os.kill(pid, signal.SIGKILL)
    return pid


def _settled(tenant: Tenant, servers: list[Any]) -> list[Any] | None:
    now = [tenant.compute.get_server(s.id) for s in servers]
    return now if all(s.status in ("ACTIVE", "ERROR") and not s.task_state for s in now) else None


@pytest.mark.parametrize("daemon", KILLED)
def test_killed_while_servers_are_made_and_deleted(cloud: Cloud, tenant: Tenant, witness: Guest, daemon: str) -> None:
    boot_id = witness.boot_id()
    tenant.start(daemon, min_count=SERVERS, max_count=SERVERS, wait=False)
    servers = [tenant.note(s) for s in tenant.compute.servers() if s.name.startswith(daemon)]
    assert len(servers) == SERVERS
    time.sleep(0.5)
    old = kill(cloud, daemon)
    ended = wait_for("end of the builds", lambda: _settled(tenant, servers), SETTLE_S)
    wait_for(f"new {daemon}", lambda: cloud.pid(daemon) not in (0, old), 30)
    assert all(s.status == "ACTIVE" or s.fault for s in ended), "in ERROR without a word"
    assert any(s.status == "ACTIVE" for s in ended), [s.fault for s in ended]
    running = set(host.domains())
    assert {s.id for s in ended if s.status == "ACTIVE"} <= running
    for server in servers:
        tenant.compute.delete_server(server.id)
    old = kill(cloud, daemon)
    wait_for("end of the servers", lambda: all(tenant.missing(s) for s in servers), SETTLE_S)
    wait_for(f"new {daemon}", lambda: cloud.pid(daemon) not in (0, old), 30)
    host.wait_clean([s.id for s in servers], [])
    assert witness.boot_id() == boot_id, "a server that nobody touched has booted again"


@pytest.mark.parametrize("backend", ["rabbitmq", "mariadb"])
def test_started_anew_while_idle(cloud: Cloud, tenant: Tenant, witness: Guest, backend: str) -> None:
    folder = STATE / backend
    parts = " ".join(f". {DEVSTACK}/lib/{part}.sh;" for part in ("common", "config", "backends"))
    port = {"rabbitmq": "$RABBIT_PORT", "mariadb": "$DB_PORT"}[backend]
    run("bash", "-c", f"set -e; DEVSTACK={DEVSTACK}; PROJECT={DEVSTACK.parent}; {parts} exec 3>&2; config_load; "
        f"stop_{backend} {folder}; start_{backend} {folder} {port} $(listen_addresses)", limit=120 * PATIENCE)
    server = wait_for("server asked for afterwards", lambda: _try(tenant, f"after-{backend}"), 30)
    tenant.until(server, "ACTIVE", SETTLE_S)
    tenant.gone(server)
    assert witness.reachable()


def _try(tenant: Tenant, name: str) -> Any:
    """A new server; None when the request is refused, as long as connections are being made again."""
    try:
        return tenant.start(name, wait=False)
    except Exception as e:  # whichever service is not back yet
        print(f"{name}: {e}")
        return None
