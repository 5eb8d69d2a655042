"""Volumes: what is written stays, from server to server; a server whose root disk is one; refusals."""

from typing import Any

import pytest
from openstack import exceptions

from tests.scenario import host
from tests.scenario.guest import Guest
from tests.scenario.tenant import Tenant
from tests.waiting import wait_for

pytestmark = pytest.mark.usefixtures("volumes")


@pytest.fixture(scope="module")
def one(volumes: None, tenant: Tenant) -> Guest:
    """A server."""
    return tenant.boot("one")


@pytest.fixture(scope="module")
def other(volumes: None, tenant: Tenant) -> Guest:
    """Another server."""
    return tenant.boot("other")


def attach(tenant: Tenant, guest: Guest, volume: Any) -> str:
    """Attach and return the disk's name inside."""
    before = guest.disks()
    tenant.compute.create_volume_attachment(guest.server.id, volume_id=volume.id)
    tenant.volume_until(volume, "in-use")
    return guest.disk(before)


def detach(tenant: Tenant, guest: Guest, volume: Any) -> None:
    """Detach and wait until the guest sees it no more."""
    before = guest.disks()
    tenant.compute.delete_volume_attachment(guest.server.id, volume.id)
    tenant.volume_until(volume, "available")
    wait_for("end of the disk inside", lambda: len(guest.disks()) < len(before), 20)


def size_gib(guest: Guest, disk: str) -> float:
    """How large a disk is inside."""
    return int(guest.ssh(f"cat /sys/block/{disk.removeprefix('/dev/')}/size")) * 512 / 1024**3


def test_what_is_written_stays_from_server_to_server(one: Guest, other: Guest, tenant: Tenant) -> None:
    volume = tenant.volume("data")
    disk = attach(tenant, one, volume)
    assert size_gib(one, disk) == 1
    with pytest.raises(exceptions.HttpException):
        tenant.storage.delete_volume(volume.id, ignore_missing=False)
    with pytest.raises(exceptions.HttpException):
        tenant.compute.create_volume_attachment(other.server.id, volume_id=volume.id)
    one.sudo(f"mkfs.ext4 -q {disk}; mkdir -p /mnt; mount {disk} /mnt; echo from one > /mnt/kept; umount /mnt", 120)
    detach(tenant, one, volume)
    disk = attach(tenant, other, volume)
    assert other.sudo(f"mkdir -p /mnt; mount {disk} /mnt; cat /mnt/kept; umount /mnt") == "from one"
    detach(tenant, other, volume)
    tenant.storage.delete_volume(volume.id)
    wait_for("end of the volume", lambda: not list(tenant.storage.volumes()), 60)
    host.wait_clean([volume.id], [])


def test_an_attached_volume_survives_a_hard_reboot(one: Guest, tenant: Tenant) -> None:
    volume = tenant.volume("steady")
    disk = attach(tenant, one, volume)
    one.sudo(f"echo marked | dd of={disk} bs=512 conv=sync 2>/dev/null; sync")
    before = one.boot_id()
    tenant.compute.reboot_server(one.server.id, "HARD")
    one.wait_rebooted(before)
    tenant.until(one.server, "ACTIVE")
    assert one.sudo(f"head -c 6 {disk}") == "marked"
    detach(tenant, one, volume)


def test_a_running_guest_sees_its_volume_grow(one: Guest, tenant: Tenant) -> None:
    volume = tenant.volume("growing")
    disk = attach(tenant, one, volume)
    one.sudo(f"echo marked | dd of={disk} bs=512 conv=sync 2>/dev/null; sync")
    body = {"os-extend": {"new_size": 2}}
    assert tenant.storage.post(f"/volumes/{volume.id}/action", json=body, microversion="3.42").status_code == 202
    wait_for("the volume's new size inside", lambda: size_gib(one, disk) == 2, 60)
    assert one.sudo(f"head -c 6 {disk}") == "marked"
    assert any(a.action == "extend_volume" for a in tenant.compute.server_actions(one.server))
    tenant.volume_until(volume, "in-use")
    detach(tenant, one, volume)


