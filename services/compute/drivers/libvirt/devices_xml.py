"""XML of single devices: disks (files and volumes) and network cards, for building domains and for hot-plugging."""

import os
import stat
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from services.compute.drivers.base import Unsupported
from services.compute.drivers.libvirt.layout import Slot
from services.compute.objects.server import FlavorSpec, NicSpec, VolumeSpec

NIC_MODELS = ("virtio", "e1000", "e1000e", "ne2k_pci", "pcnet", "rtl8139", "vmxnet3", "igb")
_CACHE_OF_DRIVER = {"iscsi": "none", "rbd": "writeback", "local": "none"}
_DISK_TUNE = (
    "read_bytes_sec",
    "read_iops_sec",
    "write_bytes_sec",
    "write_iops_sec",
    "total_bytes_sec",
    "total_iops_sec",
)
_VIF_TUNE = {"average": "average", "peak": "peak", "burst": "burst"}


def sub(parent: ET.Element, tag: str, text: object = None, **attributes: object) -> ET.Element:
    """Append a child; attributes that are None are left out."""
    child = ET.SubElement(
        parent, tag, {key: str(value) for key, value in attributes.items() if value is not None}
    )
    if text is not None:
        child.text = str(text)
    return child


def to_text(element: ET.Element) -> str:
    """The element as libvirt takes it."""
    return ET.tostring(element, encoding="unicode")


def file_disk(slot: Slot, path: str, cache: str, flavor: FlavorSpec | None) -> ET.Element:
    """A disk in a file; limits of the flavor (`quota:disk_*`) apply."""
    disk = ET.Element("disk", type="file", device=slot.device)
    sub(
        disk,
        "driver",
        name="qemu",
        type=slot.disk_format,
        cache=cache,
        discard="unmap" if slot.device == "disk" else None,
    )
    sub(disk, "source", file=path)
    sub(disk, "target", dev=slot.target, bus=slot.bus)
    if slot.device == "cdrom":
        sub(disk, "readonly")
    if flavor is not None:
        _tune(
            disk,
            {
                key[len("quota:disk_") :]: value
                for key, value in flavor.extra_specs.items()
                if key.startswith("quota:disk_")
            },
        )
    if slot.boot_order is not None:
        sub(disk, "boot", order=slot.boot_order)
    return disk


def volume_disk(slot: Slot, initiator: str | None) -> ET.Element:
    """A volume, by its connection information: iscsi (QEMU's own initiator), rbd (librbd) or local.

    `initiator` is this host's iSCSI name.
    """
    volume = slot.volume
    assert volume is not None
    data: Mapping[str, Any] = volume.connection_info.get("data") or {}
    kind = str(volume.connection_info.get("driver_volume_type"))
    if data.get("encrypted"):
        raise Unsupported(f"Volume {volume.volume_id} is encrypted, which this driver does not support.")
    source_of = {"iscsi": _iscsi, "rbd": _rbd, "local": _local}.get(kind)
    if source_of is None:
        raise Unsupported(
            f"Volume {volume.volume_id} is reached by {kind}, which this driver does not support."
        )
    disk = ET.Element("disk", type="network", device=slot.device)
    cache = str(data.get("cacheable") and "writeback" or _CACHE_OF_DRIVER[kind])
    sub(
        disk,
        "driver",
        name="qemu",
        type=data.get("format") or "raw",
        cache=cache,
        discard="unmap" if data.get("discard") else None,
    )
    source_of(disk, volume, data)
    source = disk.find("source")
    if kind == "iscsi" and initiator and source is not None:
        sub(sub(source, "initiator"), "iqn", name=initiator)
    sub(disk, "target", dev=slot.target, bus=slot.bus)
    sub(disk, "serial", volume.volume_id)
    if data.get("access_mode") == "ro" or slot.device == "cdrom":
        sub(disk, "readonly")
    if volume.connection_info.get("multiattach") or data.get("multiattach"):
        sub(disk, "shareable")
    _tune(disk, data.get("qos_specs") or {})
    if slot.boot_order is not None:
        sub(disk, "boot", order=slot.boot_order)
    return disk


