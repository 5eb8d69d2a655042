"""Images of servers whose disks are volumes: the guest stands still for the snapshots, and goes on whatever dies."""

import pytest

from services.compute.drivers.base import DriverError
from tests.simulation.compute_world import World
from tests.simulation.dying import deleted_at, killed_at

AGENT, QUIESCED = {"hw_qemu_guest_agent": "yes"}, {"os_require_quiesce": "yes"}


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def begun(world, properties):
    """(server, how frozen its guest was at each snapshot) of a snapshot that has begun, as the API begins it."""
    volumes = [world.volume.add(size=1)["id"] for _ in range(2)]
    server_id = world.server(volumes=volumes, system={"image": properties})
    world.settle()
    world.image.images["image"] = {"id": "image", "name": "frozen", "status": "queued"}
    seen, make = [], world.volume.create_snapshot

    def create_snapshot(values):
        seen.append(frozen(world, server_id))
        return make(values)

    world.volume.create_snapshot = create_snapshot
    world.act(server_id, "server_snapshot", "snapshot", "image_snapshot_pending", image_id="image", disk_format="raw",
              volume_backed=True)
    return server_id, seen


def frozen(world, server_id):
    return world.agents["alpha"].host.driver.guest._nodes.get(server_id).frozen


@pytest.mark.parametrize("at", range(5))
def test_the_guest_stands_still_for_its_snapshots_and_goes_on(world, at):
    server_id, seen = begun(world, AGENT | QUIESCED)
    killed_at(world, at)
    assert seen == [True, True] and not frozen(world, server_id)
    assert world.image.images["image"]["status"] == "active" and world.fault(server_id) is None
    row = world.row(server_id)
    assert (row.vm_state, row.task_state) == ("active", None)
    world.gone(server_id)


def test_without_an_agent_they_are_taken_as_they_are(world):
    server_id, seen = begun(world, {})
    world.settle()
    assert seen == [False, False] and world.image.images["image"]["status"] == "active"


@pytest.mark.parametrize("properties", [QUIESCED, AGENT | QUIESCED])
def test_an_image_that_must_be_quiesced_is_not_made_otherwise(world, properties):
    world.agents["alpha"].host.driver.guest.freeze = lambda uuid: False
    server_id, seen = begun(world, properties)
    world.settle()
    row = world.row(server_id)
    assert (seen, row.vm_state, row.task_state) == ([], "active", None)
    assert "Quiescing is not supported" in world.fault(server_id).message
    world.gone(server_id)


def test_a_snapshot_that_fails_lets_the_guest_go_on(world):
    server_id, seen = begun(world, AGENT)

    def refused(values):
        raise DriverError("no room")

    world.volume.create_snapshot = refused
    killed_at(world, 9)
    assert not frozen(world, server_id) and world.volume.snapshots_by_id == {} and "image" not in world.image.images
    assert world.row(server_id).task_state is None


@pytest.mark.parametrize("at", range(3))
def test_delete_wins_over_a_snapshot(world, at):
    server_id, _ = begun(world, AGENT)
    deleted_at(world, at, server_id, "server_snapshot")
    world.settle()
    world.new_runner()
    world.gone(server_id)
