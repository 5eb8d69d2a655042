"""Moves of servers between hosts: whatever dies at whatever step, the end is right and nothing is left behind."""

import importlib.util
import pathlib
import sys

import pytest

from common import clock
from common.saga import Crash
from services.compute.db import hosts, migrations, models, server_parts
from services.compute.drivers.base import DriverError, SimulatedFailure

_PATH = pathlib.Path(__file__).with_name("compute_world.py")
_SPEC = importlib.util.spec_from_file_location("compute_world", _PATH)
compute_world = sys.modules.setdefault("compute_world", importlib.util.module_from_spec(_SPEC))
if not hasattr(compute_world, "World"):
    _SPEC.loader.exec_module(compute_world)
World, BIG, FLAVOR = compute_world.World, compute_world.BIG, compute_world.FLAVOR
KILLS = [*range(14), 99]
SOME_KILLS = [0, 2, 3, 4, 6, 8, 11]


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def boot(world, **values):
    volume = world.volume.add(size=1)
    server_id = world.server(volumes=[volume["id"]], **values)
    world.settle()
    assert world.row(server_id).vm_state == "active", world.fault(server_id) and world.fault(server_id).details
    return server_id


class Killer:
    """Kills the process after its nth step."""

    def __init__(self, at):
        self.at, self.seen = at, []

    def __call__(self, run, step):
        self.seen.append(step)
        if len(self.seen) - 1 == self.at:
            raise Crash()


def killed_at(world, at):
    """Let everything happen, with the conductor dying after its `at`th step and another one taking over; the steps."""
    killer = Killer(at)
    world.new_runner(after_step=killer)
    with clock.frozen(clock.time()) as now:
        try:
            world.settle()
        except Crash:
            world.new_runner()
            now.advance(40)
            world.beat()
        for _ in range(4):
            world.settle()
            now.advance(20)
            world.beat()
    world.new_runner()
    return killer.seen


def moves(world):
    with world.database.read() as session:
        return [(m.type, m.status, m.source_compute, m.dest_compute) for m in session.query(models.Migration).all()]


def whole(world, server_id, host, claims=1):
    """The server is on `host` in every respect."""
    row = world.row(server_id)
    assert (row.host, row.task_state) == (host, None)
    assert world.on_hosts().get(server_id) == host
    assert {p["binding:host_id"] for p in world.network.ports.values()} == {host}
    assert [a["connection_info"]["data"]["host"] for a in world.volume.attachments.values()] == [host]
    assert [v["status"] for v in world.volume.volumes_by_id.values()] == ["in-use"]
    assert host in world.placement.claims[server_id] and len(world.placement.claims) == claims, world.placement.claims
    with world.database.read() as session:
        disk = server_parts.disks(session, [server_id])[server_id][0]
        assert disk.attachment_id in world.volume.attachments and disk.connection_info["data"]["host"] == host


def delete(world, server_id):
    world.act(server_id, "server_delete", "delete", "deleting")
    with clock.frozen(clock.time()) as now:
        for _ in range(3):
            world.settle()
            now.advance(30)
            world.beat()
    assert world.row(server_id).deleted
    world.nothing_left()
    with world.database.read() as session:
        assert all(m.status in migrations.SETTLED for m in session.query(models.Migration).all())


def breaks(world, host, part, name, error):
    """Have one method of a host's driver fail from now on."""
    def broken(*_args, **_kwargs):
        raise error

    setattr(getattr(world.agents[host].host.driver, part), name, broken)


# cold

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


@pytest.mark.parametrize("at", range(9))
def test_delete_wins_at_every_moment_of_a_resize(world, at):
    server_id = boot(world)
    steps = []

    def interrupt(run, step):
        steps.append(step)
        if len(steps) - 1 == at and run.kind == "server_resize":
            world.act(server_id, "server_delete", "delete", "deleting")

    world.new_runner(after_step=interrupt)
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


# live

def guest(world, host, server_id):
    return world.agents[host].host.driver.lifecycle._nodes.guests[server_id]


def migrate(world, server_id, **data):
    world.act(server_id, "server_live_migrate", "live_migrate", "migrating", **data)


@pytest.mark.parametrize("at", KILLS)
def test_live_migration(world, at):
    server_id = boot(world)
    guest(world, "alpha", server_id).console.append("I was on alpha")
    migrate(world, server_id, block_migration="auto")
    killed_at(world, at)
    whole(world, server_id, "beta")
    row = world.row(server_id)
    assert (row.vm_state, row.power_state) == ("active", 1)
    found = guest(world, "beta", server_id)
    assert found.boots == 1 and found.console[-1] == "I was on alpha", "it was not booted again"
    assert moves(world) == [("live-migration", "completed", "alpha", "beta")]
    delete(world, server_id)


