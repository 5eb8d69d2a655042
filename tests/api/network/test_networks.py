"""Networks and subnets over HTTP."""

import pytest

from tests.api.network.support import kind_of, make


def test_a_network_has_upstreams_attributes(cloud, member):
    network = cloud.network(description="d", tags=["a", "b"])
    assert network["status"] == "ACTIVE" and network["mtu"] == 1450 and network["subnets"] == []
    assert network["project_id"] == network["tenant_id"] == member.persona.project_id
    assert network["created_at"] == network["updated_at"] and network["revision_number"] == 1
    assert network["tags"] == ["a", "b"]
    assert "provider:network_type" not in network
    assert member.get(f"/v2.0/networks/{network['id']}.json")["network"] == network


def test_provider_attributes_are_for_operators(cloud, admin, member):
    network = cloud.network(client=admin, **{"provider:network_type": "vxlan", "provider:segmentation_id": 77})
    assert network["provider:segmentation_id"] == 77
    body = make(member, "network", status=403, **{"provider:network_type": "vxlan"})
    assert kind_of(body) == "PolicyNotAuthorized"
    body = make(admin, "network", status=409, **{"provider:network_type": "vxlan", "provider:segmentation_id": 77})
    assert kind_of(body) == "TunnelIdInUse"


def test_others_do_not_see_a_network_until_it_is_shared(cloud, admin, member, other):
    network = cloud.network()
    url = f"/v2.0/networks/{network['id']}"
    assert kind_of(other.get(url, 404)) == "NetworkNotFound"
    assert other.get("/v2.0/networks")["networks"] == []
    make(member, "rbac_policy", object_type="network", object_id=network["id"], action="access_as_shared",
         target_tenant=other.persona.project_id)
    assert other.get(url)["network"]["shared"] is True
    assert kind_of(other.put(url, {"network": {"name": "x"}}, 403)) == "PolicyNotAuthorized"
    make(other, "port", network_id=network["id"])
    policy = member.get("/v2.0/rbac-policies")["rbac_policies"][0]
    assert kind_of(member.delete(f"/v2.0/rbac-policies/{policy['id']}", 409)) == "RbacPolicyInUse"


def test_sharing_with_everybody_is_for_operators(cloud, admin, member, other):
    assert kind_of(make(member, "network", status=403, name="n", shared=True)) == "PolicyNotAuthorized"
    shared = cloud.network(client=admin, shared=True)
    assert [n["id"] for n in other.get("/v2.0/networks?shared=True")["networks"]] == [shared["id"]]


def test_the_default_of_a_guarded_attribute_may_be_sent(member):
    make(member, "network", shared=False, **{"router:external": "False", "port_security_enabled": True})
    make(member, "subnetpool", name="pool", prefixes=["10.0.0.0/8"], shared=False, is_default=False)
    scope = make(member, "address_scope", ip_version=4, shared=False)
    member.put(f"/v2.0/address-scopes/{scope['id']}", {"address_scope": {"name": "mine"}})
    network = make(member, "network")
    assert kind_of(member.put(f"/v2.0/networks/{network['id']}", {"network": {"shared": False}}, 403)) == "PolicyNotAuthorized"


def test_extensions_have_upstreams_names(member):
    names = {e["alias"]: e["name"] for e in member.get("/v2.0/extensions")["extensions"]}
    assert names["external-net"] == "Neutron external network" and names["default-subnetpools"] == "Default Subnetpools"
    assert member.get("/v2.0/extensions/router")["extension"]["name"] == "Neutron L3 Router"


def test_service_providers_of_a_type(member):
    assert member.get("/v2.0/service-providers?service_type=VPN") == {"service_providers": []}
    found = member.get("/v2.0/service-providers?service_type=L3_ROUTER_NAT&service_type=VPN")["service_providers"]
    assert found == member.get("/v2.0/service-providers")["service_providers"] and len(found) == 1


def test_bulk_create_makes_all_or_none(member):
    body = member.post("/v2.0/networks", {"networks": [{"name": "a"}, {"name": "b"}]}, 201)
    assert [n["name"] for n in body["networks"]] == ["a", "b"]
    network = body["networks"][0]["id"]
    member.post("/v2.0/subnets", {"subnets": [{"network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24"},
                                              {"network_id": network, "ip_version": 4, "cidr": "10.0.0.0/25"}]}, 400)
    assert member.get("/v2.0/subnets")["subnets"] == []


def test_quota_is_kept(member, admin):
    project = member.persona.project_id
    admin.put(f"/v2.0/quotas/{project}", {"quota": {"network": 2}})
    first = make(member, "network", name="1")
    make(member, "network", name="2")
    assert kind_of(make(member, "network", status=409, name="3")) == "OverQuota"
    member.delete(f"/v2.0/networks/{first['id']}")
    make(member, "network", name="3")
    assert member.get(f"/v2.0/quotas/{project}/details.json")["quota"]["network"] == {"limit": 2, "used": 2, "reserved": 0}
    admin.delete(f"/v2.0/quotas/{project}")
    assert member.get(f"/v2.0/quotas/{project}")["quota"]["network"] == 100


