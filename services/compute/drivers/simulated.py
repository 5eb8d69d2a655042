"""One process that plays thousands of hypervisors, for scale tests and for the embedded profile.

Servers live in memory; nothing else is pretended: power states, devices, consoles, snapshots and resizes follow the same
rules as real ones, and every operation costs the same however many servers there are. Which operation fails or how long
it takes follows from the seed, the server and how often it was tried, not from the order of threads. Delays block the
calling thread, as a real hypervisor would.
"""

import dataclasses
import hashlib
import math
import struct
import threading
from typing import BinaryIO

from oslo_config import cfg

from common import clock
from services.compute.drivers import base
from services.compute.drivers.libvirt import layout
from services.compute.objects.report import (
    Diagnostics,
    DiskFile,
    Endpoint,
    HostServer,
    NodeReport,
    ServerReport,
)
from services.compute.objects.server import (
    ABSENT,
    CRASHED,
    PAUSED,
    RUNNING,
    STOPPED,
    WANTED,
    ImageSpec,
    NicSpec,
    ServerSpec,
    VolumeSpec,
)

GIB = 1024**3
CONSOLE_LINES_MAX = 200


@dataclasses.dataclass
class Guest:
    """One simulated server: its spec as last ensured, and what became of it since."""

    spec: ServerSpec
    power: str = STOPPED
    node: str = ""
    boots: int = 0
    started_s: float = 0.0
    rescued: bool = False
    console: list[str] = dataclasses.field(default_factory=list)
    devices: dict[str, str] = dataclasses.field(default_factory=dict)
    volume_sizes: dict[str, int] = dataclasses.field(default_factory=dict)
    taps: dict[str, NicSpec] = dataclasses.field(default_factory=dict)


class Nodes:
    """All the simulated nodes: the state that the capabilities share. Every method is O(1) but the listings."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self.conf = conf
        self.names = [f"{conf.node_prefix}{number:03d}" for number in range(conf.nodes)]
        self._known = set(self.names)
        self.delays_s = {key: float(value) for key, value in conf.delays_s.items()}
        self.failure_rates = {key: float(value) for key, value in conf.failure_rates.items()}
        self._failing_nodes = set(conf.failing_nodes)
        self.lock = threading.RLock()
        self.guests: dict[str, Guest] = {}
        self.aside: dict[str, Guest] = {}
        self.used: dict[str, list[int]] = {name: [0, 0, 0] for name in self.names}
        self.running = dict.fromkeys(self.names, 0)
        self.images: set[str] = set()
        self.listeners: list[base.PowerListener] = []
        self._tries: dict[tuple[str, str], int] = {}

    def chance(self, *what: object) -> float:
        """A number in [0, 1) that depends only on the seed and on `what`."""
        text = "/".join(str(part) for part in (self.conf.seed, *what))
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64

    def work(self, operation: str, uuid: str, node: str = "") -> None:
        """Take the operation's time, then fail if it is its turn to."""
        if operation in self.delays_s or operation in self.failure_rates:
            with self.lock:
                attempt = self._tries[operation, uuid] = self._tries.get((operation, uuid), 0) + 1
            delay_s = self._delay_s(operation, uuid, attempt)
            if delay_s > 0:
                clock.sleep(delay_s)
            if self.chance("fail", operation, uuid, attempt) < self.failure_rates.get(operation, 0.0):
                raise base.SimulatedFailure(
                    f"Simulated failure of {operation} (attempt {attempt}) on {node or 'its node'}."
                )
        if operation == "ensure" and self.fails(node):
            raise base.SimulatedFailure(f"Simulated failure: node {node} starts no servers.")

    def fails(self, node: str) -> bool:
        """Whether a node was chosen to fail."""
        share = self.conf.failing_node_share
        return node in self._failing_nodes or (share > 0 and self.chance("node", node) < share)

    def check(self, node: str) -> str:
        """The node, the first one when none is named; ServerNotFound when it is not ours."""
        if not node:
            return self.names[0]
        if node not in self._known:
            raise base.ServerNotFound(f"{node} is not a simulated node here.")
        return node

    def get(self, uuid: str) -> Guest:
        """The guest of a server; ServerNotFound when there is none."""
        guest = self.guests.get(uuid)
        if guest is None:
            raise base.ServerNotFound(f"Server {uuid} does not exist on these nodes.")
        return guest

    def place(self, guest: Guest, sign: int) -> None:
        """Add (1) or take away (-1) a guest's size to or from what its node uses."""
        used, flavor = self.used[guest.node], guest.spec.flavor
        disk_gb = flavor.ephemeral_gb + (0 if guest.spec.boot_volume else flavor.root_gb)
        for index, amount in enumerate((flavor.vcpus, flavor.ram_mb, disk_gb)):
            used[index] += sign * amount

    def count(self, guest: Guest, power: str) -> None:
        """Set a guest's power state, keeping the number of running guests per node."""
        alive = (RUNNING, PAUSED)
        self.running[guest.node] += (power in alive) - (guest.power in alive)
        guest.power = power

    def tell(self, uuid: str, power: str) -> None:
        """Tell all listeners; outside the lock, as their thread would be."""
        for listener in self.listeners:
            listener(uuid, power)

    def forget(self, uuid: str) -> None:
        """Drop how often things were tried on a server."""
        for operation in {*self.delays_s, *self.failure_rates}:
            self._tries.pop((operation, uuid), None)

    def _delay_s(self, operation: str, uuid: str, attempt: int) -> float:
        mean_s = self.delays_s.get(operation, 0.0)
        kind = self.conf.delay_distribution
        if mean_s <= 0 or kind == "fixed":
            return mean_s
        chance = self.chance("delay", operation, uuid, attempt)
        return 2 * mean_s * chance if kind == "uniform" else -mean_s * math.log(1 - chance)


