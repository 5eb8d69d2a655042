"""Every route refuses whoever has no role, and whoever has no token; generated from the route table."""

import pytest

from common.http.route import AUTHENTICATED, PUBLIC, Actions
from common.testing.api import ApiClient, FakeAuthenticator, Persona, make_conf, make_database
from services.volume.api.app import make_app
from services.volume.api.routes import ROUTES
from services.volume.api.state import State
from services.volume.config import SERVICE
from services.volume.db import models
from services.volume.domain import types
from tests.api.volume.support import Cloud

UNKNOWN = "99999999-9999-4999-8999-999999999999"


def items():
    for row in ROUTES:
        for name, item in row.table.items() if isinstance(row, Actions) else [("", row)]:
            if item.policy != PUBLIC:
                yield pytest.param(row, name, item, id=f"{row.method} {row.path} {name}")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """(a member, one of each thing of the member's project): made once, for nothing here may change it."""
    conf = make_conf(SERVICE, "volume-api", tmp_path_factory.mktemp("volume"), enabled_backends=["simulated"])
    database = make_database(conf, models.Base)
    cloud = Cloud(conf, database)
    state = State(conf, database, cloud.pokes, cloud.agents, cloud.images)
    types.ensure_default(state)
    auth = FakeAuthenticator()
    project = "0123456789abcdef0123456789abcdef"
    member = ApiClient(
        make_app(state, auth), auth, Persona("member", project_id=project), {"OpenStack-API-Version": "volume 3.71"}
    )
    volume, offered, used = (
        member.post("/v3/volumes", {"volume": {"size": 1, "metadata": {"key": "v"}}}, 202)["volume"] for _ in range(3)
    )
    cloud.settle()
    snapshot = member.post("/v3/snapshots", {"snapshot": {"volume_id": volume["id"]}}, 202)["snapshot"]
    cloud.settle()
    transfer = member.post("/v3/volume-transfers", {"transfer": {"volume_id": offered["id"]}}, 202)["transfer"]
    attachment = member.post("/v3/attachments", {"attachment": {"volume_uuid": used["id"]}})["attachment"]
    yield (
        member,
        {
            "volume_id": volume["id"],
            "snapshot_id": snapshot["id"],
            "attachment_id": attachment["id"],
            "transfer_id": transfer["id"],
            "type_id": volume["volume_type_id"],
            "project_id": project,
            "key": "key",
            "class_name": "default",
            "host_name": "h",
            "qos_id": UNKNOWN,
            "message_id": UNKNOWN,
            "alias": "encryption",
        },
    )
    database.dispose()


@pytest.fixture
def member(world):
    return world[0]


@pytest.fixture
def things(world):
    return world[1]


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
