"""What may be done to servers: states, sagas, texts."""

import pytest

from common import ids
from common.testing.api import Persona
from services.compute.db import models
from tests.api.compute.test_servers import at

SIMPLE = [
    ("os-stop", {}, "server_power", "powering-off"),
    ("pause", {}, "server_power", "pausing"),
    ("suspend", {}, "server_power", "suspending"),
    ("shelve", {}, "server_shelve", "shelving"),
    ("reboot", {}, "server_power", "rebooting_hard"),
    ("rescue", {}, "server_rescue", "rescuing"),
    ("changePassword", {}, "server_password", "updating_password"),
    ("createImage", {}, "server_snapshot", "image_snapshot_pending"),
]
VALUES = {"reboot": {"type": "HARD"}, "changePassword": {"adminPass": "x"}, "createImage": {"name": "snap"}}


def act(client, server_id, name, value=None, status=202, minor=None):
    return client.request("POST", f"/v2.1/servers/{server_id}/action", {name: value}, at(minor) if minor else None), status


def check(answer_status):
    answer, status = answer_status
    assert answer.status_code == status, answer.text
    return answer.get_json() if answer.is_json else None


@pytest.mark.parametrize("name,values,kind,task", SIMPLE)
def test_action_begins_its_saga(cloud, name, values, kind, task):
    made = cloud.server()["server"]["id"]
    cloud.run(made)
    check(act(cloud.member, made, name, VALUES.get(name), 200 if name == "rescue" else 202))
    assert cloud.sagas(made)[-1][0] == kind
    assert cloud.member.get(f"/v2.1/servers/{made}")["server"]["OS-EXT-STS:task_state"] == task
    text = check(act(cloud.member, made, "pause", None, 409))["conflictingRequest"]["message"]
    assert text == f"Cannot 'pause' instance {made} while it is in task_state {task}"
    check(act(cloud.stranger, made, name, VALUES.get(name), 404))
    check(act(cloud.reader, made, name, VALUES.get(name), 403))


@pytest.mark.parametrize("kind,properties,status", [
    ("QEMU", {}, 409), ("QEMU", {"hw_qemu_guest_agent": "yes"}, 202), ("simulated", {}, 202)])
def test_a_password_needs_a_guest_with_an_agent(cloud, kind, properties, status):
    image = cloud.images.add(name="i", status="active", size=1 << 20, disk_format="qcow2", **properties)
    made = cloud.server(imageRef=image)["server"]["id"]
    cloud.run(made)
    with cloud.db.write() as session:
        session.add(models.ComputeNode(uuid=ids.uuid(), host="node1", node="node1", hypervisor_type=kind))
    answer = check(act(cloud.member, made, "changePassword", {"adminPass": "x"}, status))
    assert status == 202 or answer["conflictingRequest"]["message"] == "QEMU guest agent is not enabled"


def test_shelving_makes_the_image_that_the_server_is_to_come_back_from(cloud):
    made = cloud.server()["server"]["id"]
    cloud.run(made)
    check(act(cloud.member, made, "shelve"))
    image = cloud.images.show(cloud.sagas(made)[-1][3]["image_id"])
    assert (image["name"], image["status"], image["image_type"]) == ("web-shelved", "queued", "snapshot")
    count = len(cloud.images.find())
    check(act(cloud.member, made, "shelve", None, 409))
    assert len(cloud.images.find()) == count, "a refusal leaves no image"


def test_wrong_state_has_upstreams_text(cloud):
    made = cloud.server()["server"]["id"]
    cloud.run(made, vm_state="stopped")
    answer = check(act(cloud.member, made, "reboot", {"type": "SOFT"}, 409))
    assert answer["conflictingRequest"]["message"] == f"Cannot 'reboot' instance {made} while it is in vm_state stopped"
    check(act(cloud.member, made, "nonsense", None, 400))
    check(act(cloud.member, made, "reboot", {"type": "x"}, 400))


def test_lock(cloud):
    made = cloud.server()["server"]["id"]
    cloud.run(made)
    check(act(cloud.member, made, "lock", {"locked_reason": "why"}, minor=73))
    check(act(cloud.member, made, "os-stop", None, 409))
    assert cloud.member.request("DELETE", f"/v2.1/servers/{made}").status_code == 409
    shown = cloud.member.request("GET", f"/v2.1/servers/{made}", headers=at(73)).get_json()["server"]
    assert (shown["locked"], shown["locked_reason"]) == (True, "why")
    check(act(cloud.member, made, "unlock"))
    check(act(cloud.admin, made, "lock"))
    check(act(cloud.admin, made, "os-stop"))


