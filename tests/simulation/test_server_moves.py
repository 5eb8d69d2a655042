"""Cold moves of servers between hosts: whatever dies at whatever step, the end is right and nothing is left behind."""

import pytest

from common import clock
from services.compute.agent import tunnel
from services.compute.drivers.base import DriverError
from services.compute.objects.report import DiskFile
from tests.simulation.compute_world import BIG, FLAVOR, World
from tests.simulation.dying import deleted_at
from tests.simulation.moves_world import KILLS, SOME_KILLS, boot, breaks, delete, killed_at, moves, whole


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.mark.parametrize("at", KILLS)
@pytest.mark.parametrize("end", ["server_resize_confirm", "server_resize_revert"])
def test_resize_to_another_host(world, end, at):
    server_id = boot(world)
    world.act(server_id, "server_resize", "resize", "resize_prep", values={"new_flavor": BIG, "old_flavor": FLAVOR})
    killed_at(world, at)
    row = world.row(server_id)
    assert row.vm_state == "resized" and row.vcpus == 2, world.fault(server_id) and world.fault(server_id).details
    whole(world, server_id, "beta", claims=2)
    assert moves(world) == [("resize", "finished", "alpha", "beta")]
    world.act(server_id, end, "end", "resize_ending")
    killed_at(world, at)
    row = world.row(server_id)
    confirmed = end.endswith("confirm")
    assert (row.vm_state, row.vcpus) == ("active", 2 if confirmed else 1)
    whole(world, server_id, "beta" if confirmed else "alpha")
    assert moves(world)[0][1] == ("confirmed" if confirmed else "reverted")
    delete(world, server_id)


@pytest.mark.parametrize("at", SOME_KILLS)
@pytest.mark.parametrize("where", [("alpha", "prepare"), ("beta", "expect"), ("beta", "finish")])
def test_a_resize_that_fails_leaves_the_server_as_it_was(world, where, at):
    server_id = boot(world)
    breaks(world, where[0], "resize", where[1], DriverError("broken hypervisor"))
    world.act(server_id, "server_resize", "resize", "resize_prep", values={"new_flavor": BIG, "old_flavor": FLAVOR})
    killed_at(world, at)
    row = world.row(server_id)
    assert (row.vm_state, row.vcpus, row.flavorid) == ("active", 1, "1")
    assert "broken" in world.fault(server_id).details
    whole(world, server_id, "alpha")
    assert moves(world)[0][1] == "error"
    delete(world, server_id)


def test_a_cold_migration_of_a_stopped_server_to_a_named_host(tmp_path):
    world = World(tmp_path, hosts=("alpha", "beta", "gamma"))
    server_id = boot(world)
    world.act(server_id, "server_power", "stop", "powering-off", verb="stop")
    world.settle()
    world.act(server_id, "server_migrate", "migrate", "resize_prep", host="gamma")
    world.settle()
    assert world.row(server_id).vm_state == "resized"
    whole(world, server_id, "gamma", claims=2)
    world.act(server_id, "server_resize_confirm", "confirm_resize", "resize_confirming")
    world.settle()
    assert world.row(server_id).vm_state == "stopped"
    delete(world, server_id)


class Disk:
    """Gives simulated hosts a disk that really has to be sent, and the destination a real listener."""

    def __init__(self, world, folder):
        self.path, self.arrived = folder / "disk", {}
        self.path.write_bytes(b"data" * 1000)
        source, target = (world.agents[h].host.driver.resize for h in ("alpha", "beta"))
        prepare = source.prepare

        def listed(uuid, timeout_s=None):
            prepare(uuid, timeout_s)
            return (DiskFile(str(self.path), "raw", 4000, 4000, "disk"),)

        def receive(spec, name, size, frames):
            self.arrived[name] = (size, b"".join(data for _, data in frames), spec.node)

        source.prepare, source.open_disk = listed, lambda uuid, name: open(self.path, "rb")
        target.expect, target.known, target.receive = lambda spec, disks: True, lambda *_: False, receive
        self.listener = tunnel.Listener("127.0.0.1")
        object.__setattr__(world.agents["beta"].host, "listener", self.listener)


@pytest.mark.parametrize("breaks_times,state", [(0, "resized"), (2, "resized"), (9, "active")])
def test_disks_are_sent_again_when_the_way_breaks(world, tmp_path, breaks_times, state):
    server_id = boot(world)
    disk = Disk(world, tmp_path)
    open_session, tickets = disk.listener.open, []

    def open_and_break(*args):
        tickets.append(open_session(*args))
        if len(tickets) <= breaks_times:
            disk.listener.close(server_id)  # as when the destination's agent starts anew
        return tickets[-1]

    disk.listener.open = open_and_break
    world.act(server_id, "server_migrate", "migrate", "resize_prep")
    with clock.frozen(clock.time()) as now:
        for _ in range(6):
            world.settle()
            now.advance(5)
            world.beat()
    disk.listener.stop()
    assert world.row(server_id).vm_state == state and len(tickets) == min(breaks_times + 1, 4)
    if state == "resized":
        whole(world, server_id, "beta", claims=2)
        assert disk.arrived == {"disk": (4000, b"data" * 1000, "beta-node-000")}
    else:
        whole(world, server_id, "alpha")
        assert "could not be sent" in world.fault(server_id).message
    delete(world, server_id)


@pytest.mark.parametrize("at", range(9))
def test_delete_wins_at_every_moment_of_a_resize(world, at):
    server_id = boot(world)
    deleted_at(world, at, server_id, "server_resize")
    world.act(server_id, "server_resize", "resize", "resize_prep", values={"new_flavor": BIG, "old_flavor": FLAVOR})
    with clock.frozen(clock.time()) as now:
        for _ in range(4):
            world.settle()
            now.advance(30)
            world.beat()
    world.new_runner()
    if world.row(server_id).deleted:
        world.nothing_left()
    else:
        delete(world, server_id)
