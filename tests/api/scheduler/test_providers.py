"""Providers, inventories, traits and aggregates over the API."""

from email.utils import parsedate_to_datetime

import pytest

from common import ids
from common.db.session import counted
from tests.api.scheduler.support import claim, provider

SOME_ID = "071a5b9a-7fe4-46bb-a002-d10d9b7b8552"



def test_links_grow_with_the_microversion(client, at):
    uuid = provider(client)
    for version, rels in (("1.0", 3), ("1.1", 4), ("1.6", 5), ("1.11", 6)):
        assert len(at(version).get(f"/resource_providers/{uuid}")["links"]) == rels
    assert "root_provider_uuid" not in at("1.13").get(f"/resource_providers/{uuid}")
    assert at("1.14").get(f"/resource_providers/{uuid}")["root_provider_uuid"] == uuid


def test_cache_headers_come_with_1_15(client, at):
    uuid = provider(client)
    for path in ("/resource_providers", f"/resource_providers/{uuid}", "/traits", "/resource_classes", "/",
                 f"/resource_providers/{uuid}/usages", "/allocation_candidates?resources=VCPU:1"):
        new, old = at("1.15").request("GET", path), at("1.14").request("GET", path)
        assert new.headers["Cache-Control"] == "no-cache" and parsedate_to_datetime(new.headers["Last-Modified"])
        assert "Last-Modified" not in old.headers


def test_making_answers_with_the_provider_from_1_20(at):
    old = at("1.19").request("POST", "/resource_providers", {"name": "a"})
    assert old.status_code == 201 and not old.data and "/resource_providers/" in old.headers["Location"]
    new = at("1.20").request("POST", "/resource_providers", {"name": "b"})
    assert new.status_code == 200 and new.get_json()["name"] == "b"


def test_names_and_uuids_are_unique(client):
    uuid = provider(client, "a")
    answer = client.post("/resource_providers", {"name": "a"}, status=409)
    assert answer["errors"][0]["code"] == "placement.duplicate_name"
    client.post("/resource_providers", {"name": "b", "uuid": uuid}, status=409)
    other = provider(client, "b")
    client.put(f"/resource_providers/{other}", {"name": "a"}, status=409)


def test_codes_come_with_1_23(client, at):
    provider(client, "a")
    assert "code" not in at("1.22").post("/resource_providers", {"name": "a"}, status=409)["errors"][0]
    assert "code" in at("1.23").post("/resource_providers", {"name": "a"}, status=409)["errors"][0]


def test_trees(client, at):
    root = provider(client, "root")
    child = provider(client, "child", parent=root)
    leaf = provider(client, "leaf", parent=child)
    other = provider(client, "other")
    assert client.get(f"/resource_providers/{leaf}")["root_provider_uuid"] == root
    assert {p["uuid"] for p in client.get(f"/resource_providers?in_tree={leaf}")["resource_providers"]} == {root, child, leaf}
    loop = client.put(f"/resource_providers/{root}", {"name": "root", "parent_provider_uuid": leaf}, status=400)
    assert "loop" in loop["errors"][0]["detail"]
    for parent in (other, None):
        at("1.36").put(f"/resource_providers/{child}", {"name": "child", "parent_provider_uuid": parent}, status=400)
    client.put(f"/resource_providers/{child}", {"name": "child", "parent_provider_uuid": other})
    assert client.get(f"/resource_providers/{leaf}")["root_provider_uuid"] == other
    assert {p["uuid"] for p in client.get(f"/resource_providers?in_tree={other}")["resource_providers"]} == {other, child, leaf}
    client.put(f"/resource_providers/{child}", {"name": "child", "parent_provider_uuid": None})
    assert client.get(f"/resource_providers/{leaf}")["root_provider_uuid"] == child
    answer = client.delete(f"/resource_providers/{child}", status=409)
    assert answer["errors"][0]["code"] == "placement.resource_provider.cannot_delete_parent"
    for uuid in (leaf, child, root, other):
        client.delete(f"/resource_providers/{uuid}")
    assert client.get("/resource_providers") == {"resource_providers": []}


