"""Routers and floating IPs over HTTP."""

from services.network.db import models
from tests.api.network.support import kind_of, make


def test_a_router_joins_and_parts(cloud, member):
    outside, network, subnet, router = cloud.routed()
    assert router["external_gateway_info"]["enable_snat"] is True
    url = f"/v2.0/routers/{router['id']}"
    ports = member.get(f"/v2.0/ports?device_id={router['id']}")["ports"]
    assert [p["device_owner"] for p in ports] == ["network:router_interface"]
    assert ports[0]["fixed_ips"][0]["ip_address"] == "10.0.0.1"
    assert kind_of(member.delete(f"/v2.0/ports/{ports[0]['id']}", 409)) == "ServicePortInUse"
    assert kind_of(member.delete(url, 409)) == "RouterInUse"
    assert kind_of(member.put(url + "/add_router_interface", {"subnet_id": subnet["id"]}, 400)) == "BadRequest"
    assert kind_of(member.delete(f"/v2.0/subnets/{subnet['id']}", 409)) == "SubnetInUse"
    gone = member.put(url + "/remove_router_interface", {"subnet_id": subnet["id"]})
    assert gone["port_id"] == ports[0]["id"]
    missing = member.put(url + "/remove_router_interface", {"subnet_id": subnet["id"]}, 404)
    assert kind_of(missing) == "RouterInterfaceNotFoundForSubnet"
    member.delete(url)
    member.delete(f"/v2.0/networks/{network['id']}")


def test_gateways_are_on_external_networks(cloud, member):
    network = cloud.network()
    body = make(member, "router", status=400, external_gateway_info={"network_id": network["id"]})
    assert kind_of(body) == "BadRequest"
    outside, _ = cloud.external()
    body = make(member, "router", status=403, external_gateway_info={"network_id": outside["id"], "enable_snat": False})
    assert kind_of(body) == "PolicyNotAuthorized"


def test_a_gateway_may_be_on_a_network_without_subnets(admin, member):
    outside = make(admin, "network", **{"router:external": True})
    router = make(member, "router", external_gateway_info={"network_id": outside["id"]})
    assert router["external_gateway_info"]["external_fixed_ips"] == []
    url = f"/v2.0/routers/{router['id']}"
    assert member.put(url, {"router": {"external_gateway_info": {}}})["router"]["external_gateway_info"] is None
    member.delete(url)


def test_overlapping_subnets_do_not_meet(cloud, member):
    _, _, _, router = cloud.routed()
    same = cloud.subnet(cloud.network())
    body = member.put(f"/v2.0/routers/{router['id']}/add_router_interface", {"subnet_id": same["id"]}, 400)
    assert kind_of(body) == "BadRequest"


def test_extra_routes(cloud, member):
    _, _, subnet, router = cloud.routed()
    url = f"/v2.0/routers/{router['id']}"
    route = {"destination": "10.9.0.0/16", "nexthop": "10.0.0.7"}
    assert member.put(url, {"router": {"routes": [route]}})["router"]["routes"] == [route]
    far = {"destination": "10.8.0.0/16", "nexthop": "192.168.1.1"}
    assert kind_of(member.put(url + "/add_extraroutes", {"router": {"routes": [far]}}, 400)) == "InvalidRoutes"
    body = member.put(url + "/remove_router_interface", {"subnet_id": subnet["id"]}, 409)
    assert kind_of(body) == "RouterInterfaceInUseByRoute"
    assert member.put(url + "/remove_extraroutes", {"router": {"routes": [route]}})["router"]["routes"] == []
    assert member.put(url, {"router": {"routes": None}})["router"]["routes"] == []


def test_a_router_goes_with_its_routes(cloud, member):
    outside, _ = cloud.external()
    router = make(member, "router", external_gateway_info={"network_id": outside["id"]})
    url = f"/v2.0/routers/{router['id']}"
    member.put(url, {"router": {"routes": [{"destination": "10.7.7.0/24", "nexthop": "172.24.4.99"}]}})
    member.put(url, {"router": {"external_gateway_info": {}}}, 409)
    member.delete(url)


