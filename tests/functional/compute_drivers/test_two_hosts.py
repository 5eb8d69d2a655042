"""Servers that move between two real hypervisors: cold with their disks, live with everything, through the tunnel only."""

import dataclasses
import os
import pathlib
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from services.compute.objects import server as objects
from tests.functional.compute_drivers import guest, hosts, two_hosts

_NEEDED = ("libvirtd", "qemu-system-x86_64", "qemu-img", "unshare", "nsenter", "cpio", "busybox", "virsh", "tgtd", "tgtadm")
_MISSING = [n for n in _NEEDED if shutil.which(n, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None]
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.getuid() != 0, reason="needs root"),
    pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {', '.join(_MISSING)}"),
    pytest.mark.skipif(guest.kernel() is None, reason="no kernel of linux-image-cloud-amd64; test.sh has one"),
    pytest.mark.timeout(300),
]
IMAGE, KERNEL, RAMDISK = (str(uuid.uuid5(uuid.NAMESPACE_DNS, name)) for name in ("image", "kernel", "ramdisk"))
INSTANCES = "/var/lib/altostack-test-instances"


class Host(hosts.PrivateLibvirt):
    """A libvirtd with folders of its own, and an agent beside it."""

    def __init__(self, folder: pathlib.Path, sources: dict[str, str], name: str) -> None:
        super().__init__(folder)
        two_hosts.new_host_uuid(folder)
        self.script, self.environment = two_hosts.libvirtd_script(), {"I": INSTANCES}
        self.start()
        assert self.process is not None
        self.agent = two_hosts.Agent(folder, self.process.pid, INSTANCES, sources, name)
        self.call = self.agent.call

    def files(self) -> list[str]:
        """What servers have on this host."""
        return sorted(n for n in os.listdir(self.folder / "instances") if not n.startswith("_base"))

    def close(self) -> None:
        """End the agent, all guests, the daemon."""
        self.agent.close()
        super().close()


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Host, Host]]:
    folder = pathlib.Path("/tmp") / f"alto-mv-{os.getpid()}"
    folder.mkdir()
    made: list[Host] = []
    try:
        initramfs = guest.build_initramfs(folder)
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(folder / "image.qcow2"), "64M"], check=True)
        sources = {IMAGE: str(folder / "image.qcow2"), KERNEL: str(guest.kernel()), RAMDISK: str(initramfs)}
        for name in ("one", "two"):
            made.append(Host(folder / name, sources, name))
        yield made[0], made[1]
    finally:
        for host in made:
            host.close()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(INSTANCES, ignore_errors=True)


@pytest.fixture
def spec(pair: tuple[Host, Host]) -> Iterator[objects.ServerSpec]:
    """A server that is to run on the first host, with a configuration drive and an ephemeral disk."""
    image = objects.ImageSpec(IMAGE, "qcow2", properties={
        "kernel_id": KERNEL, "ramdisk_id": RAMDISK, "os_command_line": "console=ttyS0 quiet"})
    out = objects.ServerSpec(str(uuid.uuid4()), objects.FlavorSpec(1, 96, root_gb=1, ephemeral_gb=1), name="tiny", node="one",
                             image=image, config_drive=True)
    yield out
    for host in pair:
        host.call("destroy", out)
        assert host.files() == []
        assert os.listdir(host.folder / "moves") == []


def seen(host: Host, spec: objects.ServerSpec, text: str, timeout_s: float = 60) -> str:
    """The console, once it holds `text`."""
    end = time.monotonic() + timeout_s
    while text not in (found := host.call("console", spec)["text"]):
        assert time.monotonic() < end, f"{text!r} is not on the console:\n{found}"
        time.sleep(0.3)
    return str(found)


def at(spec: objects.ServerSpec, node: str, **fields: Any) -> objects.ServerSpec:
    return dataclasses.replace(spec, node=node, **fields)


def live(one: Host, two: Host, spec: objects.ServerSpec, block: bool | None = None, **args: Any) -> dict[str, Any]:
    """What the conductor's saga has agents do; the last report."""
    found = one.call("live_probe", spec)["found"]
    ready = two.call("live_receive", spec, found=found, block=block, node=two.agent.name, **args)
    plan, ticket = ready["plan"], ready["ticket"]
    sent = one.call("live_send", spec, found=found, plan=plan, ticket=ticket)
    if "aborted" in sent:
        two.call("live_abandon", spec, found=found)
        one.call("live_clean", spec, found=found, plan=None)
        return sent
    report = two.call("live_arrive", at(spec, two.agent.name), state=sent["state"], found=found)["report"]
    one.call("live_clean", spec, found=found, plan=plan)
    return dict(report)


