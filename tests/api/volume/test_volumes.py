"""Volumes: their life, their lists, what is refused."""

import pytest

from common.db.session import counted


def test_create_show_update_delete(member, cloud):
    made = member.post("/v3/volumes", {"volume": {"size": 2, "name": "v", "metadata": {"a": "b"}}}, 202)["volume"]
    assert made["status"] == "creating" and made["attachments"] == [] and made["volume_type"] == "__DEFAULT__"
    cloud.settle()
    shown = member.get(f"/v3/volumes/{made['id']}")["volume"]
    assert shown["status"] == "available" and shown["metadata"] == {"a": "b"} and shown["bootable"] == "false"
    assert shown["volume_type_id"] and "os-vol-host-attr:host" not in shown
    changed = member.put(f"/v3/volumes/{made['id']}", {"volume": {"name": "w", "description": "d"}})["volume"]
    assert (changed["name"], changed["description"]) == ("w", "d")
    assert [v.volume_id for v in cloud.driver.list_volumes()] == [made["id"]]
    member.delete(f"/v3/volumes/{made['id']}", 202)
    cloud.settle()
    member.get(f"/v3/volumes/{made['id']}", 404)
    assert cloud.driver.list_volumes() == []


def test_project_in_the_path_must_be_the_tokens(member, make_volume):
    volume = make_volume()
    assert member.get(f"/v3/{member.persona.project_id}/volumes/{volume['id']}")["volume"]["id"] == volume["id"]
    assert "Malformed request url" in member.get(f"/v3/{'f' * 32}/volumes", 400)["badRequest"]["message"]
    member.get("/v3/volumes/", 404)


def test_what_is_asked_wrongly_is_refused(member):
    for body, status in (
        ({"size": 0}, 400),
        ({"size": -1}, 400),
        ({"size": "x"}, 400),
        ({"name": "n"}, 400),
        ({"size": 1, "imageRef": "nope"}, 400),
        ({"size": 1, "volume_type": "nope"}, 404),
        ({"size": 1, "availability_zone": "nope"}, 400),
        ({"size": 1, "snapshot_id": "11111111-1111-4111-8111-111111111111"}, 404),
        ({"size": 1, "source_volid": "11111111-1111-4111-8111-111111111111"}, 404),
    ):
        member.post("/v3/volumes", {"volume": body}, status)
    member.get("/v3/volumes/11111111-1111-4111-8111-111111111111", 404)


def test_from_image_snapshot_and_volume(member, cloud, make_volume):
    image = cloud.images.add(name="cirros", min_disk=1, os_distro="debian")
    booted = make_volume(imageRef=image)
    assert booted["bootable"] == "true" and booted["volume_image_metadata"]["image_name"] == "cirros"
    snapshot = member.post("/v3/snapshots", {"snapshot": {"volume_id": booted["id"]}}, 202)["snapshot"]
    cloud.settle()
    copy = make_volume(size=2, snapshot_id=snapshot["id"])
    assert copy["bootable"] == "true" and copy["snapshot_id"] == snapshot["id"]
    clone = make_volume(size=2, source_volid=copy["id"])
    assert clone["status"] == "available" and next(iter(cloud.driver.read_image(clone["id"], "raw")))[:1] == b"\x01"
    member.post("/v3/volumes", {"volume": {"size": 1, "source_volid": clone["id"]}}, 400)
    big = cloud.images.add(size=3 << 30)
    member.post("/v3/volumes", {"volume": {"size": 1, "imageRef": big}}, 400)
    off = cloud.images.add(status="deactivated")
    member.post("/v3/volumes", {"volume": {"size": 1, "imageRef": off}}, 400)


def test_lists_filter_sort_page_and_count(member, make_volume):
    made = [make_volume(name=f"v{i}", metadata={"i": str(i)}) for i in range(3)]
    names = [v["name"] for v in member.get("/v3/volumes/detail?sort=name:asc")["volumes"]]
    assert names == ["v0", "v1", "v2"]
    page = member.get("/v3/volumes?limit=2&sort=name:asc&with_count=true")
    assert [v["name"] for v in page["volumes"]] == ["v0", "v1"] and page["count"] == 3
    following = page["volumes_links"][0]["href"].split("localhost", 1)[1]
    assert [v["name"] for v in member.get(following)["volumes"]] == ["v2"]
    assert [v["id"] for v in member.get("/v3/volumes?metadata={'i': '1'}")["volumes"]] == [made[1]["id"]]
    assert len(member.get("/v3/volumes?name~=v")["volumes"]) == 3 and member.get("/v3/volumes?status=error")["volumes"] == []
    member.get("/v3/volumes?nope=1", 400)
    assert member.get("/v3/volumes/summary")["volume-summary"] == {
        "total_count": 3,
        "total_size": 3,
        "metadata": {"i": ["0", "1", "2"]},
    }


