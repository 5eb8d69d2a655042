"""What the libvirt driver asks of libvirt for a server, without a libvirt."""

import base64
import dataclasses
import json
from xml.etree import ElementTree as ET

import pytest

from services.compute.drivers.base import Unsupported
from services.compute.drivers.libvirt import config_drive, devices_xml, domain_xml, layout
from services.compute.objects.server import FlavorSpec, ImageSpec, NicSpec, RescueSpec, ServerSpec, VolumeSpec

PLATFORM = domain_xml.Platform("qemu", "pc", "maximum", None, "qcow2", "none", "127.0.0.1", 12, 10, True)
ISCSI = VolumeSpec(
    "0b9ccdc8-0000-0000-0000-000000000001",
    {
        "driver_volume_type": "iscsi",
        "data": {
            "target_portal": "[fd00::1]:3260",
            "target_iqn": "iqn.x:y",
            "target_lun": 3,
            "auth_method": "CHAP",
            "auth_username": "u",
            "auth_password": "p",
            "access_mode": "ro",
            "qos_specs": {"total_iops_sec": "100"},
        },
    },
)
NIC = NicSpec("11111111-1111-1111", "22222222-2222-2222", "fa:16:3e:00:00:01", mtu=1450)


def spec(
    flavor: dict[str, object] | None = None, properties: dict[str, str] | None = None, **fields: object
) -> ServerSpec:
    made = ServerSpec(
        "5d0c7f84-0000-0000-0000-000000000001",
        FlavorSpec(**{"vcpus": 2, "ram_mb": 256, "root_gb": 1, **(flavor or {})}),
        name="n&<",
        image=ImageSpec("i", properties=properties or {}),
    )
    return dataclasses.replace(made, **fields)


def build(
    wanted: ServerSpec, platform: domain_xml.Platform = PLATFORM, port: int | None = None
) -> ET.Element:
    return ET.fromstring(domain_xml.build(wanted, platform, "/i/u", port))


def test_spec_survives_the_wire() -> None:
    full = spec(
        nics=(NIC,), volumes=(ISCSI,), rescue=RescueSpec(ImageSpec("r")), metadata={"meta_data": {"a": 1}}
    )
    data = json.loads(json.dumps(full.to_dict()))
    assert ServerSpec.from_dict(data) == full
    assert ServerSpec.from_dict({**data, "from_the_future": 1}) == full


def test_plain_domain() -> None:
    xml = build(spec(nics=(NIC,)))
    assert (
        xml.get("type") == "qemu" and xml.findtext("name") == "instance-5d0c7f84-0000-0000-0000-000000000001"
    )
    assert xml.findtext(f"metadata/{{{domain_xml.NAMESPACE}}}server/{{{domain_xml.NAMESPACE}}}name") == "n&<"
    assert xml.find("devices/disk/source").get("file") == "/i/u/disk"
    assert xml.find("devices/disk/target").attrib == {"dev": "vda", "bus": "virtio"}
    card = xml.find("devices/interface")
    assert (
        card.find("source").get("bridge") == "brq22222222-22"
        and card.find("target").get("dev") == "tap11111111-11"
    )
    assert xml.find("devices/serial/log").get("file") == "/i/u/console.log"
    assert xml.find("memoryBacking/nosharepages") is not None, "no page of a guest is shared with another's"
    assert xml.find("devices/rng") is not None and xml.find("devices/graphics").get("type") == "vnc"
    assert xml.find("cpu/topology").attrib == {"sockets": "2", "cores": "1", "threads": "1"}


def test_iscsi_volume_and_its_secret() -> None:
    disk = build(spec(volumes=(ISCSI,))).findall("devices/disk")[1]
    assert disk.find("source").attrib == {"protocol": "iscsi", "name": "iqn.x:y/3"}
    assert disk.find("source/host").attrib == {"name": "fd00::1", "port": "3260"}
    assert disk.find("source/auth/secret").get("uuid") == ISCSI.volume_id == disk.findtext("serial")
    assert disk.find("readonly") is not None and disk.findtext("iotune/total_iops_sec") == "100"
    assert devices_xml.secret(ISCSI)[0] == ISCSI.volume_id and devices_xml.secret(ISCSI)[2] == "p"
    assert "p" != ET.fromstring(devices_xml.secret(ISCSI)[1]).findtext("usage")


def test_rbd_volume() -> None:
    volume = VolumeSpec(
        "v",
        {
            "driver_volume_type": "rbd",
            "data": {
                "name": "pool/vol",
                "hosts": ["a", "b"],
                "ports": ["1", "2"],
                "auth_enabled": True,
                "auth_username": "c",
                "secret_uuid": "s",
            },
        },
    )
    disk = build(spec(volumes=(volume,))).findall("devices/disk")[1]
    assert [h.get("name") for h in disk.findall("source/host")] == ["a", "b"]
    assert disk.find("source/auth/secret").get("uuid") == "s" and devices_xml.secret(volume) is None


