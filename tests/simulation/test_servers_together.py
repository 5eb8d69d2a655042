"""Servers that boot and go together: whatever dies at whatever step, each of them ends as it would alone."""

import pytest

from common.clients.base import RemoteError
from common.context import RequestContext
from services.compute.db import migrations, server_groups, servers
from tests.simulation.compute_world import World
from tests.simulation.dying import killed_at

COUNT = 5


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.database.dispose()


def boot(world, count=COUNT):
    return [world.server(name=f"s{number}") for number in range(count)]


def delete(world, server_ids):
    for server_id in server_ids:
        world.act(server_id, "server_delete", "delete", "deleting")


@pytest.mark.parametrize("at", range(0, 26, 3))
def test_boots_survive_a_dead_conductor(world, at):
    made = boot(world)
    killed_at(world, at)
    assert {world.row(i).vm_state for i in made} == {"active"} and {world.row(i).host for i in made} == {"alpha"}
    assert sorted(p["device_id"] for p in world.network.ports.values()) == sorted(made)
    assert set(world.placement.claims) == set(made) == set(world.on_hosts())
    delete(world, made)
    world.settle()
    world.nothing_left()


@pytest.mark.parametrize("at", range(0, 20, 3))
def test_deletions_survive_a_dead_conductor(world, at):
    made = boot(world)
    world.settle()
    delete(world, made)
    killed_at(world, at)
    assert {world.row(i).vm_state for i in made} == {"deleted"}
    world.nothing_left()


@pytest.mark.parametrize("at", range(0, 20, 3))
def test_deletions_in_the_middle_of_boots(world, at):
    made = boot(world)
    seen = []

    def remove(run, step):
        seen.append(step)
        if len(seen) - 1 == at:
            delete(world, made[:3])

    world.new_runner(after_step=remove)
    world.settle()
    world.new_runner()
    if len(seen) <= at:
        delete(world, made[:3])
    world.settle()
    assert {world.row(i).vm_state for i in made[:3]} == {"deleted"} and {world.row(i).vm_state for i in made[3:]} == {"active"}
    assert sorted(p["device_id"] for p in world.network.ports.values()) == sorted(made[3:])
    delete(world, made[3:])
    world.settle()
    world.nothing_left()


def test_one_without_a_port_does_not_spoil_the_others(world):
    made = boot(world)
    plain = world.network.create_ports

    def create_ports(bodies):
        if any(body["device_id"] == made[2] for body in bodies):
            raise RemoteError(409, "no more addresses", "network")
        return plain(bodies)

    world.network.create_ports = create_ports
    world.settle()
    assert [world.row(i).vm_state for i in made] == ["active", "active", "error", "active", "active"]
    assert "no more addresses" in world.fault(made[2]).details
    assert sorted(p["device_id"] for p in world.network.ports.values()) == sorted(set(made) - {made[2]})
    assert made[2] not in world.placement.claims
    delete(world, made)
    world.settle()
    world.nothing_left()


def test_those_that_find_no_host_say_why_and_the_others_boot(world):
    made = boot(world)
    plain = world.scheduler.select_hosts

    def select_hosts(ctxt, requests):
        return [{"error": "No valid host", "public_error": "No valid host was found."} if r["consumer_id"] in made[:2]
                else plain(ctxt, [r])[0] for r in requests]

    world.scheduler.select_hosts = select_hosts
    world.settle()
    assert [world.row(i).vm_state for i in made] == ["error", "error", "active", "active", "active"]
    assert world.fault(made[0]).message == "No valid host was found."
    assert len(world.network.ports) == 3 and set(world.placement.claims) == set(made[2:])


@pytest.mark.parametrize("requests", [1, 2])
def test_members_of_a_group_are_placed_in_one_question_or_one_after_the_other(world, requests):
    with world.database.write() as session:
        group = server_groups.insert(session, {"name": "apart", "project_id": "p", "user_id": "u", "policy": "anti-affinity"}).id
    made = []
    for number in range(2):
        if number < requests:
            world.context = RequestContext(user_id="u", project_id="p", roles=["member"], auth_token="secret")
        made.append(world.server(name=f"s{number}", group_id=group))
    world.settle()
    assert [world.row(server_id).vm_state for server_id in made] == ["active", "active"]
    assert [wanted["group"]["hosts"] for wanted in world.scheduler.asked] == [[], ["alpha"] if requests == 2 else []]