def test_a_paused_guest_stays_paused(world):
    server_id = boot(world)
    world.act(server_id, "server_power", "pause", "pausing", verb="pause")
    world.settle()
    migrate(world, server_id)
    world.settle()
    whole(world, server_id, "beta")
    assert (world.row(server_id).vm_state, world.row(server_id).power_state) == ("paused", 3)
    delete(world, server_id)


@pytest.mark.parametrize("at", SOME_KILLS)
@pytest.mark.parametrize("where", [("alpha", "probe"), ("beta", "receive"), ("alpha", "send")])
def test_a_live_migration_that_fails_leaves_the_guest_where_it_is(world, where, at):
    server_id = boot(world)
    breaks(world, *where[:1], "live", where[1], SimulatedFailure("broken hypervisor"))
    migrate(world, server_id)
    killed_at(world, at)
    whole(world, server_id, "alpha")
    assert world.row(server_id).vm_state == "active" and guest(world, "alpha", server_id).boots == 1
    assert moves(world)[0][1] == ("failed" if where[1] == "send" else "error")
    delete(world, server_id)


def test_block_migration_must_be_allowed_without_shared_storage(world):
    server_id = boot(world)
    migrate(world, server_id, block_migration=False)
    world.settle()
    whole(world, server_id, "alpha")
    assert "shared storage" in world.fault(server_id).details


def test_a_forced_host_is_taken_without_asking_the_scheduler(world):
    with world.database.write() as session:
        hosts.save_nodes(session, "beta", [{"node": "beta-node-000", "uuid": "beta"}])
    server_id = boot(world)
    world.scheduler.hosts.pop("beta")
    migrate(world, server_id, host="beta", force=True)
    world.settle()
    whole(world, server_id, "beta")
    delete(world, server_id)


@pytest.mark.parametrize("command,status,host", [("abort", "cancelled", "alpha"), ("force_complete", "completed", "beta")])
def test_a_running_live_migration_obeys(world, command, status, host):
    world.agents["alpha"].host.driver.lifecycle._nodes.delays_s["live_migration"] = 30.0
    server_id = boot(world)
    migrate(world, server_id)
    told = []

    def ask(session, migration_id, **values):
        with world.database.read() as session:
            row = migrations.newest(session, server_id, migrations.RUNNING)
        told.append((row.status, row.memory_total, row.memory_processed))
        world.database.transaction(migrations.change, row.id, command=command)

    original = world.service.move_progress

    def progress(ctxt, host, server, counters):
        answer = original(ctxt, host, server, counters)
        if len(told) < 1:
            ask(None, None)
        return answer

    world.service.move_progress = progress
    with clock.frozen(clock.time()) as now:
        world.settle()
        assert now.monotonic() - now.now_s < 30
    assert told == [("running", 512 << 20, 0)]
    whole(world, server_id, host)
    assert moves(world)[0][1] == status
    delete(world, server_id)


def test_an_order_nobody_wants_any_more_is_aborted(world):
    """The agent hears it with its next report, when the saga took back what it asked for."""
    server_id = boot(world)
    assert world.service.move_progress(None, "alpha", server_id, {}) == {"command": "abort"}


def test_a_source_sends_one_server_at_a_time(world):
    first, second = world.server(), world.server()
    world.settle()
    for server_id in (first, second):
        migrate(world, server_id)
    for _ in range(6):
        world.wake()
        world.runner.run_all()
        with world.database.read() as session:
            assert migrations.underway_from(session, "alpha") <= 1
        world.agents_work()
    with clock.frozen(clock.time()) as now:
        for _ in range(4):
            world.settle()
            now.advance(10)
            world.beat()
    assert [world.row(s).host for s in (first, second)] == ["beta", "beta"]


def test_a_queued_live_migration_can_be_aborted(world):
    server_id = boot(world)
    with world.database.write() as session:
        migrations.insert(session, {"server_id": "x" * 36, "type": "live-migration", "status": "running",
                                    "source_compute": "alpha"})
    migrate(world, server_id)
    world.wake()
    world.runner.run_all()
    with world.database.read() as session:
        row = migrations.newest(session, server_id, ("queued",))
    world.database.transaction(migrations.change, row.id, command="abort")
    world.settle()
    whole(world, server_id, "alpha")
    with world.database.read() as session:
        assert migrations.one(session, row.id).status == "cancelled"


@pytest.mark.parametrize("at", range(14))
def test_delete_wins_at_every_moment_of_a_live_migration(world, at):
    server_id = boot(world)
    steps = []

    def interrupt(run, step):
        steps.append(step)
        if len(steps) - 1 == at and run.kind == "server_live_migrate":
            world.act(server_id, "server_delete", "delete", "deleting")

    world.new_runner(after_step=interrupt)
    migrate(world, server_id)
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


