"""Sagas of servers: whatever dies at whatever step, the end is right and nothing is left behind."""

import pytest

from common import clock
from tests.simulation.compute_world import BIG, FLAVOR, World
from tests.simulation.dying import deleted_at, killed_at


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def boot(world, **values):
    server_id = world.server(**values)
    world.settle()
    assert world.row(server_id).vm_state == "active", world.fault(server_id) and world.fault(server_id).details
    return server_id


def delete(world, server_id):
    assert not world.row(server_id).deleted
    world.gone(server_id)


def test_a_server_boots_and_goes(world):
    volume = world.volume.add(size=1)
    server_id = boot(world, volumes=[volume["id"]])
    row = world.row(server_id)
    assert (row.host, row.task_state, row.power_state) == ("alpha", None, 1)
    assert world.on_hosts() == {server_id: "alpha"} and volume["status"] == "in-use"
    delete(world, server_id)
    assert volume["status"] == "available"


def test_the_scheduler_is_told_where_the_servers_of_hints_are(world):
    first = boot(world)
    boot(world, hints={"same_host": first, "different_host": [first, "0" * 36]})
    assert world.scheduler.asked[-1]["hint_hosts"] == {"same_host": ["alpha"], "different_host": ["alpha"]}
    assert "hint_hosts" not in world.scheduler.asked[0]


@pytest.mark.parametrize("at", range(7))
def test_boot_survives_a_dead_conductor(world, at):
    volume = world.volume.add(size=1)
    server_id = world.server(volumes=[volume["id"]])
    killed_at(world, at)
    assert world.row(server_id).vm_state == "active"
    assert len(world.network.ports) == 1 and len(world.volume.attachments) == 1
    assert [a["connection_info"]["data"]["host"] for a in world.volume.attachments.values()] == ["alpha"]
    delete(world, server_id)


@pytest.mark.parametrize("at", range(16))
def test_a_boot_that_no_host_can_do_leaves_nothing(world, at):
    for agent in world.agents.values():
        agent.host.driver.lifecycle.ensure = _broken
    server_id = world.server()
    killed_at(world, at)
    row = world.row(server_id)
    assert row.vm_state == "error" and row.task_state is None
    assert "broken" in world.fault(server_id).details
    world.nothing_left()


def _broken(spec):
    from services.compute.drivers.base import DriverError

    raise DriverError("broken hypervisor")


def test_a_boot_goes_to_another_host_when_the_first_spoils_it(world):
    world.agents["alpha"].host.driver.lifecycle.ensure = _broken
    server_id = boot(world)
    assert world.row(server_id).host == "beta" and len(world.network.ports) == 1
    delete(world, server_id)


def test_no_valid_host_says_why(world):
    world.scheduler.hosts.clear()
    server_id = world.server()
    world.settle()
    assert world.row(server_id).vm_state == "error"
    assert world.fault(server_id).message == "No valid host was found."
    assert "ComputeFilter" in world.fault(server_id).details
    world.nothing_left()


@pytest.mark.parametrize("at", range(7))
def test_delete_wins_at_every_moment_of_a_boot(world, at):
    server_id = world.server(volumes=[world.volume.add(size=1)["id"]])
    deleted_at(world, at, server_id, "server_create")
    world.settle()
    world.new_runner()
    world.gone(server_id)


@pytest.mark.parametrize("at", range(5))
def test_delete_survives_a_dead_conductor(world, at):
    server_id = boot(world, volumes=[world.volume.add(size=1)["id"]])
    world.act(server_id, "server_delete", "delete", "deleting")
    killed_at(world, at)
    assert world.row(server_id).deleted
    world.nothing_left()


def test_delete_does_not_wait_for_a_dead_host(world):
    server_id = boot(world)
    world.down.add("alpha")
    with clock.frozen(clock.time()) as now:
        now.advance(120)
        world.beat()
        world.act(server_id, "server_delete", "delete", "deleting")
        world.settle()
        now.advance(30)
        world.settle()
    assert world.row(server_id).deleted and world.placement.claims == {} and world.network.ports == {}
    assert world.on_hosts() == {server_id: "alpha"}, "the host was down"


@pytest.mark.parametrize("action,power,state", [
    ("stop", 4, "stopped"), ("pause", 3, "paused"), ("suspend", 7, "suspended"), ("reboot_hard", 1, "active"),
    ("reboot_soft", 1, "active")])
@pytest.mark.parametrize("at", [0, 9])
def test_power_actions(world, action, power, state, at):
    server_id = boot(world)
    world.act(server_id, "server_power", action, "busy")
    killed_at(world, at)
    row = world.row(server_id)
    assert (row.vm_state, row.task_state, row.power_state) == (state, None, power)
    delete(world, server_id)


@pytest.mark.parametrize("at", [0, 1, 2, 3, 9])
@pytest.mark.parametrize("end", ["server_resize_confirm", "server_resize_revert"])
def test_resize_on_one_host(tmp_path, end, at):
    world = World(tmp_path, hosts=("alpha",), compute__allow_resize_to_same_host=True)
    server_id = boot(world)
    world.act(server_id, "server_resize", "resize", "resize_prep", values={"new_flavor": BIG, "old_flavor": FLAVOR})
    killed_at(world, at)
    assert world.row(server_id).vm_state == "resized", world.fault(server_id)
    assert len(world.placement.claims) == 2
    world.act(server_id, end, "end", "resize_ending")
    killed_at(world, at)
    row = world.row(server_id)
    assert row.vm_state == "active" and row.vcpus == (2 if end.endswith("confirm") else 1)
    assert list(world.placement.claims) == [server_id]
    delete(world, server_id)


@pytest.mark.parametrize("at", [0, 1, 2, 9])
def test_attach_and_detach_a_volume(world, at):
    server_id = boot(world)
    volume = world.volume.add(size=1)
    from services.compute.db import server_parts

    attachment = world.volume.create_attachment(volume["id"], server_id)
    world.database.transaction(server_parts.add_disks, [
        {"id": "d" * 36, "server_id": server_id, "source": "volume", "destination": "volume", "volume_id": volume["id"],
         "attachment_id": attachment["id"], "position": 1, "delete_on_termination": True}])
    world.act(server_id, "server_attach_volume", "attach_volume", volume_id=volume["id"])
    killed_at(world, at)
    assert volume["status"] == "in-use"
    world.act(server_id, "server_detach_volume", "detach_volume", volume_id=volume["id"])
    killed_at(world, at)
    assert volume["status"] == "available" and not world.volume.attachments
    assert volume["id"] in world.volume.volumes_by_id  # it would have gone with the server only
    delete(world, server_id)


@pytest.mark.parametrize("wish,lands", [(None, "alpha"), ("beta", "beta")])
def test_shelve_offload_unshelve(world, wish, lands):
    server_id = boot(world)
    world.image.images["shelved"] = {"id": "shelved", "disk_format": "qcow2"}
    world.act(server_id, "server_shelve", "shelve", "shelving", image_id="shelved")
    world.settle()
    assert world.row(server_id).vm_state == "shelved_offloaded" and world.placement.claims == {}
    assert world.on_hosts() == {} and bound_to(world) == {""}
    world.act(server_id, "server_unshelve", "unshelve", "unshelving", host=wish)
    world.settle()
    assert bound_to(world) == {world.row(server_id).host}
    assert world.row(server_id).vm_state == "active" and world.image.images == {}
    assert world.row(server_id).host == lands and world.on_hosts() == {server_id: lands}
    delete(world, server_id)


def bound_to(world):
    """The hosts that the network service was told of."""
    return {port["binding:host_id"] for port in world.network.ports.values()}
