"""Allocations, usages, candidates and the reshaper over the API."""

import pytest

from common import ids
from common.testing.api import Persona
from services.scheduler.api.routes import ROUTES
from tests.api.scheduler.support import allocation, claim, provider


def code(answer):
    return answer["errors"][0]["code"]


def test_consumer_generations(client, at):
    a = provider(client, inventory={"VCPU": 4})
    consumer = claim(client, {a: {"VCPU": 1}})
    path = f"/allocations/{consumer}"
    assert code(client.put(path, allocation({a: {"VCPU": 2}}), status=409)) == "placement.concurrent_update"
    client.put(path, allocation({a: {"VCPU": 2}}, generation=1), status=204)
    assert client.get(path)["consumer_generation"] == 2
    assert "consumer_generation" not in at("1.27").get(path) and "project_id" not in at("1.11").get(path)
    client.put(path, allocation({}, generation=2), status=204)
    assert client.get(path) == {"allocations": {}}
    client.delete(path, status=404)
    claim(client, {a: {"VCPU": 1}}, consumer=consumer)


def test_bodies_of_older_microversions(client, at):
    a = provider(client, inventory={"VCPU": 4})
    listed = {"allocations": [{"resource_provider": {"uuid": a}, "resources": {"VCPU": 1}}]}
    one, two, three = ids.uuid(), ids.uuid(), ids.uuid()
    at("1.0").put(f"/allocations/{one}", listed, status=204)
    at("1.8").put(f"/allocations/{two}", listed, status=400)
    at("1.8").put(f"/allocations/{two}", {**listed, "project_id": "p", "user_id": "u"}, status=204)
    at("1.12").put(f"/allocations/{three}", {"allocations": {a: {"resources": {"VCPU": 1}}}, "project_id": "p",
                                            "user_id": "u"}, status=204)
    at("1.12").put(f"/allocations/{three}", {"allocations": {}, "project_id": "p", "user_id": "u"}, status=400)
    assert client.get(f"/allocations/{one}")["consumer_type"] == "unknown"
    assert client.get("/usages?project_id=p") == {"usages": {"unknown": {"VCPU": 2, "consumer_count": 2}}}


@pytest.mark.parametrize(("amounts", "status"), [
    ({"VCPU": 9}, 409), ({"DISK_GB": 3}, 409), ({"DISK_GB": 60}, 409), ({"MEMORY_MB": 1}, 409), ({"NOPE": 1}, 400),
    ({"VCPU": 0}, 400), ({"DISK_GB": 50, "VCPU": 8}, 204),
])
def test_what_an_inventory_allows(client, amounts, status):
    disk = {"total": 100, "step_size": 10, "min_unit": 10, "max_unit": 50}
    a = provider(client, inventory={"VCPU": {"total": 4, "allocation_ratio": 2.0}, "DISK_GB": disk})
    claim(client, {a: amounts}, status=status)
    assert client.get(f"/resource_providers/{a}/usages")["usages"] == (
        {"VCPU": 8, "DISK_GB": 50} if status == 204 else {"VCPU": 0, "DISK_GB": 0})


def test_an_unknown_provider_is_refused(client):
    claim(client, {ids.uuid(): {"VCPU": 1}}, status=400)


def test_several_consumers_change_together_or_not_at_all(client, at):
    a, b = provider(client, inventory={"VCPU": 2}), provider(client, inventory={"VCPU": 2})
    server = claim(client, {a: {"VCPU": 2}})
    migration, other = ids.uuid(), ids.uuid()
    at("1.12").post("/allocations", {}, status=404)
    swap = {server: allocation({b: {"VCPU": 2}}, generation=1), migration: allocation({a: {"VCPU": 2}}, kind="MIGRATION")}
    client.post("/allocations", swap, status=204)
    client.post("/allocations", {server: allocation({}, generation=2), other: allocation({b: {"VCPU": 3}})}, status=409)
    assert client.get(f"/allocations/{server}")["allocations"][b]["resources"] == {"VCPU": 2}
    assert client.get(f"/allocations/{other}")["allocations"] == {}
    usages = client.get("/usages?project_id=p")["usages"]
    assert usages == {"INSTANCE": {"VCPU": 2, "consumer_count": 1}, "MIGRATION": {"VCPU": 2, "consumer_count": 1}}
    assert client.get("/usages?project_id=p&consumer_type=all")["usages"] == {"all": {"VCPU": 4, "consumer_count": 2}}
    assert at("1.37").get("/usages?project_id=p&user_id=u")["usages"] == {"VCPU": 4}
    assert client.get("/usages?project_id=p&user_id=x")["usages"] == {}
    assert migration in client.get(f"/resource_providers/{a}/allocations")["allocations"]


def test_an_overcommitted_consumer_may_shrink(client):
    a = provider(client, inventory={"VCPU": 4})
    consumer = claim(client, {a: {"VCPU": 4}})
    client.put(f"/resource_providers/{a}/inventories/VCPU", {"resource_provider_generation": 2, "total": 1})
    client.put(f"/allocations/{consumer}", allocation({a: {"VCPU": 3}}, generation=1), status=204)
    client.put(f"/allocations/{consumer}", allocation({a: {"VCPU": 4}}, generation=2), status=409)


