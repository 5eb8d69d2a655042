"""The libvirt driver against a real libvirtd, QEMU without KVM, and a guest that reports what it sees."""

import glob
import os
import pathlib
import shutil
import subprocess
import uuid
from collections.abc import Iterator

import pytest
from oslo_config import cfg

from services.compute.drivers import base, load_driver, options
from services.compute.objects import server as objects
from tests.functional.compute_drivers import guest, hosts
from tests.waiting import wait_for

MIB = 1024**2
_NEEDED = (
    "libvirtd",
    "qemu-system-x86_64",
    "qemu-img",
    "unshare",
    "tgtd",
    "tgtadm",
    "cpio",
    "busybox",
    "virsh",
)
_MISSING = [
    name for name in _NEEDED if shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None
]
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.getuid() != 0, reason="needs root"),
    pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {', '.join(_MISSING)}"),
    pytest.mark.skipif(guest.kernel() is None, reason="no kernel of linux-image-cloud-amd64; test.sh has one"),
    pytest.mark.timeout(300),
]
IMAGE, KERNEL, RAMDISK = (
    str(uuid.uuid5(uuid.NAMESPACE_DNS, name)) for name in ("image", "kernel", "ramdisk")
)


@pytest.fixture(scope="module")
def folder() -> Iterator[pathlib.Path]:
    # short, since libvirt's sockets live below it and UNIX socket paths are limited
    path = pathlib.Path("/tmp") / f"alto-hv-{os.getpid()}"
    path.mkdir()
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def libvirtd(folder: pathlib.Path) -> Iterator[hosts.PrivateLibvirt]:
    host = hosts.PrivateLibvirt(folder / "host")
    try:
        host.start()
        yield host
    finally:
        host.close()


@pytest.fixture(scope="module")
def driver(folder: pathlib.Path, libvirtd: hosts.PrivateLibvirt) -> Iterator[base.Driver]:
    initramfs = guest.build_initramfs(folder)
    disk = folder / "image.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "64M"], check=True)
    sources = {IMAGE: str(disk), KERNEL: str(guest.kernel()), RAMDISK: str(initramfs)}
    conf = cfg.ConfigOpts()
    options.register(conf)
    conf([])
    for name, value in {
        "uri": libvirtd.uri,
        "images_path": str(folder / "instances"),
        "node_name": "node-1",
        "shutdown_timeout_s": 15,
        "soft_reboot_timeout_s": 20,
        "image_cache_age_s": 0,
    }.items():
        conf.set_override(name, value, group="libvirt")
    loaded = load_driver(conf, lambda image_id, path: shutil.copyfile(sources[image_id], path))
    yield loaded
    loaded.lifecycle.close()


@pytest.fixture
def spec(driver: base.Driver) -> Iterator[objects.ServerSpec]:
    """A running-to-be server of 96 MiB without network; destroyed afterwards."""
    image = objects.ImageSpec(
        IMAGE,
        "qcow2",
        properties={"kernel_id": KERNEL, "ramdisk_id": RAMDISK, "os_command_line": "console=ttyS0 quiet"},
    )
    out = objects.ServerSpec(
        str(uuid.uuid4()), objects.FlavorSpec(1, 96, root_gb=1), name="tiny", node="node-1", image=image
    )
    yield out
    driver.lifecycle.destroy(out.uuid)


def changed(spec: objects.ServerSpec, **fields: object) -> objects.ServerSpec:
    return objects.ServerSpec.from_dict({**spec.to_dict(), **fields})


def seen(driver: base.Driver, spec: objects.ServerSpec, text: str, timeout_s: float = 40) -> bool:
    return bool(wait_for(f"{text!r} on the console", lambda: text in driver.consoles.output(spec.uuid, None), timeout_s))


def nic() -> objects.NicSpec:
    return objects.NicSpec(str(uuid.uuid4()), str(uuid.uuid4()), "fa:16:3e:00:00:07", mtu=1450)