def test_resize_confirm_and_quota(cloud):
    made = cloud.server()["server"]["id"]
    cloud.run(made)
    big = cloud.flavor(vcpus=2, ram=1024, disk=2)
    check(act(cloud.member, made, "resize", {"flavorRef": cloud.default_flavor}, 400))
    check(act(cloud.member, made, "resize", {"flavorRef": "nope"}, 400))
    check(act(cloud.member, made, "resize", {"flavorRef": cloud.flavor(vcpus=30, disk=1)}, 403))
    check(act(cloud.member, made, "resize", {"flavorRef": big}))
    kind, _, _, data = cloud.sagas(made)[-1]
    assert kind == "server_resize" and data["flavor"]["id"] == big and data["migration_id"] == 1
    found = cloud.admin.request("GET", "/v2.1/os-migrations", headers=at(80)).get_json()["migrations"]
    assert (found[0]["instance_uuid"], found[0]["migration_type"], found[0]["status"]) == (made, "resize", "pre-migrating")
    numbers = [found[0][f"{which}_instance_type_id"] for which in ("old", "new")]
    assert all(isinstance(n, int) for n in numbers) and numbers[0] != numbers[1]
    cloud.run(made, vm_state="resized")
    check(act(cloud.member, made, "confirmResize", None, 400))
    with cloud.db.write() as session:
        from services.compute.db import migrations

        migrations.change(session, 1, status="finished")
    check(act(cloud.member, made, "confirmResize", None, 204))
    assert cloud.sagas(made)[-1][0] == "server_resize_confirm"


def test_rebuild(cloud):
    made = cloud.server()["server"]["id"]
    cloud.run(made)
    other = cloud.images.add(name="other", status="active", size=1)
    answer = check(act(cloud.member, made, "rebuild", {"imageRef": other, "name": "again", "metadata": {"x": "y"}}, minor=57))
    assert answer["server"]["image"]["id"] == other and answer["server"]["name"] == "again" and answer["server"]["adminPass"]
    assert answer["server"]["status"] == "REBUILD" and answer["server"]["user_data"] is None
    assert cloud.sagas(made)[-1][3]["image"]["id"] == other


@pytest.mark.parametrize("minor,whole", [(74, False), (75, True)])
def test_kind_and_card_of_addresses_are_shown_after_a_change_since_2_75(cloud, minor, whole):
    made = cloud.server()["server"]["id"]
    cloud.run(made)
    with cloud.db.write() as session:
        session.add(models.ServerNic(server_id=made, port_id="p1", network_id="n", network_label="net", mac="fa:16:3e:00:00:01",
                                     position=0, addresses=[{"version": 4, "addr": "10.0.0.9", "type": "fixed"}]))
    changed = cloud.member.request("PUT", f"/v2.1/servers/{made}", {"server": {"name": "x"}}, headers=at(minor)).get_json()
    entry = changed["server"]["addresses"]["net"][-1]
    assert entry["addr"] == "10.0.0.9" and set(entry) - {"version", "addr"} == (
        {"OS-EXT-IPS:type", "OS-EXT-IPS-MAC:mac_addr"} if whole else set())


def test_image_of_a_server(cloud):
    made = cloud.server()["server"]["id"]
    cloud.run(made)
    image = check(act(cloud.member, made, "createImage", {"name": "snap", "metadata": {"a": "b"}}, minor=45))["image_id"]
    record = cloud.images.images[image]
    assert (record["status"], record["image_type"], record["a"], record["instance_uuid"]) == ("queued", "snapshot", "b", made)
    cloud.run(made, task_state="powering-off")
    answer, _ = act(cloud.member, made, "createImage", {"name": "snap"})
    assert answer.status_code == 409 and len(cloud.images.images) == 2


def test_volumes(cloud):
    made = cloud.server()["server"]["id"]
    cloud.run(made)
    volume = cloud.volumes.add()
    url = f"/v2.1/servers/{made}/os-volume_attachments"
    answer = cloud.member.post(url, {"volumeAttachment": {"volumeId": volume}})["volumeAttachment"]
    assert answer == {"id": volume, "volumeId": volume, "serverId": made, "device": "/dev/vdb"}
    assert cloud.volumes.items[volume]["status"] == "reserved"
    cloud.member.post(url, {"volumeAttachment": {"volumeId": volume}}, status=400)
    cloud.member.post(url, {"volumeAttachment": {"volumeId": ids.uuid()}}, status=404)
    second = cloud.member.request("POST", url, {"volumeAttachment": {"volumeId": cloud.volumes.add()}}, at(101))
    assert second.status_code == 202
    assert [a["device"] for a in cloud.member.get(url)["volumeAttachments"]] == ["/dev/vdb", "/dev/vdc"]
    cloud.member.delete(f"{url}/{volume}", status=202)
    assert cloud.volumes.items[volume]["status"] == "detaching"
    cloud.member.delete(f"{url}/{ids.uuid()}", status=404)
    assert [k for k, *_ in cloud.sagas(made)] == [
        "server_create",
        "server_attach_volume",
        "server_attach_volume",
        "server_detach_volume",
    ]
    cloud.run(made, task_state="powering-off")
    lost = cloud.volumes.add()
    cloud.member.post(url, {"volumeAttachment": {"volumeId": lost}}, status=409)
    assert cloud.volumes.items[lost]["status"] == "available"


