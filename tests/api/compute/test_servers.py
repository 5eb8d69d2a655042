"""Servers through the API: boot, show, list, change, delete."""

import base64

from common.db.session import counted
from services.compute.db import models

V = {"OpenStack_API_Version": "compute 2.100"}


def at(minor):
    return {"OpenStack-API-Version": f"compute 2.{minor}"}


def test_boot_inserts_server_and_saga_and_pokes_once(cloud):
    flavor = cloud.flavor()
    with counted(cloud.db) as sql:
        made = cloud.server(flavor)["server"]
    assert set(made) == {"id", "links", "OS-DCF:diskConfig", "security_groups", "adminPass"}
    assert [k for k, *_ in cloud.sagas(made["id"])] == ["server_create"]
    assert len(cloud.conductor.poked) == 1
    statements = [s for s in sql if not s.startswith(("BEGIN", "PRAGMA", "SAVEPOINT", "RELEASE"))]
    assert len(statements) <= 14, statements
    shown = cloud.member.get(f"/v2.1/servers/{made['id']}")["server"]
    assert (shown["status"], shown["OS-EXT-STS:task_state"], shown["name"]) == ("BUILD", "scheduling", "web")
    assert shown["image"]["id"] == cloud.image and shown["flavor"]["id"] == flavor


def test_several_at_once_cost_as_many_statements_as_one(cloud):
    flavor = cloud.flavor(ram=64)
    counts = []
    for n in (1, 5):
        with counted(cloud.db) as sql:
            cloud.server(flavor, min_count=n, max_count=n, return_reservation_id=True)
        counts.append(len(sql))
    assert counts[1] <= counts[0] + 1
    reservation = cloud.server(flavor, min_count=2, max_count=3, return_reservation_id=True)["reservation_id"]
    found = cloud.member.get(f"/v2.1/servers?reservation_id={reservation}")["servers"]
    assert sorted(s["name"] for s in found) == ["web-1", "web-2", "web-3"]
    assert len(cloud.conductor.poked[-1]) == 3


def test_quota_is_counted_and_min_count_holds(cloud):
    flavor = cloud.flavor(vcpus=8)
    cloud.server(flavor, min_count=1, max_count=5)
    assert len(cloud.member.get("/v2.1/servers")["servers"]) == 2
    text = cloud.server(flavor, status=403)["forbidden"]["message"]
    assert text == "Quota exceeded for cores: Requested 8, but already used 16 of 20 cores"


def test_refusals(cloud):
    flavor = cloud.flavor()
    small = cloud.images.add(name="big", status="active", size=5 << 30)
    for body, status in (
        (dict(imageRef=small), 400),
        (dict(flavorRef="nope"), 400),
        (dict(key_name="nope"), 400),
        (dict(imageRef=cloud.flavor(ram=1) and "00000000-0000-4000-8000-000000000000"), 400),
        (dict(user_data="#"), 400),
        (dict(networks=[{"uuid": "00000000-0000-4000-8000-000000000000"}]), 400),
        (dict(nonsense=1), 400),
        (dict(availability_zone="nowhere"), 400),
        (dict(availability_zone="nova:h1"), 403),
        (dict(security_groups=[{"name": "nope"}]), 400),
        (dict(metadata={"a" * 256: "x"}), 400),
    ):
        cloud.server(flavor, status=status, **body)
    assert cloud.conductor.poked == []
    cloud.networks.add("network", name="second", tenant_id=cloud.project, subnets=["s"], shared=False)
    cloud.server(flavor, status=409)
    assert cloud.reader.request("POST", "/v2.1/servers", {"server": {}}).status_code == 400
    body = {"server": {"name": "s", "flavorRef": flavor, "imageRef": small}}
    assert cloud.reader.request("POST", "/v2.1/servers", body).status_code == 403


def test_a_strangers_server_is_not_found(cloud):
    made = cloud.server()["server"]["id"]
    for method in ("GET", "DELETE"):
        answer = cloud.stranger.request(method, f"/v2.1/servers/{made}")
        assert answer.status_code == 404
        assert answer.get_json()["itemNotFound"]["message"] == f"Instance {made} could not be found."
    assert cloud.reader.request("DELETE", f"/v2.1/servers/{made}").status_code == 403
    cloud.admin.get(f"/v2.1/servers/{made}")


def test_list_of_many_takes_few_statements(cloud):
    flavor = cloud.flavor(ram=1)
    cloud.admin.put(f"/v2.1/os-quota-sets/{cloud.project}", {"quota_set": {"instances": -1, "cores": -1, "ram": -1}})
    cloud.server(flavor, min_count=60, max_count=60)
    with counted(cloud.db) as sql:
        found = cloud.member.request("GET", "/v2.1/servers/detail", headers=at(100)).get_json()["servers"]
    assert len(found) == 60
    assert len([s for s in sql if s.startswith("SELECT")]) <= 6
    page = cloud.member.get("/v2.1/servers?limit=50")
    rest = cloud.member.get(page["servers_links"][0]["href"].replace("http://localhost", ""))
    assert len(page["servers"]) == 50 and len(rest["servers"]) == 10 and "servers_links" not in rest
    assert not {s["id"] for s in page["servers"]} & {s["id"] for s in rest["servers"]}


