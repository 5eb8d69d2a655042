"""Every route refuses whoever has no role, and whoever has no token; generated from the route table."""

import pytest

from common.http.route import AUTHENTICATED, PUBLIC, Actions
from common.testing.api import Persona
from services.volume.api.routes import ROUTES

UNKNOWN = "99999999-9999-4999-8999-999999999999"
BODIES = {"/v3/volumes": {"volume": {"size": 1}}, "/v3/snapshots": {"snapshot": {}}, "/v3/attachments": {"attachment": {}}}


def items():
    for row in ROUTES:
        for name, item in row.table.items() if isinstance(row, Actions) else [("", row)]:
            if item.policy != PUBLIC:
                yield pytest.param(row, name, item, id=f"{row.method} {row.path} {name}")


@pytest.fixture
def things(member, admin, cloud, make_volume):
    """One of each, all of the member's project."""
    volume = make_volume(metadata={"key": "v"})
    snapshot = member.post("/v3/snapshots", {"snapshot": {"volume_id": volume["id"]}}, 202)["snapshot"]
    cloud.settle()
    offered = make_volume()
    used = make_volume()
    transfer = member.post("/v3/volume-transfers", {"transfer": {"volume_id": offered["id"]}}, 202)["transfer"]
    attachment = member.post("/v3/attachments", {"attachment": {"volume_uuid": used["id"]}})["attachment"]
    return {"volume_id": volume["id"], "snapshot_id": snapshot["id"], "attachment_id": attachment["id"], "transfer_id": transfer["id"],
            "type_id": volume["volume_type_id"], "project_id": member.persona.project_id, "key": "key", "class_name": "default",
            "host_name": "h", "qos_id": UNKNOWN, "message_id": UNKNOWN, "alias": "encryption"}


def path_of(row, things):
    path = row.path
    for name, value in things.items():
        path = path.replace(f"<{name}>", value)
    return path


def valid(schema, things):
    """A body that fits a schema, as far as the required keys go."""
    if isinstance(schema, dict) and "type" not in schema and "properties" not in schema:
        schema = list(schema.values())[-1].document
    elif hasattr(schema, "document"):
        schema = schema.document
    return example(schema, things)


def example(schema, things, name=""):
    if "enum" in schema:
        return schema["enum"][0]
    if "oneOf" in schema:
        return example(schema["oneOf"][-1], things, name)
    kinds = schema.get("type", "object")
    kind = kinds[0] if isinstance(kinds, list) else kinds
    if kind == "object":
        wanted = list(schema.get("required", ()))
        if schema.get("anyOf"):
            wanted += schema["anyOf"][0]["required"]
        if schema.get("minProperties") and not wanted:
            wanted = list(schema.get("properties", {}))[:1] or [name and "key" or "key"]
        return {k: example(schema.get("properties", {}).get(k, {"type": "string"}), things, k) for k in wanted}
    if kind == "array":
        return ["key"]
    if kind == "integer":
        return 5
    if kind == "boolean":
        return True
    if schema.get("format") == "uuid":
        return things["volume_id"]
    return "5" if "[0-9]" in schema.get("pattern", "") else "key"


@pytest.mark.parametrize("row, name, item", list(items()))
def test_nobody_without_a_role_gets_through(row, name, item, member, things):
    nobody = member.as_(Persona("none", project_id=member.persona.project_id))
    body = None
    if item.body is not None:
        body = {name: valid(item.body, things)} if name else valid(item.body, things)
    response = nobody.request(row.method, path_of(row, things), body)
    if item.policy == AUTHENTICATED:
        assert response.status_code == 200
    elif "message_id" in row.path:
        assert response.status_code == 404
    else:
        assert response.status_code == 403, f"{response.status_code} {response.text}"
    refused = nobody.request(row.method, path_of(row, things), body, headers={"X-Auth-Token": "nonsense"})
    assert refused.status_code == 401


@pytest.mark.parametrize("path", ["volumes", "snapshots", "attachments"])
def test_readers_may_look_and_not_touch(path, member, things):
    reader = member.as_(Persona("reader", project_id=member.persona.project_id))
    assert reader.get(f"/v3/{path}")[path]
    reader.delete(f"/v3/{path}/{things[path[:-1] + '_id']}", 403)
