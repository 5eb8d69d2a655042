"""Daemons that cannot start: each says why in one line, and ends with 1; or waits, when waiting mends it, and can be ended."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from common.service import installed
from tests.functional.stack.processes import Processes
from tests.waiting import PATIENCE

DAEMONS = {d.name: d for s in installed().values() for d in s.daemons}
SILENT = ("identity-api", "placement-api", "network-api", "metadata-api")  # they send no messages
STOP_S = 25 * PATIENCE  # sixteen processes end together


def _nobody() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        return int(made.getsockname()[1])


class Starts:
    """Copies of the cloud's configuration, with something wrong in them, and daemons that start with them."""

    def __init__(self, processes: Processes, folder: pathlib.Path) -> None:
        self.etc, self.log = folder / "etc", folder / "log"
        self.children: dict[str, subprocess.Popen[str]] = {}
        shutil.copytree(processes.etc, self.etc)
        self.replace(str(processes.logs), str(self.log))
        self.replace(str(processes.run_dir), str(folder))
        with (self.etc / "metadata-api.conf").open("a") as f:
            f.write("[metadata]\nshared_secret = x\n")
        for daemon in processes.ports:  # the cloud itself listens on its own
            self.add(daemon, f"[api]\nbind_port = {_nobody()}\n")

    def replace(self, old: str, new: str) -> None:
        """In all files."""
        for path in self.etc.iterdir():
            path.write_text(path.read_text().replace(old, new))

    def add(self, daemon: str, text: str) -> None:
        """To the daemon's own file."""
        with (self.etc / f"{daemon}.conf").open("a") as f:
            f.write(text)

    def start(self, daemons: list[str]) -> None:
        for daemon in daemons:
            self.children[daemon] = subprocess.Popen(
                [sys.executable, "-m", "common.cli", "--config-dir", str(self.etc), "serve", daemon], text=True,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.getcwd()})

    def ended(self) -> dict[str, tuple[int, list[str]]]:
        """(exit status, lines on standard error) of each, once it has ended by itself."""
        found = {}
        for daemon, child in self.children.items():
            _, said = child.communicate(timeout=60 * PATIENCE)
            found[daemon] = (child.returncode, said.splitlines())
        return found

    def close(self) -> None:
        for child in self.children.values():
            if child.poll() is None:
                child.kill()
                child.communicate()


@pytest.fixture
def starts(processes, tmp_path):
    made = Starts(processes, tmp_path)
    yield made
    made.close()


def _all(*, without: tuple[str, ...] = ()) -> list[str]:
    return [d for d in DAEMONS if d not in without]


def _with_database() -> list[str]:
    return [d for d, info in DAEMONS.items() if info.database]


def _wrong(daemons: list[str], change: Callable[[Starts, Processes], None], *words: str):
    return daemons, change, words


CASES = {
    "a wrong password of RabbitMQ": _wrong(
        _all(without=SILENT), lambda s, p: s.replace("rabbit://t:", "rabbit://t:no"), "RabbitMQ at 127.0.0.1:",
        "refuses the user 't'", "password", "transport_url in "),
    "no such virtual host": _wrong(
        _all(without=SILENT), lambda s, p: s.replace(p.rabbit_url, p.rabbit_url + "nowhere"), "RabbitMQ at 127.0.0.1:",
        "refuses the user 't'", "vhost nowhere not found"),
    "a wrong password of MariaDB": _wrong(
        _with_database(), lambda s, p: s.replace("pymysql://t:", "pymysql://t:no"), "MariaDB at 127.0.0.1:",
        "Access denied for user 't'", "[database] connection"),
    "no such schema": _wrong(
        _with_database(), lambda s, p: s.replace(p.prefix, "nosuch_"), "MariaDB at 127.0.0.1:", "Unknown database 'nosuch_"),
    "a line that is no option": _wrong(
        _all(), lambda s, p: [s.add(d, "what is this\n") for d in DAEMONS], ".conf:", "No ':' or '=' found", "what is this"),
    "a value that is no number": _wrong(
        _all(), lambda s, p: [s.add(d, "[worker]\nthreads = many\n") for d in DAEMONS],
        "{daemon}.conf: [worker]threads is not valid"),
    "a file that is no text": _wrong(
        _all(), lambda s, p: (s.etc / "altostack.conf").write_bytes(b"\xff\xfe\x00"), "altostack.conf cannot be read", "UTF-8"),
    "a folder of logs that cannot be": _wrong(
        _all(), lambda s, p: s.replace(str(s.log), "/proc/none"), "cannot write its log into /proc/none", "log_dir"),
}


@pytest.mark.parametrize("case", CASES)
def test_every_daemon_says_in_one_line_why_it_cannot_start(starts, processes, case):
    daemons, change, words = CASES[case]
    change(starts, processes)
    starts.start(daemons)
    for daemon, (status, lines) in starts.ended().items():
        assert status == 1 and len(lines) == 1, f"{daemon}: {status} {lines}"
        assert lines[0].startswith("altostack: ") and "t:no" not in lines[0]
        assert [w for w in words if w.format(daemon=daemon) not in lines[0]] == [], lines[0]
    assert not [p.name for p in starts.log.glob("*.log") if "traceback" in p.read_text()]


def test_a_taken_port(starts, processes):
    apis = [d for d, info in DAEMONS.items() if info.port]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for daemon in apis:
            starts.add(daemon, f"[api]\nbind_port = {port}\n")
        starts.start(apis)
        found = starts.ended()
    for daemon, (status, lines) in found.items():
        assert (status, lines) == (1, [f"altostack: {daemon}: cannot listen on 127.0.0.1:{port} (Address already in use); stop "
                                       f"what uses the port, or set [api] bind_port in {daemon}.conf"])


def test_backends_that_are_away_are_waited_for_and_the_waiting_can_be_ended(starts, processes, backends):
    closed = _nobody()
    for backend in backends.values():
        starts.replace(f"127.0.0.1:{backend.port}", f"127.0.0.1:{closed}")
    starts.start(_all())
    said = {}
    for daemon, child in starts.children.items():
        assert child.stderr is not None
        said[daemon] = child.stderr.readline()
        what = "MariaDB" if DAEMONS[daemon].database else "RabbitMQ"
        assert what in said[daemon] and f"127.0.0.1:{closed}" in said[daemon] and "refused" in said[daemon] and (
            "trying again until it" in said[daemon]), said[daemon]
    time.sleep(3)
    for daemon, child in starts.children.items():
        assert child.poll() is None, daemon
        child.send_signal(signal.SIGTERM)
    started = time.monotonic()
    for daemon, child in starts.children.items():
        rest = child.communicate(timeout=STOP_S)[1]
        assert child.returncode == 0 and rest == "", f"{daemon}: {child.returncode} {rest}"
    assert time.monotonic() - started < STOP_S
    assert not [p.name for p in starts.log.glob("*.log") if "traceback" in p.read_text()]
