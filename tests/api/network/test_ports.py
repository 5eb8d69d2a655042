"""Ports and security groups over HTTP."""

import pytest

from common.db.session import counted
from common.testing.api import Persona
from services.network.db import models
from tests.api.network.support import kind_of, make


@pytest.fixture
def network(cloud):
    network = cloud.network()
    network["subnet"] = cloud.subnet(network)
    return network


def test_a_port_gets_an_address_and_the_default_group(cloud, network, member, told):
    port = cloud.port(network)
    assert port["status"] == "DOWN" and len(port["fixed_ips"]) == 1 and port["mac_address"].startswith("fa:16:3e")
    groups = member.get("/v2.0/security-groups")["security_groups"]
    assert [g["name"] for g in groups] == ["default"] and port["security_groups"] == [groups[0]["id"]]
    assert len(groups[0]["security_group_rules"]) == 4
    assert told[-1]["ports"] == {port["id"]: [network["id"]]}
    assert told[-1]["members"] == {groups[0]["id"]: [port["fixed_ips"][0]["ip_address"]]}
    assert "binding:host_id" not in port


def test_asking_for_addresses(cloud, network, member):
    subnet = network["subnet"]["id"]
    port = cloud.port(network, fixed_ips=[{"ip_address": "10.0.0.50"}])
    assert port["fixed_ips"] == [{"subnet_id": subnet, "ip_address": "10.0.0.50"}]
    again = make(member, "port", status=409, network_id=network["id"], fixed_ips=[{"ip_address": "10.0.0.50"}])
    assert kind_of(again) == "IpAddressAlreadyAllocated"
    wrong = make(member, "port", status=400, network_id=network["id"], fixed_ips=[{"ip_address": "10.9.0.1"}])
    assert kind_of(wrong) == "InvalidIpForNetwork"
    url = f"/v2.0/ports/{port['id']}"
    two = member.put(url, {"port": {"fixed_ips": [{"ip_address": "10.0.0.50"}, {"subnet_id": subnet}]}})["port"]["fixed_ips"]
    assert two[0]["ip_address"] == "10.0.0.50" and len(two) == 2
    assert member.put(url, {"port": {"fixed_ips": []}})["port"]["fixed_ips"] == []
    found = member.get("/v2.0/ports?fixed_ips=ip_address%3D10.0.0.50")["ports"]
    assert found == []


def test_a_full_subnet_says_so(cloud, member):
    network = cloud.network()
    cloud.subnet(network, "10.0.0.0/29")
    for _ in range(5):
        cloud.port(network)
    assert kind_of(make(member, "port", status=409, network_id=network["id"])) == "IpAddressGenerationFailure"
    used = [p["fixed_ips"][0]["ip_address"] for p in member.get("/v2.0/ports")["ports"]]
    assert len(set(used)) == 5


def test_slaac_addresses_come_from_the_mac(cloud, member):
    network = cloud.network()
    before = cloud.port(network, mac_address="fa:16:3e:00:00:01")
    cloud.subnet(network, "2001:db8::/64", ipv6_ra_mode="slaac", ipv6_address_mode="slaac")
    ips = member.get(f"/v2.0/ports/{before['id']}")["port"]["fixed_ips"]
    assert [i["ip_address"] for i in ips] == ["2001:db8::f816:3eff:fe00:1"]


@pytest.mark.parametrize("values, status, kind", [
    ({"mac_address": "nonsense"}, 400, "HTTPBadRequest"), ({"unknown": 1}, 400, "HTTPBadRequest"),
    ({"security_groups": ["0a0a0a0a-0000-4000-8000-000000000000"]}, 404, "SecurityGroupNotFound"),
    ({"port_security_enabled": False, "allowed_address_pairs": [{"ip_address": "10.0.0.9"}]}, 409,
     "AddressPairAndPortSecurityRequired"),
    ({"device_owner": "network:dhcp"}, 201, None), ({"binding:host_id": "h"}, 403, "PolicyNotAuthorized"),
])
def test_values_of_a_port(cloud, network, member, values, status, kind):
    body = make(member, "port", status=status, network_id=network["id"], **values)
    assert kind is None or kind_of(body) == kind


def test_binding_needs_a_live_agent(cloud, network, admin, state):
    failed = make(admin, "port", network_id=network["id"], **{"binding:host_id": "h1"})
    assert failed["binding:vif_type"] == "binding_failed"
    with state.db.write() as session:
        session.add(models.Agent(agent_type="Linux bridge agent", binary="b", topic="t", host="h1", role="l2"))
    port = make(admin, "port", network_id=network["id"], **{"binding:host_id": "h1"})
    assert port["binding:vif_type"] == "bridge" and port["binding:vif_details"]["port_filter"] is True
    assert port["binding:vif_details"]["bridge_name"] == f"brq{network['id'][:11]}"
    unbound = admin.put(f"/v2.0/ports/{port['id']}", {"port": {"binding:host_id": ""}})["port"]
    assert unbound["binding:vif_type"] == "unbound" and unbound["status"] == "DOWN"


def test_lists_take_a_constant_number_of_queries(cloud, network, member, state):
    cloud.port(network)
    with counted(state.db) as few:
        member.get("/v2.0/ports")
    member.post("/v2.0/ports", {"ports": [{"network_id": network["id"]}] * 30}, 201)
    for url in ("/v2.0/ports", "/v2.0/networks", "/v2.0/subnets", "/v2.0/security-groups", "/v2.0/routers"):
        with counted(state.db) as many:
            member.get(url)
        assert len(many) <= max(len(few), 8), (url, many)


