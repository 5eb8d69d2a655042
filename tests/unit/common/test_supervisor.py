"""Daemons as real processes: `altostack serve` with a service that exists only in a test's folder."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request

import pytest

from tests.waiting import wait_for

PACKAGE = '''
"""A service for the supervisor's tests."""
import os, sys, threading
from oslo_config import cfg
from common import errors
from common.service import DaemonInfo, Service
from common.worker import Worker

SERVICE = Service("demo", lambda: [("demo", [cfg.IntOpt("number", min=1)])], "demo.db", (
    DaemonInfo("demo-api", "demo:api", port=5999, database=False), DaemonInfo("demo-worker", "demo:worker", database=False),
    DaemonInfo("demo-crash", "demo:crash", database=False),
    DaemonInfo("demo-raw", "demo:raw", port=5998, wsgi=False, database=False)))


def api(conf, runtime):
    worker = Worker(SERVICE.daemon("demo-api"), conf, runtime)

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [str(os.getpid()).encode()]

    worker.http(app)
    return worker


def worker(conf, runtime, name="demo-worker"):
    made = Worker(SERVICE.daemon(name), conf, runtime)
    note = os.path.join(conf.state_path, name)
    made.on_start(lambda: open(note, "a").write(f"start {os.getpid()}\\n"))
    made.on_stop(lambda: open(note, "a").write("stop\\n"))
    return made


def raw(conf, runtime):
    return worker(conf, runtime, "demo-raw")


def crash(conf, runtime):
    open(os.path.join(conf.state_path, "demo-crash"), "a").write("start\\n")
    raise errors.ConfigError("demo-crash: nothing works")
