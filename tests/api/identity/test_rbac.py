"""Every route × every persona × a target of its own domain and of another, generated from the route table."""

import re

import pytest
from rbac_table import BODIES, RULES
from tests_identity_cloud import Cloud

from common import ids
from common.http.route import PUBLIC
from services.identity.api import policies, routes

ROWS = [r for r in routes.ROUTES if r.policy != PUBLIC]
ROLES = {"admin": "A", "manager": "M", "member": "", "reader": ""}
SCOPES = ("system", "domain", "project")
PERSONAS = ("nobody", "service", *(f"{s}-{r}" for s in SCOPES for r in ROLES))


class World(Cloud):
    """A cloud with two domains that hold one of everything, and a caller for every persona of the first."""

    def __init__(self, folder):
        super().__init__(folder)
        self.one, self.other = self._place("one"), self._place("other")
        self.callers = {"anonymous": self.anonymous}
        scope = {"system": {"system": {"all": True}}, "domain": {"domain": {"id": self.one["domain_id"]}},
                 "project": {"project": {"id": self.one["project_id"]}}}
        where = {"system": "/v3/system", "domain": f"/v3/domains/{self.one['domain_id']}",
                 "project": f"/v3/projects/{self.one['project_id']}"}
        for name in PERSONAS:
            user = self.user(name, domain=self.one["domain_id"])
            kind, _, role = name.partition("-")
            if name == "service":
                kind, role = "project", "service"
            if role:
                self.admin("PUT", f"{where[kind]}/users/{user}/roles/{self.roles[role]}", status=204)
            self.callers[name] = self.login(name, "pw", scope.get(kind), self.one["domain_id"])

    def new(self, path, key, **values):
        """Make something; its id."""
        made = self.admin("POST", path, {key: {"name": ids.hex_id(), **values}}, 201)[key]
        return made["id"]

    def _place(self, name):
        """Ids of one of everything, by the variables of routes."""
        domain = self.new("/v3/domains", "domain")
        user = self.user("owner", domain=domain)
        found = {"domain_id": domain, "user_id": user, "project_id": self.new("/v3/projects", "project", domain_id=domain),
                 "group_id": self.new("/v3/groups", "group", domain_id=domain), "role_id": self.roles["reader"],
                 "service_id": self.new("/v3/services", "service", type="t"), "region_id": name, "tag": "t", "group": "ldap",
                 "option": "url"}
        self.admin("PUT", f"/v3/regions/{name}", {"region": {}}, 201)
        self.admin("PUT", f"/v3/projects/{found['project_id']}/tags/t", status=201)
        self.admin("PUT", f"/v3/domains/{domain}/config", {"config": {"ldap": {"url": "x"}}}, 201)
        found["implied_role_id"] = self.new("/v3/roles", "role")
        found["endpoint_id"] = self.admin("POST", "/v3/endpoints", {"endpoint": {
            "interface": "public", "service_id": found["service_id"], "url": "http://x"}}, 201)["endpoint"]["id"]
        found["policy_id"] = self.admin("POST", "/v3/policies", {"policy": {"type": "t", "blob": "b"}}, 201)["policy"]["id"]
        found["endpoint_group_id"] = self.new("/v3/OS-EP-FILTER/endpoint_groups", "endpoint_group",
                                              filters={"interface": "admin"})
        found["credential_id"] = self.admin("POST", "/v3/credentials", {"credential": {
            "user_id": user, "type": "cert", "blob": "b"}}, 201)["credential"]["id"]
        place = {"service_id": found["service_id"], "resource_name": "cores"}
        found["registered_limit_id"] = self.admin("POST", "/v3/registered_limits", {"registered_limits": [
            {**place, "default_limit": 5}]}, 201)["registered_limits"][0]["id"]
        found["limit_id"] = self.admin("POST", "/v3/limits", {"limits": [
            {**place, "project_id": found["project_id"], "resource_limit": 5}]}, 201)["limits"][0]["id"]
        self.admin("PUT", f"/v3/projects/{found['project_id']}/users/{user}/roles/{self.roles['member']}", status=204)
        owner = self.login("owner", "pw", {"project": {"id": found["project_id"]}}, domain)
        made = owner("POST", f"/v3/users/{user}/application_credentials", {"application_credential": {
            "name": "a", "access_rules": [{"service": "s", "method": "GET", "path": "/x"}]}}, 201)["application_credential"]
        found["application_credential_id"], found["access_rule_id"] = made["id"], made["access_rules"][0]["id"]
        found["trust_id"] = owner("POST", "/v3/OS-TRUST/trusts", {"trust": {
            "trustor_user_id": user, "trustee_user_id": user, "impersonation": False, "project_id": found["project_id"],
            "roles": [{"name": "member"}]}}, 201)["trust"]["id"]
        found["ec2"] = owner("POST", f"/v3/users/{user}/credentials/OS-EC2", {"tenant_id": found["project_id"]},
                             201)["credential"]["access"]
        found["token"] = owner.token
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("rbac"))
    yield made
    made.db.dispose()


