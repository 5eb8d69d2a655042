"""Sending compute what happened to its servers' ports, in batches, until compute has heard it."""

import logging
import threading
from typing import Any

from oslo_config import cfg

from common import clock, errors
from common.clients.base import RemoteError
from common.db.session import Database
from common.worker import Worker, guarded
from services.network.db import models, rows
from services.network.db import state as db

LOG = logging.getLogger(__name__)
BATCH = 200
LEASE_S = 30
ATTEMPTS_MAX = 300


class Notifier:
    """Empties the table of server events. `compute` has `server_external_events(events)`."""

    def __init__(self, conf: cfg.ConfigOpts, database: Database, compute: Any) -> None:
        self.conf, self.db, self.compute = conf, database, compute
        self._wake = threading.Event()

    def poke(self) -> None:
        """There is something to send."""
        self._wake.set()

    def attach(self, worker: Worker) -> None:
        """Run in a thread of `worker`."""
        def loop() -> None:
            while not worker.stopping.is_set():
                self._wake.wait(5.0)
                clock.wait(worker.stopping, self.conf.network.poke_window_s)
                self._wake.clear()
                guarded("notify", self.flush)

        worker.loop("notify", loop)
        worker.on_stop(self._wake.set)

    def flush(self) -> None:
        """Send everything that is due; what compute cannot take now is due again later."""
        while True:
            batch = self.db.transaction(db.claim_events, BATCH, clock.now(), clock.after(LEASE_S))
            if not batch:
                return
            try:
                self.compute.server_external_events([item["event"] for item in batch])
            except RemoteError as e:
                if e.status >= 500 or e.status in (401, 403):
                    LOG.warning("compute does not take events: %s", e)
                    self.db.transaction(_later, batch)
                    return
                LOG.debug("compute knows none of these servers: %s", e)
            except errors.Transient as e:
                LOG.warning("compute is not told of %d events now: %s", len(batch), e)
                self.db.transaction(_later, batch)
                return
            self.db.transaction(_drop, [item["id"] for item in batch])


def _later(session: Any, batch: list[dict[str, Any]]) -> None:
    for item in batch:
        row = rows.get(session, models.ServerEvent, item["id"])
        if row is not None and item["attempts"] >= ATTEMPTS_MAX:
            session.delete(row)
        elif row is not None:
            row.due_at = clock.after(min(60.0, 2.0 * (item["attempts"] + 1)))


def _drop(session: Any, ids: list[int]) -> None:
    rows.remove_where(session, models.ServerEvent, models.ServerEvent.id.in_(ids))
