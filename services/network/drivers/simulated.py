"""A host without a host: all capabilities, kept in memory, for the embedded profile and for tests of agents.

Taps exist as soon as they are desired, unless `auto_tap` is off: then `add_tap` and `remove_tap` play the hypervisor.
Delays and failures are injected by the test or the configuration.
"""

import dataclasses
import threading
from collections.abc import Callable

from common import clock, ids
from services.network.drivers.base import Applied, DriverError
from services.network.objects.host_state import HostState


@dataclasses.dataclass
class Simulated:
    """Every capability at once. `delay_s` is slept per pass that changes something; `failure_rate` (0 to 1) is the
    share of passes that raise DriverError; `failing` maps units (as `port:ID`) to the error they report.
    """

    delay_s: float = 0.0
    failure_rate: float = 0.0
    failing: dict[str, str] = dataclasses.field(default_factory=dict)
    auto_tap: bool = True
    state: HostState = dataclasses.field(default_factory=HostState)
    taps: set[str] = dataclasses.field(default_factory=set)
    passes: int = 0
    _callback: Callable[[str, bool], None] | None = None
    _lock: threading.RLock = dataclasses.field(default_factory=threading.RLock)

    def prepare(self) -> None:
        """See `base.Firewall`: nothing to load."""

    def apply(self, desired: HostState, *, full: bool = False) -> Applied:
        """See `base.Capability`."""
        with self._lock:
            self.passes += 1
            if self.failure_rate and ids.uniform(0, 1) < self.failure_rate:
                raise DriverError("simulated failure")
            result = Applied()
            if desired is not self.state and desired != self.state:
                result.changes = 1
                if self.delay_s:
                    clock.sleep(self.delay_s)
            self.state = desired
            for port_id, port in desired.all_ports.items():
                error = self.failing.get(f"port:{port_id}")
                if error:
                    result.errors[f"port:{port_id}"] = error
                elif not (self.auto_tap or port.is_service or port.tap in self.taps):
                    result.missing.add(port_id)
                elif port.admin_state_up:
                    result.wired.add(port_id)
            units = [f"network:{s.network_id}" for s in desired.segments]
            units += [f"router:{r.router_id}" for r in desired.routers]
            result.errors.update((unit, self.failing[unit]) for unit in units if unit in self.failing)
            return result

    def forget_device(self, name: str) -> None:
        """See `base.Layer2`: nothing is cached."""

    def close(self) -> None:
        """See `base.MetadataProxy`."""

    def start(self, callback: Callable[[str, bool], None]) -> None:
        """See `base.LinkWatch`; called from `add_tap` and `remove_tap`."""
        self._callback = callback

    def stop(self) -> None:
        """See `base.LinkWatch`."""
        self._callback = None

    def add_tap(self, name: str) -> None:
        """A hypervisor made a tap."""
        with self._lock:
            self.taps.add(name)
        if self._callback:
            self._callback(name, True)

    def remove_tap(self, name: str) -> None:
        """A hypervisor took a tap away."""
        with self._lock:
            self.taps.discard(name)
        if self._callback:
            self._callback(name, False)