def test_a_list_takes_a_constant_number_of_queries(client, state):
    for _ in range(3):
        provider(client, inventory={"VCPU": 4})
    with counted(state.db) as few:
        client.get("/resource_providers?resources=VCPU:1")
    for _ in range(20):
        provider(client, inventory={"VCPU": 4})
    with counted(state.db) as many:
        assert len(client.get("/resource_providers?resources=VCPU:1")["resource_providers"]) == 23
    assert len(many) <= len(few)


def test_filters_of_the_list(client):
    one, two, three = ids.uuid(), ids.uuid(), ids.uuid()
    a = provider(client, "a", inventory={"VCPU": 4}, traits=["HW_CPU_X86_VMX"], aggregates=[one])
    b = provider(client, "b", inventory={"VCPU": 2}, traits=["HW_CPU_X86_SSE"], aggregates=[one, two])

    def found(query):
        return {p["name"] for p in client.get(f"/resource_providers?{query}")["resource_providers"]}

    assert found("resources=VCPU:3") == {"a"} and found("resources=VCPU:2") == {"a", "b"}
    assert found("required=HW_CPU_X86_VMX") == {"a"} and found("required=!HW_CPU_X86_VMX") == {"b"}
    assert found("required=in:HW_CPU_X86_VMX,HW_CPU_X86_SSE") == {"a", "b"}
    assert found(f"member_of={one}&member_of={two}") == {"b"} and found(f"member_of=in:{two},{three}") == {"b"}
    assert found(f"member_of=!{two}") == {"a"} and found(f"member_of=!in:{two},{three}") == {"a"}
    assert found(f"uuid={a}") == {"a"} and found("name=b") == {"b"} and found(f"uuid={a}&name=b") == set()
    claim(client, {b: {"VCPU": 1}})
    assert found("resources=VCPU:2") == {"a"}


@pytest.mark.parametrize(("version", "query"), [
    ("1.0", "member_of=x"), ("1.2", "member_of=x"), ("1.3", "resources=VCPU:1"), ("1.13", f"in_tree={SOME_ID}"),
    ("1.17", "required=HW_CPU_X86_VMX"), ("1.21", "required=!HW_CPU_X86_VMX"), ("1.31", f"member_of=!{SOME_ID}"),
    ("1.38", "required=in:HW_CPU_X86_VMX"), ("1.39", "required="), ("1.39", "resources=VCPU"), ("1.39", "resources=NOPE:1"),
    ("1.39", "required=NOPE"), ("1.39", "uuid=x"), ("1.39", "foo=1"), ("1.39", "member_of=x"),
    ("1.23", f"member_of={SOME_ID}&member_of={SOME_ID}"),
])
def test_filters_that_are_refused(at, version, query):
    at(version).get(f"/resource_providers?{query}", status=400)


def test_inventories_compare_generations(client, at):
    uuid = provider(client)
    path = f"/resource_providers/{uuid}/inventories"
    made = client.put(path, {"resource_provider_generation": 0, "inventories": {"VCPU": {"total": 4}}})
    assert made["resource_provider_generation"] == 1 and made["inventories"]["VCPU"]["max_unit"] == 2**31 - 1
    stale = client.put(path, {"resource_provider_generation": 0, "inventories": {}}, status=409)
    assert stale["errors"][0]["code"] == "placement.concurrent_update"
    client.post(path, {"resource_class": "DISK_GB", "total": 10}, status=201)
    client.post(path, {"resource_class": "DISK_GB", "total": 10}, status=409)
    client.put(f"{path}/VCPU", {"resource_provider_generation": 2, "total": 8})
    assert client.get(f"{path}/VCPU")["total"] == 8
    client.delete(f"{path}/VCPU")
    client.get(f"{path}/VCPU", status=404)
    at("1.4").delete(path, status=405)
    client.delete(path)
    assert client.get(path)["inventories"] == {}


