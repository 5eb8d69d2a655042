"""A broker that is away when a daemon starts: said once, in one line, without the password."""

import os
import pathlib
import signal
import socket
import subprocess
import sys

import pytest

from common import clock, context, errors
from common.rpc import transport as rpc_transport
from common.rpc.interface import Interface, cast, client
from common.rpc.knock import knock
from common.testing.api import make_conf
from common.worker import Runtime
from tests.unit.common.support import SERVICE

ROOT = pathlib.Path(__file__).parents[3]


@pytest.fixture
def closed():
    """A port of loopback that nothing listens on, and that nobody else gets meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def conf_of(folder, url):
    conf = make_conf(SERVICE, "demo-worker", folder, transport_url=url)
    rpc_transport.connect(conf)  # which registers the options of RabbitMQ
    return conf


def test_a_closed_port_is_said_once_and_is_no_error(tmp_path, closed, capsys):
    conf, runtime = conf_of(tmp_path, f"rabbit://someone:secret-word@127.0.0.1:{closed}/"), Runtime()
    assert runtime.transport(conf) is runtime.transport(conf)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("altostack: RabbitMQ does not answer") and f"127.0.0.1:{closed} (Connection refused)" in line
    assert "transport_url" in line and "trying again" in line and "secret-word" not in line


def test_all_hosts_are_named(tmp_path, closed):
    said = knock(conf_of(tmp_path, f"rabbit://a:b@127.0.0.1:{closed},a:b@[::1]:1/"))
    assert said and f"127.0.0.1:{closed} " in said and "::1:1 " in said


def test_what_takes_the_connection_and_is_silent_is_no_broker(tmp_path, monkeypatch):
    monkeypatch.setattr("common.rpc.knock._PATIENCE_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        said = knock(conf_of(tmp_path, f"rabbit://a:b@127.0.0.1:{server.getsockname()[1]}/"))
    assert said and "timed out" in said


def test_a_transport_that_nobody_set_is_an_error_of_the_configuration(tmp_path):
    with pytest.raises(errors.ConfigError, match="transport_url is not set"):
        knock(conf_of(tmp_path, "rabbit://"))


class Poke(Interface):
    """The contract under test."""

    topic = "poked"

    @cast
    def poke(self, ctxt) -> None:
        """Pokes one."""


def test_a_cast_without_any_connection_is_transient(tmp_path, closed):
    """So that a request that was accepted is not answered with an error."""
    poke = client(Poke, rpc_transport.connect(conf_of(tmp_path, f"rabbit://a:b@127.0.0.1:{closed}/")))
    with pytest.raises(errors.Transient, match="cannot be reached"):
        poke.poke(context.internal())


def test_transports_in_memory_need_no_broker(tmp_path):
    assert knock(conf_of(tmp_path, "kombu+memory:////")) is None


def test_a_url_that_cannot_be_read_is_an_error_of_the_configuration(tmp_path):
    with pytest.raises(errors.ConfigError, match="rabbit://USER") as caught:
        Runtime().transport(make_conf(SERVICE, "demo-worker", tmp_path, transport_url="secret-word"))
    assert "secret-word" not in str(caught.value)


def test_sigterm_ends_a_daemon_that_waits_for_the_broker(tmp_path, closed):
    """A whole process: it says one line, lives on, and leaves when it is told to."""
    url = f"rabbit://a:secret-word@127.0.0.1:{closed}/"
    (tmp_path / "altostack.conf").write_text(f"[DEFAULT]\ntransport_url = {url}\nlog_dir = {tmp_path}\nrun_path = {tmp_path}\n")
    command = [sys.executable, "-m", "common.cli", "--config-dir", str(tmp_path), "serve", "network-agent"]
    (tmp_path / "network-agent.conf").write_text("[network_agent]\ndriver = simulated\n")
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    try:
        assert child.stderr is not None
        line = child.stderr.readline()
        assert f"127.0.0.1:{closed}" in line and "RabbitMQ" in line
        clock.sleep(1)
        assert child.poll() is None
        child.send_signal(signal.SIGTERM)
        _, rest = child.communicate(timeout=30)
    finally:
        if child.poll() is None:
            child.kill()
    assert child.returncode == 0 and "secret-word" not in rest + line and "Traceback" not in rest, rest