class Lifecycle:
    """See `base.Lifecycle`."""

    def __init__(self, nodes: Nodes, disks: "Disks", housekeeping: "Housekeeping") -> None:
        self._nodes, self._disks, self._housekeeping = nodes, disks, housekeeping

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
            self._disks.plug(guest, volume)
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


class Inventory:
    """See `base.Inventory`."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def nodes(self) -> list[str]:
        """See `base.Inventory.nodes`."""
        return list(self._nodes.names)

    def node(self, name: str) -> NodeReport:
        """See `base.Inventory.node`; `used` is the sum of the servers' flavors."""
        conf = self._nodes.conf
        self._nodes.check(name)
        with self._nodes.lock:
            vcpus_used, memory_mb, disk_gb = self._nodes.used[name]
        return NodeReport(
            node=name,
            vcpus=conf.vcpus,
            memory_mb=conf.memory_mb,
            disk_gb=conf.disk_gb,
            memory_mb_used=memory_mb,
            disk_gb_used=disk_gb,
            disk_available_least=conf.disk_gb - disk_gb,
            hypervisor_type="simulated",
            hypervisor_version=1_000_000,
            host_ip="127.0.0.1",
            uptime=None,
            running_servers=self._running(name),
            cpu_info={
                "arch": "x86_64",
                "model": "simulated",
                "vendor": "Altostack",
                "features": [],
                "topology": {"cells": 1, "sockets": 1, "cores": conf.vcpus, "threads": 1},
            },
            supported=(("x86_64", "simulated", "hvm"),),
            traits=("COMPUTE_NODE", "COMPUTE_VOLUME_ATTACH", "COMPUTE_NET_ATTACH_INTERFACE"),
        )

    def _running(self, name: str) -> int:
        return self._nodes.running[name]


