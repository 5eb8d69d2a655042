"""What every saga of the volume service works with."""

import datetime
from dataclasses import dataclass
from typing import Any

from oslo_config import cfg

from common import clock, context
from common.db import services as service_rows
from common.db.session import Database
from services.volume.db import services, volumes
from services.volume.db.models import Service


@dataclass
class Conductor:
    """The conductor's connections: its schema, the scheduler, the agents, the image and compute services."""

    conf: cfg.ConfigOpts
    database: Database
    scheduler: Any
    agent: Any
    image: Any
    compute: Any

    def poke(self, backend: str, volume_ids: list[str]) -> None:
        """Have the agent of `backend` look at these volumes; a lost poke is made up for by its full pass."""
        self.agent.to(backend).reconcile(context.internal(), volume_ids)

    def is_up(self, backend: str) -> bool:
        """Whether the agent of `backend` was heard of lately."""
        with self.database.read() as session:
            row = services.agent(session, backend)
        return row is not None and service_rows.is_up(row, self.conf.worker.down_after_s)

    def pools(self) -> list[dict[str, Any]]:
        """Every pool as the scheduler wants it, with what was placed there since its numbers were taken counted in."""
        down_after = self.conf.worker.down_after_s
        found: list[dict[str, Any]] = []
        moments: dict[str, datetime.datetime] = {}
        with self.database.read() as session:
            for row in service_rows.list_all(session, Service, binary=services.AGENT):
                info = row.info or {}
                for pool in info.get("pools", []):
                    moments[pool["name"]] = clock.parse(info["taken_at"])
                    found.append(
                        {
                            "name": pool["name"],
                            "capabilities": dict(pool["capabilities"]),
                            "up": service_rows.is_up(row, down_after) and not row.disabled,
                            "availability_zone": row.availability_zone,
                        }
                    )
            promised = volumes.promised_since(session, moments)
        for pool in found:
            more, have = promised.get(pool["name"], 0), pool["capabilities"]
            have["free_capacity_gb"] = have["free_capacity_gb"] - more
            have["allocated_capacity_gb"] = have["allocated_capacity_gb"] + more
            have["provisioned_capacity_gb"] = have["provisioned_capacity_gb"] + more
        return found
