"""Simulated servers as wholes: the same power transitions that real ones have."""

import dataclasses
from collections.abc import Callable

from common import clock
from services.compute.drivers import base
from services.compute.drivers.simulated.host import Housekeeping
from services.compute.drivers.simulated.nodes import Guest, Nodes
from services.compute.objects.report import HostServer, ServerReport
from services.compute.objects.server import (
    ABSENT,
    CRASHED,
    PAUSED,
    RUNNING,
    STOPPED,
    WANTED,
    ServerSpec,
    VolumeSpec,
)

CONSOLE_LINES_MAX = 200


class Lifecycle:
    """See `base.Lifecycle`."""

    def __init__(
        self, nodes: Nodes, plug: Callable[[Guest, VolumeSpec], str], housekeeping: Housekeeping
    ) -> None:
        self._nodes, self._plug, self._housekeeping = nodes, plug, housekeeping

    def ensure(self, spec: ServerSpec) -> ServerReport:
        """See `base.Lifecycle.ensure`."""
        nodes = self._nodes
        node = nodes.check(spec.node)
        if spec.power not in WANTED:
            raise base.DriverError(f"Power state {spec.power!r} does not exist.")
        _check(spec)
        guest = nodes.guests.get(spec.uuid)
        if guest is None or guest.power != spec.power:
            nodes.work("ensure", spec.uuid, node)
        with nodes.lock:
            guest = nodes.guests.get(spec.uuid)
            if guest is None:
                guest = nodes.guests[spec.uuid] = Guest(spec, node=node)
                nodes.place(guest, 1)
            elif guest.rescued != bool(spec.rescue) and guest.power in (RUNNING, PAUSED):
                nodes.count(guest, STOPPED)
            if guest.power in (STOPPED, CRASHED):
                nodes.place(guest, -1)
                guest.spec, guest.node, guest.rescued = spec, node, bool(spec.rescue)
                nodes.place(guest, 1)
            self._sync(guest, spec)
        if spec.image:
            self._housekeeping.prefetch(spec.image)
        self._move(spec.uuid, guest, spec.power)
        return self.report(spec.uuid)

    def destroy(self, uuid: str) -> None:
        """See `base.Lifecycle.destroy`."""
        nodes = self._nodes
        if uuid in nodes.guests or uuid in nodes.aside:
            nodes.work("destroy", uuid)
        with nodes.lock:
            nodes.aside.pop(uuid, None)
            guest = nodes.guests.pop(uuid, None)
            nodes.forget(uuid)
            if guest is not None:
                nodes.place(guest, -1)
                nodes.count(guest, STOPPED)
        if guest is not None:
            nodes.tell(uuid, ABSENT)

    def forget(self, uuid: str) -> None:
        """See `base.Lifecycle.forget`."""
        self.destroy(uuid)

    def set_power(self, uuid: str, wanted: str, timeout_s: float | None = None) -> ServerReport:
        """See `base.Lifecycle.set_power`; a simulated guest always shuts down at once, within any `timeout_s`."""
        if wanted not in WANTED:
            raise base.DriverError(f"Power state {wanted!r} does not exist.")
        guest = self._nodes.get(uuid)
        self._nodes.work("set_power", uuid, guest.node)
        self._move(uuid, guest, wanted)
        return self.report(uuid)

    def reboot(self, spec: ServerSpec, hard: bool) -> ServerReport:
        """See `base.Lifecycle.reboot`."""
        guest = self._nodes.guests.get(spec.uuid)
        self._nodes.work("reboot", spec.uuid, spec.node)
        if guest is not None:
            if not hard and guest.power == RUNNING:
                self._say(guest, "reboot: Restarting system")
            self._move(spec.uuid, guest, STOPPED)
        return self.ensure(dataclasses.replace(spec, power=RUNNING))

    def interrupt(self, uuid: str) -> None:
        """See `base.Lifecycle.interrupt`."""
        guest = self._nodes.get(uuid)
        if guest.power not in (RUNNING, PAUSED):
            raise base.DriverError(f"Server {uuid} is {guest.power}; it cannot be interrupted.")
        self._say(guest, "Uhhuh. NMI received for unknown reason 30 on CPU 0.")

    def report(self, uuid: str) -> ServerReport:
        """See `base.Lifecycle.report`."""
        with self._nodes.lock:
            guest = self._nodes.guests.get(uuid)
            if guest is None:
                return ServerReport(uuid, ABSENT)
            return ServerReport(
                uuid,
                guest.power,
                node=guest.node,
                name=guest.spec.name,
                fault="The guest crashed." if guest.power == CRASHED else None,
                devices=dict(guest.devices),
                taps=tuple(guest.taps),
                root_device="/dev/vda",
                rescued=guest.rescued,
            )

    def servers(self) -> list[HostServer]:
        """See `base.Lifecycle.servers`."""
        with self._nodes.lock:
            found = [HostServer(uuid, g.power, g.node, g.spec.name) for uuid, g in self._nodes.guests.items()]
            return found + [
                HostServer(uuid, ABSENT, g.node, g.spec.name, leftover=True)
                for uuid, g in self._nodes.aside.items()
                if uuid not in self._nodes.guests
            ]

    def listen(self, listener: base.PowerListener) -> None:
        """See `base.Lifecycle.listen`."""
        self._nodes.listeners.append(listener)

    def close(self) -> None:
        """Simulated servers end with the process."""

    def _sync(self, guest: Guest, spec: ServerSpec) -> None:
        wanted = {v.volume_id for v in spec.volumes}
        for volume_id in set(guest.devices) - wanted:
            del guest.devices[volume_id]
        for volume in spec.volumes:
            self._plug(guest, volume)
        guest.taps = {card.tap: card for card in spec.nics}

    def _move(self, uuid: str, guest: Guest, wanted: str) -> None:
        """Change the power state, with the console output that a guest would give."""
        with self._nodes.lock:
            before = guest.power
            if before == wanted:
                return
            if before in (STOPPED, CRASHED) and wanted != STOPPED:
                guest.boots += 1
                guest.started_s = clock.monotonic()
                guest.console = []
                self._boot_text(guest)
                if self._nodes.chance("crash", uuid, guest.boots) < self._nodes.conf.crash_rate:
                    self._say(guest, "Kernel panic - not syncing: simulated crash")
                    wanted = CRASHED
            elif wanted == STOPPED and before == RUNNING:
                self._say(guest, "reboot: Power down")
            self._nodes.count(guest, wanted)
        self._nodes.tell(uuid, wanted)

    def _boot_text(self, guest: Guest) -> None:
        spec = guest.spec
        self._say(guest, f"[    0.000000] Linux version simulated, boot {guest.boots} of {spec.uuid}")
        self._say(guest, f"[    0.000001] {spec.flavor.vcpus} CPUs, {spec.flavor.ram_mb} MiB on {guest.node}")
        for card in spec.nics:
            self._say(guest, f"[    0.100000] eth: {card.mac} {' '.join(card.ips)}")
        self._say(guest, f"{spec.hostname or spec.name or 'localhost'} login: ")

    @staticmethod
    def _say(guest: Guest, line: str) -> None:
        guest.console.append(line)
        del guest.console[:-CONSOLE_LINES_MAX]


def _check(spec: ServerSpec) -> None:
    """Refuse what a real host would refuse."""
    image, root_gb = spec.image, spec.flavor.root_gb
    if image and not spec.boot_volume and 0 < root_gb < image.min_disk:
        raise base.ImageRefused(
            f"Image {image.id} needs {image.min_disk} GiB but the flavor's root disk has {root_gb} GiB."
        )
