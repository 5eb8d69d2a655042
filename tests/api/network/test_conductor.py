"""The conductor: agents' heartbeats, placing DHCP and routers, host states, pokes, reports, events for compute."""

import pytest

from common import clock, context, errors
from common.db.session import counted
from services.network.cmd import network_api
from services.network.conductor.notify import Notifier
from services.network.conductor.poker import Poker
from services.network.conductor.service import ConductorService
from services.network.db import models
from services.network.objects.host_state import HostState
from tests.api.network.support import make

CTXT = context.internal()


class Agents:
    """Stands where the RPC client stands."""

    def __init__(self):
        self.sent = []

    def to(self, host):
        outer = self

        class One:
            def reconcile(self, ctxt, **ids):
                outer.sent.append((host, {k: v for k, v in ids.items() if v}))

        return One()


class Compute:
    def __init__(self):
        self.heard, self.failure = [], None

    def server_external_events(self, events):
        if self.failure:
            raise self.failure
        self.heard += events


@pytest.fixture
def agents():
    return Agents()


@pytest.fixture
def compute():
    return Compute()


@pytest.fixture
def notifier(conf, state, compute):
    return Notifier(conf, state.db, compute)


@pytest.fixture
def poker(conf, state, agents, notifier):
    return Poker(conf, state.db, agents, notifier.poke)


@pytest.fixture
def conductor(conf, state, poker, notifier):
    return ConductorService(conf, state.db, poker, notifier)


@pytest.fixture
def pass_on(told, poker):
    """Give the conductor what the API told, until nothing more follows; what is due for sets counts as due."""
    def run():
        while told:
            poker.add(CTXT, told.pop(0))
        for _ in range(4):
            poker._sets_due = 0
            poker.flush()
    return run


def beat(conductor, host="h1", physical=("public",), roles=("l2", "dhcp", "l3", "metadata")):
    return conductor.heartbeat(CTXT, host, "1", "2024-01-01T00:00:00", f"192.0.2.{host[1:]}", list(physical), list(roles), {})


def plug(admin, network, host, project, server="11111111-1111-4111-8111-111111111111"):
    return make(admin, "port", network_id=network["id"], project_id=project, device_owner="compute:nova", device_id=server,
                **{"binding:host_id": host})


def test_an_agent_shows_as_upstreams_four(conductor, admin):
    assert beat(conductor) == {"resync": True}
    assert beat(conductor) == {"resync": False}
    found = admin.get("/v2.0/agents")["agents"]
    assert sorted(a["binary"] for a in found) == ["neutron-dhcp-agent", "neutron-l3-agent", "neutron-linuxbridge-agent",
                                                  "neutron-metadata-agent"]
    assert all(a["alive"] and a["host"] == "h1" for a in found)
    assert admin.get("/v2.0/availability_zones")["availability_zones"] == [
        {"name": "nova", "resource": "network", "state": "available"},
        {"name": "nova", "resource": "router", "state": "available"}]


def test_a_port_gets_wired(cloud, admin, member, conductor, pass_on, agents, compute, notifier):
    beat(conductor)
    network = cloud.network()
    subnet = cloud.subnet(network)
    pass_on()
    dhcp = admin.get(f"/v2.0/ports?network_id={network['id']}&device_owner=network:dhcp")["ports"]
    assert [p["binding:host_id"] for p in dhcp] == ["h1"] and dhcp[0]["fixed_ips"][0]["subnet_id"] == subnet["id"]
    port = plug(admin, network, "h1", member.persona.project_id)
    agents.sent.clear()
    pass_on()
    assert any(host == "h1" and port["id"] in ids.get("port_ids", ()) for host, ids in agents.sent)
    state = conductor.get_host_state(CTXT, "h1", port_ids=[port["id"]])
    assert [p["port_id"] for p in state["ports"]] == [port["id"]] and not state["full"]
    assert [s["kind"] for s in state["segments"]] == ["vxlan"]
    assert state["hosts"][network["id"]][0]["ips"] == [port["fixed_ips"][0]["ip_address"]]
    assert {r["direction"] for r in state["ports"][0]["rules"]} == {"ingress", "egress"}
    assert state["address_sets"] == [{"set_id": port["security_groups"][0], "members": [port["fixed_ips"][0]["ip_address"]]}]
    conductor.report(CTXT, "h2", [port["id"]], [], [], [], {})
    assert member.get(f"/v2.0/ports/{port['id']}")["port"]["status"] == "DOWN"
    conductor.report(CTXT, "h1", [port["id"]], [], [], [], {})
    assert member.get(f"/v2.0/ports/{port['id']}")["port"]["status"] == "ACTIVE"
    notifier.flush()
    assert compute.heard == [{"server_uuid": port["device_id"], "name": "network-vif-plugged", "tag": port["id"],
                              "status": "completed"}]