class Consoles:
    """See `base.Consoles`; there is text but nothing that listens."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def output(self, uuid: str, lines: int | None) -> str:
        """See `base.Consoles.output`."""
        text = self._nodes.get(uuid).console
        return "\n".join(text if lines is None or lines < 0 else text[-lines:] if lines else [])

    def endpoint(self, uuid: str, kind: str) -> Endpoint:
        """See `base.Consoles.endpoint`."""
        self._nodes.get(uuid)
        raise base.DriverError(f"A simulated server has no {kind} console.")


class Disks:
    """See `base.Disks`."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def attach(self, uuid: str, volume: VolumeSpec) -> str:
        """See `base.Disks.attach`."""
        guest = self._nodes.get(uuid)
        if volume.volume_id not in guest.devices:
            self._nodes.work("attach", uuid, guest.node)
        with self._nodes.lock:
            return self.plug(guest, volume)

    def plug(self, guest: Guest, volume: VolumeSpec) -> str:
        """Note a volume's device, the one asked for or the next free; the caller holds the lock."""
        found = guest.devices.get(volume.volume_id)
        if found:
            return found
        used = {name.removeprefix("/dev/") for name in guest.devices.values()}
        if not guest.spec.boot_volume:
            used.add("vda")
        target = (
            volume.target
            if volume.target and volume.target not in used
            else layout.next_device("virtio", used)
        )
        guest.devices[volume.volume_id] = "/dev/" + target
        return "/dev/" + target

    def detach(self, uuid: str, volume_id: str) -> None:
        """See `base.Disks.detach`."""
        guest = self._nodes.guests.get(uuid)
        if guest is not None and volume_id in guest.devices:
            self._nodes.work("detach", uuid, guest.node)
            with self._nodes.lock:
                guest.devices.pop(volume_id, None)
                guest.volume_sizes.pop(volume_id, None)

    def extend(self, uuid: str, volume_id: str, size_bytes: int) -> None:
        """See `base.Disks.extend`."""
        guest = self._nodes.get(uuid)
        if volume_id not in guest.devices:
            raise base.DriverError(f"Volume {volume_id} is not attached to server {uuid}.")
        guest.volume_sizes[volume_id] = size_bytes

    def snapshot(self, uuid: str, path: str, disk_format: str) -> DiskFile:
        """See `base.Disks.snapshot`; the disk is empty, of the flavor's size."""
        guest = self._nodes.get(uuid)
        if guest.spec.boot_volume or not guest.spec.image:
            raise base.DriverError(f"Server {uuid} has no root disk on its host.")
        if disk_format not in ("qcow2", "raw"):
            raise base.Unsupported(f"Snapshots of format {disk_format} are not supported.")
        self._nodes.work("snapshot", uuid, guest.node)
        virtual_size = max(guest.spec.flavor.root_gb, guest.spec.image.min_disk, 1) * GIB
        with open(path, "xb") as f:
            if disk_format == "qcow2":
                f.write(empty_qcow2(virtual_size))
            else:
                f.truncate(virtual_size)
            size = f.seek(0, 2)
        return DiskFile(path, disk_format, size, virtual_size, layout.ROOT)


