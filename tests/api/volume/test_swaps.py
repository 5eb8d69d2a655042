"""What block storage is told when a server got another volume in the place of one."""

from common import ids

SERVER = ids.uuid()


def _swapped(member, make_volume):
    """(path of the old volume's actions, body) of a volume that was attached the old way, and of one that stands ready."""
    old, new = make_volume(), make_volume()
    url = f"/v3/volumes/{old['id']}/action"
    member.post(url, {"os-attach": {"instance_uuid": SERVER, "mountpoint": "/dev/vdb"}}, 202)
    return url, {"new_volume": new["id"]}, new["id"]


def _state(member, url):
    shown = member.get(url)["volume"]
    return shown["status"], [(a["server_id"], a["device"]) for a in shown["attachments"]]


def test_the_new_volume_takes_over_the_attachment(member, admin, make_volume):
    url, body, new = _swapped(member, make_volume)
    member.post(url, {"os-migrate_volume_completion": body}, 403)
    assert admin.post(url, {"os-migrate_volume_completion": body}, 200) == {"save_volume_id": new}
    assert _state(member, url.removesuffix("/action")) == ("available", [])
    assert _state(member, f"/v3/volumes/{new}") == ("in-use", [(SERVER, "/dev/vdb")])


def test_a_swap_that_failed_changes_nothing(member, admin, make_volume):
    url, body, new = _swapped(member, make_volume)
    assert admin.post(url, {"os-migrate_volume_completion": {**body, "error": True}}, 200) == {"save_volume_id": new}
    assert _state(member, url.removesuffix("/action")) == ("in-use", [(SERVER, "/dev/vdb")])
    assert _state(member, f"/v3/volumes/{new}") == ("available", [])


def test_a_migration_that_is_not_one_is_refused(member, admin, make_volume):
    url, body, new = _swapped(member, make_volume)
    admin.post(url, {"os-reset_status": {"migration_status": "migrating"}}, 202)
    said = admin.post(url, {"os-migrate_volume_completion": body}, 400)
    assert said["badRequest"]["message"] == "Invalid volume: Destination volume not mid-migration."
    admin.post(url, {"os-reset_status": {"migration_status": "none"}}, 202)
    admin.post(f"/v3/volumes/{new}/action", {"os-reset_status": {"migration_status": "migrating"}}, 202)
    said = admin.post(url, {"os-migrate_volume_completion": body}, 400)
    assert said["badRequest"]["message"] == "Invalid volume: Source volume not mid-migration."
    admin.post(url, {"os-migrate_volume_completion": {"new_volume": SERVER}}, 404)
    admin.post(url, {"os-migrate_volume_completion": {"new_volume": "x"}}, 400)