'''


@pytest.fixture
def home(tmp_path):
    """A folder with the package, its entry point and a configuration."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "demo.py").write_text(textwrap.dedent(PACKAGE))
    info = tmp_path / "lib" / "demo-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: demo\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[altostack.services]\ndemo = demo:SERVICE\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "altostack.conf").write_text(
        f"[DEFAULT]\nstate_path = {tmp_path}\nrun_path = {tmp_path}\nhost = h\n[worker]\ndrain_s = 2\n[api]\nbind_port = {port}\n"
    )
    (tmp_path / "port").write_text(str(port))
    return tmp_path


@pytest.fixture
def serve(home):
    started = []

    def start(*args):
        env = {**os.environ, "PYTHONPATH": f"{home / 'lib'}{os.pathsep}{os.getcwd()}"}
        child = subprocess.Popen(
            [sys.executable, "-m", "common.cli", "--config-dir", str(home / "etc"), "serve", *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env,
            start_new_session=True,
        )
        started.append(child)
        return child

    yield start
    for child in started:
        if child.poll() is None:
            child.kill()
        child.communicate()


def notes(home, name):
    path = home / name
    return path.read_text().splitlines() if path.exists() else []


def answer(home):
    try:
        return int(urllib.request.urlopen(f"http://127.0.0.1:{(home / 'port').read_text()}/", timeout=5).read())
    except OSError:
        return None


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_one_daemon_is_the_process_itself(home, serve):
    child = serve("demo-worker")
    wait_for("note", lambda: notes(home, "demo-worker"))
    assert notes(home, "demo-worker") == [f"start {child.pid}"]
    assert (home / "demo-worker.pid").read_text() == f"{child.pid}\n"
    child.send_signal(signal.SIGTERM)
    assert child.wait(20) == 0 and notes(home, "demo-worker")[-1] == "stop"


def test_a_daemon_that_listens_by_itself_is_not_gunicorns(home, serve):
    child = serve("demo-raw")
    wait_for("note", lambda: notes(home, "demo-raw"))
    assert notes(home, "demo-raw") == [f"start {child.pid}"] and answer(home) is None
    child.send_signal(signal.SIGTERM)
    assert child.wait(20) == 0


def test_the_supervisor_restarts_what_dies_and_ends_all(home, serve):
    child = serve("demo-worker", "demo-api", "--log-dir", str(home))
    first = wait_for("note", lambda: notes(home, "demo-worker"))[0].split()[1]
    served = wait_for("answer", lambda: answer(home))
    os.kill(int(first), signal.SIGKILL)
    second = wait_for("note", lambda: [line for line in notes(home, "demo-worker") if line != f"start {first}"])[0].split()[1]
    assert answer(home) == served, "the API was not touched"
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=30)
    assert child.returncode == 0 and "demo-worker ended with -9; starting it again" in err
    wait_for("end", lambda: not alive(second) and not alive(served))
    assert notes(home, "demo-worker")[-1] == "stop" and answer(home) is None


def test_children_end_when_the_supervisor_is_killed(home, serve):
    child = serve("demo-worker", "--supervise")
    pid = wait_for("note", lambda: notes(home, "demo-worker"))[0].split()[1]
    child.kill()
    wait_for("end", lambda: not alive(pid))


def test_sighup_starts_all_anew(home, serve):
    child = serve("demo-worker", "--supervise")
    first = wait_for("note", lambda: notes(home, "demo-worker"))[0]
    child.send_signal(signal.SIGHUP)
    assert wait_for("note", lambda: [line for line in notes(home, "demo-worker")[1:] if line.startswith("start")])[0] != first
    child.send_signal(signal.SIGTERM)
    assert child.wait(30) == 0


def test_sighup_reads_a_configuration_that_changed(home, serve):
    child = serve("demo-worker", "--supervise")
    first = wait_for("note", lambda: notes(home, "demo-worker"))
    (home / "moved").mkdir()
    (home / "etc" / "demo-worker.conf").write_text(f"[DEFAULT]\nstate_path = {home}/moved\n")
    child.send_signal(signal.SIGHUP)
    wait_for("note", lambda: notes(home / "moved", "demo-worker"))
    assert notes(home, "demo-worker") == [*first, "stop"]
    child.send_signal(signal.SIGTERM)
    assert child.wait(30) == 0


def test_what_keeps_dying_is_started_ever_more_slowly(home, serve):
    child = serve("demo-crash", "--supervise")
    wait_for("note", lambda: len(notes(home, "demo-crash")) >= 3)
    time.sleep(1)
    assert len(notes(home, "demo-crash")) == 3, "starts at 0, 1 and 3 s; the fourth comes at 7 s"
    child.send_signal(signal.SIGTERM)
    _, err = child.communicate(timeout=30)
    assert err.count("altostack: demo-crash: nothing works") == 3


@pytest.mark.parametrize(
    ("args", "conf", "message"),
    [
        (["nothing"], "", "no daemon is called 'nothing'; there are:"),
        (["demo-worker"], "[demo]\nnumber = many\n", "number"),
        (["demo-worker"], "[demo]\nnumber = 0\n", "number"),
        (["demo-worker"], "no section\n", "demo-worker.conf"),
        (["demo-crash"], "", "demo-crash: nothing works"),
    ],
)
def test_mistakes_are_one_clear_line(home, serve, args, conf, message):
    (home / "etc" / f"{args[0]}.conf").write_text(conf)
    child = serve(*args)
    _, err = child.communicate(timeout=30)
    lines = err.splitlines()
    assert child.returncode == 1 and len(lines) == 1 and lines[0].startswith("altostack: ") and message in lines[0]


def test_a_taken_port_is_one_clear_line(home, serve):
    with socket.create_server(("127.0.0.1", int((home / "port").read_text()))):
        child = serve("demo-api")
        _, err = child.communicate(timeout=30)
    lines = err.splitlines()
    assert child.returncode == 1 and len(lines) == 1 and "demo-api: cannot listen on 127.0.0.1:" in lines[0]


def test_an_unknown_account_is_one_clear_line(home, serve):
    if os.geteuid() != 0:
        pytest.skip("only root can become another account")
    child = serve("demo-worker", "--user", "nobody-of-that-name")
    _, err = child.communicate(timeout=30)
    assert child.returncode == 1 and "there is no unix account 'nobody-of-that-name'" in err


def test_logs_are_json_with_the_daemons_name(home, serve):
    (home / "etc" / "demo-worker.conf").write_text(f"[DEFAULT]\nlog_dir = {home}/log\n")
    child = serve("demo-worker")
    wait_for("note", lambda: notes(home, "demo-worker"))
    child.send_signal(signal.SIGTERM)
    child.wait(20)
    lines = [json.loads(line) for line in (home / "log" / "demo-worker.log").read_text().splitlines()]
    assert {"demo-worker is up", "demo-worker stops"} <= {line["message"] for line in lines}
    assert {(line["daemon"], line["host"]) for line in lines} == {("demo-worker", "h")}


def test_nobody_wakes_while_nothing_happens(home, serve):
    def wakes(pid):
        with open(f"/proc/{pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("voluntary_ctxt_switches"))

    child = serve("demo-api", "--supervise", "--log-dir", str(home))
    served = wait_for("answer", lambda: answer(home))
    time.sleep(1)
    before = {pid: wakes(pid) for pid in (child.pid, served)}
    time.sleep(4)
    assert all(wakes(pid) - before[pid] < 3 for pid in before)
    child.send_signal(signal.SIGTERM)
    assert child.wait(20) == 0 and not alive(served)