def test_a_stopped_server_moves_with_its_disks_and_back(pair: tuple[Host, Host], spec: objects.ServerSpec) -> None:
    one, two = pair
    one.call("ensure", spec)
    seen(one, spec, "BOOTED 1")
    disks = one.call("resize_prepare", spec)["disks"]
    ticket = two.call("move_open", spec, disks=disks, node="two")["ticket"]
    sent = one.call("move_send", spec, ticket=ticket, disks=disks)["bytes"]
    assert 0 < sent < 100 << 20, "holes are not sent"
    larger = at(spec, "two", flavor=objects.FlavorSpec(1, 112, root_gb=2, ephemeral_gb=1))
    assert two.call("resize_finish", larger)["report"]["power"] == "running"
    text = seen(two, spec, "BOOTED 2")  # the count stands on the root disk
    assert "vda=4194304" in text or seen(two, spec, "vda=4194304")
    assert one.files() == [spec.uuid + "_resize"]
    used = sum(f.stat().st_blocks * 512 for f in (two.folder / "instances" / spec.uuid).iterdir() if f.is_file())
    assert used < 200 << 20
    two.call("move_abandon", larger)
    assert two.files() == []
    assert one.call("resize_revert", spec)["report"]["power"] == "running"
    seen(one, spec, "BOOTED 2")


def test_a_running_guest_moves_and_does_not_notice(pair: tuple[Host, Host], spec: objects.ServerSpec) -> None:
    one, two = pair
    one.call("ensure", spec)
    seen(one, spec, "wrote vdb")
    assert live(one, two, spec)["power"] == "running"
    assert one.call("report", spec)["report"]["power"] == "absent" and one.files() == []
    text = two.call("console", spec)["text"]
    assert text.count("BOOTED") == 1, "the console goes on where it was"
    # it runs: its power button is heard, and what it wrote before is on the disk that came along
    two.call("power", at(spec, "two", power="stopped"), power="stopped", timeout_s=20)
    seen(two, spec, "POWER BUTTON")
    two.call("power", at(spec, "two"), power="running")
    seen(two, spec, "BOOTED 2")
    assert live(two, one, at(spec, "two"), block=True)["power"] == "running"
    assert two.files() == []


def test_a_guest_with_a_volume_and_a_paused_one(pair: tuple[Host, Host], spec: objects.ServerSpec) -> None:
    one, two = pair
    target = hosts.IscsiTarget(one.folder, 16 << 20)
    try:
        volume = objects.VolumeSpec(str(uuid.uuid4()), target.connection_info(), device="/dev/vdc")
        spec = at(spec, "one", volumes=(volume,))
        one.call("ensure", spec)
        seen(one, spec, "wrote vdc")
        one.call("set_power", spec, power="paused")
        report = live(one, two, spec, connections={volume.volume_id: target.connection_info()})
        assert (report["power"], report["devices"]) == ("paused", {volume.volume_id: "/dev/vdc"})
        two.call("set_power", spec, power="running")
        two.call("detach_volume", at(spec, "two"), volume_id=volume.volume_id)
        seen(two, spec, "disks: vda=2097152 vdb=2097152\r")
        assert target.store.read_bytes()[:5] == b"hello"
    finally:
        for host in pair:
            host.call("destroy", spec)
        target.close()


def test_an_aborted_migration_leaves_the_guest_where_it_is(pair: tuple[Host, Host], spec: objects.ServerSpec) -> None:
    one, two = pair
    one.call("ensure", spec)
    seen(one, spec, "BOOTED 1")
    burden(one, spec)
    one.agent.commands[:] = ["abort"]
    try:
        assert "aborted" in live(one, two, spec)
    finally:
        one.agent.commands.clear()
    assert one.call("report", spec)["report"]["power"] == "running"
    assert two.call("report", spec)["report"]["power"] == "absent" and two.files() == []
    one.agent.commands[:] = ["force_complete"]
    try:
        assert live(one, two, spec)["power"] == "running", "it can be tried again; paused to come to an end, it runs there"
    finally:
        one.agent.commands.clear()


def burden(host: Host, spec: objects.ServerSpec) -> None:
    """Give a migration enough to carry that it can be watched: random data on a disk that the guest does not look at."""
    with open(host.folder / "instances" / spec.uuid / "disk.eph0", "r+b") as f:
        f.seek(1 << 20)
        for _ in range(250):
            f.write(os.urandom(1 << 20))


def test_strangers_and_wrong_tickets_are_refused(pair: tuple[Host, Host], spec: objects.ServerSpec) -> None:
    one, two = pair
    one.call("ensure", spec)
    found = one.call("live_probe", spec)["found"]
    ready = two.call("live_receive", spec, found=found, block=None, node="two")
    for change in ({"token": "guessed"}, {"fingerprint": "0" * 64}):
        with pytest.raises(AssertionError, match="does not let the server in"):
            one.call("live_send", spec, found=found, plan=ready["plan"], ticket={**ready["ticket"], **change})
    assert one.call("report", spec)["report"]["power"] == "running"
    assert two.call("live_abandon", spec, found=found)["here"] is False
    with pytest.raises(AssertionError, match="does not let the server in"):
        one.call("live_send", spec, found=found, plan=ready["plan"], ticket=ready["ticket"])
    one.call("live_clean", spec, found=found, plan=None)
    with pytest.raises(AssertionError, match="no shared storage"):
        two.call("live_receive", spec, found=found, block=False, node="two")
