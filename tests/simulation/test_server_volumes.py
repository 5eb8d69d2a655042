"""Volumes that are swapped or grow under a running guest: whatever dies, all agree about which volume it has, and how large."""

import pytest

from common.clients.base import RemoteError
from services.compute.db import operations, server_parts
from services.compute.domain import external_events
from services.compute.drivers.base import DriverError
from tests.simulation.compute_world import World
from tests.simulation.dying import deleted_at, killed_at


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def begun(world, size=1):
    """(server, old volume, new volume) of a swap that has begun, as the API begins it."""
    old, new = world.volume.add(size=1), world.volume.add(size=size)
    server_id = world.server(volumes=[old["id"]])
    world.settle()
    with world.database.read() as session:
        disk = server_parts.disk_of_volume(session, server_id, old["id"])
    old["status"] = "detaching"
    world.act(server_id, "server_swap_volume", "swap_volume", disk_id=disk.id, old_volume_id=old["id"], new_volume_id=new["id"],
              attachment_id=world.volume.create_attachment(new["id"], server_id)["id"], old_attachment_id=disk.attachment_id,
              old_size=1, new_size=size)
    return server_id, old, new


def check(world, server_id, has, lacks):
    """The guest, the rows and block storage know one volume: `has`."""
    driver = world.agents[world.row(server_id).host].host.driver
    assert list(driver.lifecycle.report(server_id).devices) == [has["id"]]
    with world.database.read() as session:
        disks = server_parts.disks(session, [server_id])[server_id]
        assert session.query(world.runner.model).filter_by(state="running").count() == 0
    attachment = next(iter(world.volume.attachments.values()))
    assert [(d.volume_id, d.attachment_id, d.connection_info) for d in disks] == [
        (has["id"], attachment["id"], attachment["connection_info"])]
    assert len(world.volume.attachments) == 1 and (has["status"], lacks["status"]) == ("in-use", "available")
    row = world.row(server_id)
    assert (row.vm_state, row.task_state) == ("active", None)


@pytest.mark.parametrize("at", range(4))
def test_a_swap_survives_a_dead_conductor(world, at):
    server_id, old, new = begun(world)
    killed_at(world, at)
    check(world, server_id, new, old)
    assert world.fault(server_id) is None
    world.gone(server_id)
    assert (old["status"], new["status"]) == ("available", "available")


@pytest.mark.parametrize("at", range(6))
def test_a_rebuilt_server_has_its_root_volume_with_another_image(world, at):
    root, data = world.volume.add(size=1), world.volume.add(size=1)
    server_id = world.server(volumes=[root["id"], data["id"]])
    with world.database.write() as session:
        disk = server_parts.disk_of_volume(session, server_id, root["id"])
        server_parts.change_disk(session, disk.id, boot_index=0)
    world.settle()
    world.act(server_id, "server_rebuild", "rebuild", "rebuilding", image={"id": "another"}, reimage_volume=True)
    assert len(killed_at(world, at)) >= 5 or at < 5
    row = world.row(server_id)
    assert (row.vm_state, row.task_state) == ("active", None), world.fault(server_id).details
    assert root["image"] == "another" and "image" not in data
    assert (root["status"], data["status"]) == ("in-use", "in-use") and len(world.volume.attachments) == 2
    assert set(world.agents["alpha"].host.driver.lifecycle.report(server_id).devices) == {root["id"], data["id"]}
    world.gone(server_id)


def test_a_rebuild_that_block_storage_refuses_leaves_the_volume_to_its_server(world):
    root = world.volume.add(size=1)
    server_id = world.server(volumes=[root["id"]])
    with world.database.write() as session:
        server_parts.change_disk(session, server_parts.disk_of_volume(session, server_id, root["id"]).id, boot_index=0)
    world.settle()

    def refused(volume_id, image_id):
        raise RemoteError(400, "the image is too large", "volume")

    world.volume.reimage = refused
    world.act(server_id, "server_rebuild", "rebuild", "rebuilding", image={"id": "another"}, reimage_volume=True)
    world.settle()
    assert world.row(server_id).vm_state == "error" and "too large" in world.fault(server_id).message
    assert root["status"] == "reserved" and len(world.volume.attachments) == 1
    del world.volume.reimage
    world.act(server_id, "server_rebuild", "rebuild", "rebuilding", image={"id": "another"}, reimage_volume=True)
    world.settle()
    assert world.row(server_id).vm_state == "active" and root["image"] == "another"
    world.gone(server_id)


def test_of_a_larger_volume_the_guest_has_what_it_had(world):
    server_id, old, new = begun(world, size=3)
    world.settle()
    check(world, server_id, new, old)
    guest = world.agents["alpha"].host.driver.disks._nodes.get(server_id)
    assert guest.volume_sizes == {new["id"]: 1024**3}