def test_a_volume_that_migrates_is_swapped_under_a_running_guest(one: Guest, tenant: Tenant) -> None:
    old, new = tenant.volume("old"), tenant.volume("new")
    disk = attach(tenant, one, old)
    one.sudo(f"echo marked | dd of={disk} bs=512 conv=sync 2>/dev/null; sync")
    body = {"os-reset_status": {"migration_status": "migrating"}}
    assert tenant.cloud.admin.block_storage.post(f"/volumes/{old.id}/action", json=body).status_code == 202
    url = f"/servers/{one.server.id}/os-volume_attachments/{old.id}"
    swap = {"volumeAttachment": {"volumeId": new.id}}
    assert tenant.compute.put(url, json=swap).status_code == 403, "only another service may"
    with tenant.as_service() as service:
        assert service.compute.put(url, json=swap).status_code == 202
    tenant.volume_until(new, "in-use")
    tenant.volume_until(old, "available")
    assert [a.volume_id for a in tenant.compute.volume_attachments(one.server.id)] == [new.id]
    assert one.sudo(f"head -c 6 {disk}") == "marked"
    one.sudo(f"echo after | dd of={disk} bs=512 conv=sync 2>/dev/null; sync")
    detach(tenant, one, new)
    disk = attach(tenant, one, old)
    assert one.sudo(f"head -c 6 {disk}") == "marked", "what was written after the swap went to the new volume alone"
    detach(tenant, one, old)


def test_a_snapshot_of_a_volume_makes_a_volume(one: Guest, tenant: Tenant) -> None:
    volume = tenant.volume("original")
    disk = attach(tenant, one, volume)
    one.sudo(f"echo photo | dd of={disk} bs=512 conv=sync 2>/dev/null; sync")
    detach(tenant, one, volume)
    snapshot = tenant.note(tenant.storage.create_snapshot(name="photo", volume_id=volume.id))
    wait_for("available snapshot", lambda: tenant.storage.get_snapshot(snapshot.id).status == "available", 60)
    with pytest.raises(exceptions.HttpException):
        tenant.storage.delete_volume(volume.id, ignore_missing=False)
    copy = tenant.volume("copy", snapshot_id=snapshot.id)
    disk = attach(tenant, one, copy)
    assert one.sudo(f"head -c 5 {disk}") == "photo"
    detach(tenant, one, copy)


def test_boot_from_volume(tenant: Tenant, other: Guest) -> None:
    tenant.gone(other.server)  # two guests at a time are enough for a small machine
    server = tenant.start("rooted", image=None, block_device_mapping=[{
        "boot_index": 0, "uuid": tenant.cloud.image.id, "source_type": "image", "destination_type": "volume",
        "volume_size": 1, "delete_on_termination": True}])
    rooted = tenant.outside(server).wait()
    attached = list(tenant.compute.volume_attachments(server.id))
    assert len(attached) == 1
    volume = tenant.storage.get_volume(attached[0].volume_id)
    tenant.note(volume)
    assert volume.is_bootable and volume.status == "in-use"
    rooted.put("/home/alto/written", b"on the volume")
    before = rooted.boot_id()
    tenant.compute.reboot_server(server.id, "HARD")
    rooted.wait_rebooted(before)
    assert rooted.ssh("cat /home/alto/written") == "on the volume"
    tenant.gone(server)
    wait_for("end of the root volume", lambda: volume.id not in {v.id for v in tenant.storage.volumes()}, 60)
    host.wait_clean([server.id, volume.id], [])


def test_deleting_a_server_frees_its_volume(tenant: Tenant) -> None:
    volume = tenant.volume("freed")
    server = tenant.start("holder")
    tenant.compute.create_volume_attachment(server.id, volume_id=volume.id)
    tenant.volume_until(volume, "in-use")
    tenant.gone(server)
    tenant.volume_until(volume, "available")
