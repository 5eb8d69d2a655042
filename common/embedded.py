"""The embedded profile: every daemon as threads of one process, on SQLite files and in-memory messages.

It builds the very same Workers as the processes of a cloud do; only the configuration differs
(SQLite, messages in memory, simulated drivers), and cheroot stands where gunicorn stands.
"""

import importlib
import json
import logging
import os
import signal
import sys
import threading
from typing import Any

from oslo_config import cfg

from common import bootstrap, clock, config, contents, errors, ids, logins, logs, memory
from common.db import migrations
from common.db.session import Database
from common.service import DaemonInfo, Service, SharedSecret, build, installed
from common.worker import Runtime, Worker

LOG = logging.getLogger(__name__)
_IMAGE = b"A simulated hypervisor boots anything.\n".ljust(4096, b"\0")


class Cloud:
    """A cloud in this process, with everything it keeps in `data_dir`.

    `bind` is the address all APIs listen on, `port_offset` is added to every standard port.
    """

    def __init__(self, data_dir: str, bind: str = "127.0.0.1", port_offset: int = 0,
                 overrides: dict[str, Any] | None = None) -> None:
        self.data_dir, self.bind, self.port_offset = os.path.abspath(data_dir), bind, port_offset
        self.overrides = overrides or {}
        self.runtime = Runtime(embedded=True)
        self.workers: list[Worker] = []
        self.services = installed()
        self.secrets: dict[str, str] = {}

    def url(self, info: DaemonInfo) -> str:
        """Base URL of a daemon's API."""
        host = f"[{self.bind}]" if ":" in self.bind else self.bind
        return f"http://{host}:{(info.port or 0) + self.port_offset}"

    @property
    def auth_url(self) -> str:
        """URL of identity's v3 API."""
        return self.url(self.services["identity"].daemon("identity-api")) + "/v3"

    def start(self) -> None:
        """Make what is missing and start every daemon; errors.ConfigError with one clear line when it cannot."""
        self._prepare_folder()
        confs = {(s.name, d.name): self._conf(s, d) for s in self.services.values() for d in s.daemons}
        self._upgrade(confs)
        urls = {d.name: self.url(d) for s in self.services.values() for d in s.daemons if d.port}
        bootstrap.run(bootstrap.Values(self.secrets["admin"], {n: self.secrets[n] for n in self.services}, urls),
                      {n: confs[n, s.daemons[0].name] for n, s in self.services.items()})
        for service in self.services.values():
            for info in service.daemons:
                worker = build(info, confs[service.name, info.name], self.runtime)
                self.workers.append(worker)
                worker.start()
        self._write_credentials()

    def _upgrade(self, confs: dict[tuple[str, str], cfg.ConfigOpts]) -> None:
        """Bring the schemas up to date, in a process of its own: what alembic imports is 12 MiB that nothing else uses.

        What both need is imported before, once.
        """
        for service in self.services.values():
            for info in service.daemons:
                importlib.import_module(info.build.partition(":")[0])

        def upgrade() -> None:
            for service in self.services.values():
                database = Database.from_conf(confs[service.name, service.daemons[0].name])
                migrations.upgrade(service.db_package, database)
                database.dispose()

        if failed := memory.apart(upgrade):
            raise errors.ConfigError(failed)

    def stop(self) -> None:
        """Stop every daemon, the last started first."""
        threads = [threading.Thread(target=w.stop, name=f"stop-{w.name}") for w in reversed(self.workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.runtime.close()

    def _prepare_folder(self) -> None:
        try:
            os.makedirs(self.data_dir, mode=0o700, exist_ok=True)
            path = os.path.join(self.data_dir, "secrets.json")
            if os.path.exists(path):
                with open(path) as f:
                    self.secrets = json.load(f)
            shared = {v.name for s in self.services.values() for v in s.embedded.values() if isinstance(v, SharedSecret)}
            missing = {n: ids.secret() for n in ("admin", "demo", *self.services, *sorted(shared)) if n not in self.secrets}
            if missing:
                self.secrets.update(missing)
                logins.write_private(path, json.dumps(self.secrets, indent=1))
        except OSError as e:
            raise errors.ConfigError(f"the data folder {self.data_dir} cannot be used: {e.strerror}") from e

    def _conf(self, service: Service, info: DaemonInfo) -> cfg.ConfigOpts:
        values: dict[str, Any] = {
            "state_path": os.path.join(self.data_dir, service.name), "run_path": self.data_dir, "host": "embedded",
            "transport_url": "kombu+inprocess:////", "api.bind_host": self.bind, "worker.threads": 8, "api.threads": 8,
            "service_credentials.auth_url": self.auth_url, "service_credentials.username": service.name,
            "service_credentials.password": self.secrets[service.name], "service_credentials.project_name": "service",
            "service_credentials.user_domain_id": "default", "service_credentials.project_domain_id": "default",
        }
        if info.database:
            values["database.connection"] = f"sqlite:///{os.path.join(self.data_dir, service.name)}.db"
        if info.port:
            values["api.bind_port"] = info.port + self.port_offset
        values.update({k: self.secrets[v.name] if isinstance(v, SharedSecret) else v for k, v in service.embedded.items()})
        os.makedirs(values["state_path"], mode=0o700, exist_ok=True)
        conf = config.load(service, info.name, files=[], overrides=values)
        for key, value in self.overrides.items():
            group, _, name = key.rpartition(".")
            try:
                conf.set_override(name, value, group=group or None)
            except (cfg.NoSuchOptError, cfg.NoSuchGroupError):
                continue  # an option of another service
        return conf

    def write_logs(self, debug: bool) -> None:
        """Keep a log of all daemons in the data folder."""
        os.makedirs(self.data_dir, mode=0o700, exist_ok=True)
        first = next(iter(self.services.values()))
        logs.setup(config.load(first, first.daemons[0].name, files=[], overrides={
            "log_dir": os.path.join(self.data_dir, "log"), "debug": debug, "host": "embedded"}), "altostack")

    def fill(self) -> None:
        """Give a new cloud its contents: the user demo, an image, flavors, networks, a volume type. What was deleted stays so."""
        marker = os.path.join(self.data_dir, "filled")
        if os.path.exists(marker):
            return
        contents.make(contents.Plan(
            auth_url=self.auth_url, admin_password=self.secrets["admin"], demo_password=self.secrets["demo"],
            services=frozenset(self.services), image=_IMAGE, image_format="raw", volume_backend="simulated"),
            lambda text: LOG.info("made %s", text))
        logins.write_private(marker, "")

    def _write_credentials(self) -> None:
        logins.write(self.data_dir, self.auth_url, "RegionOne", {n: self.secrets[n] for n in ("admin", "demo")})


def run(data_dir: str, bind: str, port_offset: int, debug: bool = False) -> int:
    """`altostack up`: start, say where things are, serve until Ctrl-C; the exit status."""
    started = clock.monotonic()
    cloud = Cloud(data_dir, bind, port_offset)
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    memory.one_heap()
    try:
        cloud.write_logs(debug)
        cloud.start()
        cloud.fill()
        memory.settled()
    except (errors.ConfigError, errors.Transient, OSError) as e:
        why = f"the data folder {cloud.data_dir} cannot be used: {e.strerror or e}" if isinstance(e, OSError) else e
        print(f"altostack: {why}", file=sys.stderr)
        cloud.stop()
        return 1
    except BaseException:
        cloud.stop()  # else the threads that run already would keep the process
        raise
    print(f"""Altostack is up after {clock.monotonic() - started:.1f} s, with a simulated hypervisor. All is in {cloud.data_dir}
  identity  {cloud.auth_url}
  use it    source {cloud.data_dir}/openrc demo demo
            openstack server create --image altostack-guest --flavor m1.nano --network private --wait first
            (`source {cloud.data_dir}/openrc` alone makes you the administrator; clouds.yaml is there, too;
            the command comes from: pip install python-openstackclient)
  logs      {cloud.data_dir}/log/altostack.log
Ctrl-C stops it.""", flush=True)
    done.wait()
    print("stopping", flush=True)
    cloud.stop()
    return 0