@pytest.mark.parametrize("at", range(6))
def test_a_copy_that_fails_leaves_the_old_volume(world, at):
    server_id, old, new = begun(world)

    def broken(*_args):
        raise DriverError("the new volume is too slow")

    world.agents["alpha"].host.driver.disks.swap = broken
    killed_at(world, at)
    check(world, server_id, old, new)
    assert "too slow" in world.fault(server_id).details
    world.gone(server_id)


@pytest.mark.parametrize("at", range(4))
def test_a_volume_that_cannot_be_connected_leaves_the_old_one(world, at):
    from common.clients.base import RemoteError

    server_id, old, new = begun(world)

    def refused(attachment_id, connector):
        raise RemoteError(400, "no such initiator", "volume")

    world.volume.update_attachment = refused
    killed_at(world, at)
    check(world, server_id, old, new)
    world.gone(server_id)


@pytest.mark.parametrize("at", range(3))
def test_delete_wins_at_every_moment(world, at):
    server_id, old, new = begun(world)
    deleted_at(world, at, server_id, "server_swap_volume")
    world.settle()
    world.new_runner()
    world.gone(server_id)
    assert (old["status"], new["status"]) == ("available", "available")


def test_deleting_a_server_whose_swap_has_not_begun(world):
    server_id, old, new = begun(world)
    world.act(server_id, "server_delete", "delete", "deleting")
    world.settle()
    world.gone(server_id)
    assert (old["status"], new["status"]) == ("available", "available")


def test_a_guest_that_turned_before_the_end_is_followed(world):
    """The agent's answer comes too late: the guest has the new volume, so everything else follows instead of being undone."""
    server_id, old, new = begun(world)
    disks = world.agents["alpha"].host.driver.disks
    real = disks.swap

    def late(*args):
        real(*args)
        raise DriverError("libvirtd went away")

    disks.swap = late
    world.settle()
    check(world, server_id, new, old)


def test_a_swap_nobody_wants_is_given_up_by_the_agent(world):
    """The order was taken back while the copy runs."""
    server_id, old, new = begun(world)
    agent = world.agents["alpha"]
    from services.compute.agent import verbs

    still = verbs._StillWanted(agent.host, server_id)
    assert still()
    still._asked_s = float("-inf")
    assert not still(), "the conductor has no job of this kind"


# volumes that grow under a running guest

def grown(world, server_id, volume):
    """Block storage has grown the volume, and tells of it; the sagas it begins."""
    volume["size"] = 3
    event = {"server_id": server_id, "name": "volume-extended", "tag": volume["id"], "status": "completed", "created_at": None}
    return world.database.transaction(external_events._keep, world.context, [event])


@pytest.mark.parametrize("at", range(3))
def test_a_guest_gets_all_of_a_volume_that_has_grown(world, at):
    volume = world.volume.add(size=1)
    server_id = world.server(volumes=[volume["id"]])
    world.settle()
    assert len(grown(world, server_id, volume)) == 1
    killed_at(world, at)
    driver = world.agents[world.row(server_id).host].host.driver
    assert driver.lifecycle.report(server_id).devices and guest_sizes(world, server_id) == {volume["id"]: 3 * 1024**3}
    row = world.row(server_id)
    assert (row.vm_state, row.task_state, world.fault(server_id)) == ("active", None, None)
    with world.database.read() as session:
        assert server_parts.disk_of_volume(session, server_id, volume["id"]).volume_size == 3
        found = operations.actions(session, server_id, limit=1)[0]
        assert found.action == "extend_volume" and found.message is None
        assert [(e.event, e.result) for e in operations.events(session, found.id)] == [("compute_extend_volume", "Success")]
    world.gone(server_id)


def test_a_stopped_server_needs_nothing_done(world):
    volume = world.volume.add(size=1)
    server_id = world.server(volumes=[volume["id"]])
    world.settle()
    world.act(server_id, "server_power", "stop", "powering-off", verb="stop")
    world.settle()
    grown(world, server_id, volume)
    world.settle()
    assert guest_sizes(world, server_id) == {} and world.row(server_id).vm_state == "stopped"
    world.gone(server_id)


def guest_sizes(world, server_id):
    """Sizes in bytes that a guest was told of, by volume."""
    return world.agents[world.row(server_id).host].host.driver.lifecycle._nodes.get(server_id).volume_sizes


def test_block_storage_is_told_where_the_server_has_a_volume(world):
    """People see it at the volume (`openstack volume list`), from the attachment's start to its end."""
    world.server(volumes=[world.volume.add(size=1)["id"] for _ in range(2)])
    world.settle()
    assert [a["device"] for a in world.volume.attachments.values()] == ["/dev/vdb", "/dev/vdc"]