def test_what_a_dead_conductor_had_in_hand_another_sends(conf, state, cloud, admin, member, conductor, compute, notifier):
    beat(conductor)
    port = plug(admin, cloud.network(), "h1", member.persona.project_id)
    other = Notifier(conf, state.db, compute)
    with clock.frozen(clock.time()) as fake:
        conductor.report(CTXT, "h1", [port["id"]], [], [], [], {})
        for _ in range(5):  # the first lives, but is slow
            fake.advance(2)
            notifier.renew()
            other.flush()
        assert compute.heard == []
        fake.advance(5)  # the first is dead
        other.flush()
    assert [e["tag"] for e in compute.heard] == [port["id"]]


def test_what_compute_has_heard_is_struck_out_together(cloud, admin, member, conductor, compute, notifier, state):
    beat(conductor)
    network = cloud.network()
    for _ in range(3):
        port = plug(admin, network, "h1", member.persona.project_id)
        conductor.report_up(CTXT, "h1", [port["id"]], [], [], {})
        notifier.flush()
    assert len(compute.heard) == 3
    with counted(state.db) as statements:
        notifier.renew()
        notifier.renew()
    assert [s.split()[0] for s in statements] == ["BEGIN", "DELETE"]
    with state.db.read() as session:
        assert session.query(models.ServerEvent).count() == 0


def test_events_wait_for_compute(cloud, admin, member, conductor, compute, notifier):
    beat(conductor)
    network = cloud.network()
    port = plug(admin, network, "h1", member.persona.project_id)
    conductor.report(CTXT, "h1", [port["id"]], [], [], [], {})
    compute.failure = errors.Transient("down")
    with clock.frozen(clock.time()) as fake:
        notifier.flush()
        compute.failure = None
        notifier.flush()
        assert compute.heard == []
        fake.advance(120)
        notifier.flush()
        notifier.flush()
    assert [e["name"] for e in compute.heard] == ["network-vif-plugged"]


def test_a_full_answer_says_which_ports_count_as_wired(cloud, admin, member, conductor):
    beat(conductor)
    network = cloud.network()
    first, second = (plug(admin, network, "h1", member.persona.project_id) for _ in range(2))
    conductor.report_up(CTXT, "h1", [first["id"]], [], [], {})
    assert conductor.get_host_state(CTXT, "h1")["up"] == [first["id"]]
    conductor.report(CTXT, "h1", [second["id"]], [first["id"]], [], [], {})
    assert conductor.get_host_state(CTXT, "h1")["up"] == [second["id"]]


def test_the_whole_state_is_what_the_objects_take(cloud, admin, member, conductor, pass_on):
    beat(conductor)
    beat(conductor, "h2", physical=(), roles=("l2",))
    outside, network, subnet, router = cloud.routed()
    here = plug(admin, network, "h1", member.persona.project_id)
    there = plug(admin, network, "h2", member.persona.project_id, "22222222-2222-4222-8222-222222222222")
    make(member, "floatingip", floating_network_id=outside["id"], port_id=here["id"])
    pass_on()
    answer = conductor.get_host_state(CTXT, "h1")
    state = HostState.from_dict(answer)
    assert answer["full"] and {p.port_id for p in state.ports} >= {here["id"]}
    assert [n.mac for n in state.neighbours] == [there["mac_address"]] and state.neighbours[0].host == "192.0.2.2"
    assert [p.hosts for p in state.peers] == [("192.0.2.2",)]
    assert len(state.dhcps) == 1 and state.dhcps[0].subnets[0].isolated is False
    (one,) = state.routers
    assert one.router_id == router["id"] and one.gateway.gateway_ips == ("172.24.4.1",)
    assert one.floating_ips[0].fixed_ip == here["fixed_ips"][0]["ip_address"]
    assert {s.network_id for s in state.segments} == {network["id"], outside["id"]}
    conductor.report(CTXT, "h1", [], [], [], [router["id"]], {})
    assert member.get("/v2.0/floatingips")["floatingips"][0]["status"] == "ACTIVE"
    other = conductor.get_host_state(CTXT, "h2", port_ids=[here["id"]])
    assert [n["mac"] for n in other["neighbours"]] == [here["mac_address"]] and other["ports"] == []
    elsewhere = conductor.get_host_state(CTXT, "h3", port_ids=[here["id"]], network_ids=[network["id"]])
    assert elsewhere["gone"]["port_ids"] == [here["id"]] and elsewhere["gone"]["network_ids"] == [network["id"]]