class Nics:
    """See `base.Nics`."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def attach(self, uuid: str, nic: NicSpec) -> None:
        """See `base.Nics.attach`."""
        guest = self._nodes.get(uuid)
        if nic.tap not in guest.taps:
            self._nodes.work("attach", uuid, guest.node)
            guest.taps[nic.tap] = nic

    def detach(self, uuid: str, port_id: str) -> None:
        """See `base.Nics.detach`."""
        guest = self._nodes.guests.get(uuid)
        tap = "tap" + port_id[:11]
        if guest is not None and tap in guest.taps:
            self._nodes.work("detach", uuid, guest.node)
            guest.taps.pop(tap, None)


class Resize:
    """See `base.Resize`; all simulated nodes share one memory, so no disk ever has to be sent."""

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

    def receive(self, spec: ServerSpec, name: str, stream: BinaryIO) -> None:
        """See `base.Resize.receive`."""
        raise base.DriverError(f"Simulated server {spec.uuid} takes no disk {name}.")

    def finish(self, spec: ServerSpec) -> ServerReport:
        """See `base.Resize.finish`."""
        return self._lifecycle.ensure(spec)

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


class DiagnosticsSource:
    """See `base.DiagnosticsSource`."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def read(self, uuid: str) -> Diagnostics:
        """See `base.DiagnosticsSource.read`; counters that nothing moves are zero."""
        guest = self._nodes.get(uuid)
        if guest.power not in (RUNNING, PAUSED):
            raise base.DriverError(f"Server {uuid} is {guest.power}; there are no diagnostics.")
        flavor, uptime_s = guest.spec.flavor, int(clock.monotonic() - guest.started_s)
        zeros = dict.fromkeys(
            (
                "rx_octets",
                "rx_errors",
                "rx_drop",
                "rx_packets",
                "tx_octets",
                "tx_errors",
                "tx_drop",
                "tx_packets",
            ),
            0,
        )
        nics = [
            {"mac_address": card.mac, **zeros, "rx_rate": None, "tx_rate": None}
            for card in guest.taps.values()
        ]
        disks = [
            dict.fromkeys(("read_bytes", "read_requests", "write_bytes", "write_requests", "errors_count"), 0)
            for _ in range(len(guest.devices) + (not guest.spec.boot_volume))
        ]
        cpus = [{"id": n, "time": uptime_s * 10**9, "utilisation": None} for n in range(flavor.vcpus)]
        standard = {
            "state": guest.power,
            "driver": "simulated",
            "hypervisor": "simulated",
            "hypervisor_os": "linux",
            "uptime": uptime_s,
            "config_drive": guest.spec.config_drive,
            "num_cpus": len(cpus),
            "num_nics": len(nics),
            "num_disks": len(disks),
            "cpu_details": cpus,
            "nic_details": nics,
            "disk_details": disks,
            "memory_details": {"maximum": flavor.ram_mb, "used": flavor.ram_mb},
        }
        legacy = {f"cpu{n}_time": uptime_s * 10**9 for n in range(flavor.vcpus)} | {
            "memory": flavor.ram_mb * 1024
        }
        return Diagnostics(standard, legacy)


class Housekeeping:
    """See `base.Housekeeping`."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def prefetch(self, image: ImageSpec) -> None:
        """See `base.Housekeeping.prefetch`; remembers the image, with no data."""
        self._nodes.images.add(image.id)

    def sweep(self) -> list[str]:
        """See `base.Housekeeping.sweep`; O(number of servers)."""
        nodes = self._nodes
        with nodes.lock:
            used = {g.spec.image.id for g in nodes.guests.values() if g.spec.image}
            removed = sorted(nodes.images - used)
            nodes.images &= used
        return removed


def build(conf: cfg.ConfigOpts) -> base.Driver:
    """The simulated driver for the `[simulated]` section `conf`."""
    nodes = Nodes(conf)
    disks, housekeeping = Disks(nodes), Housekeeping(nodes)
    lifecycle = Lifecycle(nodes, disks, housekeeping)
    return base.Driver(
        name="simulated",
        lifecycle=lifecycle,
        inventory=Inventory(nodes),
        consoles=Consoles(nodes),
        disks=disks,
        nics=Nics(nodes),
        resize=Resize(nodes, lifecycle),
        guest=None,
        diagnostics=DiagnosticsSource(nodes),
        housekeeping=housekeeping,
    )


def empty_qcow2(virtual_size: int) -> bytes:
    """The smallest valid qcow2 (version 2) image of an empty disk: header, refcount table and block, L1 table."""
    cluster = 65536
    l1_entries = -(-virtual_size // (cluster * (cluster // 8)))
    clusters = 3 + -(-l1_entries * 8 // cluster)
    header = struct.pack(
        ">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, 0, 0, 16, virtual_size, 0, l1_entries, 3 * cluster, cluster, 1, 0, 0
    )
    table = struct.pack(">Q", 2 * cluster)
    counts = struct.pack(">H", 1) * clusters
    return (
        header.ljust(cluster, b"\0")
        + table.ljust(cluster, b"\0")
        + counts.ljust(cluster, b"\0")
        + bytes((clusters - 3) * cluster)
    )


def _check(spec: ServerSpec) -> None:
    """Refuse what a real host would refuse."""
    image, root_gb = spec.image, spec.flavor.root_gb
    if image and not spec.boot_volume and 0 < root_gb < image.min_disk:
        raise base.ImageRefused(
            f"Image {image.id} needs {image.min_disk} GiB but the flavor's root disk has {root_gb} GiB."
        )
