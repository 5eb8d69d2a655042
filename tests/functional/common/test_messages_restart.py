"""RabbitMQ that restarts while messages are under way, or that is away when a daemon starts."""

import os
import pathlib
import subprocess
import sys
import threading

from common import clock, errors
from tests.functional.common.test_messages import CTXT, Impl, end, start
from tests.waiting import wait_for

ROOT = pathlib.Path(__file__).parents[3]


def test_after_a_restart_of_rabbitmq_casts_and_calls_go_on(own_rabbit, tmp_path):
    """Nobody hangs, each cast is accepted or refused, and once a call is answered again every cast arrives.

    Those that RabbitMQ holds when it ends may be lost with it: its queues live in memory, and whoever a cast was for
    looks by himself as well.
    """
    backend, url = own_rabbit
    impl = Impl()
    started = start(tmp_path, url, "one", impl)
    assert started[1].add(CTXT, 1, 2) == 3
    accepted, refused = [], []

    def send(numbers):
        for number in numbers:
            try:
                started[1].to("one").poke(CTXT, number)
                accepted.append(number)
            except errors.Transient:
                refused.append(number)
            clock.sleep(0.1)

    sender = threading.Thread(target=send, args=(range(100, 130),))
    sender.start()
    wait_for("first casts", lambda: len(impl.got) >= 3)
    backend.stop()
    backend.start()
    sender.join(150)
    assert not sender.is_alive() and len(accepted) + len(refused) == 30

    def answers():
        try:
            return started[1].add(CTXT, 2, 3) == 5
        except errors.Transient:
            return False

    wait_for("answer", answers, 90)
    send(range(200, 210))
    assert not set(range(200, 210)) & set(refused)
    wait_for("later casts", lambda: set(range(200, 210)) <= set(impl.got))
    assert len(impl.got) == len(set(impl.got))
    end(started)


def test_a_daemon_without_rabbitmq_says_so_and_comes_up_when_it_does(own_rabbit, tmp_path):
    """Nobody has to start the daemon again."""
    backend, url = own_rabbit
    backend.stop()
    (tmp_path / "altostack.conf").write_text(
        f"[DEFAULT]\nstate_path = {tmp_path}\nrun_path = {tmp_path}\ntransport_url = {url}\nlog_dir = {tmp_path}/log\n"
        f"[database]\nconnection = sqlite:///{tmp_path}/x.db\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "common.cli", "--config-dir", str(tmp_path)]
    subprocess.run([*command, "db", "upgrade", "scheduler"], check=True, env=environment, capture_output=True, timeout=60)
    child = subprocess.Popen(
        [*command, "serve", "scheduler"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
    )
    log = tmp_path / "log" / "scheduler.log"
    try:
        assert child.stderr is not None
        line = child.stderr.readline()
        assert f"127.0.0.1:{backend.port}" in line and "refused" in line and "secret-word" not in line
        assert child.poll() is None
        backend.start()
        wait_for("scheduler", lambda: "scheduler is up" in log.read_text(), 90)
        child.terminate()
        child.communicate(timeout=30)
        assert child.returncode == 0
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate()
