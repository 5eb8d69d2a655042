"""The matrix of role-based access: every kind of caller × every route × every visibility, with real ids.

What is expected comes from the personas' definition (reader < member < manager < admin, of the owner's project, of one it
is shared with, of another), not from the service's own rules.
"""

import pytest

from common.http.route import AUTHENTICATED, PUBLIC
from common.testing.api import Persona
from services.image.api.routes import ROUTES
from tests.api.image.support import OTHER, PROJECT, make_site, new, upload

FRIEND, ASKED, OPERATORS = "d" * 32, "e" * 32, "c" * 32
OCTETS = {"Content-Type": "application/octet-stream"}
PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
HTTP = {"url": "http://93.184.216.34/x"}
PERSONAS = {
    "operator": Persona("admin", OPERATORS), "owner's admin": Persona("admin", PROJECT),
    **{f"{who}'s {role}": Persona(role, project) for role in ("manager", "member", "reader")
       for who, project in (("owner", PROJECT), ("friend", FRIEND), ("asked", ASKED), ("other", OTHER))},
    "nobody of the owner": Persona("none", PROJECT), "system admin": Persona("admin", None, system=True),
    "system reader": Persona("reader", None, system=True), "domain admin": Persona("admin", None, domain_id="default"),
    "unscoped": Persona("none", None), "service": Persona("service", OPERATORS),
}
WRITERS, READERS = ("manager", "member", "admin"), ("manager", "member", "reader", "admin")
# route -> (who may among those who see the image, body, headers, data)
IMAGE = {
    ("GET", ""): ("see", None, {}, None), ("PATCH", ""): ("owner", [{"op": "add", "path": "/a", "value": "b"}], PATCH, None),
    ("DELETE", ""): ("owner", None, {}, None), ("GET", "/file"): ("download", None, {}, None),
    ("PUT", "/file"): ("owner", None, OCTETS, b"x"), ("PUT", "/stage"): ("owner", None, OCTETS, b"x"),
    ("POST", "/import"): ("owner", {"method": {"name": "glance-direct"}}, {}, None), ("GET", "/tasks"): ("see", None, {}, None),
    ("POST", "/actions/deactivate"): ("owner", None, {}, None), ("POST", "/actions/reactivate"): ("owner", None, {}, None),
    ("GET", "/locations"): ("services", None, {}, None), ("POST", "/locations"): ("owner", HTTP, {}, None),
    ("GET", "/members"): ("members", None, {}, None), ("POST", "/members"): ("owner", {"member": "new"}, {}, None),
    ("GET", f"/members/{FRIEND}"): ("members", None, {}, None), ("DELETE", f"/members/{FRIEND}"): ("owner", None, {}, None),
    ("PUT", f"/members/{FRIEND}"): ("friend", {"status": "accepted"}, {}, None), ("PUT", "/tags/t"): ("owner", None, {}, None),
    ("DELETE", "/tags/there"): ("owner", None, {}, None),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = make_site(tmp_path_factory.mktemp("roles"), cache__enabled=True, image__member_quota=-1)
    yield made
    made.state.db.dispose()


def make(site, visibility, data):
    admin = site.client(PERSONAS["owner's admin"])
    image = new(admin, visibility=visibility, tags=["there"])["id"]
    if data:
        upload(admin, image, b"data")
    if visibility == "shared":
        for project, answer in ((FRIEND, "accepted"), (ASKED, None)):
            admin.post(f"/v2/images/{image}/members", {"member": project})
            if answer:
                site.client(Persona("member", project)).put(f"/v2/images/{image}/members/{project}", {"status": answer})
    return image


def operator(persona):
    return persona.role == "admin" and persona.project_id is not None


def sees(persona, visibility):
    if operator(persona):
        return True
    if persona.role not in READERS or persona.project_id is None:
        return False
    return persona.project_id == PROJECT or visibility in ("public", "community") or (
        visibility == "shared" and persona.project_id in (FRIEND, ASKED))


DONE = (200, 201, 202, 204)


def expected(persona, who, path, visibility):
    """The statuses that a caller may get."""
    if not sees(persona, visibility) and not (
            who == "services" and persona.role == "service" and visibility in ("public", "community")):
        return (404,)
    if path.startswith("/members") and visibility != "shared":
        return (404, 403) if path != "/members" else (403,)  # only shared images have members
    writer, own = persona.role in WRITERS, persona.project_id == PROJECT
    if who == "services":
        return DONE if operator(persona) or persona.role == "service" else (403,)
    if who == "members":
        # others' memberships are not for a project to know that the image is shared with
        return (404,) if persona.project_id == ASKED and path != "/members" else DONE
    if who == "friend" and persona.project_id == ASKED:
        return (404,)
    may = operator(persona) or {"see": True, "download": writer, "owner": writer and own, "operator": False,
                                "friend": writer and persona.project_id == FRIEND}[who]
    if not may:
        return (403,)
    return (*DONE, 409) if path in ("/import", "/file", "/stage", "/locations") else DONE


@pytest.mark.parametrize("visibility", ["public", "community", "shared", "private"])
@pytest.mark.parametrize("route", IMAGE, ids=lambda r: " ".join(r))
def test_images(site, route, visibility):
    method, path = route
    who, body, headers, data = IMAGE[route]
    wrong, image = [], None
    for name, persona in PERSONAS.items():
        image = image if image and method == "GET" else make(site, visibility, path in ("/file", "/locations", "") or (
            path.startswith("/actions")) and method != "PUT")
        status = site.client(persona).request(method, f"/v2/images/{image}{path}", body, headers, data).status_code
        if status not in expected(persona, who, path, visibility):
            wrong.append(f"{name}: {status}")
    assert not wrong, wrong


def test_lists(site):
    made = {v: make(site, v, False) for v in ("public", "community", "shared", "private")}
    for name, persona in PERSONAS.items():
        response = site.client(persona).request("GET", "/v2/images?visibility=all&limit=1000&sort=created_at:desc")
        if not (operator(persona) or persona.role in READERS and persona.project_id):
            assert response.status_code == 403, name
            continue
        seen = {i["id"] for i in response.get_json()["images"]}
        for visibility, image in made.items():
            # an image that a project has not accepted yet is not in its list, though it may look at it
            wanted = sees(persona, visibility) and not (visibility == "shared" and persona.project_id == ASKED)
            assert (image in seen) == wanted, (name, visibility)


def test_creating(site):
    for name, persona in PERSONAS.items():
        client, writer = site.client(persona), persona.project_id is not None and persona.role in WRITERS
        for body in ({}, {"visibility": "private"}, {"visibility": "community"}, {"visibility": "public"}, {"owner": "f" * 32}):
            wanted = writer and (operator(persona) or not ("owner" in body or body.get("visibility") == "public"))
            assert client.request("POST", "/v2/images", body).status_code == (201 if wanted else 403), (name, body)


OTHERS = [r for r in ROUTES if r.policy not in (PUBLIC, AUTHENTICATED) and "/v2/images" not in r.path
          and "namespace" not in r.path]
FOR_READERS = {"list_metadef_resource_types"}


@pytest.mark.parametrize("row", OTHERS, ids=lambda r: f"{r.method} {r.path}")
def test_other_routes(site, row):
    image = make(site, "public", True)
    path = row.path
    for key, value in {"<image_id>": image, "<store_id>": "file", "<task_id>": "x", "<name>": "image"}.items():
        path = path.replace(key, value)
    for name, persona in PERSONAS.items():
        status = site.client(persona).request(row.method, path, {} if row.body else None).status_code
        if row.policy == "get_schema":
            assert status in (200, 404), name
        elif operator(persona):
            assert status not in (401, 500) and (status != 403 or row.path.startswith("/v2/stores")), name
        elif row.policy == "stores_info_detail" and persona.role == "service":
            assert status == 200, name
        elif row.policy in FOR_READERS and persona.role in READERS and persona.project_id:
            assert status == 200, name
        else:
            # of an image that can be seen it is known that there is one
            assert status in (403, 404), (name, status)


@pytest.mark.parametrize("visibility", ["public", "private"])
def test_metadata_definitions(site, visibility):
    root, admin = "/v2/metadefs/namespaces", site.client(PERSONAS["operator"])
    name = f"N{visibility}"
    admin.post(root, {"namespace": name, "visibility": visibility, "owner": PROJECT, "objects": [{"name": "o"}],
                      "tags": [{"name": "t"}], "properties": {"p": {"title": "P", "type": "string"}},
                      "resource_type_associations": [{"name": "OS::X"}]}, 201)
    reads = ["", "/objects", "/objects/o", "/tags", "/tags/t", "/properties", "/properties/p", "/resource_types"]
    writes = [("PUT", "", {"namespace": name}), ("DELETE", "", None), ("POST", "/objects", {"name": "x"}),
              ("DELETE", "/objects", None), ("PUT", "/objects/o", {"name": "o"}), ("DELETE", "/objects/o", None),
              ("POST", "/tags", {"tags": []}), ("POST", "/tags/x", None), ("PUT", "/tags/t", {"name": "t"}),
              ("DELETE", "/tags/t", None), ("DELETE", "/tags", None), ("DELETE", "/properties", None),
              ("POST", "/properties", {"name": "x", "title": "X", "type": "string"}), ("DELETE", "/properties/p", None),
              ("PUT", "/properties/p", {"name": "p", "title": "P", "type": "string"}),
              ("POST", "/resource_types", {"name": "OS::Y"}), ("DELETE", "/resource_types/OS::X", None)]
    for who, persona in PERSONAS.items():
        if operator(persona):
            continue
        client = site.client(persona)
        seen = persona.role in READERS and persona.project_id and (visibility == "public" or persona.project_id == PROJECT)
        for path in reads:
            assert client.request("GET", f"{root}/{name}{path}").status_code == (200 if seen else 404), (who, path)
        for method, path, body in writes:
            status = client.request(method, f"{root}/{name}{path}", body).status_code
            assert status == (403 if seen else 404), (who, method, path, status)
        assert client.request("POST", root, {"namespace": "Mine"}).status_code == 403, who
    assert admin.get(f"{root}/{name}")["objects"][0]["name"] == "o"