def test_swap_of_volumes(cloud):
    made = cloud.server()["server"]["id"]
    cloud.run(made)
    old, new, small = cloud.volumes.add(size=2, attachments=[]), cloud.volumes.add(size=2), cloud.volumes.add(size=1)
    url = f"/v2.1/servers/{made}/os-volume_attachments"
    cloud.member.post(url, {"volumeAttachment": {"volumeId": old}})
    cloud.run(made)
    cloud.volumes.items[old].update(status="in-use", attachments=[{"server_id": made}])
    block_storage = cloud.member.as_(Persona("service"))

    def swap(volume_id, status, client=block_storage, minor=85, into=old):
        answer = client.request("PUT", f"{url}/{into}", {"volumeAttachment": {"volumeId": volume_id}}, at(minor))
        assert answer.status_code == status, answer.get_data()
        assert cloud.volumes.items[old]["status"] == ("detaching" if status == 202 else "in-use")

    swap(new, 403, cloud.member)
    swap(new, 403, cloud.admin)
    swap(new, 409)  # block storage does not migrate it
    cloud.volumes.items[old]["migration_status"] = "migrating"
    swap(ids.uuid(), 400)
    swap(new, 404, into=ids.uuid())
    swap(small, 400)
    swap(old, 400, minor=84)
    cloud.volumes.items[old]["attachments"].append({"server_id": ids.uuid()})
    swap(new, 400)  # two servers may write to it
    cloud.volumes.items[old]["metadata"] = {"readonly": "True"}
    cloud.run(made, vm_state="stopped")
    swap(new, 409)
    cloud.run(made)
    cloud.volumes.items[new]["status"] = "error"
    swap(new, 400)
    cloud.volumes.items[new]["status"] = "available"
    swap(new, 202)
    assert cloud.volumes.items[new]["status"] == "reserved"
    kind, _, _, data = cloud.sagas(made)[-1]
    attachments = {a["volume_id"]: a["id"] for a in cloud.volumes.attachments.values()}
    assert kind == "server_swap_volume"
    assert (data["old_attachment_id"], data["attachment_id"]) == (attachments[old], attachments[new])
    assert cloud.admin.get(f"/v2.1/servers/{made}/os-instance-actions")["instanceActions"][0]["action"] == "swap_volume"


def test_what_goes_with_a_server_may_be_changed_since_2_85(cloud):
    made = cloud.server()["server"]["id"]
    cloud.run(made)
    volume = cloud.volumes.add()
    url = f"/v2.1/servers/{made}/os-volume_attachments"
    cloud.member.post(url, {"volumeAttachment": {"volumeId": volume}})
    body = {"volumeAttachment": {"volumeId": volume, "delete_on_termination": True}}
    assert cloud.member.request("PUT", f"{url}/{volume}", body, at(85)).status_code == 202
    shown = cloud.member.request("GET", f"{url}/{volume}", headers=at(85)).get_json()["volumeAttachment"]
    assert shown["delete_on_termination"] is True
    body["volumeAttachment"]["tag"] = "another"
    assert cloud.member.request("PUT", f"{url}/{volume}", body, at(85)).status_code == 400


