"""Images through the API: create, show, list, update, delete."""

import hashlib

import pytest

from common.db.session import counted

OCTETS = {"Content-Type": "application/octet-stream"}


def patch(client, image_id, *changes, status=200):
    response = client.request("PATCH", f"/v2/images/{image_id}", list(changes),
                              {"Content-Type": "application/openstack-images-v2.1-json-patch"})
    assert response.status_code == status, response.text
    return response.get_json() if status == 200 else response.text


def test_life_of_an_image(site, member, tools):
    image = tools.new(member, os_distro="debian", tags=["a", "b"])
    assert (image["status"], image["visibility"], image["size"]) == ("queued", "shared", None)
    assert image["os_distro"] == "debian" and image["tags"] == ["a", "b"]
    assert member.request("GET", image["file"]).status_code == 204
    data = b"hello" * 1000
    tools.upload(member, image["id"], data)
    shown = member.get(f"/v2/images/{image['id']}")
    assert (shown["status"], shown["size"], shown["virtual_size"]) == ("active", 5000, 5000)
    assert shown["checksum"] == hashlib.md5(data).hexdigest()
    assert (shown["os_hash_algo"], shown["os_hash_value"]) == ("sha512", hashlib.sha512(data).hexdigest())
    assert shown["stores"] == "file" and "locations" not in shown
    got = member.request("GET", image["file"])
    assert got.data == data and got.headers["Content-MD5"] == shown["checksum"] and got.headers["Content-Length"] == "5000"
    assert got.content_type == "application/octet-stream"
    tools.upload(member, image["id"], data, 409)
    member.delete(f"/v2/images/{image['id']}")
    assert "No image found with ID" in member.get(f"/v2/images/{image['id']}", 404)
    member.delete(f"/v2/images/{image['id']}", 404)
    assert not list((site.deps.staging.folder and __import__("pathlib").Path(site.state.stores.default.folder)).iterdir())
    assert member.post("/v2/images", {"id": image["id"], "name": "again"}, 409)


@pytest.mark.parametrize(("header", "status", "data", "content_range"), [
    ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
    ("bytes=8-", 206, b"89", "bytes 8-9/10"), ("bytes=-3", 206, b"789", "bytes 7-9/10"),
    ("bytes=5-100", 206, b"56789", "bytes 5-9/10"), ("bytes=10-", 416, None, "bytes */10"), ("bytes=x", 416, None, None),
    ("bytes=4-2", 416, None, None)])
def test_ranges(member, tools, header, status, data, content_range):
    image = tools.new(member)
    tools.upload(member, image["id"], b"0123456789")
    got = member.request("GET", image["file"], headers={"Range": header})
    assert got.status_code == status
    if data is not None:
        assert got.data == data and got.headers["Content-MD5"] == hashlib.md5(b"0123456789").hexdigest()
    if content_range:
        assert got.headers["Content-Range"] == content_range


@pytest.mark.parametrize(("body", "status"), [
    ({"disk_format": "wrong"}, 400), ({"container_format": "wrong"}, 400), ({"min_disk": -1}, 400), ({"min_ram": 2**31}, 400),
    ({"name": "x" * 256}, 400), ({"name": 5}, 400), ({"visibility": "secret"}, 400), ({"id": "nope"}, 400), ({"foo": 1}, 400),
    ({"status": "active"}, 403), ({"size": 1}, 403), ({"os_glance_x": "y"}, 403), ({"deleted": "x"}, 403),
    ({"location": "http://x"}, 403), ({"checksum": "x"}, 403), ({"owner": "b" * 32}, 403), ({"visibility": "public"}, 403),
    ([], 400), ("x", 400), ({"tags": ["x" * 256]}, 400), ({"protected": "yes"}, 400), ({"": "x"}, 400)])
def test_what_may_not_be_created(member, body, status):
    assert member.request("POST", "/v2/images", body).status_code == status
    assert member.get("/v2/images")["images"] == []


def test_create_by_id_and_for_another_owner(admin, member):
    wanted = "11111111-2222-3333-4444-555555555555"
    made = admin.post("/v2/images", {"id": wanted, "owner": "a" * 32, "visibility": "public"}, 201)
    assert made["id"] == wanted and member.get(f"/v2/images/{wanted}")["owner"] == "a" * 32
    admin.post("/v2/images", {"id": wanted}, 409)


def test_update_in_both_dialects(member, tools):
    image = tools.new(member, foo="1")
    after = patch(member, image["id"], {"op": "replace", "path": "/name", "value": "n"},
                  {"op": "add", "path": "/bar", "value": "2"},
                  {"op": "remove", "path": "/foo"}, {"op": "replace", "path": "/tags", "value": ["t"]},
                  {"op": "add", "path": "/a~1b", "value": "slash"})
    assert (after["name"], after["bar"], after["tags"], after["a/b"]) == ("n", "2", ["t"], "slash") and "foo" not in after
    old = member.request("PATCH", f"/v2/images/{image['id']}", [{"replace": "/name", "value": "o"}],
                         {"Content-Type": "application/openstack-images-v2.0-json-patch"})
    assert old.status_code == 200 and old.get_json()["name"] == "o"