def _apart(world):
    """A scheduler that heeds anti-affinity, and such a group with a member on alpha and one on beta: (group, members)."""
    plain = world.scheduler.select_hosts

    def select_hosts(ctxt, requests):
        for wanted in requests:
            taken = wanted["group"]["hosts"] if wanted["group"] else []
            wanted["ignore_hosts"] = [*wanted["ignore_hosts"], *taken]
        return plain(ctxt, requests)

    world.scheduler.select_hosts = select_hosts
    with world.database.write() as session:
        group = server_groups.insert(session, {"name": "apart", "project_id": "p", "user_id": "u", "policy": "anti-affinity"}).id
    made = []
    for number in range(2):
        made.append(world.server(name=f"s{number}", group_id=group))
        world.context = RequestContext(user_id="u", project_id="p", roles=["member"], auth_token="secret")
    world.settle()
    return group, made


FOUR_HOSTS = ("alpha", "beta", "delta", "gamma")


@pytest.mark.parametrize("kind", ["server_migrate", "server_live_migrate"])
def test_members_of_a_group_that_move_at_once_do_not_meet(tmp_path, kind):
    """While one is being placed, another conductor notes the same host for the other: the first chooses again."""
    world = World(tmp_path, hosts=FOUR_HOSTS)
    _group, made = _apart(world)
    heeding, chosen = world.scheduler.select_hosts, []

    def select_hosts(ctxt, requests):
        answers = heeding(ctxt, requests)
        chosen.append(answers[0]["host"])
        if len(chosen) == 1:
            with world.database.write() as session:
                migrations.insert(session, {
                    "server_id": made[1], "type": "migration", "status": "migrating", "source_compute": "beta",
                    "dest_compute": chosen[0], "old_flavor": {}, "new_flavor": {}, "user_id": "u", "project_id": "p"})
        return answers

    world.scheduler.select_hosts = select_hosts
    assert [world.row(server_id).host for server_id in made] == ["alpha", "beta"]
    world.act(made[0], kind, "move", "resize_prep")
    world.settle()
    assert chosen == ["delta", "gamma"]
    assert world.row(made[0]).host == "gamma" and world.on_hosts()[made[0]] == "gamma"
    assert "delta" not in {host for claim in world.placement.claims.values() for host in claim}


def test_a_member_that_moves_waits_for_those_that_are_being_placed(tmp_path):
    world = World(tmp_path, hosts=FOUR_HOSTS)
    group, made = _apart(world)
    asked = len(world.scheduler.asked)
    world.act(made[0], "server_migrate", "migrate", "resize_prep")
    made.append(world.server(name="s2", group_id=group))
    world.settle()
    assert [wanted["consumer_id"] for wanted in world.scheduler.asked[asked:]] == [made[2], made[0]]
    assert sorted(world.row(server_id).host for server_id in made) == ["beta", "delta", "gamma"]


def test_a_host_that_the_group_never_allows_is_refused_in_the_end(tmp_path):
    """The filter of groups is switched off: the scheduler chooses what the group forbids."""
    world = World(tmp_path, hosts=("alpha", "beta"))
    _group, made = _apart(world)
    world.scheduler.select_hosts = lambda ctxt, requests: type(world.scheduler).select_hosts(
        world.scheduler, ctxt, [{**wanted, "ignore_hosts": ["alpha"]} for wanted in requests])
    world.act(made[0], "server_migrate", "migrate", "resize_prep")
    for _ in range(10):
        world.settle()
    assert (world.row(made[0]).host, world.row(made[0]).task_state) == ("alpha", None)
    assert "policy of the server's group" in world.fault(made[0]).details
    assert set(world.placement.claims) == set(made)


def test_a_member_that_is_unshelved_waits_for_its_turn(tmp_path):
    world = World(tmp_path, hosts=FOUR_HOSTS)
    _group, made = _apart(world)
    with world.database.write() as session:  # as offloading leaves one, and while a host is chosen for the other
        servers.change(session, made[1], {"host": None, "node": None, "vm_state": "shelved_offloaded"})
        servers.change(session, made[0], {"host": None, "node": None, "vm_state": "building"})
    world.act(made[1], "server_unshelve", "unshelve", "unshelving")
    world.settle()
    assert (world.row(made[1]).host, world.row(made[1]).task_state) == (None, "unshelving")
    with world.database.write() as session:
        servers.change(session, made[0], {"host": "alpha", "node": "alpha", "vm_state": "active"})
    world.settle()
    assert (world.row(made[1]).host, world.row(made[1]).vm_state) == ("beta", "active")
