"""Details of the image API that were compared with upstream's answers, request by request."""

import pytest

from common.testing.api import Persona
from tests.api.image.support import OTHER, PROJECT, make_site, new, upload

PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}


def patch(client, image, *changes):
    return client.request("PATCH", f"/v2/images/{image}", list(changes), PATCH)


def test_who_may_make_no_images_learns_no_more(reader, member):
    """Types are checked before the policy, values after it."""
    for body in ({"min_disk": -1}, {"name": "\U0001f600"}, {"status": "active"}, {"locations": []}):
        assert "complete add_image" in reader.request("POST", "/v2/images", body).text
        assert "complete add_image" not in member.request("POST", "/v2/images", body).text
    for body in ({"min_disk": "x"}, {"status": "nonsense"}):
        assert reader.request("POST", "/v2/images", body).status_code == 400
    assert "'self' is read-only" in reader.request("POST", "/v2/images", {"self": "x"}).text


def test_a_bad_patch_is_refused_whatever_image_it_names(member):
    for change, status in (({"op": "replace", "path": "/id", "value": "x"}, 403), ({"op": "add", "path": "/x"}, 400)):
        assert patch(member, "00000000-0000-4000-8000-000000000000", change).status_code == status


def test_text_errors_are_lines(member):
    text = member.request("POST", "/v2/images", {"name": 5}, {"Accept": "text/plain"}).text
    assert "Failed validating 'type' in schema['properties']['name']:     {'type'" in text and text.count("\n") == 4


def test_missing_formats_are_named_together(member):
    image = member.post("/v2/images", {}, 201)["id"]
    assert "Properties disk_format, container_format must be set prior to saving data." in upload(member, image, status=400).text
    image = member.post("/v2/images", {"disk_format": "raw"}, 201)["id"]
    assert "Property container_format must be set prior to saving data." in upload(member, image, status=400).text


def test_where_addresses_lead_to_is_not_told(member, monkeypatch):
    monkeypatch.setattr("socket.getaddrinfo", lambda *a, **k: [(2, 1, 6, "", ("10.1.2.3", 80))])
    member.app.extensions["altostack"].conf.set_override("show_locations", True, group="image")
    object.__setattr__(member.app.extensions["altostack"].state, "show_locations", True)
    image = new(member)["id"]
    value = {"url": "http://inner.example.org/x", "metadata": {}}
    response = patch(member, image, {"op": "add", "path": "/locations/-", "value": value})
    assert response.status_code == 400 and "Invalid location" in response.text
    assert "10.1.2.3" not in response.text and "public" not in response.text


@pytest.mark.parametrize(("digest", "words"), [
    ({"os_hash_algo": "md4", "os_hash_value": "00"}, "os_hash_algo must be sha512, not md4"),
    ({"os_hash_algo": "sha512", "os_hash_value": "00"}, "(00) is not the correct size for sha512 (should be 64 bytes)"),
    ({"os_hash_algo": "sha512", "os_hash_value": "g" * 128}, "is not a valid hexadecimal value"),
    ({"os_hash_algo": "sha512", "os_hash_value": "0" * 128, "checksum": "g" * 32}, "is not a valid hexadecimal value")])
def test_digests_that_a_patch_promises(tmp_path, digest, words):
    site = make_site(tmp_path, image__show_locations=True)
    client = site.client(Persona("member", PROJECT))
    value = {"url": "http://93.184.216.34/x", "metadata": {}, "validation_data": digest}
    response = patch(client, new(client)["id"], {"op": "add", "path": "/locations/-", "value": value})
    assert response.status_code == 409 and words in response.text
    site.state.db.dispose()


def test_locations_are_checked_as_part_of_the_image(tmp_path):
    site = make_site(tmp_path, image__show_locations=True)
    client = site.client(Persona("member", PROJECT))
    image = new(client)["id"]
    for change in ({"op": "replace", "path": "/locations", "value": "x"},
                   {"op": "add", "path": "/locations/-", "value": {"url": "http://93.184.216.34/"}}):
        response = patch(client, image, change)
        assert response.status_code == 400 and "schema['properties']['locations']" in response.text
    upload(client, image)
    shown = client.get(f"/v2/images/{image}")
    assert len(shown["locations"]) == 1 and "direct_url" not in shown
    assert "direct_url" not in client.get("/v2/images")["images"][0]
    site.state.db.dispose()


