"""What a guest's description becomes when it moves to another libvirt host, without a libvirt host."""

from xml.etree import ElementTree as ET

import pytest

live = pytest.importorskip("services.compute.drivers.libvirt.live", reason="libvirt's Python module is not installed")
from services.compute.drivers.base import DriverError  # noqa: E402
from services.compute.drivers.libvirt import local_disks  # noqa: E402

VOLUME = "0b9ccdc8-0000-0000-0000-000000000001"
SOURCE = f"""<domain type='qemu' xmlns:a='https://altostack.org/xmlns/compute/1'>
<metadata><a:server><a:node>one</a:node></a:server></metadata>
<os><kernel>/disks/one/kernel</kernel><initrd>/elsewhere/ramdisk</initrd></os>
<devices>
<disk type='file' device='disk'><source file='/disks/one/disk'/><backingStore type='file'><source file='/disks/one/disk.base'/>
</backingStore><target dev='vda'/></disk>
<disk type='file' device='cdrom'><source file='/disks/one/disk.config'/><target dev='hdd'/><readonly/></disk>
<disk type='network' device='disk'><source protocol='iscsi' name='iqn.a:old/1'/><target dev='vdb'/><serial>{VOLUME}</serial>
<address type='pci' slot='0x07'/></disk>
<serial type='tcp'><source mode='bind' host='10.0.0.1' service='10000'/><log file='/disks/one/console.log'/></serial>
<graphics type='vnc' port='5900' listen='10.0.0.1'><listen type='address' address='10.0.0.1'/></graphics>
</devices></domain>"""
PLAN = {"node": "two", "folder": "/other/two", "listen": "10.0.0.2", "serial_port": 10007,
        "volumes": {VOLUME: "<disk type='network'><source protocol='iscsi' name='iqn.b:new/2'/></disk>"}}


def test_what_belongs_to_the_host_changes_and_what_the_guest_sees_stays():
    made = ET.fromstring(live.at_destination(SOURCE, PLAN, "/disks/one"))
    files = [e.get("file") for e in made.iter() if e.get("file")]
    assert files == ["/other/two/disk", "/other/two/disk.base", "/other/two/disk.config", "/other/two/console.log"]
    assert (made.findtext("os/kernel"), made.findtext("os/initrd")) == ("/other/two/kernel", "/elsewhere/ramdisk")
    volume = made.findall("devices/disk")[2]
    assert volume.find("source").get("name") == "iqn.b:new/2"
    assert volume.find("target").get("dev") == "vdb" and volume.find("address").get("slot") == "0x07"
    serial = made.find("devices/serial/source")
    assert (serial.get("host"), serial.get("service")) == ("10.0.0.2", "10007")
    graphics = made.find("devices/graphics")
    assert (graphics.get("listen"), graphics.find("listen").get("address")) == ("10.0.0.2", "10.0.0.2")
    assert next(made.iter("{https://altostack.org/xmlns/compute/1}node")).text == "two"


def test_disks_that_a_guest_may_write_to_are_those_that_are_copied():
    found = live._writable_files(ET.fromstring(SOURCE), "/disks/one")
    assert found == [("/disks/one/disk", "vda")]


@pytest.mark.parametrize("name", ["../../etc/passwd", "disk.part", "", "/disk"])
def test_only_names_of_disks_are_taken_from_another_host(name):
    with pytest.raises(DriverError):
        local_disks.checked(name)


def test_the_folder_of_a_moves_sockets_is_the_same_on_both_hosts_and_not_to_be_guessed():
    one, two = live._socket_folder({"marker": "secret"}), live._socket_folder({"marker": "other"})
    assert one == live._socket_folder({"marker": "secret"}) != two
    assert len(one + "/migrate.sock") < 100, "the length of UNIX socket paths is limited"
