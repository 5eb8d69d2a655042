"""The rules of the design, read off the running code: routes, daemons, schemas, threads."""

import importlib
import pathlib
import threading
from collections.abc import Mapping

import pytest

from common import config
from common import service as services
from common.db import migrations
from common.db.session import Database
from common.http import validation
from common.http.route import AUTHENTICATED, PUBLIC, Actions

ROOT = pathlib.Path(__file__).parents[2]
INSTALLED = services.installed()
WITH_API = [s for s in INSTALLED.values() if any(d.port for d in s.daemons)]
TOP = {"setup.cfg", "tox.ini", "services", "common", "devstack", "docker-compose.yml", "tests", "etc", "README.md",
       "pyproject.toml", "docs", ".ci", "LICENSE", "constraints.txt", "Dockerfile", ".gitignore", ".dockerignore"}


def test_the_six_services_are_there():
    assert list(INSTALLED) == ["identity", "image", "scheduler", "network", "volume", "compute"]


def test_the_top_of_the_tree_is_as_agreed():
    import subprocess

    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert {n.split("/")[0] for n in names} == TOP


@pytest.mark.parametrize("name", [d.name for s in INSTALLED.values() for d in s.daemons])
def test_every_daemon_can_be_built(name):
    _, info = services.find_daemon(name)
    assert callable(services.resolve(info.build))


@pytest.mark.parametrize("service", WITH_API, ids=lambda s: s.name)
def test_every_route_has_a_policy_and_every_body_a_schema(service):
    routes = importlib.import_module(f"services.{service.name}.api.routes").ROUTES
    assert routes
    for row in routes:
        for name, item in row.table.items() if isinstance(row, Actions) else [(row.path, row)]:
            where = f"{row.method} {row.path} {name}"
            assert item.policy, f"{where} has no policy"
            if isinstance(row, Actions) or (row.method in ("POST", "PUT", "PATCH") and not row.stream):
                if item.policy not in (PUBLIC, AUTHENTICATED) or not isinstance(row, Actions):
                    assert item.body is not None or _bodiless(item), f"{where} reads a body without a schema"


@pytest.mark.parametrize("service", WITH_API, ids=lambda s: s.name)
def test_every_schema_is_one(service):
    for row in importlib.import_module(f"services.{service.name}.api.routes").ROUTES:
        for item in row.table.values() if isinstance(row, Actions) else [row]:
            for table in (item.body, getattr(item, "query", None)):
                for schema in table.values() if isinstance(table, Mapping) else [table]:
                    assert schema is None or validation.quick(schema.document)


def _bodiless(item):
    """Handlers that take no body at all say so in their docstring."""
    return "no body" in (item.handler.__doc__ or "").lower()


@pytest.mark.parametrize("service", list(INSTALLED.values()), ids=lambda s: s.name)
def test_migrations_make_what_the_models_say(service, tmp_path):
    database = Database(f"sqlite:///{tmp_path}/x.db")
    assert migrations.upgrade(service.db_package, database).up_to_date
    assert migrations.differences(service.db_package, database) == []
    database.dispose()


def test_nothing_is_monkey_patched():
    for service in INSTALLED.values():
        for info in service.daemons:
            importlib.import_module(info.build.partition(":")[0])
            config.make(service)
    from oslo_service import backend

    assert backend.get_backend_type() == backend.BackendType.THREADING
    assert threading.Thread.__module__ == "threading" and threading.current_thread.__module__ == "threading"
    try:
        from eventlet import patcher
    except ImportError:
        return
    assert not any(patcher.is_monkey_patched(m) for m in ("os", "select", "socket", "thread", "time"))