def test_usage_without_limits_needs_no_project(site):
    assert site.client(Persona("admin", None, system=True)).get("/v2/info/usage") == {"usage": {}}


def test_odd_filters(member):
    image = new(member, name='"a,b"', min_ram=3)["id"]

    def found(query):
        return [i["id"] for i in member.get(f"/v2/images?{query}")["images"]]

    assert found('name=eq:"a,b"') == found("min_ram=3") == [image]
    for query in ("name=in:", "name=2020-01-05T10:00:10Z", "min_ram=x", "min_ram=-3", "size=1.5", "min_disk=in:0,1"):
        assert found(query) == [], query
    for query in ("size_min=x", "name=neq:x", "name=2020:x"):
        member.get(f"/v2/images?{query}", 400)


@pytest.mark.parametrize("path", ["/v2/images?name=%ff", "/v2/images/\xff", "/v2/tasks?x=%ff", "/v2/metadefs/namespaces/\xc3"])
def test_addresses_that_are_no_text(site, admin, path):
    overrides = {} if "?" in path else {"PATH_INFO": path}
    response = site.app.test_client().get(path if "?" in path else "/v2", headers={"X-Auth-Token": admin.persona.token},
                                          environ_overrides=overrides)
    assert response.status_code == 400 and "could not be decoded" in response.text


def test_whoever_sees_an_image_may_go_on_after_it(member, other):
    """A community image is in nobody's plain list, and may be the marker of one."""
    seen = new(other, visibility="community")["id"]
    assert member.get(f"/v2/images?marker={seen}")["images"] == []
    hidden = new(other)["id"]
    member.get(f"/v2/images?marker={hidden}", 400)


def test_ties_go_the_way_of_a_single_key_and_down_after_several(member):
    made = [new(member, name=name)["id"] for name in ("a", "a", "b")]
    order = [i["id"] for i in member.get("/v2/images?sort=name:asc")["images"]]
    assert set(order[:2]) == set(made[:2])
    reverse = [i["id"] for i in member.get("/v2/images?sort=name:asc,status:asc")["images"]]
    assert reverse == [order[1], order[0], order[2]]
    one_way = [i["id"] for i in member.get("/v2/images?sort_key=name&sort_key=status&sort_dir=asc")["images"]]
    assert one_way == order


def test_ranges_that_are_written_otherwise(member):
    image = new(member)["id"]
    upload(member, image, bytes(range(100)))
    for header in ({"Range": "BYTES=5-9"}, {"Range": "bytes = 5 - 9"}, {"Content-Range": "bytes 5-9/7"}):
        response = member.request("GET", f"/v2/images/{image}/file", headers=header)
        assert (response.status_code, response.data) == (206, bytes(range(5, 10)))
        assert response.headers["Content-Range"] == "bytes 5-9/100"
    response = member.request("GET", f"/v2/images/{image}/file", headers={"Range": "bytes=100-"})
    assert response.status_code == 416 and "416 Request Range Not Satisfiable" in response.text


def test_an_empty_name_of_a_store_is_no_store(member):
    image = new(member)["id"]
    upload(member, image, status=400, **{"X-Image-Meta-Store": ""})


@pytest.mark.parametrize("disk_format", ["ami", "ari", "aki"])
def test_what_is_no_disk_has_no_size_of_one(member, disk_format):
    image = new(member, disk_format=disk_format, container_format=disk_format)["id"]
    upload(member, image)
    assert member.get(f"/v2/images/{image}")["virtual_size"] is None


def test_bodies_that_nobody_asked_for(member, admin):
    image = new(member)["id"]
    for method, path in (("POST", "/actions/reactivate"), ("PUT", "/tags/x"), ("DELETE", "/tags/x"), ("DELETE", "/members/x"),
                         ("DELETE", "")):
        response = member.request(method, f"/v2/images/{image}{path}", {"x": 1})
        assert response.status_code == 400 and "A body is not expected with this request." in response.text
    assert member.get(f"/v2/images/{image}")["tags"] == []
    assert admin.request("DELETE", "/v2/tasks/x", {}).status_code == 405
    for body in ("x", 5, True):
        response = member.request("POST", f"/v2/images/{image}/members", body)
        assert response.status_code == 400 and "Unexpected body type. Expected list/dict." in response.text


