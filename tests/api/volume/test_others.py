"""Snapshots, types, qualities of service, transfers, daemons and what the API tells about itself."""

from common.testing.api import Persona


def test_snapshots(member, admin, cloud, make_volume):
    volume = make_volume()
    made = member.post("/v3/snapshots", {"snapshot": {"volume_id": volume["id"], "name": "s", "metadata": {"a": "b"}}}, 202)[
        "snapshot"
    ]
    assert made["status"] == "creating" and made["size"] == 1
    cloud.settle()
    url = f"/v3/snapshots/{made['id']}"
    shown = member.get(url)["snapshot"]
    assert shown["status"] == "available" and shown["os-extended-snapshot-attributes:progress"] == "100%"
    member.put(url, {"snapshot": {"name": "t"}})
    assert [s["name"] for s in member.get(f"/v3/snapshots/detail?volume_id={volume['id']}&status=available")["snapshots"]] == [
        "t"
    ]
    assert member.put(f"{url}/metadata", {"metadata": {"k": "v"}}) == {"metadata": {"k": "v"}}
    assert member.get(f"{url}/metadata/k") == {"meta": {"k": "v"}}
    assert member.put(f"{url}/metadata/k", {"meta": {"k": "w"}}) == {"meta": {"k": "w"}}
    member.delete(f"{url}/metadata/k", 200)
    member.get(f"{url}/metadata/k", 404)
    admin.post(f"{url}/action", {"os-reset_status": {"status": "error"}}, 202)
    member.post(f"{url}/action", {"os-force_delete": {}}, 403)
    member.delete(url, 202)
    cloud.settle()
    member.get(url, 404)
    assert cloud.driver.list_snapshots() == []


def test_revert_to_the_latest_snapshot(member, cloud, make_volume):
    volume = make_volume()
    first, second = (member.post("/v3/snapshots", {"snapshot": {"volume_id": volume["id"]}}, 202)["snapshot"] for _ in range(2))
    cloud.settle()
    member.post(f"/v3/volumes/{volume['id']}/action", {"revert": {"snapshot_id": first["id"]}}, 400)
    member.post(f"/v3/volumes/{volume['id']}/action", {"revert": {"snapshot_id": second["id"]}}, 202)
    cloud.settle()
    assert member.get(f"/v3/volumes/{volume['id']}")["volume"]["status"] == "available"


def test_types(member, admin, make_volume):
    body = {
        "name": "gold",
        "extra_specs": {"volume_backend_name": "x", "multiattach": "<is> True"},
        "os-volume-type-access:is_public": False,
    }
    made = admin.post("/v3/types", {"volume_type": body})["volume_type"]
    url = f"/v3/types/{made['id']}"
    admin.post("/v3/types", {"volume_type": {"name": "gold"}}, 409)
    member.post("/v3/types", {"volume_type": {"name": "x"}}, 403)
    member.get(url, 404)
    admin.post(f"{url}/action", {"addProjectAccess": {"project": member.persona.project_id}}, 202)
    admin.post(f"{url}/action", {"addProjectAccess": {"project": member.persona.project_id}}, 409)
    assert member.get(url)["volume_type"]["extra_specs"] == {"multiattach": "<is> True"}
    assert member.persona.project_id in [a["project_id"] for a in admin.get(f"{url}/os-volume-type-access")["volume_type_access"]]
    assert admin.put(f"{url}/extra_specs/k", {"k": "v"}) == {"k": "v"}
    assert admin.get(f"{url}/extra_specs")["extra_specs"]["k"] == "v"
    admin.delete(f"{url}/extra_specs/k", 202)
    admin.delete(f"{url}/extra_specs/k", 404)
    encrypted = admin.post(
        f"{url}/encryption",
        {"encryption": {"provider": "luks", "control_location": "front-end", "cipher": "aes", "key_size": 256}},
    )["encryption"]
    assert admin.get(f"{url}/encryption")["encryption_id"] == encrypted["encryption_id"]
    assert (
        "no key manager"
        in member.post("/v3/volumes", {"volume": {"size": 1, "volume_type": "gold"}}, 400)["badRequest"]["message"]
    )
    admin.delete(f"{url}/encryption/{encrypted['encryption_id']}", 202)
    assert member.get("/v3/types/default")["volume_type"]["name"] == "__DEFAULT__"
    admin.put(f"/v3/default-types/{member.persona.project_id}", {"default_type": {"volume_type": "gold"}})
    assert member.get("/v3/types/default")["volume_type"]["name"] == "gold"
    admin.delete(f"/v3/default-types/{member.persona.project_id}", 204)
    admin.delete(url, 202)
    admin.get(url, 404)
    volume = make_volume()
    admin.delete(f"/v3/types/{volume['volume_type_id']}", 400)


