"""Flavors, keys, groups, quotas, usage, hypervisors, daemons, aggregates, versions."""

from common import clock
from common.db import services as heartbeats
from services.compute.db import hosts, models
from tests.api.compute.test_servers import at


def test_versions_and_extensions(cloud):
    found = cloud.member.get("/")["versions"]
    assert [(v["id"], v["status"], v["version"], v["min_version"]) for v in found] == [
        ("v2.0", "DEPRECATED", "", ""),
        ("v2.1", "CURRENT", "2.104", "2.1"),
    ]
    assert cloud.member.get("/v2.1/")["version"]["id"] == "v2.1" and cloud.member.get("/v2/")["version"]["id"] == "v2.0"
    assert any(e["alias"] == "os-keypairs" for e in cloud.member.get("/v2.1/extensions")["extensions"])
    assert cloud.member.get("/v2.1/extensions/os-services")["extension"]["name"] == "Services"
    assert len(cloud.member.get("/v2.1/extensions")["extensions"]) == 99  # upstream still lists what it removed
    assert cloud.member.get("/v2.1/extensions/os-agents")["extension"]["name"] == "Agents"
    cloud.member.get("/v2.1/extensions/nope", status=404)
    for path in ("os-cells", "os-fping/x", "os-cloudpipe", "servers/x/os-virtual-interfaces"):
        assert cloud.member.request("GET", f"/v2.1/{path}").status_code == 410
    answer = cloud.member.request("GET", "/v2.1/flavors", headers={"OpenStack-API-Version": "compute latest"})
    assert answer.headers["X-OpenStack-Nova-API-Version"] == "2.104"
    assert cloud.member.request("GET", "/v2.1/flavors", headers=at(105)).status_code == 406
    cloud.member.get(f"/v2.1/{cloud.project}/flavors")
    cloud.member.get("/v2/flavors")


def test_flavors(cloud):
    made = cloud.admin.post("/v2.1/flavors", {"flavor": {"name": "big", "id": "7", "ram": 1024, "vcpus": 2, "disk": 10}})[
        "flavor"
    ]
    assert made["swap"] == "" and made["rxtx_factor"] == 1.0 and made["os-flavor-access:is_public"] is True
    cloud.admin.post("/v2.1/flavors", {"flavor": {"name": "big", "ram": 1, "vcpus": 1, "disk": 1}}, status=409)
    cloud.admin.post("/v2.1/flavors", {"flavor": {"name": "x", "ram": 0, "vcpus": 1, "disk": 1}}, status=400)
    cloud.member.post("/v2.1/flavors", {"flavor": {"name": "x", "ram": 1, "vcpus": 1, "disk": 1}}, status=403)
    assert [f["id"] for f in cloud.member.get("/v2.1/flavors?minRam=1000")["flavors"]] == ["7"]
    assert cloud.admin.post("/v2.1/flavors/7/os-extra_specs", {"extra_specs": {"hw:a": "1"}}) == {"extra_specs": {"hw:a": "1"}}
    assert cloud.member.request("GET", "/v2.1/flavors/7", headers=at(61)).get_json()["flavor"]["extra_specs"] == {"hw:a": "1"}
    assert cloud.admin.put("/v2.1/flavors/7/os-extra_specs/hw:a", {"hw:a": "2"}) == {"hw:a": "2"}
    cloud.admin.delete("/v2.1/flavors/7/os-extra_specs/hw:a", status=200)
    cloud.admin.delete("/v2.1/flavors/7/os-extra_specs/hw:a", status=404)
    cloud.admin.delete("/v2.1/flavors/7", status=202)
    missing = cloud.member.get("/v2.1/flavors/7", status=404)["itemNotFound"]["message"]
    assert missing == "Flavor 7 could not be found."