def test_views_by_version(cloud):
    made = cloud.server()["server"]["id"]
    cloud.run(made)

    def keys(minor, client=cloud.member):
        return set(client.request("GET", f"/v2.1/servers/{made}", headers=at(minor)).get_json()["server"])

    assert {"locked"} == keys(9) - keys(8)
    assert {"description"} == keys(19) - keys(18)
    assert {"tags"} == keys(26) - keys(25)
    assert {"trusted_image_certificates"} == keys(63) - keys(62)
    assert {"server_groups"} == keys(71) - keys(70)
    assert {"locked_reason"} == keys(73) - keys(72)
    assert {"OS-EXT-SRV-ATTR:hostname"} == keys(90) - keys(89)
    assert {"pinned_availability_zone"} == keys(96) - keys(95)
    assert {"scheduler_hints"} == keys(100) - keys(99)
    assert "OS-EXT-SRV-ATTR:host" in keys(1, cloud.admin) and "OS-EXT-SRV-ATTR:host" not in keys(1)
    assert "OS-EXT-SRV-ATTR:user_data" in keys(3, cloud.admin) and "host_status" in keys(16, cloud.admin)
    new = cloud.member.request("GET", f"/v2.1/servers/{made}", headers=at(98)).get_json()["server"]
    assert new["flavor"]["original_name"] and new["image"]["properties"] == {"hw_disk_bus": "virtio"}


def test_filters(cloud):
    one = cloud.server(name="alpha")["server"]["id"]
    two = cloud.server(name="beta", metadata={"k": "v"})["server"]["id"]
    cloud.run(two)

    def found(query, client=cloud.member, minor=100):
        return [s["id"] for s in client.request("GET", f"/v2.1/servers?{query}", headers=at(minor)).get_json()["servers"]]

    assert found("name=alp") == [one]
    assert found("status=ACTIVE") == [two] and found("status=BUILD") == [one]
    assert found("status=nonsense") == []
    assert found("status=ACTIVE&status=BUILD&sort_key=display_name&sort_dir=asc") == [one, two]
    assert found("vm_state=active") == [two]
    assert set(found("all_tenants=1", cloud.admin)) == {one, two} and found("", cloud.admin) == []
    assert found("all_tenants=1&host=node1", cloud.admin) == [two]
    assert cloud.member.request("GET", "/v2.1/servers?all_tenants=1").status_code == 403
    assert cloud.member.request("GET", "/v2.1/servers?nonsense=1", headers=at(75)).status_code == 400
    assert cloud.member.request("GET", "/v2.1/servers?nonsense=1").status_code == 200
    assert cloud.member.request("GET", "/v2.1/servers?sort_key=nonsense").status_code == 400
    assert cloud.member.request("GET", "/v2.1/servers?limit=-1").status_code == 400
    assert cloud.member.request("GET", "/v2.1/servers?changes-since=nonsense").status_code == 400
    assert set(found("changes-since=2020-01-01T00:00:00Z")) == {one, two}
    assert cloud.member.request("PUT", f"/v2.1/servers/{one}/tags", {"tags": ["a", "b"]}, at(26)).status_code == 200
    assert found("tags=a,b") == [one] and found("tags=a,c") == [] and found("tags-any=a,c") == [one]
    assert found("not-tags=a,b") == [two] and found("not-tags-any=a") == [two]


def test_an_end_is_the_whole_second_that_is_shown(cloud):
    made = cloud.server()["server"]["id"]
    shown = cloud.member.get(f"/v2.1/servers/{made}")["server"]["updated"]
    actions = f"/v2.1/servers/{made}/os-instance-actions"
    done = cloud.member.request("GET", actions, headers=at(66)).get_json()["instanceActions"][0]["updated_at"][:19] + "Z"
    for url, text, key in (("/v2.1/servers", shown, "servers"), (actions, done, "instanceActions")):
        for moment, count in ((text, 1), ("2020-01-01T00:00:00Z", 0)):
            answer = cloud.member.request("GET", f"{url}?changes-before={moment}", headers=at(66)).get_json()
            assert len(answer[key]) == count, (url, moment)


def test_update(cloud):
    made = cloud.server()["server"]["id"]
    body = {"server": {"name": "new", "accessIPv4": "1.2.3.4", "description": "text"}}
    shown = cloud.member.request("PUT", f"/v2.1/servers/{made}", body, at(19)).get_json()["server"]
    assert (shown["name"], shown["accessIPv4"], shown["description"]) == ("new", "1.2.3.4", "text")
    assert "OS-EXT-STS:vm_state" not in shown
    assert cloud.member.request("PUT", f"/v2.1/servers/{made}", {"server": {"name": " "}}).status_code == 400