def test_qualities_of_service(admin):
    made = admin.post("/v3/qos-specs", {"qos_specs": {"name": "q", "consumer": "both", "iops": "10"}})["qos_specs"]
    url = f"/v3/qos-specs/{made['id']}"
    kind = admin.post("/v3/types", {"volume_type": {"name": "t"}})["volume_type"]
    admin.get(f"{url}/associate?vol_type_id={kind['id']}", 202)
    assert [a["name"] for a in admin.get(f"{url}/associations")["qos_associations"]] == ["t"]
    admin.delete(url, 400)
    admin.put(f"{url}/delete_keys", {"keys": ["iops"]}, 202)
    assert admin.put(url, {"qos_specs": {"x": "y"}}) == {"qos_specs": {"x": "y"}}
    assert admin.get(url)["qos_specs"]["specs"] == {"x": "y"}
    admin.get(f"{url}/disassociate_all", 202)
    admin.delete(url, 202)
    admin.get(url, 404)


def test_transfers(member, make_volume):
    volume = make_volume()
    made = member.post("/v3/volume-transfers", {"transfer": {"volume_id": volume["id"], "name": "t"}}, 202)["transfer"]
    assert member.get(f"/v3/volumes/{volume['id']}")["volume"]["status"] == "awaiting-transfer"
    member.delete(f"/v3/volumes/{volume['id']}", 400)
    other = member.as_(Persona("member"))
    other.get(f"/v3/volume-transfers/{made['id']}", 404)
    other.post(f"/v3/volume-transfers/{made['id']}/accept", {"accept": {"auth_key": "wrong"}}, 400)
    other.post(f"/v3/volume-transfers/{made['id']}/accept", {"accept": {"auth_key": made["auth_key"]}}, 202)
    member.get(f"/v3/volumes/{volume['id']}", 404)
    assert other.get(f"/v3/volumes/{volume['id']}")["volume"]["status"] == "available"
    again = other.post("/v3/os-volume-transfer", {"transfer": {"volume_id": volume["id"]}}, 202)["transfer"]
    assert len(other.get("/v3/os-volume-transfer/detail")["transfers"]) == 1
    other.delete(f"/v3/os-volume-transfer/{again['id']}", 202)
    assert other.get(f"/v3/volumes/{volume['id']}")["volume"]["status"] == "available"


def test_operators_see_daemons_and_pools(admin, member, cloud, make_volume):
    make_volume()
    assert [(s["binary"], s["state"]) for s in admin.get("/v3/os-services")["services"]] == [("cinder-volume", "up")]
    pool = admin.get("/v3/scheduler-stats/get_pools?detail=true")["pools"][0]
    assert pool["name"] == "test-host@simulated#simulated" and pool["capabilities"]["multiattach"] is True
    assert admin.get("/v3/capabilities/test-host@simulated")["storage_protocol"] == "simulated"
    assert admin.get("/v3/os-hosts/test-host@simulated")["host"][0]["resource"]["volume_count"] == "1"
    where = {"binary": "cinder-volume", "host": "test-host@simulated"}
    admin.put("/v3/os-services/disable-log-reason", {**where, "disabled_reason": "tired"})
    assert make_volume()["status"] == "error"
    assert "No valid backend was found" in member.get("/v3/messages")["messages"][0]["user_message"]
    admin.put("/v3/os-services/enable", where)
    assert make_volume()["status"] == "available"


def test_what_the_api_tells_about_itself(member):
    assert member.get("/", 300)["versions"][0]["version"] == "3.71"
    assert member.get("/v3")["versions"][0]["id"] == "v3.0"
    assert member.get("/v3/os-availability-zone")["availabilityZoneInfo"] == [
        {"zoneName": "nova", "zoneState": {"available": True}}
    ]
    assert member.get("/v3/extensions/encryption")["extension"]["name"] == "VolumeTypeEncryption"
    assert member.get("/v3/resource_filters?resource=pool")["resource_filters"] == [{"resource": "pool", "filters": ["name"]}]
    member.get("/v3/volumes", 406, OpenStack_API_Version="volume 3.72")
    response = member.request("GET", "/v3/volumes")
    assert response.headers["OpenStack-API-Version"] == "volume 3.71" and response.headers["x-compute-request-id"].startswith(
        "req-"
    )


def test_there_are_no_backups(member):
    for path in ("/v3/backups", "/v3/backups/detail?sort_key=created_at&sort_dir=desc"):
        assert member.get(path) == {"backups": []}
    member.get("/v3/backups/nonsense", 404)


def test_an_empty_type_is_the_default_one(member, make_volume):
    assert make_volume(volume_type="")["volume_type"] == "__DEFAULT__"
    member.post("/v3/volumes", {"volume": {"size": 1, "volume_type": "unheard of"}}, status=404)
