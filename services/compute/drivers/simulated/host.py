"""What simulated nodes say about themselves: inventory, consoles, counters, cached images."""

from typing import Any

from common import clock
from services.compute.drivers import base
from services.compute.drivers.simulated.nodes import Nodes
from services.compute.objects.report import Diagnostics, Endpoint, NodeReport, connector
from services.compute.objects.server import (
    PAUSED,
    RUNNING,
    ImageSpec,
)


class Inventory:
    """See `base.Inventory`."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def nodes(self) -> list[str]:
        """See `base.Inventory.nodes`."""
        return list(self._nodes.names)

    def connector(self, name: str) -> dict[str, Any]:
        """See `base.Inventory.connector`."""
        return connector(self._nodes.check(name), "127.0.0.1", "iqn.2010-10.org.altostack:" + name)

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
            "driver": "libvirt",
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


class GuestAgent:
    """See `base.Guest`; every simulated guest has an agent while it runs."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes

    def set_password(self, uuid: str, user: str, password: str) -> None:
        """See `base.Guest.set_password`."""
        guest = self._nodes.get(uuid)
        if guest.power != RUNNING:
            raise base.DriverError(f"The guest agent of server {uuid} does not answer.")
        guest.passwords[user] = password

    def freeze(self, uuid: str) -> bool:
        """See `base.Guest.freeze`."""
        guest = self._nodes.get(uuid)
        guest.frozen = guest.power == RUNNING
        return guest.frozen

    def thaw(self, uuid: str) -> None:
        """See `base.Guest.thaw`."""
        self._nodes.get(uuid).frozen = False


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
