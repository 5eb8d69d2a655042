"""Messages over a real RabbitMQ, and a database that is away when a daemon starts."""

import os
import subprocess
import sys

import pytest

from common import clock, context
from common.rpc.interface import Interface, call, cast, client, server
from common.testing.api import make_conf
from common.worker import Runtime
from tests.unit.common.support import SERVICE
from tests.waiting import wait_for

CTXT = context.internal()


class Demo(Interface):
    """The contract under test."""

    topic = "demo-functional"

    @cast
    def poke(self, ctxt, number: int) -> None:
        """Pokes one."""

    @call(timeout_s=20)
    def add(self, ctxt, a: int, b: int) -> int:
        """The sum."""


class Impl:
    """Notes what it gets."""

    def __init__(self):
        self.got = []

    def poke(self, ctxt, number):
        self.got.append(number)

    def add(self, ctxt, a, b):
        return a + b


def start(folder, url, host, impl):
    """(runtime, client, server) of a process of its own, as far as RabbitMQ can tell."""
    runtime = Runtime()
    transport = runtime.transport(make_conf(SERVICE, "demo-worker", folder, transport_url=url))
    made = server(Demo, impl, transport, host, 4)
    made.start()
    return runtime, client(Demo, transport), made


def end(*started):
    for runtime, _, made in started:
        made.stop()
        made.wait()
        runtime.close()


def test_calls_and_casts_over_rabbitmq(rabbit_url, tmp_path):
    impl = Impl()
    started = start(tmp_path, rabbit_url, "one", impl)
    assert started[1].add(CTXT, 1, 2) == 3
    for number in range(50):
        started[1].to("one").poke(CTXT, number)
    wait_for("fifty casts", lambda: len(impl.got) == 50)
    end(started)


def serve(folder, daemon, conf):
    """(exit status, lines of standard error, seconds) of a real daemon with this configuration."""
    (folder / "altostack.conf").write_text(f"[DEFAULT]\nstate_path = {folder}\nrun_path = {folder}\n{conf}")
    started = clock.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "common.cli", "--config-dir", str(folder), "serve", daemon],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    return done.returncode, lines, clock.monotonic() - started


@pytest.mark.parametrize("daemon", ["scheduler", "compute-conductor"])
def test_a_daemon_without_its_database_says_that_it_waits_and_that_it_gives_up(tmp_path, daemon):
    status, lines, seconds = serve(
        tmp_path,
        daemon,
        "transport_url = kombu+memory:////\n"
        "[database]\nconnection = mysql+pymysql://u:secret-word@127.0.0.1:1/x\nconnect_wait_s = 2\n",
    )
    assert status == 1 and seconds < 60
    where = "altostack: MariaDB at 127.0.0.1:1 (schema x) does not answer (Connection refused)"
    assert lines == [
        f"{where}; trying again until it does",
        f"{where}, for 2 s; start it, or correct [database] connection",
    ]


def test_a_daemon_with_a_wrong_password_says_so_in_one_line(tmp_path, mysql_url):
    url = mysql_url.set(password="wrong").render_as_string(hide_password=False)
    status, lines, _ = serve(tmp_path, "scheduler", f"transport_url = kombu+memory:////\n[database]\nconnection = {url}\n")
    assert status == 1 and len(lines) == 1 and "Access denied" in lines[0] and "wrong" not in lines[0], lines
