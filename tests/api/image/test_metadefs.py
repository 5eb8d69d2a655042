"""Metadata definitions: defaults, namespaces, objects, properties, tags, resource types."""

import pytest

from services.image.domain import metadef_defaults

N = "/v2/metadefs/namespaces"
PROPERTY = {"name": "p", "title": "P", "type": "string", "description": "d"}


@pytest.fixture
def space(admin):
    return admin.post(N, {"namespace": "Mine", "display_name": "My", "visibility": "public"}, 201)


def test_defaults_are_loaded_once(site, reader, admin):
    metadef_defaults.load(site.state.db)
    metadef_defaults.load(site.state.db)
    default = reader.get(f"{N}?limit=100")["namespaces"]
    assert len(default) == 30 and all(n["visibility"] == "public" for n in default)
    assert {n["namespace"] for n in default if not n["protected"]} == {
        "OS::Glance::Signatures", "OS::Compute::AggregateNumInstancesFilter"}
    assert reader.get(f"{N}/OS::Compute::VirtCPUTopology")["properties"]["cpu_cores"]["type"] == "integer"
    shown = reader.get(f"{N}/OS::Compute::VirtCPUTopology?resource_type=OS::Nova::Flavor")
    assert "hw:cpu_cores" in shown["properties"]
    found = reader.get(f"{N}/OS::Compute::VirtCPUTopology/properties/hw:cpu_cores?resource_type=OS::Nova::Flavor")
    assert found["name"] == "cpu_cores"
    assert "OS::Glance::Image" in [t["name"] for t in reader.get("/v2/metadefs/resource_types")["resource_types"]]
    assert {n["namespace"] for n in reader.get(f"{N}?resource_types=OS::Nova::Aggregate")["namespaces"]} >= {
        "OS::Compute::AggregateIoOpsFilter"}
    admin.delete(f"{N}/OS::Compute::AggregateIoOpsFilter", 403)
    page = reader.get(f"{N}?limit=3&sort_key=namespace&sort_dir=asc")
    seen = [n["namespace"] for n in page["namespaces"]]
    while "next" in page:
        page = reader.get(page["next"])
        seen += [n["namespace"] for n in page["namespaces"]]
    assert seen == sorted(n["namespace"] for n in default)


def test_namespaces(admin, member, other, space):
    assert space["self"] == f"{N}/Mine" and space["owner"] == "c" * 32
    admin.post(N, {"namespace": "Mine"}, 409)
    admin.post(N, {"namespace": "x" * 81}, 400)
    admin.post(N, {"display_name": "x"}, 400)
    member.post(N, {"namespace": "Theirs"}, 403)
    after = admin.put(f"{N}/Mine", {"namespace": "Yours", "visibility": "private", "protected": True})
    assert after["namespace"] == "Yours" and after["protected"]
    member.get(f"{N}/Yours", 404)
    admin.get(f"{N}/Mine", 404)
    admin.delete(f"{N}/Yours", 403)
    admin.put(f"{N}/Yours", {"namespace": "Yours", "protected": False})
    admin.delete(f"{N}/Yours")
    admin.delete(f"{N}/Yours", 404)


@pytest.mark.parametrize(("kind", "body", "changed"), [
    ("objects", {"name": "p", "description": "d", "properties": {"a": {"title": "A", "type": "integer"}}}, {"name": "q"}),
    ("properties", PROPERTY, {**PROPERTY, "name": "q"}), ("tags", None, {"name": "q"})])
def test_things_in_a_namespace(admin, member, space, kind, body, changed):
    base = f"{N}/Mine/{kind}"
    path, sent = (base, body) if body else (f"{base}/p", None)
    assert admin.post(path, sent, 201)["name"] == "p"
    admin.post(path, sent, 409)
    member.post(path, sent, 403)
    assert member.get(f"{base}/p")["name"] == "p"
    assert len(member.get(base)[kind]) == 1
    member.put(f"{base}/p", changed, 403)
    assert admin.put(f"{base}/p", changed)["name"] == "q"
    member.get(f"{base}/p", 404)
    member.delete(f"{base}/q", 403)
    admin.delete(f"{base}/q")
    admin.delete(f"{base}/q", 404)
    admin.post(path, sent, 201)
    admin.delete(base)
    assert len(member.get(base)[kind]) == 0


def test_tags_at_once(admin, space):
    assert len(admin.post(f"{N}/Mine/tags", {"tags": [{"name": "a"}, {"name": "b"}]}, 201)["tags"]) == 2
    admin.post(f"{N}/Mine/tags", {"tags": [{"name": "c"}, {"name": "c"}]}, 409)
    admin.post(f"{N}/Mine/tags", {"tags": [{"name": "c"}]}, 201, X_Openstack_Append="True")
    assert {t["name"] for t in admin.get(f"{N}/Mine/tags")["tags"]} == {"a", "b", "c"}
    admin.post(f"{N}/Mine/tags", {"tags": [{"name": "d"}]}, 201)
    assert {t["name"] for t in admin.get(f"{N}/Mine/tags")["tags"]} == {"d"}


def test_associations(admin, member, space):
    made = admin.post(f"{N}/Mine/resource_types", {"name": "OS::X", "prefix": "x_"}, 201)
    assert (made["name"], made["prefix"]) == ("OS::X", "x_")
    admin.post(f"{N}/Mine/resource_types", {"name": "OS::X"}, 409)
    member.post(f"{N}/Mine/resource_types", {"name": "OS::Y"}, 403)
    assert len(member.get(f"{N}/Mine/resource_types")["resource_type_associations"]) == 1
    admin.delete(f"{N}/Mine/resource_types/OS::X")
    admin.delete(f"{N}/Mine/resource_types/OS::X", 404)