def test_the_reshaper_moves_inventory_and_allocations(client):
    root = provider(client, inventory={"VCPU": 4, "VGPU": 2})
    child = provider(client, parent=root)
    consumer = claim(client, {root: {"VCPU": 1, "VGPU": 1}})
    service = client.as_(Persona("service"))
    body = {"inventories": {
        root: {"resource_provider_generation": 2, "inventories": {"VCPU": {"total": 4}}},
        child: {"resource_provider_generation": 0, "inventories": {"VGPU": {"total": 2}}}},
        "allocations": {consumer: allocation({root: {"VCPU": 1}, child: {"VGPU": 1}}, generation=1)}}
    client.as_(Persona("admin")).post("/reshaper", body, status=403)
    broken = {**body, "allocations": {}}
    assert code(service.post("/reshaper", broken, status=409)) == "placement.inventory.inuse"
    assert client.get(f"/resource_providers/{child}/inventories")["inventories"] == {}
    service.post("/reshaper", body, status=204)
    assert client.get(f"/resource_providers/{child}/usages")["usages"] == {"VGPU": 1}
    assert client.get(f"/resource_providers/{root}/usages")["usages"] == {"VCPU": 1}
    assert code(service.post("/reshaper", body, status=409)) == "placement.concurrent_update"
    unknown = {"inventories": {ids.uuid(): {"resource_provider_generation": 0, "inventories": {}}}, "allocations": {}}
    assert code(service.post("/reshaper", unknown, status=400)) == "placement.resource_provider.not_found"


def test_candidates_of_a_tree_by_microversion(client, at):
    root = provider(client, "root", inventory={"VCPU": 4})
    child = provider(client, "child", parent=root, inventory={"VGPU": 2})
    path = "/allocation_candidates?resources=VCPU:1,VGPU:1"
    assert at("1.28").get(path)["allocation_requests"] == []
    found = at("1.34").get(path)
    assert found["allocation_requests"][0]["mappings"].keys() == {""}
    assert found["provider_summaries"][child]["parent_provider_uuid"] == root
    assert at("1.10").get("/allocation_candidates?resources=VGPU:1")["allocation_requests"] == [
        {"allocations": [{"resource_provider": {"uuid": child}, "resources": {"VGPU": 1}}]}]
    granular = "/allocation_candidates?resources_C=VCPU:1&resources_G=VGPU:1&group_policy=isolate&same_subtree=_C,_G"
    mappings = client.get(granular)["allocation_requests"][0]["mappings"]
    assert mappings == {"_C": [root], "_G": [child]}


def test_a_shared_disk_is_a_candidate_with_each_host(client):
    pool = ids.uuid()
    hosts = {provider(client, inventory={"VCPU": 4}, aggregates=[pool]) for _ in range(2)}
    disk = provider(client, inventory={"DISK_GB": 100}, traits=["MISC_SHARES_VIA_AGGREGATE"], aggregates=[pool])
    provider(client, inventory={"VCPU": 4})
    found = client.get("/allocation_candidates?resources=VCPU:1,DISK_GB:10")["allocation_requests"]
    assert {frozenset(item["allocations"]) for item in found} == {frozenset((h, disk)) for h in hosts}


def test_the_aggregate_of_a_host_says_nothing_of_disks_that_are_shared_with_it(client):
    mine, theirs = ids.uuid(), ids.uuid()
    host = provider(client, aggregates=[mine])
    numa = provider(client, parent=host, inventory={"VCPU": 4}, aggregates=[theirs])
    near = provider(client, inventory={"DISK_GB": 100}, traits=["MISC_SHARES_VIA_AGGREGATE"], aggregates=[mine])
    far = provider(client, inventory={"DISK_GB": 100}, traits=["MISC_SHARES_VIA_AGGREGATE"], aggregates=[theirs])
    path = "/allocation_candidates?resources=VCPU:1,DISK_GB:10"
    for query, disks in (("", {near, far}), (f"&member_of={mine}", {near}), (f"&member_of={theirs}", {far}),
                         (f"&member_of=!{mine}", set()), (f"&member_of=!{theirs}", set())):
        found = client.get(path + query)["allocation_requests"]
        assert {frozenset(item["allocations"]) for item in found} == {frozenset((numa, d)) for d in disks}, query


def test_a_group_without_resources_names_its_provider(client):
    host = provider(client)
    nic = provider(client, parent=host, traits=["HW_NIC_SRIOV"])
    port = provider(client, parent=nic, inventory={"SRIOV_NET_VF": 4})
    found = client.get("/allocation_candidates?required_N=HW_NIC_SRIOV&resources_V=SRIOV_NET_VF:1&same_subtree=_N,_V")
    assert [item["mappings"] for item in found["allocation_requests"]] == [{"_N": [nic], "_V": [port]}]
    assert found["allocation_requests"][0]["allocations"] == {port: {"resources": {"SRIOV_NET_VF": 1}}}