def test_properties_are_honoured() -> None:
    xml = build(
        spec(
            {
                "extra_specs": {
                    "hw:watchdog_action": "reset",
                    "quota:cpu_shares": "7",
                    "quota:disk_read_iops_sec": "9",
                    "hw:cpu_sockets": "1",
                }
            },
            {
                "hw_disk_bus": "scsi",
                "hw_vif_model": "e1000",
                "hw_video_model": "virtio",
                "hw_qemu_guest_agent": "yes",
                "hw_machine_type": "q35",
                "os_type": "windows",
                "hw_pointer_model": "usbtablet",
            },
            nics=(NIC,),
            config_drive=True,
        )
    )
    targets = [t.attrib for t in xml.findall("devices/disk/target")]
    assert targets == [{"dev": "sda", "bus": "scsi"}, {"dev": "sdz", "bus": "sata"}]
    assert xml.find("devices/interface/model").get("type") == "e1000"
    assert xml.find("devices/watchdog").get("action") == "reset" and xml.findtext("cputune/shares") == "7"
    assert xml.find("devices/channel/target").get("name") == "org.qemu.guest_agent.0"
    assert xml.find("clock").get("offset") == "localtime" and xml.find("devices/input").get("bus") == "usb"
    assert xml.findtext("devices/disk/iotune/read_iops_sec") == "9"
    assert xml.find("cpu/topology").attrib == {"sockets": "1", "cores": "2", "threads": "1"}
    assert len(xml.findall("devices/controller[@model='pcie-root-port']")) > 8


def test_boot_from_volume_rescue_and_disk_order() -> None:
    boot = dataclasses.replace(ISCSI, boot_index=0)
    flavor = {"ephemeral_gb": 1, "swap_mb": 1}
    order = [
        (s.name or "volume", s.target, s.boot_order)
        for s in layout.slots(spec(flavor, volumes=(boot,)), "pc", "qcow2")
    ]
    assert order == [("volume", "vda", 1), ("disk.eph0", "vdb", None), ("disk.swap", "vdc", None)]
    slots = layout.slots(
        spec(volumes=(dataclasses.replace(ISCSI, device="/dev/vdb"),), rescue=RescueSpec(ImageSpec("r"))),
        "pc",
        "raw",
    )
    assert [(s.name, s.target, s.boot_order) for s in slots] == [
        ("disk.rescue", "vda", 1),
        ("disk", "vdc", None),
        ("", "vdb", None),
    ]


@pytest.mark.parametrize(
    "wanted",
    [
        spec({"extra_specs": {"hw:cpu_policy": "dedicated"}}),
        spec({"extra_specs": {"pci_passthrough:alias": "gpu:1"}}),
        spec({"extra_specs": {"hw:cpu_cores": "3"}}),
        spec(None, {"hw_disk_bus": "floppy"}),
        spec(None, {"hw_video_model": "matrox"}),
        spec(nics=(dataclasses.replace(NIC, vnic_type="direct"),)),
        spec(volumes=(VolumeSpec("v", {"driver_volume_type": "fibre_channel", "data": {}}),)),
        spec(
            volumes=(
                VolumeSpec(
                    "v", {"driver_volume_type": "local", "data": {"device_path": "/x", "encrypted": True}}
                ),
            )
        ),
    ],
)
def test_what_cannot_be_had_is_refused(wanted: ServerSpec) -> None:
    with pytest.raises(Unsupported):
        build(wanted)


def test_serial_port() -> None:
    serial = build(spec(), port=10001).find("devices/serial")
    assert serial.get("type") == "tcp" and serial.find("source").get("service") == "10001"


def test_config_drive_documents() -> None:
    wanted = spec(
        admin_pass="secret",
        user_data=base64.b64encode(b"#!/bin/sh").decode(),
        files={"/etc/motd": base64.b64encode(b"hi").decode()},
        metadata={
            "meta_data": {"hostname": "h.example"},
            "network_data": {"links": []},
            "ec2": {"ami-id": "x"},
        },
    )
    files = config_drive.contents(wanted)
    meta = json.loads(files["openstack/latest/meta_data.json"])
    assert (meta["hostname"], meta["admin_pass"]) == ("h.example", "secret")
    assert files["openstack" + meta["files"][0]["content_path"]] == b"hi"
    assert files["openstack/latest/user_data"] == b"#!/bin/sh" == files["ec2/latest/user-data"]
    assert "ec2/latest/meta-data.json" in files and "openstack/latest/network_data.json" in files
