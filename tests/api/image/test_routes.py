"""Every route of the Images API is there, is in no other's way, and costs the same number of queries however much there is."""

import pathlib
import re

import pytest

from common.db.session import counted
from common.testing.api import Persona
from services.image.api import caching
from tests.api.image.support import PROJECT, make_site, new, upload

LINES = (pathlib.Path(__file__).parent / "routes.txt").read_text().splitlines()
JSON_PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
BODIES = {
    "POST /v2/images": {"name": "made"}, "POST /v2/images/{image_id}/import": {"method": {"name": "web-download", "uri": "x"}},
    "POST /v2/images/{image_id}/locations": {"url": "http://10.0.0.1/x"}, "POST /v2/images/{image_id}/members": {"member": "m"},
    "PUT /v2/images/{image_id}/members/{member_id}": {"status": "accepted"}, "POST /v2/tasks": {"type": "import", "input": {}},
    "POST /v2/metadefs/namespaces": {"namespace": "Other"}, "PUT /v2/metadefs/namespaces/{namespace_name}": {"namespace": "N"},
    "POST /v2/metadefs/namespaces/{namespace_name}/objects": {"name": "o2"},
    "PUT /v2/metadefs/namespaces/{namespace_name}/objects/{object_name}": {"name": "o"},
    "POST /v2/metadefs/namespaces/{namespace_name}/properties": {"name": "p2", "title": "P", "type": "string"},
    "PUT /v2/metadefs/namespaces/{namespace}/properties/{property_name}": {"name": "p", "title": "P", "type": "string"},
    "POST /v2/metadefs/namespaces/{namespace_name}/tags": {"tags": [{"name": "t"}]},
    "PUT /v2/metadefs/namespaces/{namespace}/tags/{tag_name}": {"name": "t"},
    "POST /v2/metadefs/namespaces/{namespace}/resource_types": {"name": "OS::Y"},
}
# What upstream's newest release answers an operator on the site below, other than 200.
ANSWERS = {
    "GET /": 300, "DELETE /v2/cache": 204, "PUT /v2/cache/{image_id}": 202, "DELETE /v2/cache/{image_id}": 204,
    "POST /v2/images": 201, "DELETE /v2/images/{image_id}": 204, "POST /v2/images/{image_id}/actions/deactivate": 204,
    "POST /v2/images/{image_id}/actions/reactivate": 204, "PUT /v2/images/{image_id}/file": 409,
    "POST /v2/images/{image_id}/import": 409, "POST /v2/images/{image_id}/locations": 409,
    "DELETE /v2/images/{image_id}/members/{member_id}": 204, "PUT /v2/images/{image_id}/stage": 409,
    "PUT /v2/images/{image_id}/tags/{tag}": 204, "DELETE /v2/images/{image_id}/tags/{tag}": 204,
    "POST /v2/metadefs/namespaces": 201, "DELETE /v2/metadefs/namespaces/{namespace_name}": 204,
    "POST /v2/metadefs/namespaces/{namespace_name}/objects": 201,
    "DELETE /v2/metadefs/namespaces/{namespace_name}/objects/{object_name}": 204,
    "POST /v2/metadefs/namespaces/{namespace_name}/properties": 201, "POST /v2/metadefs/namespaces/{namespace_name}/tags": 201,
    "DELETE /v2/metadefs/namespaces/{namespace}/objects": 204, "DELETE /v2/metadefs/namespaces/{namespace}/properties": 204,
    "DELETE /v2/metadefs/namespaces/{namespace}/properties/{property_name}": 204,
    "POST /v2/metadefs/namespaces/{namespace}/resource_types": 201,
    "DELETE /v2/metadefs/namespaces/{namespace}/resource_types/{resource_type}": 204,
    "DELETE /v2/metadefs/namespaces/{namespace}/tags": 204, "POST /v2/metadefs/namespaces/{namespace}/tags/{tag_name}": 409,
    "DELETE /v2/metadefs/namespaces/{namespace}/tags/{tag_name}": 204, "DELETE /v2/stores/{store_id}/{image_id}": 403,
    "POST /v2/tasks": 400, "GET /v2/tasks/{task_id}": 404, "DELETE /v2/tasks/{task_id}": 405,
}


