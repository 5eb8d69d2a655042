"""Using volumes: attachments as compute does, and the older actions."""

import pytest

from common.testing.api import Persona

SERVER, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
CONNECTOR = {"host": "node1", "ip": "10.0.0.1", "initiator": "iqn.1993-08.org.debian:01:x"}


@pytest.fixture
def compute(member):
    return member.as_(Persona("member", project_id=member.persona.project_id, service_roles=("service",)))


def reserve(client, volume, server=SERVER, status=200, **values):
    body = client.post(
        "/v3/attachments", {"attachment": {"volume_uuid": volume["id"], "instance_uuid": server, **values}}, status
    )
    return body.get("attachment")


def test_life_of_an_attachment(compute, member, cloud, make_volume):
    volume = make_volume()
    url = f"/v3/volumes/{volume['id']}"
    made = reserve(compute, volume)
    assert made["status"] == "reserved" and made["connection_info"] == {} and member.get(url)["volume"]["status"] == "reserved"
    reserve(compute, volume, OTHER, 400)
    member.delete(url, 400)
    one = f"/v3/attachments/{made['id']}"
    info = compute.put(one, {"attachment": {"connector": CONNECTOR}})["attachment"]["connection_info"]
    assert (
        info["driver_volume_type"] == "simulated" and info["attachment_id"] == made["id"] and info["data"]["access_mode"] == "rw"
    )
    assert member.get(url)["volume"]["status"] == "attaching"
    compute.post(f"{one}/action", {"os-complete": None}, 204)
    shown = member.get(url)["volume"]
    assert shown["status"] == "in-use" and shown["attachments"][0]["server_id"] == SERVER
    assert cloud.driver.list_volumes()[0].connections == (made["id"],)
    assert "using the Compute API" in member.delete(one, 409)["conflictingRequest"]["message"]
    assert compute.delete(one, 200) == {"attachments": []}
    assert member.get(url)["volume"]["status"] == "available" and cloud.driver.list_volumes()[0].connections == ()
    member.get(one, 404)
    member.delete(url, 202)


def test_a_lost_agent_does_not_keep_an_attachment(compute, cloud, make_volume):
    from common import errors

    volume = make_volume()
    made = reserve(compute, volume, connector=CONNECTOR)
    service = cloud.agents.services["test-host@simulated"]
    real, service.disconnect = service.disconnect, lambda *a: (_ for _ in ()).throw(errors.Transient("no answer"))
    compute.delete(f"/v3/attachments/{made['id']}", 200)
    service.disconnect = real
    assert compute.get(f"/v3/volumes/{volume['id']}")["volume"]["status"] == "available"
    cloud.driver._volumes[volume["id"]].connections[made["id"]]["granted_at"] = 0
    cloud.reconciler.full_pass()
    assert cloud.driver.list_volumes()[0].connections == ()


def test_multiattach(compute, admin, make_volume, member):
    admin.post("/v3/types", {"volume_type": {"name": "multi", "extra_specs": {"multiattach": "<is> True"}}})
    volume = make_volume(volume_type="multi")
    assert volume["multiattach"] is True
    made = [reserve(compute, volume, s, connector=CONNECTOR) for s in (SERVER, OTHER)]
    for one in made:
        compute.post(f"/v3/attachments/{one['id']}/action", {"os-complete": None}, 204)
    assert len(member.get(f"/v3/volumes/{volume['id']}")["volume"]["attachments"]) == 2
    compute.delete(f"/v3/attachments/{made[0]['id']}", 200)
    assert member.get(f"/v3/volumes/{volume['id']}")["volume"]["status"] == "in-use"
    compute.delete(f"/v3/attachments/{made[1]['id']}", 200)
    assert member.get(f"/v3/volumes/{volume['id']}")["volume"]["status"] == "available"


def test_lists_and_versions(compute, make_volume):
    volume = make_volume()
    made = reserve(compute, volume)
    assert [a["id"] for a in compute.get(f"/v3/attachments?volume_id={volume['id']}")["attachments"]] == [made["id"]]
    assert compute.get("/v3/attachments/detail?instance_id=" + OTHER)["attachments"] == []
    compute.get("/v3/attachments", 404, OpenStack_API_Version="volume 3.26")


def test_older_actions(member, cloud, make_volume):
    volume = make_volume()
    url = f"/v3/volumes/{volume['id']}/action"

    def status():
        return member.get(f"/v3/volumes/{volume['id']}")["volume"]["status"]

    member.post(url, {"os-reserve": {}}, 202)
    assert status() == "attaching"
    member.post(url, {"os-reserve": {}}, 400)
    member.post(url, {"os-unreserve": {}}, 202)
    assert status() == "available"
    info = member.post(url, {"os-initialize_connection": {"connector": CONNECTOR}})["connection_info"]
    assert info["driver_volume_type"] == "simulated" and len(cloud.driver.list_volumes()[0].connections) == 1
    member.post(url, {"os-attach": {"instance_uuid": SERVER, "mountpoint": "/dev/vdb"}}, 202)
    shown = member.get(f"/v3/volumes/{volume['id']}")["volume"]
    assert (
        shown["status"] == "in-use"
        and shown["attachments"][0]["device"] == "/dev/vdb"
        and shown["metadata"]["attached_mode"] == "rw"
    )
    member.post(url, {"os-begin_detaching": {}}, 202)
    member.post(url, {"os-roll_detaching": {}}, 202)
    assert status() == "in-use"
    member.post(url, {"os-extend": {"new_size": 2}}, 202)
    cloud.settle()
    assert status() == "in-use" and cloud.compute.events == [
        {"name": "volume-extended", "server_uuid": SERVER, "tag": volume["id"]}
    ]
    member.post(url, {"os-terminate_connection": {"connector": CONNECTOR}}, 202)
    assert cloud.driver.list_volumes()[0].connections == ()
    for _ in range(2):
        member.post(url, {"os-detach": {}}, 202)
        assert status() == "available"
    assert member.get("/v3/attachments")["attachments"] == []


def test_operators_may_force(member, admin, cloud, make_volume):
    volume = make_volume()
    url = f"/v3/volumes/{volume['id']}/action"
    member.post(url, {"os-attach": {"instance_uuid": SERVER, "mountpoint": "/dev/vdb"}}, 202)
    member.post(url, {"os-force_delete": {}}, 403)
    admin.post(url, {"os-reset_status": {"status": "error"}}, 202)
    attachment = member.get(f"/v3/volumes/{volume['id']}")["volume"]["attachments"][0]["attachment_id"]
    admin.post(url, {"os-force_detach": {"connector": None, "attachment_id": attachment}}, 202)
    shown = member.get(f"/v3/volumes/{volume['id']}")["volume"]
    assert (shown["status"], shown["attachments"]) == ("available", [])
    admin.post(url, {"os-reset_status": {"status": "nonsense"}}, 400)
    admin.post(url, {"os-force_delete": {}}, 202)
    cloud.settle()
    member.get(f"/v3/volumes/{volume['id']}", 404)
