"""Which disk of a server sits where: device names and buses, decided without looking at the host.

The order is root, ephemeral, swap, volumes, as guests of other clouds expect; a volume keeps the name it was given.
"""

import dataclasses
import string
from collections.abc import Iterable, Mapping
from typing import Any

from services.compute.drivers.base import Unsupported
from services.compute.objects.server import ServerSpec, VolumeSpec

PREFIXES = {"virtio": "vd", "scsi": "sd", "sata": "sd", "usb": "sd", "ide": "hd", "fdc": "fd"}
ROOT, RESCUE, EPHEMERAL, SWAP, CONFIG = "disk", "disk.rescue", "disk.eph0", "disk.swap", "disk.config"
KERNEL, RAMDISK, CONSOLE_LOG = "kernel", "ramdisk", "console.log"


@dataclasses.dataclass(frozen=True)
class Slot:
    """One disk of a domain: a file of the server's folder (`name`) or a `volume`, and where the guest sees it."""

    name: str
    target: str
    bus: str
    disk_format: str = "qcow2"
    device: str = "disk"
    boot_order: int | None = None
    volume: VolumeSpec | None = None


def slots(spec: ServerSpec, machine: str, root_format: str) -> list[Slot]:
    """The disks of a server on a machine type (`pc…` or `q35…`), in order; `root_format` is raw or qcow2."""
    properties = spec.properties
    bus = disk_bus(properties)
    taken = {volume.target for volume in spec.volumes if volume.target}
    out: list[Slot] = []

    def local(name: str, fmt: str, boot_order: int | None = None) -> None:
        target = next_device(bus, taken)
        taken.add(target)
        out.append(Slot(name, target, bus, fmt, boot_order=boot_order))

    if spec.rescue:
        local(RESCUE, root_format, 1)
    if spec.image and not spec.boot_volume:
        local(ROOT, root_format, None if spec.rescue else 1)
    boot_volume = spec.boot_volume
    if boot_volume:
        out.append(_volume(boot_volume, properties, taken, None if spec.rescue else 1))
    if spec.flavor.ephemeral_gb:
        local(EPHEMERAL, "raw")
    if spec.flavor.swap_mb:
        local(SWAP, "raw")
    out += [_volume(v, properties, taken, None) for v in spec.volumes if v is not boot_volume]
    if spec.config_drive:
        cd_bus = str(properties.get("hw_cdrom_bus") or default_cdrom_bus(machine))
        if cd_bus not in PREFIXES:
            raise Unsupported(f"Image property hw_cdrom_bus={cd_bus} is not supported.")
        out.append(
            Slot(
                CONFIG,
                next_device(cd_bus, taken, last=True),
                cd_bus,
                "raw",
                device="disk" if cd_bus == "virtio" else "cdrom",
            )
        )
    return out


def disk_bus(properties: Mapping[str, Any]) -> str:
    """The bus of a server's disks by its image's properties."""
    bus = str(properties.get("hw_disk_bus") or "virtio")
    if bus not in PREFIXES:
        raise Unsupported(f"Image property hw_disk_bus={bus} is not supported.")
    return bus


def default_cdrom_bus(machine: str) -> str:
    """q35 has no IDE."""
    return "sata" if "q35" in machine else "ide"


def next_device(bus: str, taken: Iterable[str], last: bool = False) -> str:
    """The first (or last) device name of a bus that is not taken: `vdb`."""
    names = [PREFIXES[bus] + letter for letter in _letters(bus)]
    used = set(taken)
    for name in reversed(names) if last else names:
        if name not in used:
            return name
    raise Unsupported(f"The server has no {bus} slot left for another disk.")


def bus_of_volume(volume: VolumeSpec, properties: Mapping[str, Any]) -> str:
    """The bus a volume is plugged into."""
    bus = volume.bus or disk_bus(properties)
    if bus not in PREFIXES:
        raise Unsupported(f"Disk bus {bus} is not supported.")
    return bus


def _letters(bus: str) -> list[str]:
    if bus == "ide":
        return list("abcd")
    letters = list(string.ascii_lowercase)
    return letters + ["a" + letter for letter in letters] if bus in ("virtio", "scsi") else letters


def _volume(
    volume: VolumeSpec, properties: Mapping[str, Any], taken: set[str], boot_order: int | None
) -> Slot:
    bus = bus_of_volume(volume, properties)
    target = volume.target
    if target is None or target[:2] != PREFIXES[bus]:
        taken.discard(target or "")
        target = next_device(bus, taken)
    taken.add(target)
    device = "cdrom" if volume.device_type == "cdrom" else "disk"
    return Slot("", target, bus, "raw", device=device, boot_order=boot_order, volume=volume)