def test_delete_cancels_what_runs_and_is_accepted_twice(cloud):
    made = cloud.server()["server"]["id"]
    cloud.member.delete(f"/v2.1/servers/{made}")
    cloud.member.delete(f"/v2.1/servers/{made}")
    assert [(k, c) for k, _, c, _ in cloud.sagas(made)] == [("server_create", True), ("server_delete", False)]
    assert cloud.member.get(f"/v2.1/servers/{made}")["server"]["OS-EXT-STS:task_state"] == "deleting"


def test_metadata_and_tags(cloud):
    made = cloud.server(metadata={"a": "1"})["server"]["id"]
    cloud.run(made)
    url = f"/v2.1/servers/{made}/metadata"
    assert cloud.member.post(url, {"metadata": {"b": "2"}}) == {"metadata": {"a": "1", "b": "2"}}
    assert cloud.member.put(url + "/c", {"meta": {"c": "3"}}) == {"meta": {"c": "3"}}
    cloud.member.put(url + "/c", {"meta": {"d": "3"}}, status=400)
    cloud.member.delete(url + "/a")
    cloud.member.delete(url + "/a", status=404)
    assert cloud.member.get(url) == {"metadata": {"b": "2", "c": "3"}}
    cloud.member.put(url, {"metadata": {str(n): "x" for n in range(129)}}, status=403)
    assert cloud.member.put(url, {"metadata": {}}) == {"metadata": {}}
    tags = f"/v2.1/servers/{made}/tags"
    assert cloud.member.request("PUT", tags + "/x", headers=at(26)).status_code == 201
    assert cloud.member.request("PUT", tags + "/x", headers=at(26)).status_code == 204
    assert cloud.member.request("GET", tags, headers=at(26)).get_json() == {"tags": ["x"]}
    assert cloud.member.request("GET", tags, headers=at(25)).status_code == 404
    assert cloud.member.request("DELETE", tags, headers=at(26)).status_code == 204


def test_user_data_keys_and_volumes(cloud):
    key = cloud.member.post("/v2.1/os-keypairs", {"keypair": {"name": "k"}})["keypair"]
    assert key["private_key"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    volume = cloud.volumes.add(bootable="true")
    made = cloud.server(
        key_name="k",
        user_data=base64.b64encode(b"#!/bin/sh").decode(),
        imageRef="",
        block_device_mapping_v2=[{"source_type": "volume", "uuid": volume, "boot_index": 0, "destination_type": "volume"}],
    )["server"]["id"]
    shown = cloud.member.get(f"/v2.1/servers/{made}")["server"]
    assert shown["image"] == "" and shown["key_name"] == "k"
    assert shown["os-extended-volumes:volumes_attached"] == [{"id": volume}]
    cloud.server(
        status=400,
        imageRef="",
        block_device_mapping_v2=[
            {"source_type": "volume", "uuid": cloud.volumes.add(), "boot_index": 0, "destination_type": "volume"}
        ],
    )
    cloud.server(status=400, block_device_mapping_v2=[{"source_type": "blank", "destination_type": "volume", "boot_index": 1}])


def test_a_volume_that_is_not_bootable_may_be_what_a_server_with_an_image_boots_from(cloud):
    disk = {"source_type": "volume", "uuid": cloud.volumes.add(), "boot_index": 0, "destination_type": "volume"}
    made = cloud.server(block_device_mapping_v2=[disk])["server"]["id"]
    assert cloud.member.get(f"/v2.1/servers/{made}")["server"]["image"] == ""


def test_a_blank_volume_may_be_what_a_server_with_an_image_boots_from(cloud):
    blank = {"source_type": "blank", "destination_type": "volume", "volume_size": 1, "boot_index": 0}
    made = cloud.server(block_device_mapping_v2=[blank])["server"]["id"]
    assert cloud.member.get(f"/v2.1/servers/{made}")["server"]["image"] == ""
    with cloud.db.read() as session:
        assert session.get(models.ServerRequest, made).image["id"] == cloud.image


def test_a_network_is_made_for_who_asks_for_any(cloud):
    def boot(status):
        body = {"server": {"name": "web", "flavorRef": cloud.default_flavor, "imageRef": cloud.image, "networks": "auto"}}
        answer = cloud.member.request("POST", "/v2.1/servers", body, headers=at(37))
        assert answer.status_code == status
        return answer.get_json()

    cloud.default_flavor = cloud.flavor()
    there = boot(202)["server"]["id"]
    assert [n["uuid"] for n in asked_networks(cloud, there)] == [cloud.network]
    cloud.networks.remove("network", cloud.network)
    assert "Unable to automatically allocate a network" in boot(400)["badRequest"]["message"]
    cloud.networks.add("network", name="public", is_default=True, shared=False, subnets=["s"], **{"router:external": True})
    assert asked_networks(cloud, boot(202)["server"]["id"]) == "auto"


def asked_networks(cloud, server_id):
    """What the conductor is told of a server's networks."""
    with cloud.db.read() as session:
        return session.get(models.ServerRequest, server_id).data["networks"]