def test_the_default_group_is_special(member, admin):
    group = member.get("/v2.0/security-groups")["security_groups"][0]
    url = f"/v2.0/security-groups/{group['id']}"
    assert kind_of(member.delete(url, 409)) == "SecurityGroupCannotRemoveDefault"
    assert kind_of(member.put(url, {"security_group": {"name": "x"}}, 409)) == "SecurityGroupCannotUpdateDefault"
    assert kind_of(make(member, "security_group", status=409, name="default")) == "SecurityGroupDefaultAlreadyExists"
    assert len(make(member, "security_group", name="web")["security_group_rules"]) == 2


@pytest.mark.parametrize("values, status, kind", [
    ({"protocol": "tcp", "port_range_min": 80, "port_range_max": 80}, 201, None),
    ({"protocol": "tcp", "port_range_min": 90, "port_range_max": 80}, 400, "SecurityGroupInvalidPortRange"),
    ({"port_range_min": 80, "port_range_max": 80}, 400, "SecurityGroupProtocolRequiredWithPorts"),
    ({"protocol": "icmp", "port_range_min": 256}, 400, "SecurityGroupInvalidIcmpValue"),
    ({"protocol": "icmp", "port_range_max": 1}, 400, "SecurityGroupMissingIcmpType"),
    ({"protocol": "nonsense"}, 400, "SecurityGroupRuleInvalidProtocol"),
    ({"ethertype": "IPv6", "remote_ip_prefix": "10.0.0.0/8"}, 400, "SecurityGroupRuleParameterConflict"),
    ({"ethertype": "bad"}, 400, "SecurityGroupRuleInvalidEtherType"),
    ({"remote_group_id": "0a0a0a0a-0000-4000-8000-000000000000"}, 404, "SecurityGroupNotFound"),
])
def test_rules(member, values, status, kind):
    group = make(member, "security_group", name="web")
    values = {"security_group_id": group["id"], "direction": "ingress", **values}
    body = make(member, "security_group_rule", status=status, **values)
    if kind is not None:
        assert kind_of(body) == kind
    else:
        assert kind_of(make(member, "security_group_rule", status=409, **values)) == "SecurityGroupRuleExists"


def test_a_group_in_use_stays(cloud, network, member):
    group = make(member, "security_group", name="web")
    port = cloud.port(network, security_groups=[group["id"]])
    assert kind_of(member.delete(f"/v2.0/security-groups/{group['id']}", 409)) == "SecurityGroupInUse"
    member.delete(f"/v2.0/ports/{port['id']}")
    member.delete(f"/v2.0/security-groups/{group['id']}")


def test_address_groups(member):
    group = make(member, "address_group", name="a", addresses=["10.0.0.1"])
    assert group["addresses"] == ["10.0.0.1/32"]
    url = f"/v2.0/address-groups/{group['id']}"
    assert member.put(url + "/add_addresses", {"addresses": ["10.1.0.0/16"]})["address_group"]["addresses"] == [
        "10.0.0.1/32", "10.1.0.0/16"]
    assert kind_of(member.put(url + "/remove_addresses", {"addresses": ["1.1.1.1"]}, 404)) == "AddressesNotFound"


def test_stateful_and_stateless_groups_do_not_mix(cloud, network, member):
    made = [make(member, "security_group", name=n, stateful=s) for n, s in (("a", True), ("b", False), ("c", False))]
    one, two, three = (g["id"] for g in made)
    body = {"port": {"network_id": network["id"], "security_groups": [one, two]}}
    assert kind_of(member.post("/v2.0/ports", body, 409)) == "SecurityGroupConflict"
    port = cloud.port(network, security_groups=[two, three])
    member.put(f"/v2.0/ports/{port['id']}", {"port": {"security_groups": [one, three]}}, 409)
    member.put(f"/v2.0/security-groups/{two}", {"security_group": {"stateful": True}}, 409)


def test_what_clients_send_in_odd_forms(cloud, network, member):
    port = cloud.port(network)
    manager = member.as_(Persona("manager", project_id=member.persona.project_id))
    new = manager.put(f"/v2.0/ports/{port['id']}", {"port": {"mac_address": None}})["port"]
    assert new["mac_address"] not in (None, port["mac_address"])
    bulk = member.post("/v2.0/ports", {"ports": [{"port": {"network_id": network["id"], "name": "wrapped"}},
                                                 {"network_id": network["id"], "name": "bare"}]}, 201)["ports"]
    assert [p["name"] for p in bulk] == ["wrapped", "bare"]
    member.post("/v2.0/ports", {"ports": [{"port": {"network_id": network["id"], "nonsense": 1}}]}, 400)
    member.put(f"/v2.0/ports/{port['id']}", {"port": {"security_groups": port["security_groups"] * 2}}, 400)
    rule = {"security_group_id": port["security_groups"][0], "direction": "ingress", "ethertype": "IPv4"}
    for protocol in ("ipv6-route", "58"):
        body = member.post("/v2.0/security-group-rules", {"security_group_rule": {**rule, "protocol": protocol}}, 400)
        assert kind_of(body) == "SecurityGroupEthertypeConflictWithProtocol"
