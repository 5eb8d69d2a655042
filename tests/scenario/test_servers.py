"""What can be done with a server during its life, on one server where that is possible; several at once; early ends."""

import base64

import pytest
from openstack import exceptions

from tests.scenario import host
from tests.scenario.cloud import MICRO
from tests.scenario.guest import Guest
from tests.scenario.tenant import Tenant
from tests.waiting import wait_for

KEPT, KEPT_TEXT = "/home/alto/kept", "still here"


@pytest.fixture(scope="module")
def server(tenant: Tenant) -> Guest:
    """A server with a file on its root disk."""
    guest = tenant.boot("living")
    guest.ssh(f"echo {KEPT_TEXT} > {KEPT}; sync")
    return guest


def test_stop_and_start(server: Guest, tenant: Tenant) -> None:
    tenant.compute.stop_server(server.server.id)
    stopped = tenant.until(server.server, "SHUTOFF", 120)
    assert stopped.power_state == 4 and not server.reachable()
    assert "running" not in _state(server)
    tenant.compute.start_server(server.server.id)
    tenant.until(server.server, "ACTIVE")
    assert server.wait().ssh(f"cat {KEPT}") == KEPT_TEXT


@pytest.mark.parametrize("kind", ["SOFT", "HARD"])
def test_reboot(server: Guest, tenant: Tenant, kind: str) -> None:
    before = server.boot_id()
    tenant.compute.reboot_server(server.server.id, kind)
    server.wait_rebooted(before)
    tenant.until(server.server, "ACTIVE")
    assert server.ssh(f"cat {KEPT}") == KEPT_TEXT


def test_pause_suspend(server: Guest, tenant: Tenant) -> None:
    tenant.compute.pause_server(server.server.id)
    tenant.until(server.server, "PAUSED")
    assert "paused" in _state(server)
    tenant.compute.unpause_server(server.server.id)
    tenant.until(server.server, "ACTIVE")
    before = server.boot_id()
    tenant.compute.suspend_server(server.server.id)
    tenant.until(server.server, "SUSPENDED")
    tenant.compute.resume_server(server.server.id)
    tenant.until(server.server, "ACTIVE")
    assert server.wait().boot_id() == before, "a suspended server must resume, not boot"


def test_the_agent_in_the_guest_sets_a_password(server: Guest, tenant: Tenant) -> None:
    tenant.compute.change_server_password(server.server.id, "It's: a new $1")
    tenant.until(server.server, "ACTIVE", 30)
    stored = server.sudo("grep ^alto: /etc/shadow | cut -d: -f2")
    salt = stored.split("$")[2]
    assert server.ssh(f"mkpasswd -m sha512 -S '{salt}' \"It's: a new \\$1\"") == stored


def test_rescue(server: Guest, tenant: Tenant) -> None:
    tenant.compute.rescue_server(server.server.id)
    tenant.until(server.server, "RESCUE")
    server.wait()
    assert len(server.disks()) == 2, "the rescued server sees its own disk beside the rescue disk"
    assert server.ssh(f"test -e {KEPT} || echo none") == "none"
    assert server.sudo(f"mkdir -p /tmp/own; mount /dev/vdb1 /tmp/own; cat /tmp/own{KEPT}; umount /tmp/own") == KEPT_TEXT
    before = server.boot_id()
    tenant.compute.unrescue_server(server.server.id)
    tenant.until(server.server, "ACTIVE")
    server.wait_rebooted(before)
    assert server.ssh(f"cat {KEPT}") == KEPT_TEXT


def _resizable(tenant: Tenant, server: Guest) -> None:
    """Resize to the micro flavor; fails at once when the resize was given up."""
    actions = f"/servers/{server.server.id}/os-instance-actions"
    tenant.compute.resize_server(server.server.id, tenant.cloud.flavor(MICRO).id)

    def look() -> bool:
        now = tenant.compute.get_server(server.server.id)
        latest = tenant.compute.get(actions).json()["instanceActions"][0]
        assert latest["message"] != "Error" or now.task_state, f"no resize (allow_resize_to_same_host?): {now.fault} {latest}"
        return bool(now.status == "VERIFY_RESIZE" and not now.task_state)

    wait_for(f"resized server {server.server.id}", look, 120)


def _memory_mib(server: Guest) -> int:
    return int(server.ssh("grep MemTotal /proc/meminfo").split()[1]) // 1024


def test_resize_and_revert(server: Guest, tenant: Tenant) -> None:
    small = _memory_mib(server)
    before = server.boot_id()
    _resizable(tenant, server)
    server.wait_rebooted(before)
    assert _memory_mib(server) > small + 40
    before = server.boot_id()
    tenant.compute.revert_server_resize(server.server.id)
    reverted = tenant.until(server.server, "ACTIVE")
    server.wait_rebooted(before)
    assert abs(_memory_mib(server) - small) < 8 and reverted.flavor["ram"] == 128
    assert server.ssh(f"cat {KEPT}") == KEPT_TEXT
    assert _claimed(tenant, server)["MEMORY_MB"] == 128