def secret(volume: VolumeSpec) -> tuple[str, str, str] | None:
    """(secret UUID, secret's XML, value) that the volume's connection needs in libvirt, or None.

    The value is text for CHAP and base64 for Ceph. The UUID is the volume's own, so nothing has to be remembered.
    """
    data: Mapping[str, Any] = volume.connection_info.get("data") or {}
    kind = volume.connection_info.get("driver_volume_type")
    element = ET.Element("secret", ephemeral="no", private="yes")
    if kind == "iscsi" and data.get("auth_method"):
        value, key = str(data["auth_password"]), volume.volume_id
        usage = sub(element, "usage", type="iscsi")
        sub(usage, "target", "altostack-" + volume.volume_id)
    elif kind == "rbd" and data.get("keyring"):
        value, key = _ceph_key(str(data["keyring"])), str(data.get("secret_uuid") or volume.volume_id)
        usage = sub(element, "usage", type="ceph")
        sub(usage, "name", "altostack-" + volume.volume_id)
    else:
        return None
    element.insert(0, ET.Element("uuid"))
    element[0].text = key
    sub(element, "description", f"altostack volume {volume.volume_id}")
    return key, to_text(element), value


def nic(card: NicSpec, properties: Mapping[str, Any], flavor: FlavorSpec | None) -> ET.Element:
    """A network card on its network's bridge; limits of the flavor (`quota:vif_*`, KiB/s) apply."""
    if card.vnic_type != "normal":
        raise Unsupported(
            f"Port {card.port_id} wants vnic_type {card.vnic_type}; this driver has only normal ones."
        )
    model = str(properties.get("hw_vif_model") or "virtio")
    if model not in NIC_MODELS:
        raise Unsupported(f"Image property hw_vif_model={model} is not supported.")
    element = ET.Element("interface", type="bridge")
    sub(element, "mac", address=card.mac)
    sub(element, "source", bridge=card.bridge)
    sub(element, "target", dev=card.tap)
    sub(element, "model", type=model)
    sub(element, "mtu", size=card.mtu)
    if flavor is not None:
        _bandwidth(element, flavor.extra_specs)
    return element


def _bandwidth(element: ET.Element, extra: Mapping[str, str]) -> None:
    limits = {}
    for direction in ("inbound", "outbound"):
        values = {name: extra.get(f"quota:vif_{direction}_{name}") for name in _VIF_TUNE}
        if values["average"]:
            limits[direction] = values
    if limits:
        bandwidth = sub(element, "bandwidth")
        for direction, values in limits.items():
            sub(bandwidth, direction, **values)


def _tune(disk: ET.Element, limits: Mapping[str, Any]) -> None:
    chosen = {name: limits[name] for name in _DISK_TUNE if limits.get(name)}
    if chosen:
        tune = sub(disk, "iotune")
        for name, value in chosen.items():
            sub(tune, name, value)


def _iscsi(disk: ET.Element, volume: VolumeSpec, data: Mapping[str, Any]) -> None:
    host, _, port = str(data["target_portal"]).rpartition(":")
    source = sub(disk, "source", protocol="iscsi", name=f"{data['target_iqn']}/{data.get('target_lun', 1)}")
    sub(source, "host", name=host.strip("[]"), port=port)
    if data.get("auth_method"):
        auth = sub(source, "auth", username=data["auth_username"])
        sub(auth, "secret", type="iscsi", uuid=volume.volume_id)


def _rbd(disk: ET.Element, volume: VolumeSpec, data: Mapping[str, Any]) -> None:
    source = sub(disk, "source", protocol="rbd", name=data["name"])
    hosts, ports = list(data.get("hosts") or []), list(data.get("ports") or [])
    for index, host in enumerate(hosts):
        sub(source, "host", name=str(host).strip("[]"), port=ports[index] if index < len(ports) else None)
    if data.get("auth_enabled"):
        auth = sub(source, "auth", username=data["auth_username"])
        sub(auth, "secret", type="ceph", uuid=data.get("secret_uuid") or volume.volume_id)


def _local(disk: ET.Element, _volume: VolumeSpec, data: Mapping[str, Any]) -> None:
    path = str(data["device_path"])
    block = os.path.exists(path) and stat.S_ISBLK(os.stat(path).st_mode)
    disk.set("type", "block" if block else "file")
    sub(disk, "source", **{"dev" if block else "file": path})


def _ceph_key(keyring: str) -> str:
    """The key of a keyring file's text, or the text itself when it is a bare key."""
    for line in keyring.splitlines():
        name, sep, value = line.partition("=")
        if sep and name.strip() == "key":
            return value.strip()
    return keyring.strip()