def test_an_inventory_in_use_stays(client):
    uuid = provider(client, inventory={"VCPU": 4, "DISK_GB": 4})
    claim(client, {uuid: {"VCPU": 4}})
    path = f"/resource_providers/{uuid}/inventories"
    generation = client.get(path)["resource_provider_generation"]
    body = {"resource_provider_generation": generation, "inventories": {"DISK_GB": {"total": 4}}}
    assert client.put(path, body, status=409)["errors"][0]["code"] == "placement.inventory.inuse"
    assert client.delete(path, status=409)["errors"][0]["code"] == "placement.inventory.inuse"
    client.delete(f"{path}/VCPU", status=409)
    assert set(client.get(path)["inventories"]) == {"VCPU", "DISK_GB"}
    body["inventories"]["VCPU"] = {"total": 2}  # below what is used: allowed, the provider is overcommitted
    client.put(path, body)
    assert client.get("/allocation_candidates?resources=VCPU:1")["allocation_requests"] == []


def test_reserving_everything_is_allowed_from_1_26(client, at):
    uuid = provider(client)
    body = {"resource_provider_generation": 0, "inventories": {"VCPU": {"total": 4, "reserved": 4}}}
    at("1.25").put(f"/resource_providers/{uuid}/inventories", body, status=400)
    at("1.26").put(f"/resource_providers/{uuid}/inventories", body)


def test_aggregates_have_a_generation_from_1_19(client, at):
    uuid, one = provider(client), ids.uuid()
    path = f"/resource_providers/{uuid}/aggregates"
    at("1.0").get(path, status=404)
    assert at("1.18").put(path, [one]) == {"aggregates": [one]}
    assert client.get(path) == {"aggregates": [one], "resource_provider_generation": 0}
    client.put(path, {"aggregates": [], "resource_provider_generation": 7}, status=409)
    assert client.put(path, {"aggregates": [], "resource_provider_generation": 0})["resource_provider_generation"] == 1


def test_traits(client, at):
    at("1.5").get("/traits", status=404)
    assert client.request("PUT", "/traits/CUSTOM_A").status_code == 201
    assert client.request("PUT", "/traits/CUSTOM_A").status_code == 204
    assert client.request("PUT", "/traits/A").status_code == 400
    assert client.get("/traits?name=startswith:CUSTOM_") == {"traits": ["CUSTOM_A"]}
    assert client.get("/traits?name=in:CUSTOM_A,CUSTOM_B") == {"traits": ["CUSTOM_A"]}
    uuid = provider(client, traits=["CUSTOM_A"])
    assert client.get("/traits?associated=true") == {"traits": ["CUSTOM_A"]}
    client.delete("/traits/CUSTOM_A", status=409)
    client.delete(f"/resource_providers/{uuid}/traits")
    client.delete("/traits/CUSTOM_A")
    client.get("/traits/CUSTOM_A", status=404)
    client.delete("/traits/HW_CPU_X86_VMX", status=400)
    client.put(f"/resource_providers/{uuid}/traits", {"traits": ["CUSTOM_A"], "resource_provider_generation": 2}, status=400)


def test_resource_classes(client, at):
    at("1.1").get("/resource_classes", status=404)
    assert client.request("PUT", "/resource_classes/CUSTOM_A").status_code == 201
    assert client.request("PUT", "/resource_classes/CUSTOM_A").status_code == 204
    uuid = provider(client, inventory={"CUSTOM_A": 5})
    at("1.6").put("/resource_classes/CUSTOM_A", {"name": "CUSTOM_B"})
    assert client.get("/allocation_candidates?resources=CUSTOM_B:1")["allocation_requests"]
    client.get("/allocation_candidates?resources=CUSTOM_A:1", status=400)
    client.delete("/resource_classes/CUSTOM_B", status=409)
    client.delete(f"/resource_providers/{uuid}/inventories")
    client.delete("/resource_classes/CUSTOM_B")
    client.request("PUT", "/resource_classes/CUSTOM_C")
    client.get("/allocation_candidates?resources=CUSTOM_B:1", status=400)
    client.post("/resource_classes", {"name": "CUSTOM_D"}, status=201)
    client.post("/resource_classes", {"name": "CUSTOM_D"}, status=409)
    client.delete("/resource_classes/VCPU", status=400)