def test_list_filters_sorts_and_pages(member):
    for name in "abcde":
        make(member, "network", name=name)
    names = [n["name"] for n in member.get("/v2.0/networks?name=b&name=d&sort_key=name&sort_dir=desc")["networks"]]
    assert names == ["d", "b"]
    seen, url = [], "/v2.0/networks?limit=2&sort_key=name&sort_dir=asc&fields=id&fields=name"
    while url:
        body = member.get(url)
        seen += [n["name"] for n in body["networks"]]
        assert all(set(n) == {"id", "name"} for n in body["networks"])
        following = [link["href"] for link in body.get("networks_links", []) if link["rel"] == "next"]
        url = following[0].removeprefix("http://localhost") if following else None
    assert seen == list("abcde")
    last = member.get("/v2.0/networks?name=e")["networks"][0]["id"]
    back = member.get(f"/v2.0/networks?limit=2&sort_key=name&sort_dir=asc&marker={last}&page_reverse=True")
    assert [n["name"] for n in back["networks"]] == ["c", "d"]
    assert kind_of(member.get("/v2.0/networks?nonsense=1", 400)) == "HTTPBadRequest"
    assert kind_of(member.get("/v2.0/networks?sort_key=nonsense", 400)) == "HTTPBadRequest"


def test_if_match_names_the_revision(cloud, member):
    network = cloud.network()
    url = f"/v2.0/networks/{network['id']}"
    assert member.put(url, {"network": {"name": "x"}}, If_Match="revision_number=1")["network"]["revision_number"] == 2
    body = member.put(url, {"network": {"name": "y"}}, 412, If_Match="revision_number=1")
    assert kind_of(body) == "RevisionNumberConstraintFailed"


@pytest.mark.parametrize("values, kind", [
    ({"cidr": "10.0.0.0/24", "ip_version": 6}, "InvalidInput"),
    ({"cidr": "10.0.0.0/24", "gateway_ip": "10.0.0.255"}, "InvalidInput"),
    ({"cidr": "10.0.0.0/24", "allocation_pools": [{"start": "10.0.0.9", "end": "10.0.0.2"}]}, "InvalidAllocationPool"),
    ({"cidr": "10.0.0.0/24", "allocation_pools": [{"start": "10.0.0.2", "end": "10.0.1.2"}]}, "OutOfBoundsAllocationPool"),
    ({"cidr": "not-a-cidr"}, "HTTPBadRequest"), ({}, "HTTPBadRequest"), ({"cidr": "10.0.0.0/24", "x": 1}, "HTTPBadRequest"),
    ({"cidr": "fd00::/80", "ip_version": 6, "ipv6_address_mode": "slaac"}, "InvalidInput"),
])
def test_subnets_that_make_no_sense(cloud, member, values, kind):
    network = cloud.network()
    body = make(member, "subnet", status=400, network_id=network["id"], **{"ip_version": 4, **values})
    assert kind_of(body) == kind


def test_gateway_may_not_lie_in_a_pool(cloud, member):
    network = cloud.network()
    body = make(member, "subnet", status=409, network_id=network["id"], ip_version=4, cidr="10.0.0.0/24",
                gateway_ip="10.0.0.5", allocation_pools=[{"start": "10.0.0.2", "end": "10.0.0.9"}])
    assert kind_of(body) == "GatewayConflictWithAllocationPools"


def test_subnet_pools_cut_subnets(admin, cloud, member):
    pool = make(admin, "subnetpool", name="p", prefixes=["10.1.0.0/16"], default_prefixlen=24, shared=True, is_default=True)
    network = cloud.network()
    one = make(member, "subnet", network_id=network["id"], ip_version=4, subnetpool_id=pool["id"])
    two = make(member, "subnet", network_id=network["id"], ip_version=4, use_default_subnetpool=True, prefixlen=26)
    assert one["cidr"].endswith("/24") and two["cidr"].endswith("/26") and one["cidr"] != two["cidr"]
    body = admin.delete(f"/v2.0/subnetpools/{pool['id']}", 409)
    assert kind_of(body) == "SubnetPoolDeleteError"


def test_a_network_in_use_stays(cloud, member):
    network = cloud.network()
    cloud.subnet(network)
    port = cloud.port(network)
    assert kind_of(member.delete(f"/v2.0/networks/{network['id']}", 409)) == "NetworkInUse"
    member.delete(f"/v2.0/ports/{port['id']}")
    member.delete(f"/v2.0/networks/{network['id']}")
    assert member.get("/v2.0/subnets")["subnets"] == []


def test_tags(cloud, member):
    url = f"/v2.0/networks/{cloud.network()['id']}/tags"
    assert member.put(url, {"tags": ["red", "blue"]}) == {"tags": ["blue", "red"]}
    member.put(f"{url}/green", status=201)
    member.get(f"{url}/green", 204)
    member.get(f"{url}/white", 404)
    member.delete(f"{url}/red")
    assert member.get(url) == {"tags": ["blue", "green"]}
    assert len(member.get("/v2.0/networks?tags=blue,green")["networks"]) == 1
    assert member.get("/v2.0/networks?not-tags-any=blue,white")["networks"] == []


def test_availability_counts_addresses(cloud, admin, member):
    network = cloud.network()
    cloud.subnet(network)
    cloud.port(network)
    item = admin.get(f"/v2.0/network-ip-availabilities/{network['id']}")["network_ip_availability"]
    assert (item["used_ips"], item["total_ips"]) == (1, 253)
    assert member.get("/v2.0/network-ip-availabilities") == {"network_ip_availabilities": []}
