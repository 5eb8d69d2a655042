"""Port forwardings of floating IPs."""

import pytest

from services.network.objects.host_state import HostState
from tests.api.network.support import kind_of, make
from tests.api.network.test_conductor import CTXT, agents, beat, compute, conductor, notifier, pass_on, poker  # noqa: F401


@pytest.fixture
def net(cloud):
    outside, network, subnet, router = cloud.routed()
    return {"outside": outside, "network": network, "subnet": subnet, "router": router}


@pytest.fixture
def fip(member, net):
    return make(member, "floatingip", floating_network_id=net["outside"]["id"])


@pytest.fixture
def path(fip):
    return f"/v2.0/floatingips/{fip['id']}/port_forwardings"


def body(port, external=2222, internal=22, **more):
    return {"port_forwarding": {"internal_port_id": port["id"], "internal_port": internal, "external_port": external,
                                "protocol": "tcp", **more}}


def test_one_is_made_shown_changed_and_removed(cloud, member, net, fip, path):
    port, other = cloud.port(net["network"]), cloud.port(net["network"])
    made = member.post(path, body(port, description="ssh"), 201)["port_forwarding"]
    assert made["internal_ip_address"] == port["fixed_ips"][0]["ip_address"] and made["description"] == "ssh"
    assert member.get(f"{path}/{made['id']}")["port_forwarding"] == made
    shown = member.get(f"/v2.0/floatingips/{fip['id']}")["floatingip"]
    assert shown["router_id"] == net["router"]["id"] and shown["port_id"] is None
    assert shown["port_forwardings"] == [{"protocol": "tcp", "external_port": 2222, "internal_port": 22,
                                          "internal_ip_address": port["fixed_ips"][0]["ip_address"]}]
    changed = member.put(f"{path}/{made['id']}", {"port_forwarding": {"internal_port_id": other["id"], "external_port": "23"}})
    changed = changed["port_forwarding"]
    assert (changed["internal_ip_address"], changed["external_port"]) == (other["fixed_ips"][0]["ip_address"], 23)
    second = member.post(path, body(port, 80, 8080), 201)["port_forwarding"]
    assert [p["id"] for p in member.get(path + "?external_port=80")["port_forwardings"]] == [second["id"]]
    assert len(member.get(path + "?limit=1")["port_forwardings"]) == 1
    assert member.get(path + "?fields=protocol")["port_forwardings"] == [{"protocol": "tcp"}] * 2
    for item in (made, second):
        member.delete(f"{path}/{item['id']}")
    assert kind_of(member.get(f"{path}/{made['id']}", 404)) == "PortForwardingNotFound"
    assert member.get(f"/v2.0/floatingips/{fip['id']}")["floatingip"]["router_id"] is None


def test_what_does_not_fit_is_refused(cloud, member, other, net, fip, path):
    port = cloud.port(net["network"])
    one = member.post(path, body(port), 201)["port_forwarding"]
    two = member.post(path, body(port, 2223, 23), 201)["port_forwarding"]
    member.post(path, body(port), 400)  # the same outside
    member.post(path, body(port, 3333), 400)  # the same inside
    member.put(f"{path}/{two['id']}", {"port_forwarding": {"external_port": 2222}}, 400)
    member.post(path, body(port, 0), 400)
    member.post(path, body(port, 1, protocol="icmp"), 400)
    member.post(path, body(port, 1, internal_ip_address="10.99.0.1"), 400)
    lonely = cloud.network()
    cloud.subnet(lonely, "10.77.0.0/24")
    assert kind_of(member.post(path, body(cloud.port(lonely), 4444), 404)) == "ExternalGatewayForFloatingIPNotFound"
    free = {"floatingip": {"port_id": cloud.port(net["network"])["id"]}}
    assert kind_of(member.put(f"/v2.0/floatingips/{fip['id']}", free, 409)) == "FipInUseByPortForwarding"
    second = make(member, "floatingip", floating_network_id=net["outside"]["id"])
    assert kind_of(member.put(f"/v2.0/floatingips/{second['id']}", {"floatingip": {"port_id": port["id"]}}, 409)
                   ) == "PortHasPortForwarding"
    bound = cloud.port(net["network"])
    member.put(f"/v2.0/floatingips/{second['id']}", {"floatingip": {"port_id": bound["id"]}})
    assert kind_of(member.post(path, body(bound, 5555), 409)) == "PortHasBindingFloatingIP"
    member.post(path.replace(fip["id"], second["id"]), body(port, 1), 409)
    other.get(path, 404)
    other.delete(f"{path}/{one['id']}", 404)


def test_the_router_and_its_interface_stay_while_ports_are_forwarded(cloud, member, net, fip, path):
    made = member.post(path, body(cloud.port(net["network"])), 201)["port_forwarding"]
    where = f"/v2.0/routers/{net['router']['id']}"
    member.put(where + "/remove_router_interface", {"subnet_id": net["subnet"]["id"]}, 409)
    member.put(where, {"router": {"external_gateway_info": None}}, 409)
    assert kind_of(member.delete(f"/v2.0/floatingips/{fip['id']}", 409)) == "FipInUseByPortForwarding"
    member.delete(f"{path}/{made['id']}")
    member.delete(f"/v2.0/floatingips/{fip['id']}")
    member.put(where + "/remove_router_interface", {"subnet_id": net["subnet"]["id"]})


def test_forwardings_go_with_their_port(cloud, member, net, fip, path):
    port = cloud.port(net["network"])
    member.post(path, body(port), 201)
    member.delete(f"/v2.0/ports/{port['id']}")
    assert member.get(path)["port_forwardings"] == []
    assert member.get(f"/v2.0/floatingips/{fip['id']}")["floatingip"]["router_id"] is None


def test_the_agent_is_told(cloud, member, net, fip, path, conductor, pass_on, agents):  # noqa: F811
    beat(conductor)
    port = cloud.port(net["network"])
    pass_on()
    agents.sent.clear()
    member.post(path, body(port), 201)
    pass_on()
    assert any(net["router"]["id"] in ids.get("router_ids", ()) for _, ids in agents.sent)
    (router,) = HostState.from_dict(conductor.get_host_state(CTXT, "h1")).routers
    (found,) = router.floating_ips
    assert found.fixed_ip is None and [(f.protocol, f.external_port, f.internal_port) for f in found.forwardings] == [
        ("tcp", 2222, 22)]
    conductor.report(CTXT, "h1", [], [], [], [net["router"]["id"]], {})
    assert member.get(f"/v2.0/floatingips/{fip['id']}")["floatingip"]["status"] == "ACTIVE"