def test_a_dead_hosts_dhcp_and_routers_move(cloud, admin, conductor, poker, pass_on, state, agents):
    beat(conductor)
    _, network, _, router = cloud.routed()
    pass_on()
    assert [a["host"] for a in admin.get(f"/v2.0/routers/{router['id']}/l3-agents")["agents"]] == ["h1"]
    beat(conductor, "h2")
    with state.db.write() as session:
        for agent in session.query(models.Agent).where(models.Agent.host == "h1"):
            agent.heartbeat_at = clock.after(-1000)
    agents.sent.clear()
    poker.place_pending()
    pass_on()
    assert [a["host"] for a in admin.get(f"/v2.0/routers/{router['id']}/l3-agents")["agents"]] == ["h2"]
    assert [a["host"] for a in admin.get(f"/v2.0/networks/{network['id']}/dhcp-agents")["agents"]] == ["h2"]
    assert {host for host, _ in agents.sent} == {"h2"}
    ports = admin.get(f"/v2.0/ports?network_id={network['id']}")["ports"]
    assert {p["binding:host_id"] for p in ports} == {"h2"} and len(ports) == 2


def test_operators_give_networks_and_routers_to_agents(cloud, admin, member, conductor, pass_on):
    beat(conductor)
    agents = {a["agent_type"]: a["id"] for a in admin.get("/v2.0/agents")["agents"]}
    network, router = cloud.network(), make(member, "router", name="r")
    for agent, noun, item, back in (("DHCP agent", "network", network, "dhcp"), ("L3 agent", "router", router, "l3")):
        url = f"/v2.0/agents/{agents[agent]}/{back}-{noun}s"
        made = admin.request("POST", url, {f"{noun}_id": item["id"]})
        assert (made.status_code, made.get_json(), made.text) == (201, None, "null")
        pass_on()
        assert [a["id"] for a in admin.get(f"/v2.0/{noun}s/{item['id']}/{back}-agents")["agents"]] == [agents[agent]]
        assert [i["id"] for i in admin.get(url)[f"{noun}s"]] == [item["id"]]
        admin.delete(f"{url}/{item['id']}")
        pass_on()
        assert admin.get(url)[f"{noun}s"] == []


def test_a_router_that_an_operator_took_away_runs_nowhere_until_it_is_changed_or_given_away(cloud, admin, member, conductor,
                                                                                            poker, pass_on):
    beat(conductor)
    (agent,) = [a["id"] for a in admin.get("/v2.0/agents")["agents"] if a["agent_type"] == "L3 agent"]
    _, _, _, router = cloud.routed()
    hosting, url = f"/v2.0/routers/{router['id']}/l3-agents", f"/v2.0/agents/{agent}/l3-routers"

    def hosts():
        pass_on()
        poker.place_pending()
        return [a["id"] for a in admin.get(hosting)["agents"]]

    assert hosts() == [agent]
    admin.delete(f"{url}/{router['id']}")
    assert hosts() == []
    assert admin.request("POST", url, {"router_id": router["id"]}).status_code == 201
    assert hosts() == [agent]
    admin.delete(f"{url}/{router['id']}")
    assert hosts() == []
    member.put(f"/v2.0/routers/{router['id']}", {"router": {"name": "changed"}})
    assert hosts() == [agent]