def test_resize_and_confirm(server: Guest, tenant: Tenant) -> None:
    before = server.boot_id()
    _resizable(tenant, server)
    server.wait_rebooted(before)
    tenant.compute.confirm_server_resize(server.server.id)
    confirmed = tenant.until(server.server, "ACTIVE")
    assert confirmed.flavor["ram"] == 192 and server.ssh(f"cat {KEPT}") == KEPT_TEXT
    assert _claimed(tenant, server)["MEMORY_MB"] == 192


def test_rebuild(server: Guest, tenant: Tenant) -> None:
    before, address = server.boot_id(), tenant.inside(server.server)
    tenant.compute.rebuild_server(server.server.id, image=tenant.cloud.image.id, name="reborn",
                                  user_data=base64.b64encode(b"#!/bin/sh\ntouch /root/again\n").decode())
    tenant.until(server.server, "ACTIVE")
    server.wait_rebooted(before)
    assert tenant.inside(server.server) == address
    assert server.ssh(f"test -e {KEPT} || echo none") == "none"
    wait_for("trace of the new user data", lambda: server.ssh("sudo test -e /root/again && echo yes || true") == "yes", 20)
    assert tenant.compute.get_server(server.server.id).name == "reborn"  # the host name stays, as upstream


def test_a_snapshot_boots_with_what_was_written(server: Guest, tenant: Tenant) -> None:
    server.put("/home/alto/written", b"before the snapshot")
    image = tenant.image_of(server.server, "frozen")
    assert "fsfreeze" in server.sudo("logread"), "the guest's agent was asked to freeze its file systems"
    assert image.size > 0 and image.visibility == "private"
    tenant.until(server.server, "ACTIVE")
    thawed = tenant.boot("thawed", image=image.id)
    assert thawed.ssh("cat /home/alto/written") == "before the snapshot"
    assert thawed.ssh("hostname").split(".")[0] == "thawed"
    tenant.gone(thawed.server)


def test_several_at_once(tenant: Tenant) -> None:
    tenant.start("several", min_count=3, max_count=3, wait=False)
    made = [s for s in tenant.compute.servers() if s.name.startswith("several")]
    assert sorted(s.name for s in made) == ["several-1", "several-2", "several-3"]
    for one in made:
        tenant.until(tenant.note(one), "ACTIVE", 120)
    assert len({tenant.inside(s) for s in made}) == 3
    tenant.gone(*made)
    host.wait_clean([s.id for s in made], [])


def test_delete_while_building(tenant: Tenant) -> None:
    made = []
    for number in range(3):
        one = tenant.start(f"short-{number}", wait=False)
        made.append(one)
        if number:  # at once; a little later; later still
            wait_for("beginning of the build", lambda o=one: tenant.compute.get_server(o.id).task_state != "scheduling", 30, 0.05)
        tenant.compute.delete_server(one.id)
    for one in made:
        wait_for(f"end of {one.name}", lambda o=one: tenant.missing(o), 60)
    host.wait_clean([s.id for s in made], [])


def test_no_valid_host_is_explained(tenant: Tenant) -> None:
    huge = tenant.cloud.admin.compute.create_flavor(name=f"{tenant.name}-huge", ram=64 * 1024 * 1024, vcpus=1, disk=1)
    try:
        tenant.cloud.admin.compute.update_quota_set(tenant.project.id, ram=-1)
        server = tenant.start("huge", wait=False, flavor_id=huge.id)
        failed = tenant.until(server, "ERROR", 30)
        assert "No valid host" in failed.fault["message"]
        tenant.gone(server)
    finally:
        tenant.cloud.admin.compute.revert_quota_set(tenant.project.id)
        tenant.cloud.admin.compute.delete_flavor(huge)


def test_locked_server_is_left_alone(server: Guest, tenant: Tenant) -> None:
    admin = tenant.cloud.admin.compute
    admin.lock_server(server.server.id)
    with pytest.raises(exceptions.ConflictException):
        tenant.compute.reboot_server(server.server.id, "HARD")
    admin.unlock_server(server.server.id)


def _state(server: Guest) -> str:
    """What libvirt says of the server's domain."""
    name = host.domains()[server.server.id]
    return host.run("virsh", "-c", "qemu:///system", "domstate", name).strip()


def _claimed(tenant: Tenant, server: Guest) -> dict[str, int]:
    """What Placement has for the server, over all providers."""
    def look() -> dict[str, int] | None:
        answer = tenant.cloud.admin.placement.get(f"/allocations/{server.server.id}").json()["allocations"]
        return dict(next(iter(answer.values()))["resources"]) if len(answer) == 1 else None
    return wait_for("claim of one provider", look, 20)
