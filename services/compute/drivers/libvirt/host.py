"""What all capabilities of the libvirt driver share: connection, folders, platform, and one lock per server."""

import contextlib
import dataclasses
import threading
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import libvirt
from oslo_config import cfg

from common import process
from services.compute.drivers.base import DriverError
from services.compute.drivers.libvirt.connection import Connection
from services.compute.drivers.libvirt.domain_xml import Platform
from services.compute.drivers.libvirt.local_disks import LocalDisks

SWAPS = "https://altostack.org/xmlns/compute/swaps/1"


class KeyedLocks:
    """One re-entrant lock per key, kept only while somebody holds or awaits it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, tuple[threading.RLock, int]] = {}  # type: ignore[valid-type]

    @contextlib.contextmanager
    def hold(self, key: str) -> Iterator[None]:
        """Hold the lock of `key`."""
        with self._guard:
            lock, users = self._locks.get(key, (threading.RLock(), 0))
            self._locks[key] = (lock, users + 1)
        try:
            with lock:
                yield
        finally:
            with self._guard:
                lock, users = self._locks[key]
                if users == 1:
                    del self._locks[key]
                else:
                    self._locks[key] = (lock, users - 1)


@dataclasses.dataclass
class Host:
    """The shared part of the driver; `conf` is the `[libvirt]` section."""

    conf: cfg.ConfigOpts
    conn: Connection
    disks: LocalDisks
    platform: Platform
    locks: KeyedLocks = dataclasses.field(default_factory=KeyedLocks)

    def xml(self, domain: libvirt.virDomain, inactive: bool = False) -> ET.Element:
        """The domain's description, parsed; the inactive one is what the next start will use."""
        with self.conn.errors():
            flags = libvirt.VIR_DOMAIN_XML_INACTIVE if inactive else 0
            return ET.fromstring(domain.XMLDesc(flags))

    def active(self, domain: libvirt.virDomain) -> bool:
        """Whether the guest runs or is paused (a QEMU process exists)."""
        with self.conn.errors():
            return bool(domain.isActive())


@contextlib.contextmanager
def program_errors() -> Iterator[None]:
    """A helper program's failure is a driver failure."""
    try:
        yield
    except process.CommandError as e:
        raise DriverError(str(e)) from e


def swaps(xml: ET.Element) -> list[ET.Element]:
    """What the swaps of volumes noted in a domain's description: `target`, `serial` and `volume` each."""
    return xml.findall(f"metadata/{{{SWAPS}}}swaps/{{{SWAPS}}}swap")


def volume_of(xml: ET.Element, disk: ET.Element) -> str:
    """The volume that a disk is, or an empty text: its serial number, unless the guest was given another volume since."""
    serial, target = disk.findtext("serial") or "", disk.find("target")
    device = target.get("dev") if target is not None else None
    noted = (s.get("volume", "") for s in swaps(xml) if s.get("target") == device and s.get("serial") == serial)
    return next(noted, serial)


def disk_of_volume(xml: ET.Element, volume_id: str) -> ET.Element | None:
    """The disk of a volume in a domain's description."""
    return next((d for d in xml.findall("devices/disk") if volume_of(xml, d) == volume_id), None)


def volume_devices(xml: ET.Element) -> dict[str, str]:
    """Device names by volume id: every disk that has a serial number is a volume."""
    out = {}
    for disk in xml.findall("devices/disk"):
        volume_id, target = volume_of(xml, disk), disk.find("target")
        if volume_id and target is not None:
            out[volume_id] = "/dev/" + target.get("dev", "")
    return out


def nic_of_tap(xml: ET.Element, tap: str) -> ET.Element | None:
    """The network card with a tap in a domain's description (an inactive one keeps the tap's name too)."""
    for card in xml.findall("devices/interface"):
        target = card.find("target")
        if target is not None and target.get("dev") == tap:
            return card
    return None


def taps(xml: ET.Element) -> tuple[str, ...]:
    """The taps of a domain."""
    return tuple(t.get("dev", "") for t in xml.findall("devices/interface/target"))