def test_private_flavors(cloud):
    cloud.admin.post(
        "/v2.1/flavors",
        {"flavor": {"name": "own", "id": "p", "ram": 1, "vcpus": 1, "disk": 1, "os-flavor-access:is_public": False}},
    )
    cloud.member.get("/v2.1/flavors/p", status=404)
    url = "/v2.1/flavors/p/action"
    assert {"flavor_id": "p", "tenant_id": cloud.project} in cloud.admin.post(
        url, {"addTenantAccess": {"tenant": cloud.project}}
    )["flavor_access"]
    cloud.admin.post(url, {"addTenantAccess": {"tenant": cloud.project}}, status=409)
    cloud.member.get("/v2.1/flavors/p")
    cloud.member.post(url, {"removeTenantAccess": {"tenant": cloud.project}}, status=403)
    cloud.admin.post(url, {"removeTenantAccess": {"tenant": cloud.project}})
    cloud.admin.post(url, {"removeTenantAccess": {"tenant": cloud.project}}, status=404)


def test_keypairs(cloud):
    made = cloud.member.request("POST", "/v2.1/os-keypairs", {"keypair": {"name": "a", "type": "x509"}}, at(2))
    assert made.status_code == 201 and "BEGIN CERTIFICATE" in made.get_json()["keypair"]["public_key"]
    line = cloud.member.post("/v2.1/os-keypairs", {"keypair": {"name": "b"}})["keypair"]["public_key"]
    again = cloud.member.post("/v2.1/os-keypairs", {"keypair": {"name": "c", "public_key": line}})["keypair"]
    assert "private_key" not in again
    cloud.member.post("/v2.1/os-keypairs", {"keypair": {"name": "c", "public_key": line}}, status=409)
    cloud.member.post("/v2.1/os-keypairs", {"keypair": {"name": "d", "public_key": "nonsense"}}, status=400)
    cloud.member.post("/v2.1/os-keypairs", {"keypair": {"name": "d.x"}}, status=400)
    assert cloud.member.request("POST", "/v2.1/os-keypairs", {"keypair": {"name": "d.x"}}, at(92)).status_code == 400
    paged = cloud.member.request("GET", "/v2.1/os-keypairs?limit=2", headers=at(35)).get_json()
    assert [k["keypair"]["name"] for k in paged["keypairs"]] == ["a", "b"] and paged["keypairs_links"]
    assert cloud.stranger.get("/v2.1/os-keypairs") == {"keypairs": []}
    user = cloud.member.persona.user_id
    other = cloud.stranger.request("GET", f"/v2.1/os-keypairs?user_id={user}", headers=at(10))
    assert other.status_code == 403
    assert len(cloud.admin.request("GET", f"/v2.1/os-keypairs?user_id={user}", headers=at(10)).get_json()["keypairs"]) == 3
    cloud.member.delete("/v2.1/os-keypairs/a", status=202)
    cloud.member.get("/v2.1/os-keypairs/a", status=404)


def test_server_groups(cloud):
    group = cloud.member.post("/v2.1/os-server-groups", {"server_group": {"name": "g", "policies": ["affinity"]}})["server_group"]
    made = cloud.member.post(
        "/v2.1/servers",
        {
            "server": {"name": "x", "flavorRef": cloud.flavor(), "imageRef": cloud.image},
            "os:scheduler_hints": {"group": group["id"]},
        },
        status=202,
    )["server"]["id"]
    shown = cloud.member.request("GET", f"/v2.1/os-server-groups/{group['id']}", headers=at(64)).get_json()["server_group"]
    assert shown["members"] == [made] and shown["policy"] == "affinity" and shown["rules"] == {}
    server = cloud.member.request("GET", f"/v2.1/servers/{made}", headers=at(71)).get_json()["server"]
    assert server["server_groups"] == [group["id"]]
    cloud.stranger.get(f"/v2.1/os-server-groups/{group['id']}", status=404)
    cloud.member.post("/v2.1/os-server-groups", {"server_group": {"name": "g", "policies": ["soft-affinity"]}}, status=400)
    cloud.member.delete(f"/v2.1/os-server-groups/{group['id']}")
    assert cloud.member.get("/v2.1/os-server-groups") == {"server_groups": []}


