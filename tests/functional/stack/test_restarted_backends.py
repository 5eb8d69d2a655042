"""RabbitMQ or MariaDB goes away and comes back: accepted requests are done, nothing has to be started anew."""

import os
import signal
import time

import pytest
import requests

from tests.functional.common.conftest import Backend
from tests.functional.stack.conftest import Ground
from tests.functional.stack.processes import Processes
from tests.waiting import PATIENCE, wait_for

BACK_S = 60


def _boots(ground: Ground, name: str) -> None:
    [server] = ground.start(name, 1)
    wait_for(f"server {name}", lambda: ground.servers()[server].status == "ACTIVE", BACK_S)
    _gone(ground)


def _gone(ground: Ground) -> None:
    for server in ground.servers():
        ground.admin.compute.delete_server(server)
    wait_for("end of all servers", lambda: not ground.servers(), BACK_S)


def _content(printed: list[str]) -> bool:
    """Whether the last word about each backend is not that it is away."""
    last = {name: line for line in printed for name in ("RabbitMQ", "MariaDB") if name in line}
    return not any("trying again" in line for line in last.values())


def test_rabbitmq_is_away_for_a_while(processes: Processes, ground: Ground, backends: dict[str, Backend]) -> None:
    """What was accepted meanwhile is done afterwards; what is not accepted is refused, not hung."""
    pids = {d: processes.pid(d) for d in processes.daemons}
    backends["rabbitmq"].stop()
    try:
        assert ground.servers() == {}, "lists need no messages"
        body = {"server": {"name": "meanwhile", "imageRef": ground.image.id, "flavorRef": ground.flavor.id,
                           "networks": [{"uuid": ground.network.id}]}}
        answer = ground.admin.compute.post("/servers", json=body, timeout=60 * PATIENCE)
        assert answer.status_code in (202, 500, 503), answer.text
    finally:
        backends["rabbitmq"].start()
    if answer.status_code == 202:
        server = answer.json()["server"]["id"]
        wait_for("server accepted while RabbitMQ was away", lambda: ground.servers()[server].status == "ACTIVE", BACK_S)
        _gone(ground)
    _boots(ground, "after-rabbitmq")
    assert {d: processes.pid(d) for d in processes.daemons} == pids, "a daemon ended instead of connecting again"


def test_mariadb_is_away_for_a_while(processes: Processes, ground: Ground, backends: dict[str, Backend]) -> None:
    """Requests get an answer (503) in the meantime; servers being built are built afterwards."""
    pids = {d: processes.pid(d) for d in processes.daemons}
    ground.start("under-way", 3)
    token = ground.admin.auth_token
    backends["mariadb"].stop()
    try:
        started = time.monotonic()
        answer = requests.get(f"{processes.url('compute-api')}/v2.1/servers", headers={"X-Auth-Token": token},
                              timeout=60 * PATIENCE)
        assert answer.status_code in (500, 503), answer.text
        assert time.monotonic() - started < 45 * PATIENCE
    finally:
        backends["mariadb"].start()
    def built() -> bool:
        try:
            return all(s.status == "ACTIVE" for s in ground.servers().values())
        except Exception:  # an API that has no connection yet
            return False
    wait_for("servers that were under way", built, BACK_S)
    _gone(ground)
    _boots(ground, "after-mariadb")
    assert {d: processes.pid(d) for d in processes.daemons} == pids, "a daemon ended instead of connecting again"


@pytest.mark.parametrize("kind", ["rabbitmq", "mariadb"])
def test_restarted_while_idle(processes: Processes, ground: Ground, backends: dict[str, Backend], kind: str) -> None:
    """A restart that nobody waits for: the next boot works."""
    backends[kind].stop()
    backends[kind].start()
    _boots(ground, f"after-restart-of-{kind}")


def test_both_are_away(processes: Processes, ground: Ground, backends: dict[str, Backend]) -> None:
    """Each daemon says so once, ends quickly when it is told to, and goes on when they are back."""
    for daemon in processes.daemons:  # who still mourns the last restart would have no news
        wait_for(f"end of what {daemon} complained of", lambda d=daemon: _content(processes.printed(d)), BACK_S)
    said = {d: processes.printed(d) for d in processes.daemons}
    pids = {d: processes.pid(d) for d in processes.daemons}
    stopped = ("compute-api", "compute-conductor", "compute-agent", "scheduler", "network-agent", "volume-agent")

    def news(daemon: str) -> list[str]:
        return processes.printed(daemon)[len(said[daemon]):]

    for backend in backends.values():
        backend.stop()
    try:
        for daemon in processes.daemons:
            wait_for(f"word of {daemon}", lambda d=daemon: news(d), BACK_S)
        for daemon in processes.daemons:
            for name in ("RabbitMQ", "MariaDB"):
                assert sum(name in line for line in news(daemon)) <= 1, f"{daemon}: {news(daemon)}"
            assert all("trying again until it" in line for line in news(daemon)), f"{daemon}: {news(daemon)}"
        for daemon in stopped:
            os.kill(pids[daemon], signal.SIGTERM)
        wait_for("their end", lambda: all(processes.pid(d) != pids[d] for d in stopped), 8)
    finally:
        for backend in backends.values():
            backend.start()
    for daemon in processes.daemons:
        processes.wait_up(daemon, BACK_S, not_pid=pids[daemon] if daemon in stopped else 0)
    _boots(ground, "after-both")
    again = [d for d in processes.daemons if d not in stopped]
    assert {d: processes.pid(d) for d in again} == {d: pids[d] for d in again}, "a daemon ended instead of connecting again"
    for daemon in again:
        assert any("answers again, after" in line for line in news(daemon)), f"{daemon}: {news(daemon)}"