@pytest.mark.parametrize("path", ["/v3/volumes/detail", "/v3/volumes", "/v3/snapshots/detail", "/v3/attachments/detail"])
def test_lists_take_a_constant_number_of_queries(member, cloud, make_volume, path):
    def queries():
        with counted(cloud.db) as seen:
            member.get(path)
        return len([s for s in seen if s.startswith("SELECT")])

    def more():
        volume = make_volume(metadata={"a": "b"})
        member.post("/v3/snapshots", {"snapshot": {"volume_id": volume["id"]}}, 202)
        member.post(
            "/v3/attachments",
            {"attachment": {"volume_uuid": volume["id"], "instance_uuid": "1" * 8 + "-1111-4111-8111-" + "1" * 12}},
        )

    more()
    one = queries()
    more()
    more()
    assert queries() == one <= 5


def test_other_projects_see_nothing_and_operators_everything(member, admin, make_volume):
    from common.testing.api import Persona

    volume = make_volume()
    stranger = member.as_(Persona("member"))
    stranger.get(f"/v3/volumes/{volume['id']}", 404)
    assert stranger.get("/v3/volumes?all_tenants=1")["volumes"] == []
    assert len(admin.get("/v3/volumes?all_tenants=1")["volumes"]) == 1 and admin.get("/v3/volumes")["volumes"] == []
    assert admin.get(f"/v3/volumes/{volume['id']}")["volume"]["os-vol-host-attr:host"] == "test-host@simulated#simulated"


def test_quotas_hold(member, admin, make_volume):
    admin.put(f"/v3/os-quota-sets/{member.persona.project_id}", {"quota_set": {"volumes": 2, "gigabytes": 4}})
    make_volume(size=2)
    over = member.post("/v3/volumes", {"volume": {"size": 3}}, 413)["overLimit"]
    assert "Requested 3G, quota is 4G and 2G has been consumed" in over["message"]
    make_volume()
    assert (
        "Maximum number of volumes allowed (2)"
        in member.post("/v3/volumes", {"volume": {"size": 1}}, 413)["overLimit"]["message"]
    )
    used = member.get(f"/v3/os-quota-sets/{member.persona.project_id}?usage=true")["quota_set"]
    assert used["gigabytes"] == {"limit": 4, "in_use": 3, "reserved": 0, "allocated": 0}
    assert member.get("/v3/limits")["limits"]["absolute"]["totalVolumesUsed"] == 2


def test_extend_retype_upload_and_readonly(member, admin, cloud, make_volume):
    volume = make_volume()
    url = f"/v3/volumes/{volume['id']}"
    member.post(f"{url}/action", {"os-extend": {"new_size": 1}}, 400)
    member.post(f"{url}/action", {"os-extend": {"new_size": 3}}, 202)
    assert member.get(url)["volume"]["status"] == "extending"
    cloud.settle()
    assert (member.get(url)["volume"]["size"], member.get(url)["volume"]["status"]) == (3, "available")
    kind = admin.post("/v3/types", {"volume_type": {"name": "gold", "extra_specs": {"volume_backend_name": "simulated"}}})[
        "volume_type"
    ]
    member.post(f"{url}/action", {"os-retype": {"new_type": "gold"}}, 202)
    cloud.settle()
    assert member.get(url)["volume"]["volume_type_id"] == kind["id"]
    uploaded = member.post(f"{url}/action", {"os-volume_upload_image": {"image_name": "i"}}, 202)["os-volume_upload_image"]
    cloud.settle()
    assert cloud.images.images[uploaded["image_id"]]["status"] == "active" and member.get(url)["volume"]["status"] == "available"
    member.post(f"{url}/action", {"os-update_readonly_flag": {"readonly": True}}, 202)
    assert member.get(url)["volume"]["metadata"]["readonly"] == "True"
    member.post(f"{url}/action", {"os-set_bootable": {"bootable": True}}, 200)
    assert member.get(url)["volume"]["bootable"] == "true"


def test_failures_end_in_error_with_a_message(member, cloud, make_volume, conf):
    conf.set_override("fail_operations", ["create_volume"], group="simulated")
    volume = make_volume()
    assert volume["status"] == "error"
    message = member.get(f"/v3/messages?resource_uuid={volume['id']}")["messages"][0]
    assert "simulated failure of create_volume" in message["user_message"]
    conf.clear_override("fail_operations", group="simulated")
    member.delete(f"/v3/volumes/{volume['id']}", 202)
    cloud.settle()
    member.get(f"/v3/volumes/{volume['id']}", 404)


def test_delete_wins_over_create_and_cascade_takes_snapshots(member, cloud, make_volume):
    volume = member.post("/v3/volumes", {"volume": {"size": 1}}, 202)["volume"]
    cloud.runner.run_all()  # the job is with the agent
    member.delete(f"/v3/volumes/{volume['id']}", 202)
    cloud.settle()
    member.get(f"/v3/volumes/{volume['id']}", 404)
    assert cloud.driver.list_volumes() == []
    volume = make_volume()
    member.post("/v3/snapshots", {"snapshot": {"volume_id": volume["id"]}}, 202)
    cloud.settle()
    member.delete(f"/v3/volumes/{volume['id']}", 400)
    member.delete(f"/v3/volumes/{volume['id']}?cascade=true", 202)
    cloud.settle()
    assert member.get("/v3/snapshots")["snapshots"] == [] and cloud.driver.list_snapshots() == []
