"""Every route of the table without permission: no token, and a token without a role in the project."""

import pytest

from common import ids
from common.http.route import PUBLIC
from common.testing.api import Persona
from services.network.api.routes import ROUTES

BODIES = {"POST": {}, "PUT": {}}
FOR_ANYBODY = {"/v2.0", "/v2.0/extensions", "/v2.0/extensions/<alias>", "/v2.0/quotas/tenant", "/v2.0/quotas/project",
               "/v2.0/agents", "/v2.0/network-ip-availabilities", "/v2.0/availability_zones", "/v2.0/service-providers",
               "/v2.0/default-security-group-rules", "/v2.0/default-security-group-rules/<id>"}


def url(route):
    return "/".join(ids.uuid() if part.startswith("<") else part for part in route.path.split("/"))


def label(route):
    return f"{route.method} {route.path}"


@pytest.mark.parametrize("route", [r for r in ROUTES if r.policy != PUBLIC], ids=label)
def test_without_a_token(route, member):
    response = member.request(route.method, url(route), BODIES.get(route.method), {"X-Auth-Token": "nonsense"})
    assert response.status_code == 401


@pytest.mark.parametrize("route", [r for r in ROUTES if r.policy != PUBLIC and r.path not in FOR_ANYBODY], ids=label)
def test_without_a_role(route, member):
    nobody = member.as_(Persona("none"))
    body = None
    if route.method in ("POST", "PUT"):
        body = {}
    response = nobody.request(route.method, url(route), body)
    assert response.status_code in (400, 403, 404), response.text
    assert response.status_code != 400 or route.body is not None  # a body is looked at first


@pytest.mark.parametrize("kind, values", [
    ("networks", {"network": {"name": "n"}}), ("routers", {"router": {"name": "n"}}),
    ("security-groups", {"security_group": {"name": "n"}}), ("address-groups", {"address_group": {"name": "n"}}),
    ("address-scopes", {"address_scope": {"name": "n"}}),
    ("subnetpools", {"subnetpool": {"name": "n", "prefixes": ["10.0.0.0/8"]}}),
])
def test_a_reader_only_reads(member, kind, values):
    reader = member.as_(Persona("reader", project_id=member.persona.project_id))
    made = member.post(f"/v2.0/{kind}", values, 201)
    item = next(iter(made.values()))
    reader.post(f"/v2.0/{kind}", values, 403)
    reader.get(f"/v2.0/{kind}")
    reader.get(f"/v2.0/{kind}/{item['id']}")
    reader.delete(f"/v2.0/{kind}/{item['id']}", 403)
    reader.put(f"/v2.0/{kind}/{item['id']}", {next(iter(made)): {"name": "x"}}, 403)