def test_boots_reports_and_leaves_nothing(
    driver: base.Driver, spec: objects.ServerSpec, folder: pathlib.Path
) -> None:
    card = nic()
    spec = changed(
        spec,
        nics=[card.to_dict()],
        config_drive=True,
        admin_pass="pw",
        flavor={**spec.flavor.to_dict(), "ephemeral_gb": 1, "swap_mb": 16},
    )
    try:
        report = driver.lifecycle.ensure(spec)
        assert (report.power, report.node, report.name) == ("running", "node-1", "tiny")
        assert report.root_device == "/dev/vda" and report.taps == (card.tap,)
        assert os.path.exists(f"/sys/class/net/{card.bridge}/brif/{card.tap}")
        assert seen(driver, spec, "BOOTED 1"), driver.consoles.output(spec.uuid, None)
        assert seen(driver, spec, "disks: vda=2097152 vdb=2097152 vdc=32768")
        assert seen(driver, spec, f"nics: {card.mac}")
        assert driver.consoles.endpoint(spec.uuid, "vnc").port >= 5900
        assert driver.consoles.output(spec.uuid, 3).count("\n") == 2
        assert [s.uuid for s in driver.lifecycle.servers()] == [spec.uuid]
        numbers = driver.diagnostics.read(spec.uuid).standard
        assert (numbers["state"], numbers["num_cpus"], numbers["num_nics"]) == ("running", 1, 1)
        assert driver.lifecycle.ensure(spec) == driver.lifecycle.report(spec.uuid)
        driver.lifecycle.destroy(spec.uuid)
        assert driver.lifecycle.servers() == []
        assert driver.lifecycle.report(spec.uuid).power == "absent"
        assert os.listdir(folder / "instances") == ["_base"]
        assert not os.path.exists(f"/sys/class/net/{card.tap}")
        assert len(driver.housekeeping.sweep()) == 3
    finally:
        subprocess.run(["ip", "link", "del", card.bridge], capture_output=True, check=False)


def test_power_states(driver: base.Driver, spec: objects.ServerSpec) -> None:
    events: list[tuple[str, str]] = []
    driver.lifecycle.listen(lambda server, power: events.append((server, power)))
    driver.lifecycle.ensure(spec)
    assert seen(driver, spec, "BOOTED 1")
    driver.lifecycle.interrupt(spec.uuid)
    assert seen(driver, spec, "NMI"), "the kernel says that it was interrupted"
    assert driver.lifecycle.set_power(spec.uuid, "paused").power == "paused"
    assert driver.lifecycle.set_power(spec.uuid, "running").power == "running"
    assert driver.lifecycle.ensure(changed(spec, power="suspended")).power == "suspended"
    assert driver.lifecycle.ensure(spec).power == "running"
    assert "BOOTED 2" not in driver.consoles.output(spec.uuid, None)
    assert driver.lifecycle.ensure(changed(spec, power="stopped")).power == "stopped"
    assert seen(driver, spec, "POWER BUTTON")
    assert driver.lifecycle.ensure(spec).power == "running"
    assert seen(driver, spec, "BOOTED 2")
    assert driver.lifecycle.reboot(spec, hard=False).power == "running"
    assert seen(driver, spec, "BOOTED 3")
    assert driver.lifecycle.reboot(spec, hard=True).power == "running"
    assert seen(driver, spec, "BOOTED 4")
    assert driver.lifecycle.set_power(spec.uuid, "stopped", 0).power == "stopped"
    wait_for("event", lambda: (spec.uuid, "stopped") in events)
    with pytest.raises(base.DriverError):
        driver.diagnostics.read(spec.uuid)


def test_hot_plug(driver: base.Driver, spec: objects.ServerSpec, folder: pathlib.Path) -> None:
    driver.lifecycle.ensure(spec)
    assert seen(driver, spec, "BOOTED 1")
    with open(folder / "volume.raw", "wb") as f:
        f.truncate(8 * MIB)
    local = objects.VolumeSpec(
        str(uuid.uuid4()),
        {"driver_volume_type": "local", "data": {"device_path": str(folder / "volume.raw")}},
    )
    target = hosts.IscsiTarget(folder, 16 * MIB)
    card = nic()
    try:
        remote = objects.VolumeSpec(str(uuid.uuid4()), target.connection_info())
        assert driver.disks.attach(spec.uuid, local) == "/dev/vdb"
        assert driver.disks.attach(spec.uuid, local) == "/dev/vdb"
        assert seen(driver, spec, "wrote vdb")
        assert driver.disks.attach(spec.uuid, remote) == "/dev/vdc"
        assert seen(driver, spec, "wrote vdc")
        assert target.store.read_bytes()[:5] == b"hello"
        assert (folder / "volume.raw").read_bytes()[:5] == b"hello"
        assert driver.lifecycle.report(spec.uuid).devices == {
            local.volume_id: "/dev/vdb",
            remote.volume_id: "/dev/vdc",
        }
        driver.nics.attach(spec.uuid, card)
        assert seen(driver, spec, f"nics: {card.mac}")
        with_both = changed(spec, volumes=[local.to_dict(), remote.to_dict()], nics=[card.to_dict()])
        driver.lifecycle.reboot(with_both, hard=True)
        assert seen(driver, spec, "disks: vda=2097152 vdb=16384 vdc=32768")
        driver.disks.detach(spec.uuid, local.volume_id)
        assert seen(driver, spec, "disks: vda=2097152 vdc=32768")
        assert driver.lifecycle.ensure(spec).devices == {}
        assert driver.lifecycle.report(spec.uuid).taps == ()
        wait_for("second look", lambda: driver.consoles.output(spec.uuid, None).rstrip().endswith("nics:"))
        driver.disks.detach(spec.uuid, remote.volume_id)
    finally:
        target.close()
        driver.lifecycle.destroy(spec.uuid)
        subprocess.run(["ip", "link", "del", card.bridge], capture_output=True, check=False)


