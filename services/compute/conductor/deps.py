"""What every saga of the compute service works with."""

from dataclasses import dataclass, field
from typing import Any

from cachetools import TTLCache
from oslo_config import cfg

from common import context
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

    def poke(self, host: str, server_ids: list[str]) -> None:
        """Have the agent on `host` look at these servers; a lost poke is made up for by its full pass."""
        self.agent.to(host).reconcile(context.internal(), server_ids)

    def host_is_up(self, host: str) -> bool:
        """Whether the agent on `host` was heard of lately."""
        with self.database.read() as session:
            rows = service_rows.list_all(session, models.Service, binary="nova-compute", host=host)
        return bool(rows) and service_rows.is_up(rows[0], self.conf.worker.down_after_s)