@pytest.mark.parametrize(("change", "status"), [
    ({"op": "replace", "path": "/nope", "value": "x"}, 409), ({"op": "remove", "path": "/nope"}, 409),
    ({"op": "remove", "path": "/name"}, 403), ({"op": "replace", "path": "/status", "value": "active"}, 403),
    ({"op": "replace", "path": "/id", "value": "x"}, 403), ({"op": "add", "path": "/os_glance_y", "value": "x"}, 403),
    ({"op": "move", "path": "/name", "value": "x"}, 400), ({"op": "add", "path": "name", "value": "x"}, 400),
    ({"op": "add", "path": "/a/b", "value": "x"}, 400), ({"op": "add", "path": "/x"}, 400), ("x", 400),
    ({"op": "replace", "path": "/min_disk", "value": -3}, 400), ({"op": "replace", "path": "/tags", "value": "x"}, 400),
    ({"op": "replace", "path": "/owner", "value": "b" * 32}, 403),
    ({"op": "replace", "path": "/visibility", "value": "public"}, 403),
    ({"op": "add", "path": "/locations/-", "value": {"url": "http://x", "metadata": {}}}, 403),
    ({"op": "add", "path": "/", "value": "x"}, 400)])
def test_what_may_not_be_patched(member, tools, change, status):
    image = tools.new(member)
    patch(member, image["id"], change, status=status)
    assert member.get(f"/v2/images/{image['id']}") == image


def test_patch_needs_its_media_type(member, tools):
    image = tools.new(member)
    response = member.request("PATCH", f"/v2/images/{image['id']}", [])
    assert response.status_code == 415 and "json-patch" in response.headers["Accept-Patch"]
    for body in (b"", b"{bad", b"\xff"):
        for path, kind in ((image["id"], "text/plain"), ("nothing", "application/json-patch+json")):
            response = member.request("PATCH", f"/v2/images/{path}", data=body, headers={"Content-Type": kind})
            assert response.status_code == 415 and "json-patch" in response.headers["Accept-Patch"]


def test_formats_are_fixed_once_there_is_data(member, tools):
    image = tools.new(member)
    tools.upload(member, image["id"])
    patch(member, image["id"], {"op": "replace", "path": "/disk_format", "value": "qcow2"}, status=403)


def test_protected_images_stay(member, tools):
    image = tools.new(member, protected=True)
    member.delete(f"/v2/images/{image['id']}", 403)
    patch(member, image["id"], {"op": "replace", "path": "/protected", "value": False})
    member.delete(f"/v2/images/{image['id']}")


def test_who_sees_and_changes_what(member, other, reader, admin, tools):
    private = tools.new(member, visibility="private")["id"]
    community = tools.new(member, visibility="community")["id"]
    public = tools.new(admin, visibility="public")["id"]
    other.get(f"/v2/images/{private}", 404)
    other.get(f"/v2/images/{community}")
    assert {i["id"] for i in other.get("/v2/images")["images"]} == {public}
    assert {i["id"] for i in other.get("/v2/images?visibility=community")["images"]} == {community}
    assert {i["id"] for i in other.get("/v2/images?visibility=all")["images"]} == {public, community}
    assert {i["id"] for i in member.get("/v2/images")["images"]} == {public, private, community}
    assert {i["id"] for i in admin.get("/v2/images")["images"]} == {public, private}
    assert {i["id"] for i in admin.get("/v2/images?visibility=all")["images"]} == {public, private, community}
    other.delete(f"/v2/images/{community}", 403)
    other.delete(f"/v2/images/{private}", 404)
    reader.delete(f"/v2/images/{private}", 403)
    patch(other, public, {"op": "replace", "path": "/name", "value": "mine"}, status=403)
    reader.post("/v2/images", {"name": "x"}, 403)


def test_list_queries_are_constant(site, member, tools):
    def count(n):
        with counted(site.state.db) as seen:
            assert len(member.get("/v2/images?limit=100")["images"]) == n
        return len(seen)

    tools.new(member, a="1", tags=["t"])
    one = count(1)
    for _ in range(20):
        tools.new(member, a="1", b="2", tags=["t", "u"])
    assert count(21) == one <= 6


