"""Heartbeats of daemons that may reach their service's schema; agents send theirs through their conductor."""

from importlib import metadata
from typing import Any

from common.db import services
from common.db.session import Database
from common.worker import Worker


def version() -> str:
    """The installed version of Altostack."""
    try:
        return metadata.version("altostack")
    except metadata.PackageNotFoundError:
        return "0"


def into(worker: Worker, database: Database, model: Any, *, availability_zone: str | None = None) -> None:
    """Let `worker` write its row of `model` (a ServiceColumns table) every [worker] heartbeat_s seconds."""
    info = worker.info

    def beat() -> None:
        database.transaction(services.beat, model, daemon=info.name, binary=info.binary or info.name,
                             host=worker.conf.host, version=version(), availability_zone=availability_zone)

    worker.every("heartbeat", worker.conf.worker.heartbeat_s, beat)
