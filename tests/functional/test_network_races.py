"""Callers of the network API at work together, on SQLite and on MariaDB."""

from functools import partial

import pytest

from common.testing.api import ApiClient, FakeAuthenticator, Persona
from services.network.api.app import make_app
from services.network.api.state import State
from services.network.config import SERVICE
from services.network.db import models
from tests.api.network.support import Cloud
from tests.functional.crowd import KINDS, emptied, race


@pytest.fixture(params=KINDS)
def crowd(request, tmp_path):
    """(Cloud, a function that makes one more client of the same persona)"""
    with emptied(request.param, SERVICE, "network-api", models.Base, tmp_path) as (conf, database):
        auth = FakeAuthenticator()
        app = make_app(State(conf, database), auth)
        member = ApiClient(app, auth, Persona("member"))
        yield Cloud(member, member.as_(Persona("admin"))), lambda: member.as_(member.persona)


def test_a_small_subnet_is_shared_out_exactly(crowd):
    cloud, client = crowd
    network = cloud.network()
    cloud.subnet(network, "10.0.0.0/28")

    def work(_index):
        one = client()
        return [one.request("POST", "/v2.0/ports", {"port": {"network_id": network["id"]}}).status_code for _ in range(4)]

    codes = [code for codes in race([partial(work, i) for i in range(5)]) for code in codes]
    assert sorted(codes) == [201] * 13 + [409] * 7
    ips = [p["fixed_ips"][0]["ip_address"] for p in cloud.member.get("/v2.0/ports")["ports"]]
    assert len(set(ips)) == 13


def test_one_default_group_per_project_and_quotas_hold(crowd):
    cloud, client = crowd
    project = cloud.member.persona.project_id
    cloud.admin.put(f"/v2.0/quotas/{project}", {"quota": {"port": 5}})
    network = cloud.network()

    def work(_index):
        one = client()
        return [one.request("POST", "/v2.0/ports", {"port": {"network_id": network["id"]}}).status_code for _ in range(3)]

    codes = [code for codes in race([partial(work, i) for i in range(5)]) for code in codes]
    assert sorted(codes) == [201] * 5 + [409] * 10
    assert len(cloud.member.get("/v2.0/security-groups")["security_groups"]) == 1
    assert cloud.member.get(f"/v2.0/quotas/{project}/details.json")["quota"]["port"]["used"] == 5


def test_one_segment_goes_to_one_network(crowd):
    cloud, _ = crowd

    def work(_index):
        one = cloud.admin.as_(cloud.admin.persona)
        return one.request("POST", "/v2.0/networks", {"network": {
            "provider:network_type": "vxlan", "provider:segmentation_id": 5}}).status_code

    assert sorted(race([partial(work, i) for i in range(4)])) == [201, 409, 409, 409]


def test_a_network_goes_or_gets_a_port_but_not_both(crowd):
    cloud, client = crowd
    for _ in range(4):
        network = cloud.network()
        url = f"/v2.0/networks/{network['id']}"

        def work(index, url=url, network=network):
            if index:
                return client().request("DELETE", url).status_code
            return client().request("POST", "/v2.0/ports", {"port": {"network_id": network["id"]}}).status_code

        made, gone = race([partial(work, i) for i in range(2)])
        assert (made, gone) in ((201, 409), (404, 204), (409, 204)), (made, gone)


def test_servers_that_boot_together_share_one_automatic_network(crowd):
    cloud, client = crowd
    cloud.admin.post("/v2.0/networks", {"network": {"name": "public", "router:external": True, "is_default": True}}, status=201)
    outside = cloud.admin.get("/v2.0/networks?name=public")["networks"][0]["id"]
    cloud.admin.post("/v2.0/subnets", {"subnet": {"network_id": outside, "ip_version": 4, "cidr": "172.24.4.0/24"}}, status=201)
    cloud.admin.post("/v2.0/subnetpools", {"subnetpool": {
        "name": "pool", "prefixes": ["10.64.0.0/16"], "default_prefixlen": 26, "shared": True, "is_default": True}}, status=201)
    url = f"/v2.0/auto-allocated-topology/{cloud.member.persona.project_id}"

    def work(_index):
        answer = client().request("GET", url)
        return answer.status_code, answer.get_json()["auto_allocated_topology"]["id"]

    found = race([partial(work, i) for i in range(4)])
    assert {status for status, _ in found} == {200} and len(set(found)) == 1
    assert [n["name"] for n in cloud.member.get("/v2.0/networks")["networks"] if n["id"] != outside] == ["auto_allocated_network"]
