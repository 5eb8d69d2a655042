"""Callers at work together: on SQLite always, on MariaDB where ALTOSTACK_TEST_MYSQL_URL names an empty schema."""

import os
import threading

import pytest

from common.db.session import Database
from common.testing.api import ApiClient, FakeAuthenticator, Persona, make_conf
from services.network.api.app import make_app
from services.network.api.state import State
from services.network.config import SERVICE
from services.network.db import models
from tests.api.network.support import Cloud

MYSQL = os.environ.get("ALTOSTACK_TEST_MYSQL_URL")


@pytest.fixture(params=["sqlite", "mariadb"])
def crowd(request, tmp_path):
    """(Cloud, a function that makes one more client of the same persona)"""
    extra = {}
    if request.param == "mariadb":
        if not MYSQL:
            pytest.skip("ALTOSTACK_TEST_MYSQL_URL names no empty MariaDB schema")
        extra["database__connection"] = MYSQL
    conf = make_conf(SERVICE, "network-api", tmp_path, **extra)
    database = Database.from_conf(conf)
    models.Base.metadata.drop_all(database.engine)
    models.Base.metadata.create_all(database.engine)
    auth = FakeAuthenticator()
    app = make_app(State(conf, database), auth)
    member = ApiClient(app, auth, Persona("member"))
    yield Cloud(member, member.as_(Persona("admin"))), lambda: member.as_(member.persona)
    models.Base.metadata.drop_all(database.engine)
    database.dispose()


def at_once(number, work):
    """Run `work(index)` in so many threads; what each returned."""
    found, gate = [None] * number, threading.Barrier(number)

    def run(index):
        gate.wait()
        found[index] = work(index)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_a_small_subnet_is_shared_out_exactly(crowd):
    cloud, client = crowd
    network = cloud.network()
    cloud.subnet(network, "10.0.0.0/28")

    def work(_index):
        one = client()
        return [one.request("POST", "/v2.0/ports", {"port": {"network_id": network["id"]}}).status_code for _ in range(4)]

    codes = [code for codes in at_once(5, work) for code in codes]
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

    codes = [code for codes in at_once(5, work) for code in codes]
    assert sorted(codes) == [201] * 5 + [409] * 10
    assert len(cloud.member.get("/v2.0/security-groups")["security_groups"]) == 1
    assert cloud.member.get(f"/v2.0/quotas/{project}/details.json")["quota"]["port"]["used"] == 5


def test_one_segment_goes_to_one_network(crowd):
    cloud, _ = crowd

    def work(_index):
        one = cloud.admin.as_(cloud.admin.persona)
        return one.request("POST", "/v2.0/networks", {"network": {
            "provider:network_type": "vxlan", "provider:segmentation_id": 5}}).status_code

    assert sorted(at_once(4, work)) == [201, 409, 409, 409]


def test_a_network_goes_or_gets_a_port_but_not_both(crowd):
    cloud, client = crowd
    for _ in range(4):
        network = cloud.network()
        url = f"/v2.0/networks/{network['id']}"

        def work(index, url=url, network=network):
            if index:
                return client().request("DELETE", url).status_code
            return client().request("POST", "/v2.0/ports", {"port": {"network_id": network["id"]}}).status_code

        made, gone = at_once(2, work)
        assert (made, gone) in ((201, 409), (404, 204), (409, 204)), (made, gone)