def test_a_whole_namespace_at_once(admin):
    body = {"namespace": "Whole", "objects": [{"name": "o"}], "tags": [{"name": "t"}],
            "properties": {"q": {"title": "Q", "type": "string"}}, "resource_type_associations": [{"name": "OS::X"}]}
    made = admin.post(N, body, 201)
    assert made["objects"][0]["name"] == "o" and made["properties"]["q"]["title"] == "Q" and made["tags"] == [{"name": "t"}]


@pytest.mark.parametrize("name", ["image", "images", "member", "members", "task", "tasks", *[f"metadefs/{n}" for n in (
    "namespace", "namespaces", "object", "objects", "property", "properties", "resource_type", "resource_types", "tag", "tags")]])
def test_schemas(reader, name):
    assert reader.get(f"/v2/schemas/{name}")["name"]
    reader.get("/v2/schemas/nothing", 404)


def test_objects_come_whole_and_by_name(admin, member, space):
    for name in ("c", "a", "b"):
        made = admin.post(f"{N}/Mine/objects", {"name": name}, 201)
        assert "required" not in made and "properties" not in made
    for query in ("", "?limit=1", "?marker=nothing", "?sort_key=nothing", "?sort_key=name&sort_dir=desc"):
        found = member.get(f"{N}/Mine/objects{query}")["objects"]
        assert [(o["name"], o["required"], o["properties"]) for o in found] == [(n, [], {}) for n in "abc"]
    for query in ("limit=0", "limit=-1", "limit=x", "sort_dir=x"):
        member.get(f"{N}/Mine/objects?{query}", 400)


def test_tags_in_pages(admin, member, space):
    admin.post(f"{N}/Mine/tags", {"tags": [{"name": n} for n in "cab"]}, 201)

    def names(query):
        return [t["name"] for t in member.get(f"{N}/Mine/tags?{query}")["tags"]]

    assert names("sort_key=name&sort_dir=asc") == ["a", "b", "c"]
    assert names("sort_key=name&sort_dir=asc&limit=1&marker=a") == ["b"]
    assert names("sort_key=name") == ["c", "b", "a"]
    member.get(f"{N}/Mine/tags?marker=nothing", 404)
    member.get(f"{N}/Mine/tags?sort_key=nothing", 400)


def test_what_is_protected_says_so(admin, space):
    admin.post(f"{N}/Mine/objects", {"name": "o"}, 201)
    admin.post(f"{N}/Mine/properties", PROPERTY, 201)
    admin.post(f"{N}/Mine/tags/t", None, 201)
    admin.post(f"{N}/Mine/resource_types", {"name": "OS::X"}, 201)
    admin.put(f"{N}/Mine", {"namespace": "Mine", "protected": True})
    for path, words in (("objects/o", "object o"), ("properties/p", "property p"), ("tags/t", "tag t"),
                        ("resource_types/OS::X", "resource-type-association OS::X"), ("objects", "namespace Mine"),
                        ("properties", "namespace Mine"), ("tags", "namespace Mine")):
        response = admin.request("DELETE", f"{N}/Mine/{path}")
        assert response.status_code == 403
        assert f"Metadata definition {words} is protected and cannot be deleted." in response.text
    admin.delete(f"{N}/Mine/tags/none", 404)
    assert admin.put(f"{N}/Mine/objects/o", {"name": "o", "description": "d"})["description"] == "d"


def test_who_owns_a_namespace_that_is_written(admin, other, space):
    admin.put(f"{N}/Mine", {"namespace": "Mine", "owner": "b" * 32})
    assert other.get(f"{N}/Mine")["visibility"] == "private"
    assert admin.put(f"{N}/Mine", {"namespace": "Mine"})["owner"] == "c" * 32
    other.get(f"{N}/Mine", 404)


@pytest.mark.parametrize("name", ["", "a/b", "x" * 81])
def test_names_that_no_url_can_have(admin, space, name):
    admin.post(N, {"namespace": name}, 201 if "/" in name else 400)
    admin.post(f"{N}/Mine/objects", {"name": name}, 400)
    admin.post(f"{N}/Mine/properties", {**PROPERTY, "name": name}, 400)
    admin.post(f"{N}/Mine/tags", {"tags": [{"name": name}]}, 400)
    admin.post(f"{N}/Mine/objects", {"name": "o"}, 201)
    admin.put(f"{N}/Mine/objects/o", {"name": name}, 400)


def test_a_prefix_needs_its_resource_type(admin, member, space):
    admin.post(f"{N}/Mine/properties", PROPERTY, 201)
    admin.post(f"{N}/Mine/resource_types", {"name": "OS::X", "prefix": "x_"}, 201)
    member.get(f"{N}/Mine/properties/p?resource_type=OS::X", 404)
    assert member.get(f"{N}/Mine/properties/x_p?resource_type=OS::X")["name"] == "p"
    assert "name=OS::Y, was not found" in member.request("GET", f"{N}/Mine/properties/p?resource_type=OS::Y").text


def test_schema_documents_refer_to_their_definitions(reader):
    for name in ("namespace", "namespaces", "object", "objects", "property", "properties"):
        document = reader.get(f"/v2/schemas/metadefs/{name}")
        assert {"positiveInteger", "positiveIntegerDefault0", "stringArray"} <= set(document["definitions"])
    assert reader.get("/v2/schemas/metadefs/namespace")["properties"]["properties"] == {"$ref": "#/definitions/property"}
    assert "definitions" not in reader.get("/v2/schemas/metadefs/tag")
