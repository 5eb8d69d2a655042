"""Sending compute what happened to its servers' ports, in batches, until compute has heard it.

What this conductor wrote itself it has in hand already; what others wrote, or could not send, it looks for.
"""

import logging
import threading
from collections.abc import Sequence
from typing import Any

from oslo_config import cfg

from common import clock, errors
from common.clients.base import RemoteError
from common.db.session import Database
from common.worker import Complaint, Worker, guarded
from services.network.db import models, rows
from services.network.db import server_events as db

LOG = logging.getLogger(__name__)
BATCH = 200
# another conductor sends what one had in hand when it died within the sum of the first two
LEASE_S, LOOK_EVERY_S, RENEW_EVERY_S = 3, 2.0, 1.0
ATTEMPTS_MAX = 300


class Notifier:
    """Empties the table of server events. `compute` has `server_external_events(events)`."""

    def __init__(self, conf: cfg.ConfigOpts, database: Database, compute: Any) -> None:
        self.conf, self.db, self.compute = conf, database, compute
        self._wake, self._busy = threading.Event(), threading.Event()  # busy: something is in hand, or heard
        self._lock = threading.Lock()
        self._held: list[dict[str, Any]] = []  # to be sent
        self._sending: list[dict[str, Any]] = []
        self._heard: list[int] = []  # compute has: to be struck out
        self._look_s = 0.0  # when (monotonic) to look for what is due

    def poke(self) -> None:
        """There is something to send."""
        self._look_s = 0.0
        self._wake.set()

    def send(self, held: Sequence[Any]) -> None:
        """Send these ServerEvents soon, which are kept from other conductors for LEASE_S."""
        if held:
            with self._lock:
                self._held += [db.as_item(row) for row in held]
                self._busy.set()
            self._wake.set()

    def attach(self, worker: Worker) -> None:
        """Run in a thread of `worker`."""
        complaint = Complaint("notify")

        def loop() -> None:
            rested_s = 0.0
            while not worker.stopping.is_set():
                self._wake.wait(LOOK_EVERY_S)
                clock.wait(worker.stopping, max(0.0, rested_s - clock.monotonic()))
                self._wake.clear()
                guarded("notify", self.flush, complaint)
                rested_s = clock.monotonic() + self.conf.network.poke_window_s

        def leases() -> None:
            while not worker.stopping.is_set():
                self._busy.wait()
                clock.wait(worker.stopping, RENEW_EVERY_S)
                guarded("notify-leases", self.renew, complaint)

        worker.loop("notify", loop)
        worker.loop("notify-leases", leases)
        worker.on_stop(self._wake.set)
        worker.on_stop(self._busy.set)

    def flush(self) -> None:
        """Send what is in hand, and (poked, or now and then) everything that is due; what compute cannot take now is due
        again later."""
        with self._lock:
            self._sending, self._held = self._held, []
        try:
            while self._sending:
                self._send(self._sending[:BATCH])
                self._sending = self._sending[BATCH:]
            while clock.monotonic() >= self._look_s:
                self._look_s = clock.monotonic() + LOOK_EVERY_S
                batch = self._claim()
                if batch and self._send(batch) and len(batch) == BATCH:
                    self._look_s = 0.0
        finally:
            self._sending = []  # what was not sent is due again when its lease ends

    def _claim(self) -> list[dict[str, Any]]:
        """What is due, now in hand. A mere look, which costs a third, comes first: mostly nothing is."""
        with self.db.read() as session:
            if not db.some_due(session, clock.now()):
                return []
        found = self.db.transaction(db.claim, BATCH, clock.now(), clock.after(LEASE_S))
        with self._lock:
            self._sending = found
            self._busy.set()
        return found

    def renew(self) -> None:
        """Strike out what compute has heard, all of the last second together, and keep what is in hand from the other conductors
        while compute is slow: an event heard twice may be a stale one."""
        with self._lock:
            heard, in_hand = self._heard, [item["id"] for item in (*self._sending, *self._held)]
            if not heard and not in_hand:
                self._busy.clear()
                return
        self.db.transaction(db.drop_and_keep, heard, in_hand, clock.after(LEASE_S))
        with self._lock:
            self._heard = self._heard[len(heard):]

    def _send(self, batch: list[dict[str, Any]]) -> bool:
        """Whether compute took them (or knows none of these servers)."""
        try:
            self.compute.server_external_events([item["event"] for item in batch])
        except RemoteError as e:
            if e.status >= 500 or e.status in (401, 403):
                LOG.warning("compute does not take events: %s", e)
                self.db.transaction(_later, batch)
                return False
            LOG.debug("compute knows none of these servers: %s", e)
        except errors.Transient as e:
            LOG.warning("compute is not told of %d events now: %s", len(batch), e)
            self.db.transaction(_later, batch)
            return False
        with self._lock:
            self._heard = [*self._heard, *(item["id"] for item in batch)]
            self._busy.set()
        return True


def _later(session: Any, batch: list[dict[str, Any]]) -> None:
    for item in batch:
        row = rows.get(session, models.ServerEvent, item["id"])
        if row is not None and item["attempts"] >= ATTEMPTS_MAX:
            session.delete(row)
        elif row is not None:
            row.due_at = clock.after(min(60.0, 2.0 * (item["attempts"] + 1)))
