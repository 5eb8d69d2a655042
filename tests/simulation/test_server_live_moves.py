"""Live migrations and evacuations: whatever dies at whatever step, the end is right and nothing is left behind."""

import dataclasses

import pytest

from common import clock
from common.clients.base import RemoteError
from services.compute.conductor import specs
from services.compute.db import hosts, migrations
from services.compute.drivers.base import DriverError, SimulatedFailure
from services.compute.objects.server import ServerSpec
from tests.simulation.compute_world import World
from tests.simulation.dying import deleted_at
from tests.simulation.moves_world import KILLS, SOME_KILLS, boot, breaks, delete, guest, killed_at, migrate, moves, whole


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


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


def test_ports_go_ahead_of_their_guest(world):
    """They are switched as the guest stands still, before the agent has told that it runs there."""
    server_id = boot(world)
    live, seen = world.agents["alpha"].host.driver.live, []
    real = live.send

    def send(uuid, plan, watch, switching):
        def tell():
            (port,) = world.network.ports.values()
            seen.append((port["binding:host_id"], set(world.network.bindings[port["id"]])))
            switching()
            seen.append((port["binding:host_id"], set(world.network.bindings[port["id"]])))

        return real(uuid, plan, watch, tell)

    live.send = send
    migrate(world, server_id)
    world.settle()
    assert seen == [("alpha", {"beta"}), ("beta", {"alpha"})]
    whole(world, server_id, "beta")
    delete(world, server_id)


@pytest.mark.parametrize("at", SOME_KILLS)
def test_ports_come_back_when_their_guest_does_not_go_after_all(world, at):
    server_id = boot(world)

    def send(uuid, plan, watch, switching):
        switching()
        assert {p["binding:host_id"] for p in world.network.ports.values()} == {"beta"}
        raise DriverError("the destination died in the last moment")

    world.agents["alpha"].host.driver.live.send = send
    migrate(world, server_id)
    killed_at(world, at)
    whole(world, server_id, "alpha")
    delete(world, server_id)


def test_a_host_that_cannot_have_the_ports_is_refused(world):
    server_id = boot(world)

    def refuse(port_id, host, profile):
        raise RemoteError(500, "no agent is there", "network")

    world.network.bind = refuse
    migrate(world, server_id)
    world.settle()
    whole(world, server_id, "alpha")
    assert "could not be bound" in world.fault(server_id).message
    delete(world, server_id)


def test_who_hears_of_a_switch_that_nobody_wants_does_nothing(world):
    server_id = boot(world)
    world.service.move_switching(None, "alpha", server_id)
    whole(world, server_id, "alpha")


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
    deleted_at(world, at, server_id, "server_live_migrate")
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
