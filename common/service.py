"""What a service tells the rest of the project about itself.

Each service has one `SERVICE` in its `config.py`, found through the entry
point group `altostack.services`, so that `common` can start, migrate and
bootstrap services without knowing any of them.
"""

import functools
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any

from oslo_config import cfg

if TYPE_CHECKING:
    from common.worker import Worker

GROUP = "altostack.services"


@dataclass(frozen=True)
class Endpoint:
    """A catalog entry: upstream's service `type` and `name`, the `daemon` that answers, its URL `path`.

    `path` may hold `%(project_id)s`. `aliases` are further types registered for the same URL.
    """

    type: str
    name: str
    daemon: str
    path: str = ""
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class DaemonInfo:
    """One daemon: `build` is `module:function`, called with (conf, Runtime) and returning a Worker.

    `port` is the default TCP port it listens on (None: it does not); `wsgi` says whether a WSGI app answers there,
    served by gunicorn, or the worker listens by itself; `privileged` daemons stay root; `database` says whether it
    may reach the service's schema (agents may not).
    """

    name: str
    build: str
    port: int | None = None
    privileged: bool = False
    database: bool = True
    binary: str = ""
    wsgi: bool = True


@dataclass(frozen=True)
class SharedSecret:
    """In `Service.embedded`: a random secret that several services know under the same `name`."""

    name: str


@dataclass(frozen=True)
class Service:
    """A service: its options, its schema and its daemons.

    `options` returns [(group or None, [oslo.config options])]; `db_package` holds `models.py` (with
    `Base`) and `alembic/`; `bootstrap` is `module:function` called by `altostack bootstrap` with (conf, values).
    `embedded` holds what the embedded profile sets differently, as {"group.option": value or SharedSecret}.
    """

    name: str
    options: Callable[[], Sequence[tuple[str | None, Sequence[cfg.Opt]]]]
    db_package: str
    daemons: tuple[DaemonInfo, ...]
    endpoints: tuple[Endpoint, ...] = ()
    user_roles: tuple[str, ...] = ("service", "admin")
    bootstrap: str | None = None
    embedded: dict[str, Any] = field(default_factory=dict)

    def daemon(self, name: str) -> DaemonInfo:
        """The daemon called `name`; KeyError when this service has none such."""
        for info in self.daemons:
            if info.name == name:
                return info
        raise KeyError(name)


def resolve(reference: str) -> Any:
    """The object a `module:attribute` text names."""
    module, _, attribute = reference.partition(":")
    return getattr(importlib.import_module(module), attribute)


def installed() -> dict[str, Service]:
    """Every installed service by name, in the order in which they start."""
    order = ["identity", "image", "scheduler", "network", "volume", "compute"]
    found = _entry_points()
    return {n: found[n] for n in sorted(found, key=lambda n: (order.index(n) if n in order else 99, n))}


@functools.cache
def _entry_points() -> dict[str, Service]:
    """Looked up once: reading what is installed takes tens of milliseconds."""
    return {ep.name: ep.load() for ep in metadata.entry_points(group=GROUP)}


def find_daemon(name: str) -> tuple[Service, DaemonInfo]:
    """The service and description of daemon `name`; KeyError with the known names when there is none."""
    services = installed()
    for service in services.values():
        for info in service.daemons:
            if info.name == name:
                return service, info
    known = " ".join(d.name for s in services.values() for d in s.daemons)
    raise KeyError(f"no daemon is called {name!r}; there are: {known}")


def build(info: DaemonInfo, conf: cfg.ConfigOpts, runtime: Any) -> "Worker":
    """The worker of a daemon, wired and not yet started."""
    worker: Worker = resolve(info.build)(conf, runtime)
    return worker
