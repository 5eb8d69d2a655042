"""What operators ask of a running cloud: the state of its schemas and daemons, and what became of a request."""

import glob
import importlib
import os
from collections.abc import Iterator
from typing import Any

import orjson

from common import clock, config, errors
from common.db import migrations
from common.db import services as service_rows
from common.db.session import Database
from common.service import Service, installed


def databases(config_dir: str | None, only: list[str] | None = None) -> Iterator[tuple[Service, Any, Database]]:
    """(service, configuration, schema) of every service that has a schema configured here; errors.ConfigError without any."""
    none = True
    for name, service in installed().items():
        if only and name not in only:
            continue
        daemon = next(d for d in service.daemons if d.database)
        conf = config.load(service, daemon.name, config_dir=config_dir)
        if conf.database.connection:
            none = False
            yield service, conf, Database.from_conf(conf)
    if none:
        raise errors.ConfigError("no [database] connection is configured; is --config-dir right?")


def upgrade(config_dir: str | None, only: list[str] | None = None) -> list[str]:
    """Bring every schema (or those of the services `only`) to its newest revision; a line per service."""
    lines = []
    for service, conf, database in databases(config_dir, only):
        database.wait(conf.database.connect_wait_s)
        after = migrations.upgrade(service.db_package, database)
        lines.append(f"{service.name:12} {after.current}")
        database.dispose()
    return lines


def schema_status(config_dir: str | None) -> list[str]:
    """A line per service: its schema's revision and whether there is a newer one."""
    lines = []
    for service, _, database in databases(config_dir):
        found = migrations.status(service.db_package, database)
        verdict = "up to date" if found.up_to_date else f"newest is {found.newest}"
        lines.append(f"{service.name:12} {found.current or '-':16} {verdict}")
        database.dispose()
    return lines


def daemon_status(config_dir: str | None) -> tuple[list[str], bool]:
    """(a line per daemon that ever gave a sign of life, whether all of them are up)."""
    lines = [f"{'service':10} {'daemon':18} {'host':24} {'state':5} {'last seen':>10}  version"]
    all_up = True
    for service, conf, database in databases(config_dir):
        model = importlib.import_module(f"{service.db_package}.models").Service
        try:
            with database.read() as session:
                found = list(service_rows.list_all(session, model))
        except errors.Transient as e:
            lines.append(f"{service.name:10} the database does not answer: {e}")
            all_up = False
            continue
        for row in found:
            up = service_rows.is_up(row, conf.worker.down_after_s)
            all_up = all_up and up
            age = (clock.now() - row.last_seen_at).total_seconds()
            state = "up" if up else "DOWN"
            lines.append(f"{service.name:10} {row.daemon:18} {row.host:24} {state:5} {age:8.0f} s  {row.version}")
        database.dispose()
    return lines, all_up


def trace(request_id: str, log_dir: str) -> list[str]:
    """Every log line of one request in all daemons, by time, with milliseconds since the first."""
    found: list[dict[str, Any]] = []
    needle = request_id.encode()
    for path in sorted(glob.glob(os.path.join(log_dir, "*.log"))):
        with open(path, "rb") as f:
            for raw in f:
                if needle not in raw:
                    continue
                try:
                    line = orjson.loads(raw)
                except orjson.JSONDecodeError:
                    continue
                if request_id in (line.get("request_id"), line.get("global_request_id")):
                    found.append(line)
    found.sort(key=lambda line: line["time"])
    start = found[0]["time"] if found else 0.0
    return [f"{(line['time'] - start) * 1000:10.1f} ms  {line['daemon']:18} {line['level']:7} {line['message']}"
            + (f" ({line['ms']} ms)" if "ms" in line else "") for line in found]
