"""What requests, pokes and host states cost does not grow with what there is: statements are counted, never time."""

import pytest

from common.db.session import counted
from tests.api.network.test_conductor import CTXT, agents, beat, compute, conductor, notifier, pass_on, plug, poker  # noqa: F401


def grow(cloud, admin, network, number, project):
    for n in range(number):
        plug(admin, network, f"h{1 + n % 3}", project)


def asked(state, work):
    with counted(state.db) as seen:
        work()
    return [s.split()[0] + " " + s.partition("FROM ")[2].split(" ")[0].strip() for s in seen]


@pytest.fixture
def network(cloud, conductor, pass_on):  # noqa: F811
    for host in ("h1", "h2", "h3"):
        beat(conductor, host)
    made = cloud.network()
    cloud.subnet(made)
    pass_on()
    return made


@pytest.mark.parametrize("where, most", [
    ("/v2.0/ports", 6), ("/v2.0/networks", 7), ("/v2.0/subnets", 5), ("/v2.0/security-groups", 6), ("/v2.0/floatingips", 5),
    ("/v2.0/routers", 7)])
def test_one_resource_takes_a_handful_of_statements(cloud, admin, member, state, where, most):
    outside, network, _, _ = cloud.routed()
    port = cloud.port(network)
    member.post("/v2.0/floatingips", {"floatingip": {"floating_network_id": outside["id"], "port_id": port["id"]}}, 201)
    for client in (admin, member):
        found = client.get(where)
        one = next(iter(found.values()))[0]["id"]
        assert len(asked(state, lambda c=client, i=one: c.get(f"{where}/{i}"))) <= most


def test_a_port_costs_the_same_among_many(cloud, admin, member, network, state, told):
    def one():
        plug(admin, network, "h1", member.persona.project_id)

    one()
    few = asked(state, one)
    grow(cloud, admin, network, 40, member.persona.project_id)
    assert asked(state, one) == few and len(few) <= 16


def test_pokes_and_host_states_cost_the_same_among_many(
        cloud, admin, member, network, state, told, poker, conductor, pass_on):  # noqa: F811
    def flush():
        while told:
            poker.add(CTXT, told.pop(0))
        poker._sets_due = 0
        poker.flush()

    def costs():
        project = member.persona.project_id
        port = plug(admin, network, "h1", project)
        (group,), address = port["security_groups"], port["fixed_ips"][0]["ip_address"]
        found = [asked(state, flush)]
        for host in ("h1", "h2", "h3"):
            found.append(asked(state, lambda h=host: conductor.get_host_state(
                CTXT, h, port_ids=[port["id"]], known_sets=[group], set_members={group: [address]})))
        size = len(str(conductor.get_host_state(CTXT, "h2", port_ids=[port["id"]], known_sets=[group])))
        found.append(asked(state, lambda: conductor.report(CTXT, "h1", [port["id"]], [], [], [], {})))
        return found, size

    grow(cloud, admin, network, 3, member.persona.project_id)
    pass_on()
    few, small = costs()
    grow(cloud, admin, network, 40, member.persona.project_id)
    pass_on()
    many, big = costs()
    assert many == few
    assert abs(big - small) < 40  # addresses differ in length; nothing else was added
