"""Heartbeats of daemons that may reach their service's schema; agents send theirs through their conductor."""

import functools
from collections.abc import Callable
from importlib import metadata
from typing import Any

from common import clock
from common.db import services
from common.db.session import Database
from common.worker import Complaint, Worker, guarded

_FIRST_CALL_S, _FIRST_PAUSE_S = 3.0, 1.0


@functools.cache
def version() -> str:
    """The installed version of Altostack, read once: parsing a package's description is half of what a heartbeat would cost."""
    try:
        return metadata.version("altostack")
    except metadata.PackageNotFoundError:
        return "0"


def into(worker: Worker, database: Database, model: Any, *, availability_zone: str | None = None) -> None:
    """Let `worker` write its row of `model` (a ServiceColumns table).

    Half as often as agents, of which schedulers must know ([worker] heartbeat_s), but thrice before it would seem down.
    Copies that come and go under ever new names, as containers do, would fill the table: those who live forget the others.
    """
    info, conf = worker.info, worker.conf.worker
    forget_at = 0.0

    def beat() -> None:
        nonlocal forget_at
        if clock.monotonic() >= forget_at:
            forget_at = clock.monotonic() + conf.forget_after_s / 5
            database.transaction(services.forget, model, daemon=info.name, unseen_s=conf.forget_after_s)
        database.transaction(services.beat, model, daemon=info.name, binary=info.binary or info.name,
                             host=worker.conf.host, version=version(), availability_zone=availability_zone)

    worker.every("heartbeat", min(2.0 * conf.heartbeat_s, max(conf.heartbeat_s, conf.down_after_s / 3)), beat)


def through(worker: Worker, conductor: Any, beat: Callable[[Any], None], name: str = "heartbeat") -> None:
    """Let an agent tell its conductor that it lives: `beat(conductor)` every [worker] heartbeat_s seconds.

    Until the first is answered, every second and with little patience: the conductor may be starting, too, and what was
    sent before it listens is lost.
    """
    answered, complaint = False, Complaint(name)

    def tell() -> None:
        nonlocal answered
        beat(conductor if answered else conductor.within(_FIRST_CALL_S))
        answered = True

    def beats() -> None:
        pause = 0.0
        while not clock.wait(worker.stopping, pause):
            before = answered
            guarded(name, tell, complaint)
            pause = worker.conf.worker.heartbeat_s if answered and before else _FIRST_PAUSE_S

    worker.loop(name, beats)
