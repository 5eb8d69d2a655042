"""A project that acts as a domain: as what it can be scoped to, and which lists hold it."""

import pytest


@pytest.fixture
def place(cloud):
    """A project that acts as a domain, on which the user ann holds the role member, as on a project."""
    made = cloud.admin("POST", "/v3/projects", {"project": {"name": "d", "is_domain": True}}, 201)["project"]
    assert made["is_domain"] and made["domain_id"] is None and made["parent_id"] is None
    cloud.admin("PUT", f"/v3/projects/{made['id']}/users/{cloud.user('ann')}/roles/{cloud.roles['member']}", status=204)
    return made["id"]


def names(answer, key="projects"):
    return {found["name"] for found in answer[key]}


def test_nobody_is_scoped_to_it_as_to_a_project(cloud, place):
    for named in ({"id": place}, {"name": "d", "domain": {"id": place}}, {"name": "d", "domain": {"id": "default"}}):
        assert cloud.issue(cloud.auth("ann", "pw", {"project": named})).status_code == 401
    assert cloud.issue(cloud.auth("ann", "pw", {"domain": {"id": place}})).status_code == 401
    ann = cloud.admin("GET", "/v3/users?name=ann")["users"][0]["id"]
    cloud.admin("PUT", f"/v3/domains/{place}/users/{ann}/roles/{cloud.roles['manager']}", status=204)
    caller = cloud.login("ann", "pw", {"domain": {"id": place}})
    token = cloud.admin("GET", "/v3/auth/tokens", X_Subject_Token=caller.token)["token"]
    assert token["domain"] == {"id": place, "name": "d"} and "manager" in {r["name"] for r in token["roles"]}
    assert cloud.issue(cloud.auth("ann", "pw", {"project": {"id": place}})).status_code == 401


def test_a_trust_of_it_is_no_scope_either(cloud, place):
    ann = cloud.admin("GET", "/v3/users?name=ann")["users"][0]["id"]
    cloud.admin("PUT", f"/v3/projects/{cloud.projects['demo']}/users/{ann}/roles/{cloud.roles['member']}", status=204)
    caller = cloud.login("ann", "pw", {"project": {"id": cloud.projects["demo"]}})
    bob = cloud.user("bob")
    trust = caller("POST", "/v3/OS-TRUST/trusts", {"trust": {
        "trustor_user_id": ann, "trustee_user_id": bob, "impersonation": True, "project_id": place,
        "roles": [{"name": "member"}]}}, 201)["trust"]["id"]
    assert cloud.issue(cloud.auth("bob", "pw", {"OS-TRUST:trust": {"id": trust}})).status_code == 401


def test_which_lists_hold_it(cloud, place):
    ann = cloud.admin("GET", "/v3/users?name=ann")["users"][0]["id"]
    caller = cloud.login("ann", "pw")
    assert names(caller("GET", "/v3/auth/projects")) == names(caller("GET", f"/v3/users/{ann}/projects")) == {"d"}
    assert names(caller("GET", f"/v3/users/{ann}/projects?is_domain=false&parent_id=x")) == {"d"}  # no filters there
    assert names(caller("GET", "/v3/auth/domains"), "domains") == set()
    assert "d" in names(cloud.admin("GET", "/v3/domains"), "domains")
    assert "d" not in names(cloud.admin("GET", "/v3/projects"))
    assert "d" in names(cloud.admin("GET", "/v3/projects?is_domain=true"))
    cloud.admin("PATCH", f"/v3/domains/{place}", {"domain": {"enabled": False}})
    assert names(caller("GET", "/v3/auth/projects")) == {"d"}


def test_its_manager_as_of_a_domain_does_not_list_the_roles_on_it_as_on_a_project(cloud, place):
    boss = cloud.user("boss")
    cloud.admin("PUT", f"/v3/domains/{place}/users/{boss}/roles/{cloud.roles['manager']}", status=204)
    listed = cloud.login("boss", "pw", {"domain": {"id": place}})("GET", "/v3/role_assignments")["role_assignments"]
    assert [a["user"]["id"] for a in listed] == [boss]


def test_a_project_below_it_says_so_itself(cloud, place):
    said = cloud.admin("POST", "/v3/projects", {"project": {"name": "p", "parent_id": place}}, 400)["error"]["message"]
    assert said == (f"Cannot create project, the parent ({place}) is acting as a domain, but this project's domain id (default) "
                    "does not match the parent's id.")
    for body in ({"parent_id": place, "domain_id": place}, {"domain_id": place}):
        made = cloud.admin("POST", "/v3/projects", {"project": {"name": f"p{len(body)}", **body}}, 201)["project"]
        assert made["parent_id"] == made["domain_id"] == place
    for body in ({"parent_id": place}, {"domain_id": "default"}):
        cloud.admin("POST", "/v3/projects", {"project": {"name": "x", "is_domain": True, **body}}, 400)