def test_interfaces_and_addresses(cloud):
    made = cloud.server()["server"]["id"]
    cloud.run(made)
    url = f"/v2.1/servers/{made}/os-interface"
    cloud.networks.add("subnet", network_id=cloud.network, ip_version=4)
    port = cloud.member.post(url, {"interfaceAttachment": {"net_id": cloud.network}})["interfaceAttachment"]
    assert port["net_id"] == cloud.network
    shown = cloud.member.get(f"/v2.1/servers/{made}")["server"]["addresses"]["private"][0]
    assert shown["addr"] == port["fixed_ips"][0]["ip_address"] and shown["OS-EXT-IPS-MAC:mac_addr"] == port["mac_addr"]
    assert cloud.member.get(f"/v2.1/servers/{made}/ips/private")["private"] == [{"version": 4, "addr": shown["addr"]}]
    floating = cloud.networks.add(
        "floatingip", floating_ip_address="172.24.4.9", port_id=None, fixed_ip_address=None, tenant_id=cloud.project
    )
    check(act(cloud.member, made, "addFloatingIp", {"address": "172.24.4.9"}))
    assert cloud.networks.items[floating][1]["port_id"] == port["port_id"]
    found = cloud.member.get(f"/v2.1/servers/{made}")["server"]["addresses"]["private"]
    assert [(a["OS-EXT-IPS:type"], a["addr"]) for a in found] == [("fixed", shown["addr"]), ("floating", "172.24.4.9")]
    event = {
        "events": [
            {"name": "network-vif-plugged", "server_uuid": made, "tag": port["port_id"]},
            {"name": "network-changed", "server_uuid": ids.uuid()},
        ]
    }
    answer = cloud.admin.request("POST", "/v2.1/os-server-external-events", event)
    assert answer.status_code == 207 and [e["code"] for e in answer.get_json()["events"]] == [200, 404]
    cloud.admin.post("/v2.1/os-server-external-events", {"events": [event["events"][1]]}, status=404)
    check(act(cloud.member, made, "removeFloatingIp", {"address": "172.24.4.9"}))
    cloud.member.delete(f"{url}/{port['port_id']}", status=202)
    assert cloud.sagas(made)[-1][3]["port_id"] == port["port_id"]


def test_security_groups(cloud):
    group = cloud.member.post("/v2.1/os-security-groups", {"security_group": {"name": "g", "description": "d"}})["security_group"]
    rule = cloud.member.post(
        "/v2.1/os-security-group-rules",
        {
            "security_group_rule": {
                "parent_group_id": group["id"],
                "ip_protocol": "tcp",
                "from_port": 22,
                "to_port": 22,
                "cidr": "10.0.0.0/8",
            }
        },
    )["security_group_rule"]
    assert (rule["from_port"], rule["ip_range"], rule["parent_group_id"]) == (22, {"cidr": "10.0.0.0/8"}, group["id"])
    assert cloud.member.get(f"/v2.1/os-security-groups/{group['id']}")["security_group"]["rules"] == [rule]
    made = cloud.server(security_groups=[{"name": "g"}])["server"]["id"]
    assert cloud.member.get(f"/v2.1/servers/{made}")["server"]["security_groups"] == [{"name": "g"}]
    cloud.member.request("DELETE", f"/v2.1/os-security-groups/{group['id']}")
    cloud.member.get(f"/v2.1/os-security-groups/{group['id']}", status=404)
    assert cloud.member.request("GET", "/v2.1/os-security-groups", headers=at(36)).status_code == 404


def test_console_actions_and_password(cloud):
    made = cloud.server()["server"]["id"]
    check(act(cloud.member, made, "os-getConsoleOutput", {}, 409))
    cloud.run(made)
    assert check(act(cloud.member, made, "os-getConsoleOutput", {"length": 1}, 200)) == {"output": "line2"}
    body = {"remote_console": {"protocol": "vnc", "type": "novnc"}}
    url = cloud.member.request("POST", f"/v2.1/servers/{made}/remote-consoles", body, at(6)).get_json()["remote_console"]["url"]
    token = url.split("token%3D")[1]
    found = cloud.admin.request("GET", f"/v2.1/os-console-auth-tokens/{token}", headers=at(31)).get_json()["console"]
    assert (found["host"], found["port"], found["instance_uuid"]) == ("10.1.1.1", 5900, made)
    cloud.admin.get("/v2.1/os-console-auth-tokens/nonsense", status=404)
    assert cloud.member.get(f"/v2.1/servers/{made}/os-server-password") == {"password": ""}
    assert cloud.admin.request("GET", f"/v2.1/servers/{made}/diagnostics", headers=at(48)).get_json() == {"state": "running"}
    actions = cloud.member.get(f"/v2.1/servers/{made}/os-instance-actions")["instanceActions"]
    assert [a["action"] for a in actions] == ["create"]
    one = cloud.member.get(f"/v2.1/servers/{made}/os-instance-actions/{actions[0]['request_id']}")["instanceAction"]
    assert one["action"] == "create" and "events" not in one


def test_migrations_need_hosts(cloud):
    made = cloud.server()["server"]["id"]
    cloud.run(made)
    check(act(cloud.admin, made, "migrate", {"host": "nowhere"}, 400, minor=56))
    check(act(cloud.member, made, "migrate", None, 403))
    check(act(cloud.admin, made, "migrate"))
    assert cloud.sagas(made)[-1][0] == "server_migrate"
    check(act(cloud.admin, made, "os-resetState", {"state": "error"}))
    assert cloud.member.get(f"/v2.1/servers/{made}")["server"]["status"] == "ERROR"
