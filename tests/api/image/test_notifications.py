"""What others are told of images, members and tasks: upstream's event types, in its order, with its payload."""

import pytest

from common.testing.api import Persona
from tests.api.image.support import OTHER, PROJECT, make_site, new, upload

PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
OCTETS = {"Content-Type": "application/octet-stream"}
IMAGE_FIELDS = {"id", "name", "status", "created_at", "updated_at", "min_disk", "min_ram", "protected", "checksum", "owner",
                "disk_format", "container_format", "size", "virtual_size", "is_public", "visibility", "properties", "tags",
                "deleted", "deleted_at"}


@pytest.fixture
def told(tmp_path):
    """(site, what was told since the last look)."""
    events = []
    site = make_site(tmp_path, tell=lambda context, event, payload: events.append((context, event, payload)))

    def look():
        seen = [(event, payload) for _, event, payload in events]
        events.clear()
        return seen

    yield site, look
    site.state.db.dispose()


def names(seen):
    return [event for event, _ in seen]


def test_the_life_of_an_image(told):
    site, look = told
    member, other = site.client(Persona("member", PROJECT, "u1")), site.client(Persona("member", OTHER, "u2"))
    image = new(member, tags=["t"], colour="blue")["id"]
    (event, payload), = look()
    assert event == "image.create" and set(payload) == IMAGE_FIELDS
    assert (payload["id"], payload["owner"], payload["tags"]) == (image, PROJECT, ["t"])
    assert payload["properties"] == {"colour": "blue"}
    path = f"/v2/images/{image}"
    member.request("PATCH", path, [{"op": "replace", "path": "/name", "value": "q"}], PATCH)
    (event, payload), = look()
    assert (event, payload["name"]) == ("image.update", "q")
    upload(member, image)
    seen = look()
    assert names(seen) == ["image.update", "image.prepare", "image.upload", "image.activate"]
    assert [p["status"] for _, p in seen] == ["saving", "saving", "active", "active"]
    assert seen[1][1]["backend"] == "file" and seen[3][1]["size"] == 1000
    member.request("GET", f"{path}/file", headers={"Range": "bytes=0-9"})
    assert look() == [("image.send", {"bytes_sent": 10, "image_id": image, "owner_id": PROJECT, "receiver_tenant_id": PROJECT,
                                      "receiver_user_id": "u1"})]
    for method, more in (("PUT", "tags/u"), ("DELETE", "tags/u"), ("POST", "actions/deactivate"), ("POST", "actions/reactivate")):
        assert member.request(method, f"{path}/{more}").status_code == 204
    assert names(look()) == ["image.update"] * 4
    member.post(f"{path}/members", {"member": OTHER})
    other.put(f"{path}/members/{OTHER}", {"status": "accepted"})
    member.delete(f"{path}/members/{OTHER}")
    seen = look()
    assert names(seen) == ["image.member.create", "image.member.update", "image.member.delete"]
    assert [(p["status"], p["deleted"]) for _, p in seen] == [("pending", False), ("accepted", False), ("accepted", True)]
    member.delete(path)
    (event, payload), = look()
    assert (event, payload["status"], payload["deleted"]) == ("image.delete", "deleted", True) and payload["deleted_at"]


def test_what_is_refused_is_not_told(told):
    site, look = told
    member, other = site.client(Persona("member", PROJECT)), site.client(Persona("member", OTHER))
    image = new(member)["id"]
    look()
    other.delete(f"/v2/images/{image}", 404)
    member.post("/v2/images", {"status": "active"}, 403)
    member.request("PUT", f"/v2/images/{image}/tags/{'x' * 300}")
    assert look() == []
    response = member.request("PUT", f"/v2/images/{image}/file", data=b"x", headers={**OCTETS, "x-openstack-image-size": "5"})
    assert response.status_code == 400
    assert look() == []


@pytest.mark.parametrize("good", [True, False])
def test_an_import(told, good):
    site, look = told
    member = site.client(Persona("member", PROJECT))
    image = new(member)["id"]
    look()
    assert member.request("PUT", f"/v2/images/{image}/stage", data=b"x" * 500, headers=OCTETS).status_code == 204
    assert [(e, p["status"]) for e, p in look()] == [("image.update", "uploading")]
    member.post(f"/v2/images/{image}/import", {"method": {"name": "glance-direct"}}, 202)
    if not good:
        site.state.staging.remove(image)
    site.work()
    seen = look()
    begun = ["task.create", "task.processing"]
    stored = ["image.prepare", "image.upload", "image.activate", "image.update", "task.success"]
    assert names(seen) == begun + (stored if good else ["task.failure"])
    assert seen[-1][1]["status"] == ("success" if good else "failure") and seen[0][1]["type"] == "api_image_import"
