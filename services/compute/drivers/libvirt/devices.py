"""Attaching and detaching volumes and network cards, hot when the guest runs.

A running guest decides itself when it lets go of a device, and may not listen at all (still booting, hung), so a removal
is asked for several times and waited for; the device counts as gone only when the live domain no longer has it.
"""

import base64
import logging
from collections.abc import Callable
from xml.etree import ElementTree as ET

import libvirt

from services.compute.drivers.base import DeviceBusy, DriverError
from services.compute.drivers.libvirt import bridges, devices_xml, layout, snapshot, swap
from services.compute.drivers.libvirt.host import Host, disk_of_volume, nic_of_tap, program_errors
from services.compute.objects.report import DiskFile
from services.compute.objects.server import NicSpec, VolumeSpec

LOG = logging.getLogger(__name__)
_ALREADY_UNPLUGGING = (
    libvirt.VIR_ERR_OPERATION_FAILED,
    libvirt.VIR_ERR_DEVICE_MISSING,
    libvirt.VIR_ERR_INTERNAL_ERROR,
)
Finder = Callable[[ET.Element], ET.Element | None]


class Disks:
    """See `base.Disks`."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def attach(self, uuid: str, volume: VolumeSpec) -> str:
        """See `base.Disks.attach`."""
        host = self._host
        with host.locks.hold(uuid), program_errors():
            domain = host.conn.domain(uuid)
            xml = host.xml(domain)
            inactive = host.xml(domain, inactive=True)
            found = disk_of_volume(xml, volume.volume_id)
            kept = disk_of_volume(inactive, volume.volume_id)
            target = _target(found if found is not None else kept) or self._free(xml, inactive, volume)
            if found is None and host.active(domain):
                swap.note(host, domain, target, None)
            bus = volume.bus or _bus_of_root(xml)
            slot = layout.Slot("", target, bus, "raw", device=volume.device_type, volume=volume)
            element = devices_xml.volume_disk(slot, host.platform.initiator)
            define_secret(host, volume)
            _plug(
                host,
                domain,
                devices_xml.to_text(element),
                live=found is None,
                config=kept is None,
                what=f"volume {volume.volume_id}",
            )
            return "/dev/" + target

    def detach(self, uuid: str, volume_id: str) -> None:
        """See `base.Disks.detach`."""
        host = self._host
        with host.locks.hold(uuid), program_errors():
            domain = host.conn.find(uuid)
            if domain is not None:
                target = _target(disk_of_volume(host.xml(domain), volume_id))
                unplug(host, domain, lambda xml: disk_of_volume(xml, volume_id), f"volume {volume_id}")
                if target is not None and host.active(domain):
                    swap.note(host, domain, target, None)
            remove_secret(host, volume_id)

    def swap(
        self, uuid: str, old_id: str, volume: VolumeSpec, size_bytes: int | None, wanted: Callable[[], bool]
    ) -> None:
        """See `base.Disks.swap`."""
        with self._host.locks.hold(uuid), program_errors():
            define_secret(self._host, volume)
            swap.swap(self._host, uuid, old_id, volume, size_bytes, wanted)
            remove_secret(self._host, old_id)

    def unswap(self, uuid: str, old_id: str, volume: VolumeSpec) -> bool:
        """See `base.Disks.unswap`."""
        with self._host.locks.hold(uuid), program_errors():
            done = swap.give_up(self._host, uuid, old_id, volume)
            if not done:
                remove_secret(self._host, volume.volume_id)
            return done

    def extend(self, uuid: str, volume_id: str, size_bytes: int) -> None:
        """See `base.Disks.extend`."""
        host = self._host
        domain = host.conn.domain(uuid)
        if not host.active(domain):
            return
        target = _target(disk_of_volume(host.xml(domain), volume_id))
        if target is None:
            raise DriverError(f"Volume {volume_id} is not attached to server {uuid}.")
        with host.conn.errors(f"Volume {volume_id} could not be extended"):
            domain.blockResize(target, size_bytes, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)

    def snapshot(self, uuid: str, path: str, disk_format: str, must_quiesce: bool = False) -> DiskFile:
        """See `base.Disks.snapshot`."""
        with self._host.locks.hold(uuid), program_errors():
            return snapshot.take(self._host, uuid, path, disk_format, must_quiesce)

    def _free(self, xml: ET.Element, inactive: ET.Element, volume: VolumeSpec) -> str:
        used = {t.get("dev", "") for tree in (xml, inactive) for t in tree.findall("devices/disk/target")}
        if volume.target and volume.target not in used:
            return volume.target
        return layout.next_device(volume.bus or _bus_of_root(xml), used)


class Nics:
    """See `base.Nics`."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def attach(self, uuid: str, nic: NicSpec) -> None:
        """See `base.Nics.attach`; the new card's model is that of the server's first one."""
        host = self._host
        with host.locks.hold(uuid), program_errors():
            domain = host.conn.domain(uuid)
            xml = host.xml(domain)
            model = xml.find("devices/interface/model")
            properties = {"hw_vif_model": model.get("type")} if model is not None else {}
            element = devices_xml.nic(nic, properties, None)
            bridges.ensure(nic.bridge, nic.mtu)
            _plug(
                host,
                domain,
                devices_xml.to_text(element),
                live=nic_of_tap(xml, nic.tap) is None,
                config=nic_of_tap(host.xml(domain, inactive=True), nic.tap) is None,
                what=f"port {nic.port_id}",
            )

    def detach(self, uuid: str, port_id: str) -> None:
        """See `base.Nics.detach`."""
        tap = "tap" + port_id[:11]
        self.detach_tap(uuid, tap)

    def detach_tap(self, uuid: str, tap: str) -> None:
        """Unplug the card behind a tap."""
        host = self._host
        with host.locks.hold(uuid), program_errors():
            domain = host.conn.find(uuid)
            if domain is not None:
                unplug(host, domain, lambda xml: nic_of_tap(xml, tap), f"network device {tap}")