def expected(policy, persona, own):
    """Whether upstream's defaults let `persona` pass `policy` for a target in its own domain (`own`) or in another."""
    letters, scopes = RULES[policy]
    if persona == "nobody":
        return "E" in letters
    kind, _, role = persona.partition("-")
    if persona == "service":
        kind, role = "project", "service"
    if kind not in scopes and "E" not in letters:
        return False
    passed = {"E"}
    passed |= {"A"} if role == "admin" else set()
    passed |= {"T"} if role == "service" else set()
    if kind == "system" and role in ROLES:
        passed |= {"S"} | ({"X"} if role == "admin" else set())
    if kind == "domain":
        passed |= {"d"} | ({"D", "L", "p"} if own else set())
    if kind == "project" and own:
        passed |= {"P", "Q", "p", "L"}
    if role in ("admin", "manager"):
        passed |= {"m"} | ({"n"} if kind == "domain" else set()) | ({"M"} if kind == "domain" and own else set())
    return bool(passed & set(letters))


def fill(value, place):
    """`value` with {names} replaced by ids."""
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda m: ids.hex_id() if m[1] == "new" else place[m[1]], value)
    if isinstance(value, dict):
        return {k: fill(v, place) for k, v in value.items()}
    return [fill(v, place) for v in value] if isinstance(value, list) else value


def send(caller, row, place):
    """One request of `caller` for the resources of `place`."""
    known = {**place, "credential_id": place["ec2" if "OS-EC2" in row.path else "credential_id"]}
    path = re.sub(r"<(\w+)>", lambda m: known[m[1]], row.path)
    headers = {"X-Subject-Token": place["token"]} if row.path == "/v3/auth/tokens" else {}
    return caller.call(row.method, path, fill(BODIES.get(f"{row.method} {row.path}"), place), headers)


@pytest.mark.parametrize("row", [r for r in ROWS if r.method != "DELETE"], ids=lambda r: f"{r.method} {r.path}")
def test_matrix(world, row):
    _check(world, row)


@pytest.mark.parametrize("row", [r for r in ROWS if r.method == "DELETE"], ids=lambda r: f"{r.method} {r.path}")
def test_matrix_of_deletion(world, row):
    """Of those who may not: it is all still there for the next. What those who may do, other tests delete."""
    _check(world, row)


def _check(world, row):
    wrong = []
    for own, place in ((True, world.one), (False, world.other)):
        assert send(world.anonymous, row, place).status_code == 401
        for persona in sorted(PERSONAS, key=lambda p: expected(row.policy, p, own)):
            may = expected(row.policy, persona, own)
            if row.method == "DELETE" and may:
                continue
            response = send(world.callers[persona], row, place)
            assert response.status_code < 500, response.text
            refused = response.status_code == 403 and ("identity:" in response.text or row.method == "HEAD")
            if may == refused:
                wrong.append((persona, "own" if own else "foreign", response.status_code, response.text[:150]))
    assert not wrong


@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize("noun", ["user", "group", "project"])
def test_a_body_that_names_no_domain(world, noun, persona):
    """Nobody's domain is not everybody's: only the role admin may."""
    response = world.callers[persona].call("POST", f"/v3/{noun}s", {noun: {"name": ids.hex_id()}})
    assert response.status_code == (201 if persona.partition("-")[2] == "admin" else 403)


def test_every_rule_of_a_route_is_defined_and_every_rule_is_used():
    defined = {r.name for r in policies.RULES if r.name.startswith("identity:")}
    used = {r.policy for r in ROWS} | {
        "identity:get_domain_role", "identity:list_domain_roles", "identity:create_domain_role", "identity:update_domain_role",
        "identity:delete_domain_role", "identity:list_trusts_for_trustor", "identity:list_trusts_for_trustee",
        "identity:list_role_assignments_for_tree", "identity:get_security_compliance_domain_config"}
    assert used <= defined
    assert defined - used == {"identity:list_projects_for_user", "identity:list_domains_for_user", "identity:revocation_list"}
    assert {r.policy for r in ROWS} <= set(RULES)
