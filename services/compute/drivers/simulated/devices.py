"""Volumes, network cards and root disk snapshots of simulated servers."""

import struct
from collections.abc import Callable

from services.compute.drivers import base
from services.compute.drivers.libvirt import layout
from services.compute.drivers.simulated.nodes import Guest, Nodes
from services.compute.objects.report import DiskFile
from services.compute.objects.server import PAUSED, RUNNING, NicSpec, VolumeSpec

GIB = 1024**3


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

    def swap(self, uuid: str, old_id: str, volume: VolumeSpec, size_bytes: int | None, wanted: Callable[[], bool]) -> None:
        """See `base.Disks.swap`; takes the time of the operation `swap`."""
        guest = self._nodes.get(uuid)
        if volume.volume_id in guest.devices:
            return
        if guest.power not in (RUNNING, PAUSED):
            raise base.DriverError(f"Server {uuid} does not run: its volumes cannot be swapped.")
        if old_id not in guest.devices:
            raise base.DriverError(f"Volume {old_id} is not attached to server {uuid}.")
        self._nodes.work("swap", uuid, guest.node)
        if not wanted():
            raise base.DriverError("The swap of the volume is not wanted any more.")
        with self._nodes.lock:
            guest.devices[volume.volume_id] = guest.devices.pop(old_id)
            guest.volume_sizes.pop(old_id, None)
            if size_bytes is not None:
                guest.volume_sizes[volume.volume_id] = size_bytes

    def unswap(self, uuid: str, old_id: str, volume: VolumeSpec) -> bool:
        """See `base.Disks.unswap`."""
        guest = self._nodes.guests.get(uuid)
        return guest is not None and volume.volume_id in guest.devices

    def extend(self, uuid: str, volume_id: str, size_bytes: int) -> None:
        """See `base.Disks.extend`."""
        guest = self._nodes.get(uuid)
        if volume_id not in guest.devices:
            raise base.DriverError(f"Volume {volume_id} is not attached to server {uuid}.")
        guest.volume_sizes[volume_id] = size_bytes

    def snapshot(self, uuid: str, path: str, disk_format: str, must_quiesce: bool = False) -> DiskFile:
        """See `base.Disks.snapshot`; the disk is empty, of the flavor's size, and nothing in it needs to be frozen."""
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