def define_secret(host: Host, volume: VolumeSpec) -> None:
    """Give libvirt the secret that a volume's connection needs, if any."""
    found = devices_xml.secret(volume)
    if found is None:
        return
    key, xml, value = found
    raw = (
        value.encode()
        if volume.connection_info.get("driver_volume_type") == "iscsi"
        else base64.b64decode(value)
    )
    with host.conn.errors(f"The secret of volume {volume.volume_id} could not be stored"):
        conn = host.conn.get()
        try:
            secret = conn.secretDefineXML(xml)
        except libvirt.libvirtError as e:
            if e.get_error_code() != libvirt.VIR_ERR_INTERNAL_ERROR:
                raise
            secret = conn.secretLookupByUUIDString(key)
        secret.setValue(raw)


def remove_secret(host: Host, volume_id: str) -> None:
    """Take a volume's own secret from libvirt; nothing happens when it has none."""
    with host.conn.errors(f"The secret of volume {volume_id} could not be removed"):
        try:
            host.conn.get().secretLookupByUUIDString(volume_id).undefine()
        except libvirt.libvirtError as e:
            if e.get_error_code() not in (libvirt.VIR_ERR_NO_SECRET, libvirt.VIR_ERR_INVALID_ARG):
                raise


def unplug(host: Host, domain: libvirt.virDomain, find: Finder, what: str) -> None:
    """Remove what `find` finds from the running and from the stored domain; DeviceBusy when the guest keeps it."""
    if host.active(domain):
        _unplug_live(host, domain, find, what)
    element = find(host.xml(domain, inactive=True))
    if element is not None:
        with host.conn.errors(f"Detaching {what} failed"):
            domain.detachDeviceFlags(devices_xml.to_text(element), libvirt.VIR_DOMAIN_AFFECT_CONFIG)


def _unplug_live(host: Host, domain: libvirt.virDomain, find: Finder, what: str) -> None:
    def gone() -> bool:
        return not host.active(domain) or find(host.xml(domain)) is None

    for attempt in range(host.conf.detach_attempts):
        element = find(host.xml(domain))
        if element is None:
            return
        with host.conn.errors(f"Detaching {what} failed"):
            try:
                domain.detachDeviceFlags(devices_xml.to_text(element), libvirt.VIR_DOMAIN_AFFECT_LIVE)
            except libvirt.libvirtError as e:
                if gone():
                    return
                if e.get_error_code() not in _ALREADY_UNPLUGGING:
                    raise
                LOG.debug("asking again to detach %s: %s", what, e)
        if host.conn.wait(gone, host.conf.detach_timeout_s):
            return
        LOG.info("the guest keeps %s after request %d", what, attempt + 1)
    raise DeviceBusy(f"The guest does not let go of {what}; it was asked {host.conf.detach_attempts} times.")


def _plug(host: Host, domain: libvirt.virDomain, xml: str, *, live: bool, config: bool, what: str) -> None:
    flags = (libvirt.VIR_DOMAIN_AFFECT_LIVE if live and host.active(domain) else 0) | (
        libvirt.VIR_DOMAIN_AFFECT_CONFIG if config else 0
    )
    if not flags:
        return
    with host.conn.errors(f"Attaching {what} failed"):
        domain.attachDeviceFlags(xml, flags)


def _target(disk: ET.Element | None) -> str | None:
    target = disk.find("target") if disk is not None else None
    return target.get("dev") if target is not None else None


def _bus_of_root(xml: ET.Element) -> str:
    for disk in xml.findall("devices/disk"):
        target = disk.find("target")
        if disk.get("device") == "disk" and target is not None:
            return target.get("bus", "virtio")
    return "virtio"
