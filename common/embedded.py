"""The embedded profile: every daemon as threads of one process, on SQLite files and in-memory messages.

It builds the very same Workers as the processes of a cloud do; only the configuration differs
(SQLite, messages in memory, simulated drivers), and cheroot stands where gunicorn stands.
"""

import json
import logging
import os
import shlex
import signal
import sys
import threading
from typing import Any

from oslo_config import cfg

from common import bootstrap, clock, config, errors, ids, logs
from common.db import migrations
from common.service import DaemonInfo, Service, SharedSecret, build, installed
from common.worker import Runtime, Worker

LOG = logging.getLogger(__name__)


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
        for service in self.services.values():
            migrations.upgrade(service.db_package, self.runtime.database(confs[service.name, service.daemons[0].name]))
        urls = {d.name: self.url(d) for s in self.services.values() for d in s.daemons if d.port}
        bootstrap.run(bootstrap.Values(self.secrets["admin"], {n: self.secrets[n] for n in self.services}, urls),
                      {n: confs[n, s.daemons[0].name] for n, s in self.services.items()})
        for service in self.services.values():
            for info in service.daemons:
                worker = build(info, confs[service.name, info.name], self.runtime)
                self.workers.append(worker)
                worker.start()
        self._write_credentials()

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
                _write_private(path, json.dumps(self.secrets, indent=1))
        except OSError as e:
            raise errors.ConfigError(f"the data folder {self.data_dir} cannot be used: {e.strerror}") from e

    def _conf(self, service: Service, info: DaemonInfo) -> cfg.ConfigOpts:
        values: dict[str, Any] = {
            "state_path": os.path.join(self.data_dir, service.name), "run_path": self.data_dir, "host": "embedded",
            "transport_url": "kombu+inprocess:////", "api.bind_host": self.bind, "worker.threads": 8,
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

    def _write_credentials(self) -> None:
        rc = {"OS_AUTH_URL": self.auth_url, "OS_USERNAME": "admin", "OS_PASSWORD": self.secrets["admin"],
              "OS_PROJECT_NAME": "admin", "OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_NAME": "Default",
              "OS_REGION_NAME": "RegionOne", "OS_IDENTITY_API_VERSION": "3"}
        lines = [f"export {k}={shlex.quote(v)}" for k, v in rc.items()]
        _write_private(os.path.join(self.data_dir, "openrc"), "\n".join(lines) + "\n")
        clouds = {"clouds": {"altostack-admin": {
            "auth": {"auth_url": self.auth_url, "username": "admin", "password": self.secrets["admin"],
                     "project_name": "admin", "user_domain_name": "Default", "project_domain_name": "Default"},
            "region_name": "RegionOne", "identity_api_version": 3}}}
        # JSON is YAML, and needs no library to write
        _write_private(os.path.join(self.data_dir, "clouds.yaml"), json.dumps(clouds, indent=2) + "\n")


def _write_private(path: str, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
        f.write(text)


def run(data_dir: str, bind: str, port_offset: int, debug: bool = False) -> int:
    """`altostack up`: start, say where things are, serve until Ctrl-C; the exit status."""
    started = clock.monotonic()
    cloud = Cloud(data_dir, bind, port_offset)
    os.makedirs(cloud.data_dir, mode=0o700, exist_ok=True)
    first = next(iter(cloud.services.values()))
    log_conf = config.load(first, first.daemons[0].name, files=[],
                           overrides={"log_dir": os.path.join(cloud.data_dir, "log"), "debug": debug, "host": "embedded"})
    logs.setup(log_conf, "altostack")
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    try:
        cloud.start()
    except errors.ConfigError as e:
        print(f"altostack: {e}", file=sys.stderr)
        cloud.stop()
        return 1
    print(f"Altostack is up after {clock.monotonic() - started:.1f} s. Everything it keeps is in {cloud.data_dir}")
    print(f"  identity {cloud.auth_url}\n  use it:  source {cloud.data_dir}/openrc; openstack server list\n"
          f"  logs:    {cloud.data_dir}/log/altostack.log\nCtrl-C stops it.", flush=True)
    done.wait()
    print("stopping", flush=True)
    cloud.stop()
    return 0
