"""Resizes and moves of simulated servers between hosts, cold and live."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO

from common import clock
from services.compute.drivers import base
from services.compute.drivers.simulated.lifecycle import Lifecycle
from services.compute.drivers.simulated.nodes import Guest, Nodes
from services.compute.objects.report import DiskFile, ServerReport
from services.compute.objects.server import ABSENT, PAUSED, RUNNING, STOPPED, ServerSpec

MIB = 1024**2
_SLICE_S = 0.1


class Resize:
    """See `base.Resize`; a simulated disk has no data, so none ever has to be sent."""

    def __init__(self, nodes: Nodes, lifecycle: Lifecycle) -> None:
        self._nodes, self._lifecycle = nodes, lifecycle

    def prepare(self, uuid: str, timeout_s: float | None = None) -> tuple[DiskFile, ...]:
        """See `base.Resize.prepare`; a simulated guest shuts down at once, within any `timeout_s`. No files."""
        nodes = self._nodes
        if uuid in nodes.aside:
            return ()
        guest = nodes.get(uuid)
        nodes.work("resize", uuid, guest.node)
        with nodes.lock:
            if nodes.guests.pop(uuid, None) is not None:
                nodes.place(guest, -1)
                nodes.count(guest, STOPPED)
                nodes.aside[uuid] = guest
        nodes.tell(uuid, ABSENT)
        return ()

    def open_disk(self, uuid: str, name: str) -> BinaryIO:
        """See `base.Resize.open_disk`."""
        raise base.DriverError(f"Simulated server {uuid} has no disk {name} to send.")

    def expect(self, spec: ServerSpec, disks: Iterable[Mapping[str, Any]]) -> bool:
        """See `base.Resize.expect`."""
        self._nodes.work("receive", spec.uuid, self._nodes.check(spec.node))
        return False

    def known(self, spec: ServerSpec, name: str, size: int) -> bool:
        """See `base.Resize.known`."""
        return True

    def receive(self, spec: ServerSpec, name: str, size: int, frames: Iterable[tuple[int, bytes]]) -> None:
        """See `base.Resize.receive`."""
        raise base.DriverError(f"Simulated server {spec.uuid} takes no disk {name}.")

    def sees_disks(self, uuid: str) -> bool:
        """See `base.Resize.sees_disks`; simulated hosts share nothing."""
        return uuid in self._nodes.guests

    def finish(self, spec: ServerSpec) -> ServerReport:
        """See `base.Resize.finish`."""
        return self._lifecycle.ensure(spec)

    def abandon(self, uuid: str) -> None:
        """See `base.Resize.abandon`."""
        take_away(self._nodes, uuid)

    def confirm(self, uuid: str) -> None:
        """See `base.Resize.confirm`."""
        self._nodes.aside.pop(uuid, None)

    def revert(self, spec: ServerSpec) -> ServerReport:
        """See `base.Resize.revert`."""
        nodes = self._nodes
        with nodes.lock:
            old = nodes.aside.pop(spec.uuid, None)
            if old is not None:
                new = nodes.guests.get(spec.uuid)
                if new is not None:
                    nodes.place(new, -1)
                    nodes.count(new, STOPPED)
                nodes.guests[spec.uuid] = old
                nodes.place(old, 1)
        return self._lifecycle.ensure(spec)


class Live:
    """See `base.Live`; the guest crosses as a JSON object, so its uptime and console go on."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def probe(self, uuid: str) -> dict[str, Any]:
        """See `base.Live.probe`."""
        guest = self._nodes.get(uuid)
        if guest.power not in (RUNNING, PAUSED):
            raise base.DriverError(f"Server {uuid} does not run.")
        return {"local": not guest.spec.boot_volume}

    def receive(self, spec: ServerSpec, found: Mapping[str, Any], block: bool | None, full_size: bool) -> dict[str, Any]:
        """See `base.Live.receive`; simulated hosts share no storage."""
        if found["local"] and block is False:
            raise base.DriverError("The hosts have no shared storage: the server's disks must be copied (block migration).")
        self._nodes.work("receive", spec.uuid, self._nodes.check(spec.node))
        if spec.uuid in self._nodes.guests:
            raise base.DriverError(f"Server {spec.uuid} exists on this host already.")
        return {"files": [], "channels": {}, "ends": {}}

    def known(self, spec: ServerSpec, name: str, size: int) -> bool:
        """See `base.Resize.known`."""
        return True

    def store(self, spec: ServerSpec, name: str, size: int, frames: Iterable[tuple[int, bytes]]) -> None:
        """See `base.Resize.receive`."""
        raise base.DriverError(f"Simulated server {spec.uuid} takes no disk {name}.")

    def make_way(self, plan: Mapping[str, Any]) -> None:
        """See `base.Live.make_way`; there are no channels."""

    def send(self, uuid: str, plan: Mapping[str, Any], watch: base.Watcher, switching: Callable[[], None]) -> dict[str, Any]:
        """See `base.Live.send`; takes the time of the operation `live_migration`, or less when forced."""
        nodes = self._nodes
        guest = nodes.guests.get(uuid)
        if guest is None:
            return {"gone": True}
        attempt, delay_s = nodes.begin("live_migration", uuid)
        started_s, size = clock.monotonic(), guest.spec.flavor.ram_mb * MIB
        while True:
            spent = min(1.0, (clock.monotonic() - started_s) / delay_s) if delay_s else 1.0
            command = watch({"memory_total": size, "memory_processed": int(size * spent),
                             "memory_remaining": size - int(size * spent), "disk_total": 0, "disk_processed": 0,
                             "disk_remaining": 0})
            if command == "abort":
                raise base.MigrationAborted("The live migration was aborted.")
            if spent >= 1.0 or command == "force_complete":
                break
            clock.sleep(min(_SLICE_S, delay_s))
        switching()
        nodes.fail("live_migration", uuid, attempt, guest.node)
        take_away(nodes, uuid)
        return {"gone": False, "power": guest.power, "boots": guest.boots, "console": list(guest.console),
                "uptime_s": clock.monotonic() - guest.started_s, "devices": dict(guest.devices)}

    def arrive(self, spec: ServerSpec, state: Mapping[str, Any], found: Mapping[str, Any]) -> ServerReport:
        """See `base.Live.arrive`."""
        nodes = self._nodes
        node = nodes.check(spec.node)
        with nodes.lock:
            if spec.uuid not in nodes.guests:
                if "power" not in state:
                    raise base.ServerNotFound(f"Server {spec.uuid} did not arrive on this host.")
                guest = Guest(spec, node=node, boots=state["boots"], console=list(state["console"]),
                              started_s=clock.monotonic() - state["uptime_s"], devices=dict(state["devices"]),
                              taps={card.tap: card for card in spec.nics})
                nodes.guests[spec.uuid] = guest
                nodes.place(guest, 1)
                nodes.count(guest, state["power"])
            return ServerReport(spec.uuid, nodes.guests[spec.uuid].power, node=node, name=spec.name, root_device="/dev/vda",
                                devices=dict(nodes.guests[spec.uuid].devices), taps=tuple(nodes.guests[spec.uuid].taps))

    def arrived(self, uuid: str) -> bool:
        """See `base.Live.arrived`."""
        return uuid in self._nodes.guests

    def clean(self, uuid: str, found: Mapping[str, Any], plan: Mapping[str, Any] | None) -> None:
        """See `base.Live.clean`; nothing is left of a simulated server that moved."""

    def abandon(self, uuid: str, found: Mapping[str, Any]) -> None:
        """See `base.Live.abandon`."""
        take_away(self._nodes, uuid)


def take_away(nodes: Nodes, uuid: str) -> None:
    """Remove the guest of a server, but not what was put aside of it."""
    with nodes.lock:
        guest = nodes.guests.pop(uuid, None)
        if guest is not None:
            nodes.place(guest, -1)
            nodes.running[guest.node] -= guest.power in (RUNNING, PAUSED)
    if guest is not None:
        nodes.tell(uuid, ABSENT)