def test_paging_and_sorting(member, tools):
    names = ["c", "a", "d", "b", "a"]
    for n in names:
        tools.new(member, name=n)
    page = member.get("/v2/images?limit=2&sort=name:asc")
    seen = [i["name"] for i in page["images"]]
    assert page["first"] == "/v2/images?limit=2&sort=name%3Aasc"
    while "next" in page:
        page = member.get(page["next"])
        seen += [i["name"] for i in page["images"]]
    assert seen == sorted(names)
    assert [i["name"] for i in member.get("/v2/images?sort_key=name&sort_dir=desc")["images"]] == sorted(names, reverse=True)
    assert member.get("/v2/images?limit=0")["images"] == []
    for wrong in ("limit=x", "limit=-1", "sort=foo:asc", "sort_dir=up", "sort_key=name&sort=name:asc", "marker=nope",
                  "sort=name:asc&sort_key=name"):
        member.get(f"/v2/images?{wrong}", 400)


def test_filters(member, tools):
    one = tools.new(member, name="one", tags=["x", "y"], hw="1", disk_format="qcow2", min_ram=5)["id"]
    two = tools.new(member, name="two,three", tags=["x"], os_hidden=False)["id"]
    hidden = tools.new(member, name="hidden", os_hidden=True)["id"]
    tools.upload(member, two, b"z" * 100)

    def found(query):
        return {i["id"] for i in member.get(f"/v2/images?{query}")["images"]}

    assert found("") == {one, two}
    assert found("os_hidden=true") == {hidden}
    assert found("name=one") == found("hw=1") == found("disk_format=qcow2") == found("tag=y") == found("min_ram=5") == {one}
    assert found("tag=x&tag=y") == {one} and found("tag=x") == {one, two}
    member.get("/v2/images?name=neq:one", 400)
    assert found('name=in:one,"two,three"') == {one, two}
    assert found("status=active") == found("size_min=50") == found("size_max=100") == found("size=100") == {two}
    assert found("status=in:active,queued") == {one, two} and found(f"id={one}") == {one}
    assert found("created_at=gte:2020-01-01T00:00:00Z") == {one, two} and found("created_at=lt:2020-01-01T00:00:00Z") == set()
    assert found("protected=true") == set() and found("owner=" + "a" * 32) == {one, two}
    for wrong in ("visibility=x", "size_min=x", "created_at=gt:yesterday", "protected=maybe", "member_status=x",
                  'name=in:"a', "os_hidden=x"):
        member.get(f"/v2/images?{wrong}", 400)


def test_tags(member, tools):
    image = tools.new(member)["id"]
    member.put(f"/v2/images/{image}/tags/blue", status=204)
    member.put(f"/v2/images/{image}/tags/blue", status=204)
    assert member.get(f"/v2/images/{image}")["tags"] == ["blue"]
    member.put(f"/v2/images/{image}/tags/{'x' * 256}", status=400)
    member.delete(f"/v2/images/{image}/tags/blue")
    member.delete(f"/v2/images/{image}/tags/blue", 404)


def test_deactivate_and_reactivate(member, admin, other, tools):
    image = tools.new(member, visibility="community")["id"]
    member.post(f"/v2/images/{image}/actions/deactivate", status=403)
    tools.upload(member, image)
    member.post(f"/v2/images/{image}/actions/deactivate", status=204)
    member.post(f"/v2/images/{image}/actions/deactivate", status=204)
    assert member.get(f"/v2/images/{image}")["status"] == "deactivated"
    member.get(f"/v2/images/{image}/file", 403)
    assert admin.request("GET", f"/v2/images/{image}/file").status_code == 200
    other.post(f"/v2/images/{image}/actions/reactivate", status=403)
    member.post(f"/v2/images/{image}/actions/reactivate", status=204)
    assert member.get(f"/v2/images/{image}")["status"] == "active"


def test_members_and_sharing(member, other, admin, tools):
    image = tools.new(member)["id"]
    base = f"/v2/images/{image}/members"
    other.get(f"/v2/images/{image}", 404)
    made = member.post(base, {"member": "b" * 32})
    assert made["status"] == "pending" and made["schema"] == "/v2/schemas/member"
    member.post(base, {"member": "b" * 32}, 409)
    member.post(base, {"member": ""}, 400)
    other.get(f"/v2/images/{image}")
    assert other.get("/v2/images")["images"] == []
    assert len(other.get("/v2/images?member_status=pending")["images"]) == 1
    member.put(f"{base}/{'b' * 32}", {"status": "accepted"}, 403)
    other.put(f"{base}/{'b' * 32}", {"status": "bogus"}, 400)
    assert other.put(f"{base}/{'b' * 32}", {"status": "accepted"})["status"] == "accepted"
    assert len(other.get("/v2/images?visibility=shared")["images"]) == 1
    member.post(base, {"member": "d" * 32})
    assert len(member.get(base)["members"]) == 2 and len(other.get(base)["members"]) == 1
    other.get(f"{base}/{'d' * 32}", 404)
    other.delete(f"{base}/{'b' * 32}", 403)
    member.delete(f"{base}/{'b' * 32}")
    other.get(f"/v2/images/{image}", 404)
    private = tools.new(member, visibility="private")["id"]
    member.post(f"/v2/images/{private}/members", {"member": "b" * 32}, 403)