def test_of_parameters_given_twice_the_first_holds(client):
    for _ in range(3):
        provider(client, inventory={"VCPU": 4})
    found = client.get("/allocation_candidates?resources=VCPU:1&limit=1&limit=2")
    assert len(found["allocation_requests"]) == 1


def test_forbidden_traits_before_1_22_are_refused(at):
    query = "/resource_providers?required=!STORAGE_DISK_SSD"
    assert "Got: !STORAGE_DISK_SSD" in at("1.21").get(query, status=400)["errors"][0]["detail"]


def test_summaries_follow_what_changes(client):
    root, other = provider(client, "root", inventory={"VCPU": 4}), provider(client, "other")

    def summary():
        return client.get("/allocation_candidates?resources=VCPU:1")["provider_summaries"][root]

    assert summary()["resources"] == {"VCPU": {"capacity": 4, "used": 0}} and summary()["traits"] == []
    claim(client, {root: {"VCPU": 3}})
    assert summary()["resources"] == {"VCPU": {"capacity": 4, "used": 3}}
    generation = client.get(f"/resource_providers/{root}")["generation"]
    client.put(f"/resource_providers/{root}/traits", {"resource_provider_generation": generation, "traits": ["HW_CPU_X86_VMX"]})
    assert summary()["traits"] == ["HW_CPU_X86_VMX"]
    client.put(f"/resource_providers/{root}", {"name": "root", "parent_provider_uuid": other})
    assert (summary()["parent_provider_uuid"], summary()["root_provider_uuid"]) == (other, other)


def test_a_limit_cuts_the_list(client, at):
    for _ in range(5):
        provider(client, inventory={"VCPU": 4})
    found = client.get("/allocation_candidates?resources=VCPU:1&limit=2")
    assert len(found["allocation_requests"]) == len(found["provider_summaries"]) == 2
    at("1.15").get("/allocation_candidates?resources=VCPU:1&limit=2", status=400)


@pytest.mark.parametrize(("version", "query"), [
    ("1.9", "resources=VCPU:1"), ("1.16", "resources=VCPU:1&required=HW_CPU_X86_VMX"),
    ("1.20", "resources=VCPU:1&member_of=071a5b9a-7fe4-46bb-a002-d10d9b7b8552"),
    ("1.24", "resources1=VCPU:1"), ("1.32", "resources_A=VCPU:1"),
    ("1.30", "resources=VCPU:1&in_tree=071a5b9a-7fe4-46bb-a002-d10d9b7b8552"),
    ("1.34", "resources=VCPU:1&root_required=HW_CPU_X86_VMX"),
    ("1.35", "resources=VCPU:1&same_subtree=_A"), ("1.38", "resources=VCPU:1&required=in:HW_CPU_X86_VMX"),
    ("1.39", ""), ("1.39", "resources1=VCPU:1&resources2=VCPU:1"), ("1.39", "resources=NOPE:1"),
    ("1.39", "resources=VCPU:1&required=NOPE"), ("1.39", "resources=VCPU:1&limit=0"),
    ("1.39", "resources=VCPU:1&same_subtree="), ("1.39", "resources=VCPU:1&root_required=A&root_required=B"),
    ("1.39", "resources=VCPU:1&required_A=HW_CPU_X86_VMX"), ("1.39", "resources=VCPU:1&group_policy=x"),
])
def test_candidates_that_are_refused(at, version, query):
    at(version).get(f"/allocation_candidates?{query}", status=404 if version == "1.9" else 400)


def test_projects_see_their_own_usage_and_nothing_else(client):
    reader = client.as_(Persona("reader", project_id="mine"))
    assert reader.get("/usages?project_id=mine") == {"usages": {}}
    reader.get("/usages?project_id=other", status=403)
    seen = 0
    for route in ROUTES:
        if route.path in ("/", "/usages"):
            continue
        path = "/".join(ids.uuid() if part.startswith("<") else part for part in route.path.split("/"))
        asker = reader.as_(reader.persona, **{"OpenStack-API-Version": f"placement {route.until or '1.39'}"})
        answer = asker.request(route.method, path, {} if route.body else None)
        assert answer.status_code == 403, (route, answer.text)
        seen += 1
    assert seen == len(ROUTES) - 2


def test_the_root_is_public_and_versions_are_negotiated(client, app):
    from werkzeug.test import Client

    assert Client(app).get("/").get_json()["versions"][0]["max_version"] == "1.39"
    assert Client(app).get("/resource_providers").status_code == 401
    refused = client.request("GET", "/traits", headers={"OpenStack-API-Version": "placement 1.40"})
    error = refused.get_json()["errors"][0]
    assert refused.status_code == 406 and (error["min_version"], error["max_version"]) == ("1.0", "1.39")
    assert client.request("GET", "/traits", headers={"OpenStack-API-Version": "placement x"}).status_code == 400
    assert client.request("GET", "/traits", headers={"OpenStack-API-Version": "placement latest"}).headers[
        "OpenStack-API-Version"] == "placement 1.39"
    assert client.request("POST", "/resource_providers", data=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