def test_a_floating_ip_over_its_life(cloud, member, told):
    outside, network, subnet, router = cloud.routed()
    port = cloud.port(network)
    floating = make(member, "floatingip", floating_network_id=outside["id"])
    assert floating["status"] == "DOWN" and floating["port_id"] is None
    url = f"/v2.0/floatingips/{floating['id']}"
    joined = member.put(url, {"floatingip": {"port_id": port["id"]}})["floatingip"]
    assert joined["router_id"] == router["id"] and joined["fixed_ip_address"] == port["fixed_ips"][0]["ip_address"]
    assert joined["port_details"]["mac_address"] == port["mac_address"]
    assert told[-1]["routers"] == [router["id"]]
    body = member.put(f"/v2.0/routers/{router['id']}/remove_router_interface", {"subnet_id": subnet["id"]}, 409)
    assert kind_of(body) == "RouterInterfaceInUseByFloatingIP"
    body = member.put(f"/v2.0/routers/{router['id']}", {"router": {"external_gateway_info": None}}, 409)
    assert kind_of(body) == "RouterExternalGatewayInUseByFloatingIp"
    body = make(member, "floatingip", status=409, floating_network_id=outside["id"], port_id=port["id"])
    assert kind_of(body) == "FloatingIPPortAlreadyAssociated"
    member.delete(f"/v2.0/ports/{port['id']}")
    assert member.get(url)["floatingip"]["port_id"] is None
    member.delete(url)


def test_floating_ips_need_a_way(cloud, member):
    outside, _ = cloud.external()
    network = cloud.network()
    cloud.subnet(network)
    port = cloud.port(network)
    body = make(member, "floatingip", status=404, floating_network_id=outside["id"], port_id=port["id"])
    assert kind_of(body) == "ExternalGatewayForFloatingIPNotFound"
    assert kind_of(make(member, "floatingip", status=400, floating_network_id=network["id"])) == "BadRequest"


def test_nothing_is_left(cloud, member, admin, state):
    outside, network, subnet, router = cloud.routed()
    port = cloud.port(network)
    floating = make(member, "floatingip", floating_network_id=outside["id"], port_id=port["id"])
    member.delete(f"/v2.0/floatingips/{floating['id']}")
    member.put(f"/v2.0/routers/{router['id']}/remove_router_interface", {"subnet_id": subnet["id"]})
    member.delete(f"/v2.0/routers/{router['id']}")
    member.delete(f"/v2.0/ports/{port['id']}")
    for item in (network, outside):
        admin.delete(f"/v2.0/networks/{item['id']}")
    with state.db.read() as session:
        for model in (models.Port, models.IpAllocation, models.Subnet, models.SegmentAllocation, models.RouterPort,
                      models.RbacPolicy, models.PortGroup):
            assert session.query(model).count() == 0, model
        assert {u.resource: u.used for u in session.query(models.QuotaUsage) if u.used} == {
            "security_group": 1, "security_group_rule": 4}


def test_a_project_gets_a_network_without_asking(cloud, member, admin):
    url = f"/v2.0/auto-allocated-topology/{member.persona.project_id}"
    assert kind_of(member.get(url, 409)) == "AutoAllocationFailure"
    outside, _ = cloud.external()
    admin.put(f"/v2.0/networks/{outside['id']}", {"network": {"is_default": True}})
    make(admin, "subnetpool", name="p", prefixes=["10.5.0.0/16"], default_prefixlen=26, shared=True, is_default=True)
    assert member.get(url + "?fields=dry-run")["auto_allocated_topology"]["id"] == "dry-run=pass"
    made = member.get(url)["auto_allocated_topology"]["id"]
    assert member.get(url)["auto_allocated_topology"]["id"] == made
    assert len(member.get(f"/v2.0/networks/{made}")["network"]["subnets"]) == 1
    assert len(member.get("/v2.0/routers")["routers"]) == 1
    member.delete(url)
    assert member.get("/v2.0/routers")["routers"] == []