def test_a_guest_that_moved_while_its_source_died_is_found_on_the_destination(world):
    """The result of the job is lost with the source's agent: what was prepared on the destination is not thrown away."""
    server_id = boot(world)
    alpha = world.agents["alpha"].host.driver.live
    send = alpha.send

    def send_and_die(*args):
        state = send(*args)
        world.agents["beta"].host.driver.live.arrive(world_spec(world, server_id), state, {})
        world.down.add("alpha")
        raise KeyboardInterrupt  # the agent's process ends before it could report

    alpha.send = send_and_die
    migrate(world, server_id)
    with clock.frozen(clock.time()) as now:
        with pytest.raises(KeyboardInterrupt):
            world.settle()
        for _ in range(6):
            now.advance(70)
            world.beat()
            world.settle()
    whole(world, server_id, "beta")
    assert world.row(server_id).vm_state == "active"
    assert moves(world)[0][1] == "completed"


def world_spec(world, server_id):
    import dataclasses

    from services.compute.conductor import specs
    from services.compute.objects.server import ServerSpec

    with world.database.read() as session:
        found = ServerSpec.from_dict(specs.work(session, "alpha", [server_id])[0]["spec"])
    return dataclasses.replace(found, node="")


def test_a_crash_dump_leaves_the_states_alone(world):
    server_id = boot(world)
    world.act(server_id, "server_crash_dump", "crash_dump")
    world.settle()
    assert (world.row(server_id).vm_state, world.row(server_id).task_state) == ("active", None)
    assert "NMI" in guest(world, "alpha", server_id).console[-1]
    delete(world, server_id)


# evacuation

def lose(world, host, now):
    world.down.add(host)
    now.advance(120)
    world.beat()


@pytest.mark.parametrize("at", KILLS)
@pytest.mark.parametrize("stay_stopped", [False, True])
def test_evacuation_and_the_return_of_the_lost_host(world, at, stay_stopped):
    server_id = boot(world)
    with clock.frozen(clock.time()) as now:
        lose(world, "alpha", now)
        world.act(server_id, "server_evacuate", "evacuate", "rebuilding", stay_stopped=stay_stopped)
        killed_at(world, at)
    row = world.row(server_id)
    assert (row.vm_state, row.host) == ("stopped" if stay_stopped else "active", "beta"), world.fault(server_id)
    assert moves(world) == [("evacuation", "done", "alpha", "beta")]
    assert len(world.placement.claims) == 2, "the lost host's claim is held until it has cleaned up"
    world.down.clear()
    alpha = world.agents["alpha"]
    assert [s.uuid for s in alpha.host.driver.lifecycle.servers()] == [server_id]
    alpha.full_pass()
    assert alpha.host.driver.lifecycle.servers() == []
    whole(world, server_id, "beta")
    assert moves(world)[0][1] == "completed"
    delete(world, server_id)


@pytest.mark.parametrize("at", KILLS)
def test_an_evacuation_that_fails_is_undone(world, at):
    server_id = boot(world)
    breaks(world, "beta", "lifecycle", "ensure", DriverError("broken hypervisor"))
    with clock.frozen(clock.time()) as now:
        lose(world, "alpha", now)
        world.act(server_id, "server_evacuate", "evacuate", "rebuilding")
        killed_at(world, at)
    row = world.row(server_id)
    assert (row.vm_state, row.host, row.task_state) == ("error", "alpha", None)
    assert "broken" in world.fault(server_id).details and moves(world)[0][1] == "error"
    assert list(world.placement.claims) == [server_id]
    world.down.clear()
    whole(world, server_id, "alpha")
    delete(world, server_id)


def test_nobody_moves_to_a_host_that_has_not_cleaned_up_yet(world):
    server_id = boot(world)
    with clock.frozen(clock.time()) as now:
        lose(world, "alpha", now)
        world.act(server_id, "server_evacuate", "evacuate", "rebuilding")
        world.settle()
        world.down.clear()
        world.beat()
        migrate(world, server_id)
        world.settle()
    assert world.row(server_id).host == "beta"
    assert "No valid host" in world.fault(server_id).message


def test_a_deleted_server_leaves_no_claim_of_its_evacuation(world):
    server_id = boot(world)
    with clock.frozen(clock.time()) as now:
        lose(world, "alpha", now)
        world.act(server_id, "server_evacuate", "evacuate", "rebuilding")
        world.settle()
        world.act(server_id, "server_delete", "delete", "deleting")
        world.settle()
    assert world.row(server_id).deleted and world.placement.claims == {} and world.volume.attachments == {}
    world.down.clear()
    agent = world.agents["alpha"]
    with clock.frozen(clock.time()) as now:
        agent.full_pass()
        now.advance(100)
        agent.full_pass()
    world.nothing_left()