def test_quotas_and_limits(cloud):
    cloud.server()
    limits = cloud.member.get("/v2.1/limits")["limits"]["absolute"]
    assert (limits["maxTotalInstances"], limits["totalInstancesUsed"], limits["totalRAMUsed"]) == (10, 1, 512)
    assert "maxImageMeta" not in cloud.member.request("GET", "/v2.1/limits", headers=at(39)).get_json()["limits"]["absolute"]
    url = f"/v2.1/os-quota-sets/{cloud.project}"
    assert cloud.admin.put(url, {"quota_set": {"instances": 3}})["quota_set"]["instances"] == 3
    assert cloud.member.get(url)["quota_set"]["instances"] == 3
    assert cloud.member.get(url + "/detail")["quota_set"]["instances"] == {"limit": 3, "in_use": 1, "reserved": 0}
    cloud.admin.put(url, {"quota_set": {"instances": 0}}, status=400)
    cloud.admin.put(url, {"quota_set": {"instances": 0, "force": True}})
    cloud.server(status=403)
    cloud.admin.delete(url, status=202)
    assert cloud.member.get(url)["quota_set"]["instances"] == 10
    cloud.stranger.get(url, status=403)
    assert (
        cloud.admin.put("/v2.1/os-quota-class-sets/default", {"quota_class_set": {"cores": 5}})["quota_class_set"]["cores"] == 5
    )
    assert cloud.member.get(url + "/defaults")["quota_set"]["cores"] == 5


def beat(cloud, host="node1"):
    with cloud.db.write() as session:
        heartbeats.beat(session, models.Service, daemon="compute-agent", binary="nova-compute", host=host, version="1")
        heartbeats.beat(session, models.Service, daemon="compute-conductor", binary="nova-conductor", host="c", version="1")
        hosts.save_nodes(
            session,
            host,
            [
                {
                    "node": host,
                    "vcpus": 8,
                    "memory_mb": 4096,
                    "disk_gb": 100,
                    "hypervisor_type": "QEMU",
                    "hypervisor_version": 7002000,
                    "host_ip": "10.0.0.1",
                    "uptime": "up 1 day",
                }
            ],
        )


def test_hypervisors(cloud):
    beat(cloud)
    made = cloud.server()["server"]["id"]
    cloud.run(made)
    found = cloud.admin.get("/v2.1/os-hypervisors/detail")["hypervisors"][0]
    assert (found["hypervisor_hostname"], found["vcpus_used"], found["memory_mb_used"], found["running_vms"], found["state"]) == (
        "node1",
        1,
        512,
        1,
        "up",
    )
    assert cloud.admin.get("/v2.1/os-hypervisors/statistics")["hypervisor_statistics"]["count"] == 1
    assert cloud.admin.get("/v2.1/os-hypervisors/1/uptime")["hypervisor"]["uptime"] == "up 1 day"
    assert cloud.admin.get("/v2.1/os-hypervisors/node/servers")["hypervisors"][0]["servers"][0]["uuid"] == made
    new = cloud.admin.request("GET", "/v2.1/os-hypervisors?with_servers=true", headers=at(88)).get_json()["hypervisors"][0]
    assert len(new["id"]) == 36 and new["servers"][0]["uuid"] == made
    shown = cloud.admin.request("GET", f"/v2.1/os-hypervisors/{new['id']}", headers=at(88)).get_json()["hypervisor"]
    assert shown["uptime"] == "up 1 day" and "vcpus" not in shown
    cloud.member.get("/v2.1/os-hypervisors", status=403)
    cloud.admin.get("/v2.1/os-hypervisors/99", status=404)


