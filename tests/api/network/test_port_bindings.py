"""Moving ports between hosts: bindings beside the active one, and plain changes of binding:host_id."""

import pytest

from services.network.agent.mirror import Mirror
from tests.api.network.support import kind_of
from tests.api.network.test_conductor import CTXT, agents, beat, compute, conductor, notifier, pass_on, plug, poker  # noqa: F401 - fixtures


@pytest.fixture
def port(cloud, admin, member, conductor, pass_on):  # noqa: F811
    for host in ("h1", "h2", "h3"):
        beat(conductor, host)
    network = cloud.network()
    cloud.subnet(network)
    made = plug(admin, network, "h1", member.persona.project_id)
    pass_on()
    conductor.report(CTXT, "h1", [made["id"]], [], [], [], {})
    return made


@pytest.fixture
def path(port):
    return f"/v2.0/ports/{port['id']}/bindings"


class Host:
    """What an agent on a host keeps, asked for as the agent asks."""

    def __init__(self, conductor, agents, host):  # noqa: F811
        self.conductor, self.agents, self.host, self.mirror = conductor, agents, host, Mirror()
        self.mirror.merge(conductor.get_host_state(CTXT, host))

    def follow(self):
        for host, ids in self.agents.sent:
            if host == self.host:
                networks, ports = ids.get("network_ids", []), ids.get("port_ids", [])
                answer = self.conductor.get_host_state(CTXT, host, **ids)
                new = self.mirror.merge(answer, networks, ports)
                if new:
                    self.mirror.merge(self.conductor.get_host_state(CTXT, host, network_ids=sorted(new)), new)
        return self.mirror

    def elsewhere(self):
        return {n.port_id: n.host for by_mac in self.mirror.neighbours.values() for n in by_mac.values()}


def test_a_binding_is_made_shown_changed_and_removed(admin, path):
    made = admin.post(path, {"binding": {"host": "h2", "profile": {"a": "b"}}}, 201)["binding"]
    assert (made["host"], made["status"], made["vif_type"], made["profile"]) == ("h2", "INACTIVE", "bridge", {"a": "b"})
    assert [(b["host"], b["status"]) for b in admin.get(path)["bindings"]] == [("h1", "ACTIVE"), ("h2", "INACTIVE")]
    assert [b["host"] for b in admin.get(path + "?status=INACTIVE")["bindings"]] == ["h2"]
    assert admin.get(path + "/h1")["binding"]["status"] == "ACTIVE"
    assert admin.put(path + "/h2", {"binding": {"profile": {"c": "d"}}})["binding"]["profile"] == {"c": "d"}
    assert kind_of(admin.post(path, {"binding": {"host": "h2"}}, 409)) == "PortBindingAlreadyExists"
    admin.delete(path + "/h2")
    assert kind_of(admin.get(path + "/h2", 404)) == "PortBindingNotFound"
    assert kind_of(admin.delete(path + "/h2", 404)) == "PortBindingNotFound"


def test_a_host_without_an_agent_is_refused(admin, path):
    assert kind_of(admin.post(path, {"binding": {"host": "nowhere"}}, 500)) == "PortBindingError"
    admin.post(path, {"binding": {}}, 400)


def test_bindings_are_for_operators(member, path):
    for method, where in (("GET", path), ("POST", path), ("PUT", path + "/h2/activate"), ("DELETE", path + "/h1")):
        body = {"binding": {"host": "h2"}} if method == "POST" else None
        assert member.request(method, where, body).status_code == 403


def test_activation_swaps_the_two(admin, member, path, port, conductor, pass_on, compute, notifier):  # noqa: F811
    admin.post(path, {"binding": {"host": "h2", "profile": {"x": 1}}}, 201)
    assert kind_of(admin.put(path + "/h1/activate", status=409)) == "PortBindingAlreadyActive"
    assert kind_of(admin.put(path + "/h3/activate", status=404)) == "PortBindingNotFound"
    now = admin.put(path + "/h2/activate")
    assert (now["host"], now["status"], now["profile"]) == ("h2", "ACTIVE", {"x": 1})
    shown = admin.get(f"/v2.0/ports/{port['id']}")["port"]
    assert (shown["binding:host_id"], shown["status"]) == ("h2", "DOWN")
    assert [(b["host"], b["status"]) for b in admin.get(path)["bindings"]] == [("h2", "ACTIVE"), ("h1", "INACTIVE")]
    conductor.report(CTXT, "h2", [port["id"]], [], [], [], {})
    assert member.get(f"/v2.0/ports/{port['id']}")["port"]["status"] == "ACTIVE"
    admin.delete(path + "/h1")
    member.delete(f"/v2.0/ports/{port['id']}")


def test_the_new_host_wires_the_port_before_it_moves(admin, path, port, conductor, pass_on, agents, compute, notifier):  # noqa: F811
    one, two, three = (Host(conductor, agents, h) for h in ("h1", "h2", "h3"))
    notifier.flush()
    compute.heard.clear()
    agents.sent.clear()
    admin.post(path, {"binding": {"host": "h2"}}, 201)
    pass_on()
    waiting = two.follow().ports[port["id"]]
    assert waiting.pending and waiting.rules and two.elsewhere()[port["id"]] == "192.0.2.1"
    assert port["network_id"] in two.mirror.segments
    conductor.report(CTXT, "h2", [port["id"]], [], [], [], {})
    notifier.flush()
    assert [e["name"] for e in compute.heard] == ["network-vif-plugged"]
    assert admin.get(f"/v2.0/ports/{port['id']}")["port"]["status"] == "ACTIVE"  # on the old host, still
    agents.sent.clear()
    admin.put(path + "/h2/activate")
    pass_on()
    assert not two.follow().ports[port["id"]].pending and port["id"] not in two.elsewhere()
    assert one.follow().ports[port["id"]].pending and one.elsewhere()[port["id"]] == "192.0.2.2"
    agents.sent.clear()
    admin.delete(path + "/h1")
    pass_on()
    assert port["id"] not in one.follow().ports
    assert port["id"] not in three.follow().ports


@pytest.mark.parametrize("others", [0, 1])
def test_a_changed_host_id_moves_the_port(cloud, admin, member, port, conductor, pass_on, agents, others):  # noqa: F811
    network = {"id": port["network_id"]}
    dhcp = admin.get(f"/v2.0/ports?network_id={network['id']}&device_owner=network:dhcp")["ports"][0]["binding:host_id"]
    kept = [plug(admin, network, h, member.persona.project_id) for h in ("h1", "h2", "h3") for _ in range(others)]
    pass_on()
    one, two, three = (Host(conductor, agents, h) for h in ("h1", "h2", "h3"))
    agents.sent.clear()
    admin.put(f"/v2.0/ports/{port['id']}", {"port": {"binding:host_id": "h2"}})
    pass_on()
    for host in (one, two, three):
        host.follow()
    assert port["id"] not in one.mirror.ports and port["id"] in two.mirror.ports and port["id"] not in two.elsewhere()
    for host in (one, three):
        if kept or host.host == dhcp:
            assert host.elsewhere()[port["id"]] == "192.0.2.2"
    served = next(h for h in (one, two, three) if h.host == dhcp)
    assert port["id"] in served.mirror.hosts[network["id"]]
    assert [p["binding:host_id"] for p in admin.get("/v2.0/ports?device_owner=compute:nova&id=" + port["id"])["ports"]] == ["h2"]
