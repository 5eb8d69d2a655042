"""Every route as every kind of caller: who gets in, and that nobody else does."""

import re

import pytest

from common.http.route import AUTHENTICATED, PUBLIC
from common.testing.api import Persona
from services.image.api.routes import ROUTES
from tests.api.image.support import OTHER, PROJECT, make_site, new

VALUES = {"<member_id>": OTHER, "<tag>": "t", "<store_id>": "file", "<task_id>": "nothing", "<namespace>": "Mine",
          "<name>": "image", "<resource_type>": "OS::X"}
BODIES = {"/import": {"method": {"name": "glance-direct"}}, "/members": {"member": "x"}, "/locations": {"url": "http://x"},
          "/v2/tasks": {"type": "import"}, "/namespaces": {"namespace": "N"}, "<namespace>": {"namespace": "Mine"}}
# What a caller may do with an image and a namespace of another project that it can see (community, public).
READABLE = {"get_image", "get_task", "get_images", "download_image", "get_schema",
            "get_metadef_namespaces", "list_metadef_resource_types",
            *[f"get_metadef_{w}" for w in "namespace resource_type object objects property properties tag tags".split()]}
TOLD_NOTHING = {"get_members", "get_member"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """A site with one community image and one public namespace, both of PROJECT."""
    site = make_site(tmp_path_factory.mktemp("access"), cache__enabled=True)
    image = new(site.client(Persona("member", PROJECT)), visibility="community")["id"]
    private = new(site.client(Persona("member", PROJECT)), visibility="private")["id"]
    site.client(Persona("admin")).post("/v2/metadefs/namespaces", {"namespace": "Mine", "visibility": "public"}, 201)
    yield site, image, private
    site.state.db.dispose()


def call(stage, row, persona, private=False):
    site, image, hidden = stage
    path = row.path.replace("<image_id>", hidden if private else image)
    for name, value in VALUES.items():
        path = path.replace(name, value)
    body = next((b for end, b in BODIES.items() if row.path.endswith(end)), {}) if row.body is not None else None
    headers = {}
    if row.method == "PATCH":
        body = [{"op": "add", "path": "/x", "value": "y"}]
        headers = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
    elif row.stream:
        headers = {"Content-Type": "application/octet-stream"}
    elif body is not None:
        body = _filled(row, body)
    data = b"x" if row.stream else None
    return site.client(persona).request(row.method, path, body, headers, data=data)


def _filled(row, body):
    kind = row.path.split("/")[5] if row.path.startswith("/v2/metadefs/namespaces/<namespace>/") else ""
    return {"objects": {"name": "o"}, "properties": {"name": "p", "title": "P", "type": "string"},
            "tags": {"name": "t"} if row.method == "PUT" else {"tags": []}, "resource_types": {"name": "OS::X"}}.get(
                kind, {"status": "accepted"} if row.path.endswith("<member_id>") else body)


PROTECTED = [r for r in ROUTES if r.policy not in (PUBLIC, AUTHENTICATED)]


@pytest.mark.parametrize("row", PROTECTED, ids=lambda r: f"{r.method} {r.path}")
def test_without_a_token(stage, row):
    site, image, _ = stage
    path = row.path.replace("<image_id>", image)
    for name, value in VALUES.items():
        path = path.replace(name, value)
    response = site.client(Persona()).request(row.method, path, headers={"X-Auth-Token": "wrong"})
    assert response.status_code == 401
    pretended = {"X-Auth-Token": "wrong", "X-Identity-Status": "Confirmed", "X-Roles": "admin", "X-User-Id": "u",
                 "X-Project-Id": PROJECT}
    assert site.client(Persona()).request(row.method, path, headers=pretended).status_code == 401


@pytest.mark.parametrize("persona", [
    Persona("reader", OTHER), Persona("member", OTHER), Persona("manager", OTHER), Persona("none", OTHER),
    Persona("none", PROJECT), Persona("admin", None, system=True), Persona("member", None, domain_id="default")],
    ids=lambda p: f"{p.role}-{str(p.project_id)[:1]}")
@pytest.mark.parametrize("row", PROTECTED, ids=lambda r: f"{r.method} {r.path}")
def test_strangers_change_nothing(stage, row, persona):
    status = call(stage, row, persona).status_code
    reading = persona.role in ("reader", "member", "manager") and persona.project_id
    if row.policy == "get_schema":
        assert status in (200, 404)
    elif reading and row.policy in READABLE and row.method in ("GET",):
        if row.policy == "download_image" and persona.role == "reader":
            assert status == 403
        else:
            assert status in (200, 204, 404)
    elif reading and row.policy == "add_image":
        assert status == (403 if persona.role == "reader" else 201)
    else:
        assert status in (403, 404), f"{status}"


@pytest.mark.parametrize("row", [r for r in PROTECTED if "<image_id>" in r.path and "cache" not in r.path],
                         ids=lambda r: f"{r.method} {r.path}")
def test_private_images_of_others_are_not_there(stage, row):
    for role in ("reader", "member", "manager"):
        response = call(stage, row, Persona(role, OTHER), private=True)
        assert response.status_code == 404
        assert re.search("No image found|Image .* not found|Failed to find image|resource could not be found", response.text)


@pytest.mark.parametrize("row", [r for r in PROTECTED if r.method != "GET"], ids=lambda r: f"{r.method} {r.path}")
def test_readers_of_the_project_change_nothing(stage, row):
    assert call(stage, row, Persona("reader", PROJECT)).status_code in (403, 404)


def test_unknown_urls_and_methods(stage):
    site, image, _ = stage
    client = site.client(Persona("member", PROJECT))
    assert client.request("GET", "/v2/nothing").status_code == 404
    assert client.request("POST", f"/v2/images/{image}").status_code == 405
    assert client.request("GET", "/v2/images/").status_code == 404
    assert site.client(Persona()).request("GET", "/v2/images", headers={"X-Auth-Token": ""}).status_code == 401
    assert client.get("/versions")["versions"][0]["status"] == "CURRENT"
    assert client.request("GET", "/").status_code == 300