def test_swap_of_volumes(driver: base.Driver, spec: objects.ServerSpec, folder: pathlib.Path) -> None:
    driver.lifecycle.ensure(spec)
    assert seen(driver, spec, "BOOTED 1")
    first, third = folder / "first.raw", folder / "third.raw"
    for path in (first, third):
        path.write_bytes(bytes(8 * MIB))
    target = hosts.IscsiTarget(folder, 16 * MIB)
    old, last = (
        objects.VolumeSpec(str(uuid.uuid4()), {"driver_volume_type": "local", "data": {"device_path": str(path)}})
        for path in (first, third)
    )
    new = objects.VolumeSpec(str(uuid.uuid4()), target.connection_info())
    try:
        driver.disks.attach(spec.uuid, old)
        assert seen(driver, spec, "wrote vdb")
        assert not driver.disks.unswap(spec.uuid, old.volume_id, new), "nothing is under way"
        with pytest.raises(base.DriverError, match="not wanted"):
            driver.disks.swap(spec.uuid, old.volume_id, new, 8 * MIB, lambda: False)
        assert driver.lifecycle.report(spec.uuid).devices == {old.volume_id: "/dev/vdb"}
        for _ in range(2):
            driver.disks.swap(spec.uuid, old.volume_id, new, 8 * MIB, lambda: True)
            assert driver.lifecycle.report(spec.uuid).devices == {new.volume_id: "/dev/vdb"}
        assert driver.disks.unswap(spec.uuid, old.volume_id, new), "the guest has it already"
        assert target.store.read_bytes()[:5] == b"hello", "its content is the old one's"
        # the old one may come back as a further disk, though the first still bears its id as serial number
        assert driver.disks.attach(spec.uuid, old) == "/dev/vdc"
        driver.disks.detach(spec.uuid, old.volume_id)
        assert driver.lifecycle.report(spec.uuid).devices == {new.volume_id: "/dev/vdb"}
        # what the guest starts from next has the new one, with its own serial number
        driver.lifecycle.set_power(spec.uuid, "stopped", 0)
        with pytest.raises(base.DriverError, match="does not run"):
            driver.disks.swap(spec.uuid, new.volume_id, last, None, lambda: True)
        driver.lifecycle.set_power(spec.uuid, "running")
        assert driver.lifecycle.report(spec.uuid).devices == {new.volume_id: "/dev/vdb"}
        assert seen(driver, spec, "disks: vda=2097152 vdb=32768"), "now the guest has all of it"
        driver.disks.detach(spec.uuid, new.volume_id)
        assert driver.lifecycle.report(spec.uuid).devices == {}
    finally:
        driver.lifecycle.destroy(spec.uuid)
        target.close()


def test_snapshot_of_running_and_stopped(
    driver: base.Driver, spec: objects.ServerSpec, folder: pathlib.Path
) -> None:
    driver.lifecycle.ensure(spec)
    assert seen(driver, spec, "BOOTED 1")
    with pytest.raises(base.NotQuiesced):
        driver.disks.snapshot(spec.uuid, str(folder / "no-agent"), "qcow2", must_quiesce=True)
    for power, disk_format in (("running", "qcow2"), ("running", "raw"), ("stopped", "qcow2")):
        driver.lifecycle.set_power(spec.uuid, power, 0)
        path = folder / f"snapshot-{power}.{disk_format}"
        made = driver.disks.snapshot(spec.uuid, str(path), disk_format)
        assert (made.disk_format, made.virtual_size) == (disk_format, 1024 * MIB)
        assert path.stat().st_blocks * 512 < 64 * MIB
        subprocess.run(
            ["qemu-img", "convert", "-f", disk_format, "-O", "raw", str(path), str(folder / "flat.raw")],
            check=True,
        )
        with open(folder / "flat.raw", "rb") as f:
            assert f.read(8).strip() == b"1"
    assert driver.lifecycle.report(spec.uuid).power == "stopped"


