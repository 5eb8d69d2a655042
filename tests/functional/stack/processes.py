"""A whole cloud as it runs in production, one process per daemon under the supervisor, with nothing real underneath.

MariaDB and RabbitMQ are real (test.sh starts throw-away ones); the hypervisor, the network and the storage are simulated.
Needs no root, and takes ports that are free.
"""

import os
import pathlib
import secrets
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

import openstack
import sqlalchemy as sa

from common.service import installed
from tests.waiting import PATIENCE, wait_for

NOT_NEEDED = ("console-proxy", "metadata-api")  # nobody looks at simulated servers, and they ask nothing
NODES, START_LIMIT_S = 4, 90
DELAYS = "ensure:0.5,destroy:0.3"  # long enough that a kill comes in the middle


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for one in sockets:
        one.close()
    return ports


class Processes:
    """The daemons of every service, supervised; `close` ends them and drops their schemas."""

    def __init__(self, folder: pathlib.Path, mysql_url: str, rabbit_url: str) -> None:
        self.folder, self.etc, self.run_dir, self.logs = folder, folder / "etc", folder / "run", folder / "log"
        self.services, self.rabbit_url, self.password = installed(), rabbit_url, secrets.token_hex(12)
        self.prefix = f"stack_{secrets.token_hex(4)}_"
        self.mysql = sa.make_url(mysql_url)
        self.engine = sa.create_engine(self.mysql, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)
        self.daemons = [d.name for s in self.services.values() for d in s.daemons if d.name not in NOT_NEEDED]
        listening = [d for s in self.services.values() for d in s.daemons if d.port]
        self.ports = dict(zip([d.name for d in listening], free_ports(len(listening)), strict=True))
        self.supervisor: subprocess.Popen[bytes] | None = None

    # ---- coming up

    def start(self) -> None:
        """Configuration, schemas, first contents, daemons; returns when every API answers."""
        for folder in (self.etc, self.run_dir, self.logs, self.folder / "state"):
            folder.mkdir(mode=0o700)
        self._configure()
        with self.engine.connect() as connection:
            for name in self.services:
                connection.exec_driver_sql(f"CREATE DATABASE {self.prefix}{name} CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin")
        self._altostack("db", "upgrade")
        self._altostack("bootstrap")
        with (self.logs / "supervisor.out").open("ab") as out:
            self.supervisor = subprocess.Popen(
                [*self._command(), "serve", "--supervise", "--log-dir", str(self.logs), *self.daemons],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
        for daemon in self.daemons:
            self.wait_up(daemon, START_LIMIT_S)

    def _command(self) -> list[str]:
        return [sys.executable, "-m", "common.cli", "--config-dir", str(self.etc)]

    def _altostack(self, *rest: str) -> None:
        done = subprocess.run([*self._command(), *rest], capture_output=True, text=True, timeout=180 * PATIENCE)
        assert done.returncode == 0, f"altostack {' '.join(rest)}: {done.stdout}{done.stderr}"

    def _configure(self) -> None:
        base = {
            "DEFAULT": {"host": "stack", "state_path": self.folder / "state", "run_path": self.run_dir, "log_dir": self.logs,
                        "transport_url": self.rabbit_url},
            "worker": {"heartbeat_s": 2, "saga_lease_s": 6, "saga_poll_s": 2, "reconcile_s": 5, "drain_s": 5, "threads": 8},
            "service_credentials": {"auth_type": "password", "auth_url": f"{self.url('identity-api')}/v3",
                                    "project_name": "service", "project_domain_id": "default", "user_domain_id": "default"},
        }
        self._write("altostack", base)
        for name in self.services:
            mine = {"service_credentials": {"username": name, "password": self.password},
                    "database": {"connection": self.database_url(name)}, "quota": {"instances": -1, "cores": -1, "ram": -1}}
            if name not in ("compute", "volume"):
                del mine["quota"]
            self._write(name, mine)
        for daemon, port in self.ports.items():
            self._write(daemon, {"api": {"bind_port": port}})
        self._write("compute-agent", {"compute": {"driver": "simulated"}, "simulated": {"nodes": NODES, "delays_s": DELAYS}})
        self._write("network-agent", {"network_agent": {"driver": "simulated", "physical_networks": "public:simulated"}})
        self._write("volume-agent", {"DEFAULT": {"enabled_backends": "simulated"},
                                     "simulated": {"journal_path": self.folder / "volumes"}})
        urls = {daemon: self.url(daemon) for daemon in self.ports}
        self._write("bootstrap", {"admin": {"password": self.password},
                                  "passwords": dict.fromkeys(self.services, self.password), "urls": urls})

    def _write(self, name: str, sections: dict[str, dict[str, Any]]) -> None:
        with (self.etc / f"{name}.conf").open("a") as f:
            for section, values in sections.items():
                f.write(f"[{section}]\n" + "".join(f"{k} = {v}\n" for k, v in values.items()))

    # ---- what it is

    def url(self, daemon: str) -> str:
        """Base URL of an API."""
        return f"http://127.0.0.1:{self.ports[daemon]}"

    def database_url(self, service: str) -> str:
        """URL of a service's own schema."""
        return self.mysql.set(database=self.prefix + service).render_as_string(hide_password=False)

    def connect(self) -> Any:
        """The administrator's connection."""
        return openstack.connect(
            load_yaml_config=False, load_envvars=False, auth_url=f"{self.url('identity-api')}/v3", username="admin",
            password=self.password, project_name="admin", user_domain_name="Default", project_domain_name="Default",
            region_name="RegionOne", app_name="stack")

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of a statement; `{compute}` and so on are the schemas' names."""
        with self.engine.connect() as connection:
            return [tuple(r) for r in connection.exec_driver_sql(statement.format(**{n: self.prefix + n for n in self.services}))]

    def pid(self, daemon: str) -> int:
        """Process id of a daemon that runs, else 0."""
        try:
            pid = int((self.run_dir / f"{daemon}.pid").read_text())
            os.kill(pid, 0)
        except (OSError, ValueError):
            return 0
        return pid

    def kill(self, daemon: str) -> int:
        """SIGKILL one daemon; its former process id."""
        pid = self.pid(daemon)
        assert pid, f"{daemon} does not run: {self.said(daemon)}"
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_up(self, daemon: str, limit: float = 30, not_pid: int = 0) -> None:
        """Wait until a daemon runs (in another process than `not_pid`), and answers when it is an API."""
        def up() -> bool:
            supervisor = self.supervisor
            assert supervisor is not None and supervisor.poll() is None, f"the supervisor ended: {self.said('supervisor')}"
            return self.pid(daemon) not in (0, not_pid) and (daemon not in self.ports or self._healthy(daemon))
        try:
            wait_for(f"{daemon} that runs", up, limit)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.said(daemon)}") from None

    def _healthy(self, daemon: str) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url(daemon)}/healthcheck", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def printed(self, daemon: str) -> list[str]:
        """What a daemon printed beside its log."""
        return (self.logs / f"{daemon}.out").read_text().splitlines()

    def said(self, daemon: str) -> str:
        """The ends of what a daemon logged and printed."""
        texts = [(self.logs / f"{daemon}{end}") for end in (".log", ".out")]
        return "\n".join(f"{p.name}: {p.read_text()[-1500:]}" for p in texts if p.exists())

    # ---- the end

    def close(self) -> None:
        """Stop all daemons, by force after a while, and drop the schemas."""
        if self.supervisor is not None:
            pids = [self.pid(d) for d in self.daemons]
            self.supervisor.terminate()
            try:
                self.supervisor.wait(30 * PATIENCE)
            except subprocess.TimeoutExpired:
                self.supervisor.kill()
                self.supervisor.wait(10)
            for pid in filter(None, pids):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
        with self.engine.connect() as connection:
            for name in self.services:
                connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {self.prefix}{name}")