def test_services(cloud):
    beat(cloud)
    found = cloud.admin.get("/v2.1/os-services")["services"]
    assert [(s["binary"], s["zone"], s["state"], s["status"]) for s in found] == [
        ("nova-compute", "nova", "up", "enabled"),
        ("nova-conductor", "internal", "up", "enabled"),
    ]
    body = {"host": "node1", "binary": "nova-compute"}
    assert cloud.admin.put("/v2.1/os-services/disable", body)["service"]["status"] == "disabled"
    row = cloud.admin.request("GET", "/v2.1/os-services?binary=nova-compute", headers=at(53)).get_json()["services"][0]
    url = f"/v2.1/os-services/{row['id']}"
    assert (
        cloud.admin.request("PUT", url, {"status": "enabled", "forced_down": True}, at(53)).get_json()["service"]["state"]
        == "down"
    )
    made = cloud.server()["server"]["id"]
    cloud.run(made)
    shown = cloud.admin.request("GET", f"/v2.1/servers/{made}", headers=at(16)).get_json()["server"]
    assert shown["host_status"] == "DOWN"
    assert cloud.admin.request("DELETE", url, headers=at(53)).status_code == 409
    cloud.run(made, host=None)
    with cloud.db.read() as session:
        [node] = hosts.nodes(session, host="node1")
    cloud.placement.in_use.add(node.uuid)
    assert cloud.admin.request("DELETE", url, headers=at(53)).status_code == 409
    assert len(cloud.admin.get("/v2.1/os-hypervisors")["hypervisors"]) == 1
    cloud.placement.in_use.clear()
    assert cloud.admin.request("DELETE", url, headers=at(53)).status_code == 204
    assert cloud.admin.get("/v2.1/os-hypervisors")["hypervisors"] == [] and cloud.placement.removed == [node.uuid]


def test_aggregates_and_zones(cloud):
    beat(cloud)
    made = cloud.admin.post("/v2.1/os-aggregates", {"aggregate": {"name": "a", "availability_zone": "z1"}})["aggregate"]
    url = f"/v2.1/os-aggregates/{made['id']}"
    assert "hosts" not in made and made["availability_zone"] == "z1"
    cloud.admin.post(url + "/action", {"add_host": {"host": "nowhere"}}, status=404)
    assert cloud.admin.post(url + "/action", {"add_host": {"host": "node1"}})["aggregate"]["hosts"] == ["node1"]
    cloud.admin.post(url + "/action", {"add_host": {"host": "node1"}}, status=409)
    assert [z["zoneName"] for z in cloud.member.get("/v2.1/os-availability-zone")["availabilityZoneInfo"]] == ["z1"]
    detail = cloud.admin.get("/v2.1/os-availability-zone/detail")["availabilityZoneInfo"]
    assert [z["zoneName"] for z in detail] == ["internal", "z1"]
    server = cloud.server(availability_zone="z1")["server"]["id"]
    assert cloud.member.get(f"/v2.1/servers/{server}")["server"]["OS-EXT-AZ:availability_zone"] == "z1"
    changed = cloud.admin.post(url + "/action", {"set_metadata": {"metadata": {"ssd": "true"}}})["aggregate"]
    assert changed["metadata"] == {"availability_zone": "z1", "ssd": "true"}
    cloud.admin.delete(url, status=400)
    cloud.admin.post(url + "/action", {"remove_host": {"host": "node1"}})
    cloud.admin.delete(url, status=200)
    cloud.admin.get(url, status=404)


def test_usage(cloud):
    made = cloud.server()["server"]["id"]
    cloud.run(made, launched_at=clock.after(-3600))
    found = cloud.member.get(f"/v2.1/os-simple-tenant-usage/{cloud.project}")["tenant_usage"]
    assert abs(found["total_hours"] - 1) < 0.01 and found["server_usages"][0]["instance_id"] == made
    assert cloud.admin.get("/v2.1/os-simple-tenant-usage?detailed=1")["tenant_usages"][0]["tenant_id"] == cloud.project
    cloud.stranger.get(f"/v2.1/os-simple-tenant-usage/{cloud.project}", status=403)
    assert cloud.member.get(f"/v2.1/os-simple-tenant-usage/{cloud.stranger.persona.project_id}", status=403)


def test_images(cloud):
    shown = cloud.member.get(f"/v2.1/images/{cloud.image}")["image"]
    assert shown["status"] == "ACTIVE" and shown["metadata"] == {"hw_disk_bus": "virtio"}
    assert cloud.member.post(f"/v2.1/images/{cloud.image}/metadata", {"metadata": {"k": "v"}})["metadata"]["k"] == "v"
    cloud.member.delete(f"/v2.1/images/{cloud.image}/metadata/k")
    cloud.member.get(f"/v2.1/images/{cloud.image}/metadata/k", status=404)
    assert cloud.member.request("GET", "/v2.1/images", headers=at(36)).status_code == 404
