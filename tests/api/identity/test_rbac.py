"""Every route × every persona, generated from the route table."""

import re

import pytest

from common.http.route import AUTHENTICATED, PUBLIC
from services.identity.api import policies, routes

OPEN = {  # rules that every valid token passes, whatever its scope
    "identity:get_auth_catalog", "identity:get_auth_projects", "identity:get_auth_domains", "identity:get_auth_system",
    "identity:get_region", "identity:list_regions", "identity:get_limit_model", "identity:list_limits",
    "identity:get_registered_limit", "identity:list_registered_limits",
}
OWN = {  # rules that pass for what is one's own; a list shows one's own part, and another's id is refused
    "identity:list_credentials", "identity:create_trust", "identity:create_credential",
}
ADMIN_REFUSED = {  # upstream's rules have no place for `admin` here: one's own, or a system scope
    "identity:create_trust", "identity:create_application_credential", "identity:list_access_rules",
    "identity:get_access_rule", "identity:delete_access_rule",
}
SYSTEM_READER = re.compile(r"identity:(ec2_)?(list|get|check)_")
ROWS = [r for r in routes.ROUTES if r.policy not in (PUBLIC, AUTHENTICATED)]


def path_of(row):
    return re.sub(r"<(\w+)>", lambda m: "0" * 32, row.path)


def send(caller, row):
    body = {} if row.body is not None else None
    headers = {"X-Subject-Token": "nonsense"} if row.path == "/v3/auth/tokens" else {}
    return caller.call(row.method, path_of(row), body, headers)


@pytest.fixture(scope="module")
def personas(tmp_path_factory):
    from tests_identity_cloud import Cloud

    cloud = Cloud(tmp_path_factory.mktemp("rbac"))
    domain = cloud.admin("POST", "/v3/domains", {"domain": {"name": "other"}}, 201)["domain"]["id"]
    made = {"anonymous": cloud.anonymous, "admin": cloud.admin}
    for scope in ("project", "domain", "system"):
        for role in ("reader", "member", "manager"):
            user = cloud.user(f"{scope}-{role}", domain=domain)
            place = {"project": f"/v3/projects/{cloud.projects['demo']}", "domain": f"/v3/domains/{domain}",
                     "system": "/v3/system"}[scope]
            cloud.admin("PUT", f"{place}/users/{user}/roles/{cloud.roles[role]}", status=204)
            wanted = {"project": {"project": {"id": cloud.projects["demo"]}}, "domain": {"domain": {"id": domain}},
                      "system": {"system": {"all": True}}}[scope]
            made[f"{scope} {role}"] = cloud.login(f"{scope}-{role}", "pw", wanted, domain)
    cloud.user("nobody", domain=domain)
    made["unscoped"] = cloud.login("nobody", "pw", None, domain)
    made["system admin"] = cloud.login("admin", "secret", {"system": {"all": True}})
    yield made
    cloud.db.dispose()


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r.method} {r.path}")
def test_matrix(personas, row):
    assert send(personas["anonymous"], row).status_code == 401
    status = {name: send(caller, row).status_code for name, caller in personas.items()}
    assert not {n for n, s in status.items() if s >= 500}
    for name in ("admin", "system admin"):  # never refused by policy; the project scope is needed where delegation starts
        if row.policy not in ADMIN_REFUSED and "/domains/config/<group>" not in row.path:
            assert status[name] != 403, (name, status)
    if row.policy in OPEN or row.policy in OWN:
        return
    for name in ("project reader", "project member", "project manager", "unscoped"):
        assert status[name] in (403, 404, 400), (name, status)
        if status[name] == 400:
            assert row.path == "/v3/auth/tokens" or row.targeted, (name, status)
    if row.method in ("PUT", "DELETE") and row.path != "/v3/auth/tokens":
        for name in ("system reader", "system member", "system manager", "domain reader", "domain member"):
            assert status[name] in (403, 404) or (row.body and row.targeted and status[name] == 400), (name, status)
    if SYSTEM_READER.match(row.policy) and row.policy != "identity:list_revoke_events" and "<group>" not in row.path:
        assert status["system reader"] != 403, status


def test_every_rule_of_a_route_is_defined_and_every_rule_is_used():
    defined = {r.name for r in policies.RULES if r.name.startswith("identity:")}
    used = {r.policy for r in ROWS} | {
        "identity:get_domain_role", "identity:list_domain_roles", "identity:create_domain_role", "identity:update_domain_role",
        "identity:delete_domain_role", "identity:list_trusts_for_trustor", "identity:list_trusts_for_trustee",
        "identity:list_role_assignments_for_tree", "identity:get_security_compliance_domain_config"}
    assert used - {r.policy for r in ROWS} <= defined
    assert {r.policy for r in ROWS} <= defined
    assert defined - used == {"identity:list_projects_for_user", "identity:list_domains_for_user", "identity:revocation_list"}