def test_resize_confirm_and_revert(
    driver: base.Driver, spec: objects.ServerSpec, folder: pathlib.Path
) -> None:
    driver.lifecycle.ensure(spec)
    assert seen(driver, spec, "BOOTED 1")
    larger = changed(spec, flavor={**spec.flavor.to_dict(), "root_gb": 2, "ram_mb": 112})
    names = {disk.name for disk in driver.resize.prepare(spec.uuid)}
    assert names == {disk.name for disk in driver.resize.prepare(spec.uuid)} >= {"disk", "disk.base"}
    assert driver.lifecycle.report(spec.uuid).power == "absent"
    assert driver.resize.finish(larger).power == "running"
    assert seen(driver, spec, "BOOTED 2") and seen(driver, spec, "vda=4194304")
    assert driver.resize.revert(spec).power == "running"
    assert seen(driver, spec, "BOOTED 2") and seen(driver, spec, "vda=2097152")
    disks = driver.resize.prepare(spec.uuid, 0)
    assert not driver.resize.expect(larger, [d.to_dict() for d in disks]), "they are seen from here"
    for disk in disks:  # as if they came from another host, which is this one
        os.makedirs(folder / "instances" / (spec.uuid + "_receive"), exist_ok=True)
        with driver.resize.open_disk(spec.uuid, disk.name) as stream:
            if not driver.resize.known(larger, disk.name, disk.size):
                driver.resize.receive(larger, disk.name, disk.size, [(0, stream.read())])
    assert driver.resize.finish(larger).power == "running"
    driver.resize.confirm(spec.uuid)
    assert seen(driver, spec, "BOOTED 3") and seen(driver, spec, "vda=4194304")
    with pytest.raises(base.DriverError):
        driver.resize.open_disk(spec.uuid, "../../etc/passwd")
    driver.lifecycle.destroy(spec.uuid)
    assert not glob.glob(str(folder / "instances" / (spec.uuid + "*")))


def test_rescue_and_back(driver: base.Driver, spec: objects.ServerSpec) -> None:
    driver.lifecycle.ensure(spec)
    assert seen(driver, spec, "BOOTED 1")
    rescue = objects.RescueSpec(objects.ImageSpec(IMAGE))
    # without the kernel of the image properties the rescue disk is not bootable: what counts is what the guest is given
    report = driver.lifecycle.ensure(changed(spec, rescue=rescue.to_dict()))
    assert report.rescued and report.power == "running"
    report = driver.lifecycle.ensure(spec)
    assert not report.rescued
    assert seen(driver, spec, "BOOTED 2")


def test_refuses_a_backing_file(driver: base.Driver, spec: objects.ServerSpec, folder: pathlib.Path) -> None:
    evil = folder / "image.qcow2"
    good = evil.read_bytes()
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", "/etc/passwd", str(evil), "64M"],
        check=True,
    )
    bad = str(uuid.uuid4())
    try:
        driver.housekeeping.sweep()
        with pytest.raises(base.ImageRefused):
            driver.lifecycle.ensure(changed(spec, image={**spec.image.to_dict(), "id": IMAGE}))
        assert not any(bad in name for name in os.listdir(folder / "instances" / "_base"))
    finally:
        evil.write_bytes(good)


def test_inventory(driver: base.Driver) -> None:
    assert driver.inventory.nodes() == ["node-1"]
    node = driver.inventory.node("node-1")
    assert node.vcpus == os.cpu_count() and node.memory_mb > 512 and node.disk_gb > 0
    assert node.hypervisor_type == "QEMU" and node.hypervisor_version > 5_000_000
    assert "COMPUTE_NODE" in node.traits and ("x86_64", "qemu", "hvm") in node.supported


def test_survives_a_restart_of_libvirtd(
    driver: base.Driver, spec: objects.ServerSpec, libvirtd: hosts.PrivateLibvirt
) -> None:
    driver.lifecycle.ensure(spec)
    libvirtd.stop()
    with pytest.raises(base.HypervisorDown):
        driver.lifecycle.report(spec.uuid)
    libvirtd.start()
    assert driver.lifecycle.report(spec.uuid).power == "running"
    assert seen(driver, spec, "BOOTED 1")