@pytest.fixture
def stage(tmp_path):
    site = make_site(tmp_path, cache__enabled=True)
    admin = site.client(Persona("admin", PROJECT))
    image = new(admin, tags=["tag"])["id"]
    upload(admin, image)
    admin.post(f"/v2/images/{image}/members", {"member": "member"})
    admin.post("/v2/metadefs/namespaces", {
        "namespace": "N", "objects": [{"name": "o"}], "properties": {"p": {"title": "P", "type": "string"}},
        "tags": [{"name": "t"}], "resource_type_associations": [{"name": "OS::X"}]}, 201)
    names = {"image_id": image, "member_id": "member", "tag": "tag", "store_id": "file", "task_id": "nothing",
             "namespace": "N", "namespace_name": "N", "object_name": "o", "property_name": "p", "tag_name": "t",
             "resource_type": "OS::X"}
    yield admin, names
    site.state.db.dispose()


@pytest.mark.parametrize("line", LINES)
def test_every_route_answers(stage, line):
    admin, names = stage
    method, pattern = line.split()
    path = re.sub(r"{(\w+)}", lambda m: names[m[1]], pattern)
    body, headers, data = BODIES.get(line), {}, None
    if method == "PATCH":
        body, headers = [{"op": "add", "path": "/x", "value": "y"}], JSON_PATCH
    if path.endswith(("/file", "/stage")) and method == "PUT":
        data, headers = b"x", {"Content-Type": "application/octet-stream"}
    if path.endswith(("members/member",)) and method == "PUT":
        admin = admin.as_(Persona("admin", "member"))
    response = admin.request(method, path, body, headers, data)
    assert response.status_code == ANSWERS.get(line, 200), response.text


def test_the_list_is_whole():
    assert len(LINES) == 83 and not set(ANSWERS) - set(LINES) and not set(BODIES) - set(LINES)


def test_queries_do_not_grow(tmp_path):
    site = make_site(tmp_path, image__show_locations=True)
    member = site.client(Persona("member", PROJECT))

    def queries(path):
        with counted(site.state.db) as seen:
            member.get(path)
        return len(seen)

    def more():
        for n in range(10):
            image = new(member, tags=["a", "b"], some=str(n))["id"]
            upload(member, image, b"x")
            member.post(f"/v2/images/{image}/members", {"member": "x"})
        return image

    image = more()
    paths = ["/v2/images", "/v2/images?limit=3", "/v2/images?tag=a&some=3&sort=name:asc,size:desc", f"/v2/images/{image}",
             f"/v2/images/{image}/members", "/v2/info/stores", f"/v2/images?limit=2&marker={image}"]
    before = [queries(path) for path in paths]
    more()
    assert [queries(path) for path in paths] == before and max(before) <= 7


def test_queries_of_what_operators_read_do_not_grow(tmp_path):
    site = make_site(tmp_path, cache__enabled=True)
    admin = site.client(Persona("admin", PROJECT))
    root = "/v2/metadefs/namespaces"

    def more(first):
        for n in range(first, first + 8):
            image = new(admin)["id"]
            upload(admin, image, b"x")
            admin.put(f"/v2/cache/{image}", status=202)
            admin.post(f"/v2/images/{image}/import", {"method": {"name": "copy-image"}, "stores": ["second"]}, 202)
            kind = {"type": "string", "title": "t"}
            admin.post(root, {"namespace": f"n{n}", "objects": [{"name": "o"}], "properties": {"p": kind},
                              "tags": [{"name": "t"}], "resource_type_associations": [{"name": f"OS::T{n}"}]}, 201)
            admin.post(f"{root}/n0/objects", {"name": f"o{n}"}, 201)
            admin.post(f"{root}/n0/properties", {"name": f"p{n}", **kind}, 201)
            admin.post(f"{root}/n0/tags/t{n}", status=201)
            admin.post(f"{root}/n0/resource_types", {"name": f"OS::U{n}"}, 201)
        site.work()
        caching.fill(site.state, site.state.cache)
        return image

    def queries(path):
        with counted(site.state.db) as seen:
            admin.get(path)
        return len(seen)

    image = more(0)
    paths = ["/v2/tasks", f"/v2/images/{image}/tasks", "/v2/cache", f"/v2/cache/nodes/{image}", root, f"{root}/n0",
             f"{root}/n0/objects", f"{root}/n0/properties", f"{root}/n0/tags", f"{root}/n0/resource_types",
             "/v2/metadefs/resource_types", f"{root}?resource_types=OS::T1&limit=3"]
    before = [queries(path) for path in paths]
    more(8)
    assert [queries(path) for path in paths] == before and max(before) <= 7
    site.state.db.dispose()