def test_changes_of_groups_reach_the_hosts_that_use_them(cloud, admin, member, conductor, pass_on, agents):
    beat(conductor)
    beat(conductor, "h2")
    network = cloud.network()
    cloud.subnet(network)
    port = plug(admin, network, "h2", member.persona.project_id)
    pass_on()
    agents.sent.clear()
    make(member, "security_group_rule", security_group_id=port["security_groups"][0], direction="ingress", protocol="tcp",
         port_range_min=22, port_range_max=22)
    pass_on()
    assert agents.sent == [("h2", {"port_ids": [port["id"]]})]
    agents.sent.clear()
    new = cloud.port(network)
    pass_on()
    (group,), (address,) = port["security_groups"], [f["ip_address"] for f in new["fixed_ips"]]
    members = [ids["set_members"] for host, ids in agents.sent if host == "h2" and "set_members" in ids]
    assert members == [{group: [address]}]
    answer = conductor.get_host_state(CTXT, "h2", set_members={group: [address, "10.9.9.9"]})
    assert answer["set_changes"] == {group: {"added": [address], "removed": ["10.9.9.9"]}} and answer["address_sets"] == []
    member.delete(f"/v2.0/ports/{new['id']}")
    pass_on()
    assert [ids["set_members"] for host, ids in agents.sent if host == "h2" and "set_members" in ids][1:] == [{group: [address]}]
    answer = conductor.get_host_state(CTXT, "h2", set_members={group: [address]})
    assert answer["set_changes"] == {group: {"added": [], "removed": [address]}}


def test_sets_and_hosts_that_an_agent_has_are_not_sent_again(cloud, admin, member, conductor, pass_on):
    beat(conductor)
    _, network, _, router = cloud.routed()
    port = plug(admin, network, "h1", member.persona.project_id)
    pass_on()
    (group,) = port["security_groups"]
    assert [s["set_id"] for s in conductor.get_host_state(CTXT, "h1", port_ids=[port["id"]])["address_sets"]] == [group]
    assert conductor.get_host_state(CTXT, "h1", port_ids=[port["id"]], known_sets=[group])["address_sets"] == []
    whole = conductor.get_host_state(CTXT, "h1", router_ids=[router["id"]])
    assert {h["port_id"] for h in whole["all_hosts"][network["id"]]} >= {port["id"]}
    known = conductor.get_host_state(CTXT, "h1", router_ids=[router["id"]], known_hosts=[network["id"]])
    assert known["all_hosts"] == {} and [r["router_id"] for r in known["routers"]] == [router["id"]]


def test_pokes_are_few(cloud, admin, member, conductor, pass_on, agents):
    beat(conductor)
    network = cloud.network()
    cloud.subnet(network)
    pass_on()
    agents.sent.clear()
    for _ in range(20):
        plug(admin, network, "h1", member.persona.project_id)
    pass_on()
    assert len(agents.sent) <= 2


def test_the_api_pokes_agents_itself_and_has_conductors_do_what_takes_more(cloud, admin, member, conductor, told, poker, agents):
    class Away:
        def changed(self, ctxt, changes):
            asked.append(changes)
            raise errors.Transient("away")

    asked = []
    tell = network_api.notifier(poker, Away)
    for host in ("h1", "h2"):
        beat(conductor, host)
    network = cloud.network()
    cloud.subnet(network)
    port = plug(admin, network, "h1", member.persona.project_id)
    member.delete(f"/v2.0/ports/{plug(admin, network, 'h2', member.persona.project_id)['id']}")
    for changes in told:
        tell(CTXT, changes)
    poker.flush()
    assert [sorted(c) for c in asked] == [["networks"], ["events", "members", "ports"]]  # placing DHCP; compute is to hear
    assert [(host, ids["port_ids"]) for host, ids in agents.sent if "port_ids" in ids and port["id"] in ids["port_ids"]]
    assert {host for host, _ in agents.sent} == {"h1", "h2"} and len(agents.sent) == 2


def test_looking_for_events_that_are_not_there_writes_nothing(state, notifier):
    with counted(state.db) as statements:
        notifier.flush()
    assert len([s for s in statements if s.startswith("SELECT")]) == 1 and "BEGIN IMMEDIATE" not in statements
