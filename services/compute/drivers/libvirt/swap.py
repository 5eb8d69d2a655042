"""Giving a running guest another volume in the place of one: QEMU copies it, keeps both equal, and turns to the new one.

What the guest sees stays, the device's serial number (the old volume's id) included, until its domain is built anew. So
the live domain notes which volume such a disk really is (`host.volume_of` reads it); the stored one says so itself.
"""

import copy
from collections.abc import Callable
from xml.etree import ElementTree as ET

import libvirt

from services.compute.drivers.base import DriverError
from services.compute.drivers.libvirt import devices_xml, host, layout
from services.compute.objects.server import VolumeSpec

Wanted = Callable[[], bool]
POLL_S = 1.0
_KEY = "altostack-swaps"
_COPY = libvirt.VIR_DOMAIN_BLOCK_COPY_REUSE_EXT | libvirt.VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB


def swap(here: host.Host, uuid: str, old_id: str, volume: VolumeSpec, size_bytes: int | None, wanted: Wanted) -> None:
    """See `base.Disks.swap`; the secret of `volume` is defined."""
    domain = here.conn.domain(uuid)
    if not here.active(domain):
        raise DriverError(f"Server {uuid} does not run: its volumes cannot be swapped.")
    new = _element(here, volume)
    target = _swapped(here.xml(domain), old_id, volume.volume_id, new)
    if target is None:
        target = _copy(here, domain, old_id, _cut(new, size_bytes), wanted)
    note(here, domain, target, volume.volume_id)
    _store(here, domain, old_id, volume.volume_id, new)


def give_up(here: host.Host, uuid: str, old_id: str, volume: VolumeSpec) -> bool:
    """See `base.Disks.unswap`."""
    domain = here.conn.find(uuid)
    if domain is None:
        return False
    xml = here.xml(domain)
    if _swapped(xml, old_id, volume.volume_id, _element(here, volume)) is not None:
        return True
    disk = host.disk_of_volume(xml, old_id)
    if disk is not None and here.active(domain):
        _end_job(here, domain, target_of(disk))
    return False


def note(here: host.Host, domain: libvirt.virDomain, target: str, volume_id: str | None) -> None:
    """Write down in the live domain that the disk `target` is `volume_id` whatever its serial says (None: forget that)."""
    xml = here.xml(domain)
    serials = {target_of(d): d.findtext("serial") or "" for d in xml.findall("devices/disk")}
    known = {item.get("target", ""): dict(item.attrib) for item in host.swaps(xml)}
    changed = {t: a for t, a in known.items() if t != target}
    if volume_id is not None and serials.get(target) != volume_id:
        changed[target] = {"target": target, "serial": serials.get(target, ""), "volume": volume_id}
    if changed == known:
        return
    root = ET.Element("swaps")  # libvirt itself puts it into the namespace
    for attributes in changed.values():
        ET.SubElement(root, "swap", attributes)
    with here.conn.errors("The domain's notes could not be written"):
        domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, devices_xml.to_text(root) if changed else None, _KEY,
                           host.SWAPS, libvirt.VIR_DOMAIN_AFFECT_LIVE)


def target_of(disk: ET.Element) -> str:
    """`vdb`, of a disk in a domain's description."""
    found = disk.find("target")
    return found.get("dev", "") if found is not None else ""


def _element(here: host.Host, volume: VolumeSpec) -> ET.Element:
    slot = layout.Slot("", volume.target or "vdz", "virtio", "raw", device=volume.device_type, volume=volume)
    return devices_xml.volume_disk(slot, here.platform.initiator)


def _cut(disk: ET.Element, size_bytes: int | None) -> ET.Element:
    """The disk, of which only the first `size_bytes` are used: QEMU turns to none that is larger than the one before."""
    cut = copy.deepcopy(disk)
    source = cut.find("source")
    if size_bytes is not None and source is not None:
        devices_xml.sub(devices_xml.sub(source, "slices"), "slice", type="storage", offset=0, size=size_bytes)
    return cut


def _swapped(xml: ET.Element, old_id: str, new_id: str, new: ET.Element) -> str | None:
    """The target of the disk that is the new volume, noted or not yet."""
    disk = host.disk_of_volume(xml, new_id)
    if disk is None:
        disk = host.disk_of_volume(xml, old_id)
        if disk is None or not _same_source(disk, new):
            return None
    return target_of(disk)


def _same_source(one: ET.Element, other: ET.Element) -> bool:
    a, b = one.find("source"), other.find("source")
    if a is None or b is None:
        return False
    return any(a.get(k) for k in ("name", "file", "dev")) and all(
        a.get(k) == b.get(k) for k in ("protocol", "name", "file", "dev"))


def _copy(here: host.Host, domain: libvirt.virDomain, old_id: str, new: ET.Element, wanted: Wanted) -> str:
    """Copy the disk and turn the guest to the copy; its target. A copy that was begun before begins anew."""
    disk = host.disk_of_volume(here.xml(domain), old_id)
    if disk is None:
        raise DriverError(f"Volume {old_id} is not attached to this server.")
    target = target_of(disk)
    _end_job(here, domain, target)
    with here.conn.errors("The volume could not be copied"):
        domain.blockCopy(target, devices_xml.to_text(new), {}, _COPY)
    try:
        while True:
            if not wanted():
                raise DriverError("The swap of the volume is not wanted any more.")
            if _ready(here, domain, target):
                break
            here.conn.wait(lambda: False, POLL_S)
        with here.conn.errors("The guest could not be given the new volume"):
            domain.blockJobAbort(target, libvirt.VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT)
    except DriverError:
        _end_job(here, domain, target)
        raise
    return target


def _ready(here: host.Host, domain: libvirt.virDomain, target: str) -> bool:
    """Whether both are equal now; DriverError when the copy has ended without that."""
    with here.conn.errors("The volume could not be copied"):
        if not domain.blockJobInfo(target, 0):
            raise DriverError("The copy of the volume broke off; the new one could not be written.")
    disk = next((d for d in here.xml(domain).findall("devices/disk") if target_of(d) == target), None)
    mirror = disk.find("mirror") if disk is not None else None
    return mirror is not None and mirror.get("ready") == "yes"


def _end_job(here: host.Host, domain: libvirt.virDomain, target: str) -> None:
    if not here.active(domain):
        return
    with here.conn.errors("The copy of the volume could not be ended"):
        if domain.blockJobInfo(target, 0):
            domain.blockJobAbort(target, 0)


def _store(here: host.Host, domain: libvirt.virDomain, old_id: str, new_id: str, new: ET.Element) -> None:
    """The stored domain, from which the guest starts next, has the new volume, with its own serial."""
    with here.conn.errors():
        root = ET.fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE))
    disk = next((d for d in root.findall("devices/disk") if d.findtext("serial") == old_id), None)
    if disk is None:
        return
    reconnect(disk, new, whole=True)
    serial = disk.find("serial")
    assert serial is not None
    serial.text = new_id
    with here.conn.errors("The domain could not be stored with its new volume"):
        here.conn.get().defineXML(devices_xml.to_text(root))


def reconnect(disk: ET.Element, wanted: ET.Element, *, whole: bool = False) -> None:
    """Give a disk another connection; how the guest sees it stays, but that it gets all of it when it is to be `whole`."""
    old, new = disk.find("source"), wanted.find("source")
    if new is None:
        return
    disk.set("type", wanted.get("type", "network"))
    if old is not None:
        if not whole:
            new.extend(old.findall("slices"))
        place = list(disk).index(old)
        disk.remove(old)
        disk.insert(place, new)
    else:
        disk.append(new)
