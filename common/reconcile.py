"""Keyed reconcile loops: make things equal to what they should be, one key at a time.

A poke says "look again at this key"; pokes of a key that waits already are one. A key is never worked on by two threads
at once; a key whose pass failed comes again, ever more slowly. A full pass pokes every key there is.
"""

import heapq
import logging
import threading
from collections.abc import Callable, Iterable

from oslo_context import context as oslo_context

from common import clock, context, errors
from common.worker import Worker

LOG = logging.getLogger(__name__)
_RETRY_MAX_S = 60.0


class Loop:
    """Works on keys in batches.

    work       called with a list of at most `batch_max` keys; returns the keys that failed (or None).
               An exception means that all of them failed
    threads    batches worked on at the same time
    """

    def __init__(self, name: str, work: Callable[[list[str]], Iterable[str] | None], *, threads: int = 4,
                 batch_max: int = 50, retry_s: float = 1.0) -> None:
        self.name, self.work, self.threads, self.batch_max, self.retry_s = name, work, threads, batch_max, retry_s
        self._waiting: dict[str, None] = {}
        self._running: set[str] = set()
        self._again: set[str] = set()
        self._fails: dict[str, int] = {}
        self._later: list[tuple[float, str]] = []
        self._changed = threading.Condition()
        self._stopping = False

    def attach(self, worker: Worker, *, every_s: float | None = None,
               keys: Callable[[], Iterable[str]] | None = None) -> None:
        """Run in `worker`'s threads; with `keys`, a full pass over them every `every_s` seconds."""
        for number in range(self.threads):
            worker.loop(f"{self.name}-{number}", self.run)
        worker.on_stop(self.stop)
        if keys is not None and every_s:
            worker.every(f"{self.name}-pass", every_s, lambda: self.poke(keys()))

    def poke(self, keys: Iterable[str]) -> None:
        """Look at these keys soon."""
        with self._changed:
            for key in keys:
                if key in self._running:
                    self._again.add(key)
                else:
                    self._waiting[key] = None
            self._changed.notify_all()

    def poke_later(self, keys: Iterable[str]) -> None:
        """Look at these keys in `retry_s` seconds."""
        with self._changed:
            for key in keys:
                heapq.heappush(self._later, (clock.monotonic() + self.retry_s, key))
            self._changed.notify_all()

    def stop(self) -> None:
        """End `run` in every thread, after the batch in hand."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def idle(self) -> bool:
        """Whether nothing waits and nothing runs (failed keys that wait for their retry count as waiting)."""
        with self._changed:
            return not (self._waiting or self._running or self._later)

    def run(self) -> None:
        """Work on batches until `stop`."""
        while (batch := self._take()) is not None:
            context.internal().update_store()
            try:
                self._done(batch, set(self.work(batch) or ()))
            except Exception as e:  # process edge: a pass of the loop
                if isinstance(e, errors.Transient | errors.Refused):
                    LOG.warning("%s: %s", self.name, e)
                else:
                    LOG.exception("%s failed for %s", self.name, ", ".join(batch[:5]))
                self._done(batch, set(batch))
            finally:
                oslo_context._request_store.context = None

    def _take(self) -> list[str] | None:
        with self._changed:
            while not self._stopping:
                self._promote()
                if self._waiting:
                    batch = list(self._waiting)[: self.batch_max]
                    for key in batch:
                        del self._waiting[key]
                    self._running.update(batch)
                    return batch
                pause = max(0.05, self._later[0][0] - clock.monotonic()) if self._later else 3600.0
                self._changed.wait(pause)
            return None

    def _promote(self) -> None:
        now = clock.monotonic()
        while self._later and self._later[0][0] <= now:
            key = heapq.heappop(self._later)[1]
            if key in self._running:
                self._again.add(key)
            else:
                self._waiting[key] = None

    def _done(self, batch: list[str], failed: set[str]) -> None:
        with self._changed:
            for key in batch:
                self._running.discard(key)
                if key in failed:
                    self._fails[key] = self._fails.get(key, 0) + 1
                    pause = min(_RETRY_MAX_S, self.retry_s * 2 ** (self._fails[key] - 1))
                    heapq.heappush(self._later, (clock.monotonic() + pause, key))
                else:
                    self._fails.pop(key, None)
                if key in self._again:
                    self._again.discard(key)
                    self._waiting[key] = None
            self._changed.notify_all()
