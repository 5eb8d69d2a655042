"""What every saga of the compute service works with."""

from dataclasses import dataclass, field
from typing import Any

from cachetools import TTLCache
from oslo_config import cfg

from common import context
from common.coalesce import Coalescer
from common.db import services as service_rows
from common.db.session import Database
from services.compute.db import hosts, models


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
        self._pokes = Coalescer(self._poke)
        self._zones: Any = TTLCache(1, 5)

    def choose_host(self, ctxt: Any, wanted: dict[str, Any]) -> dict[str, Any]:
        """The scheduler's answer to one request."""
        return self.choose_hosts(ctxt, [wanted])[0]

    def choose_hosts(self, ctxt: Any, wanted: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The scheduler's answers to requests, in their order."""
        return list(self.scheduler.select_hosts(ctxt, wanted))

    def zone_of(self, host: str) -> str:
        """The availability zone of a host, as it was some seconds ago at most."""
        zones = self._zones.get("zones")
        if zones is None:
            with self.database.read() as session:
                zones = self._zones["zones"] = hosts.zones(session)
        return str(zones.get(host, self.conf.compute.default_availability_zone))

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
