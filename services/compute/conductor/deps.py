"""What every saga of the compute service works with."""

from dataclasses import dataclass, field
from typing import Any

from cachetools import TTLCache
from oslo_config import cfg

from common import context, errors
from common.clients.base import RemoteError
from common.coalesce import Coalescer
from common.db import services as service_rows
from common.db.session import Database
from services.compute.db import models


@dataclass
class Conductor:
    """The conductor's connections: its schema, the other services, the agents.

    `networks` keeps what the network service says about networks and subnets for half a minute: a batch of boots asks once.
    `offered` is what Placement was told of each node, told again after ten minutes.
    """

    conf: cfg.ConfigOpts
    database: Database
    scheduler: Any
    agent: Any
    network: Any
    volume: Any
    image: Any
    placement: Any
    networks: Any = field(default_factory=lambda: TTLCache(1024, 30))
    offered: Any = field(default_factory=lambda: TTLCache(1 << 16, 600))

    def __post_init__(self) -> None:
        self._choices = Coalescer(self._select_hosts, apart=(errors.Conflict,))
        self._ports = Coalescer(self._create_ports, apart=(RemoteError,))
        self._pokes = Coalescer(self._poke)

    def choose_host(self, ctxt: Any, wanted: dict[str, Any]) -> dict[str, Any]:
        """The scheduler's answer to one request; those of one user's request that come together share a message."""
        return dict(self._choices.ask(ctxt.request_id, (ctxt, wanted)))

    def _select_hosts(self, _request_id: Any, asked: list[tuple[Any, dict[str, Any]]]) -> list[dict[str, Any]]:
        return list(self.scheduler.select_hosts(asked[0][0], [wanted for _, wanted in asked]))

    def create_ports(self, ctxt: Any, bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Ports of one server, all or none; those of one user's request that come together share a request."""
        return list(self._ports.ask(ctxt.request_id, bodies))

    def _create_ports(self, _request_id: Any, sets: list[list[dict[str, Any]]]) -> list[list[dict[str, Any]]]:
        made = iter(self.network.create_ports([body for bodies in sets for body in bodies]))
        return [[next(made) for _ in bodies] for bodies in sets]

    def poke(self, host: str, server_ids: list[str]) -> None:
        """Have the agent on `host` look at these servers; a lost poke is made up for by its full pass."""
        self._pokes.ask(host, server_ids)

    def _poke(self, host: Any, sets: list[list[str]]) -> list[None]:
        self.agent.to(host).reconcile(context.internal(), [server_id for server_ids in sets for server_id in server_ids])
        return [None] * len(sets)

    def host_is_up(self, host: str) -> bool:
        """Whether the agent on `host` was heard of lately."""
        with self.database.read() as session:
            rows = service_rows.list_all(session, models.Service, binary="nova-compute", host=host)
        return bool(rows) and service_rows.is_up(rows[0], self.conf.worker.down_after_s)