def test_members_of_images_that_are_not_shared(member):
    image = new(member, visibility="private")["id"]
    response = member.request("GET", f"/v2/images/{image}/members/{OTHER}")
    assert response.status_code == 404 and "Only shared images have members." in response.text
    response = member.request("PUT", f"/v2/images/{image}/members/{OTHER}", {"status": "accepted"})
    assert response.status_code == 403 and f"Not allowed to update members for image {image}." in response.text
    shared = new(member)["id"]
    member.post(f"/v2/images/{shared}/members", {"member": "\U0001f600"}, 400)


def test_words_of_exceeded_quotas(tmp_path):
    site = make_site(tmp_path, image__tag_quota=1, image__member_quota=1)
    client = site.client(Persona("member", PROJECT))
    image = new(client, tags=["a"])["id"]
    text = client.request("PUT", f"/v2/images/{image}/tags/b").text
    assert f"Image tag limit exceeded for image {image}: The limit has been exceeded on the number of allowed image tags." in text
    client.post(f"/v2/images/{image}/members", {"member": "a"})
    text = client.request("POST", f"/v2/images/{image}/members", {"member": "b"}).text
    assert "image members for this image. Attempted: 2, Maximum: 1:" in text
    site.state.db.dispose()


def test_copies_to_where_the_image_is(admin, member):
    image = new(admin)["id"]
    upload(admin, image)
    path = f"/v2/images/{image}/import"
    assert "already present at store 'file'" in admin.request("POST", path, {"method": {"name": "copy-image"}}).text
    body = {"method": {"name": "copy-image"}, "all_stores": True}
    response = admin.request("POST", path, body, {"X-Image-Meta-Store": "second"})
    assert response.status_code == 400 and "All_stores parameter can't be used" in response.text
    assert "method name '5'" in admin.request("POST", path, {"method": {"name": 5}}).text


def test_tasks_of_others_on_an_image_are_theirs(site, member, admin):
    image = new(member)["id"]
    upload(member, image)
    admin.post(f"/v2/images/{image}/import", {"method": {"name": "copy-image"}, "all_stores": True}, 202)
    assert len(admin.get(f"/v2/images/{image}/tasks")["tasks"]) == 1
    assert member.get(f"/v2/images/{image}/tasks")["tasks"] == []


def test_members_are_told_of_the_cache_what_they_may_not(tmp_path):
    site = make_site(tmp_path, cache__enabled=True)
    owner, other = (site.client(Persona("member", p)) for p in (PROJECT, OTHER))
    image = new(owner)["id"]
    assert other.request("PUT", f"/v2/cache/{image}").status_code == 404
    owner.post(f"/v2/images/{image}/members", {"member": OTHER})
    assert other.request("PUT", f"/v2/cache/{image}").status_code == 403
    site.state.db.dispose()


def test_definitions_with_what_the_service_sets(admin):
    root = "/v2/metadefs/namespaces"
    for body in ({"namespace": "n", "self": "x"}, {"namespace": "n", "created_at": "x"}):
        assert "is read-only" in admin.request("POST", root, body).text
    admin.post(root, {"namespace": "\U0001f600"}, 400)
    admin.post(root, {"namespace": "n"}, 201)
    for kind, body in (("objects", {"name": "o", "schema": "x"}), ("properties", {"name": "p", "updated_at": "x"})):
        assert admin.request("POST", f"{root}/n/{kind}", body).status_code == 403
    admin.post(f"{root}/n/tags", {"tags": [{"name": "t"}]}, 201)
    admin.post(f"{root}/n/tags", {"tags": []}, 201)
    assert admin.get(f"{root}/n/tags")["tags"] == [{"name": "t"}]
    assert admin.get(f"{root}?sort_key=display_name&limit=1")["namespaces"]
