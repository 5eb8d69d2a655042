"""Watching a live migration: its counters, how long it may take, and what somebody asks to be done about it."""

import logging
import threading
from typing import Any

import libvirt

from common import clock
from services.compute.drivers.base import Watcher
from services.compute.drivers.libvirt.host import Host

LOG = logging.getLogger(__name__)
POLL_S = 1.0
_ABORT_AGAIN_S = 5.0
COUNTERS = ("memory_total", "memory_processed", "memory_remaining", "disk_total", "disk_processed", "disk_remaining")
GIB = 1024**3


class Progress:
    """One migration, watched by a thread that runs `run` until `done` is set.

    `aborted` says why it was aborted. A migration that takes longer than its size allows is ended as configured.
    """

    def __init__(self, host: Host, domain: Any, watch: Watcher) -> None:
        self._host, self._domain, self._watch = host, domain, watch
        self.done = threading.Event()
        self.aborted = ""
        self._forced = False
        self._started_s = clock.monotonic()
        self._abort_due_s = 0.0

    def run(self) -> None:
        """Look every second until it is done."""
        while not clock.wait(self.done, POLL_S):
            counters = self._counters()
            if counters:
                self._obey(self._watch(counters) or self._late(counters))

    def _counters(self) -> dict[str, int]:
        try:
            found = self._domain.jobStats()
        except libvirt.libvirtError as e:
            LOG.debug("no counters: %s", e)
            return {}
        return {name: int(found.get(name, 0)) for name in COUNTERS} if found.get("type") else {}

    def _late(self, counters: dict[str, int]) -> str | None:
        conf = self._host.conf
        size_gib = max(2, -(-(counters["memory_total"] + counters["disk_total"]) // GIB))
        allowed_s = conf.live_migration_timeout_s_per_gib * size_gib
        late = allowed_s and clock.monotonic() - self._started_s > allowed_s
        return str(conf.live_migration_timeout_action) if late else None

    def _obey(self, command: str | None) -> None:
        if command == "abort":
            self._abort()
        elif command == "force_complete" and not self._forced:
            self._force()

    def _abort(self) -> None:
        """Ask until it has ended: libvirt may lose what comes while the guest is being handed over."""
        if clock.monotonic() < self._abort_due_s:
            return
        self._abort_due_s = clock.monotonic() + _ABORT_AGAIN_S
        before, self.aborted = self.aborted, "it was asked for, or it took too long"
        try:
            self._domain.abortJob()
        except libvirt.libvirtError as e:
            LOG.warning("abort: %s", e)
            self.aborted = before

    def _force(self) -> None:
        """Suspend the guest: nothing changes any more, so the move comes to its end; it runs again there."""
        try:
            self._domain.suspend()
            self._forced = True
        except libvirt.libvirtError as e:
            LOG.warning("force_complete: %s", e)
