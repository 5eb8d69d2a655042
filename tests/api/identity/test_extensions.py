"""Limits, policies and their associations, endpoint filtering, domain configuration, JSON Home, events, listings of assignments."""
# ruff: noqa: E501

import pytest

from common.db.session import counted
from common.http.route import Route
from services.identity.api import json_home, routes


@pytest.fixture
def service(cloud):
    return cloud.admin("GET", "/v3/services")["services"][0]["id"]


def test_registered_limits_and_limits(cloud, service):
    place, demo = {"service_id": service, "resource_name": "cores"}, cloud.projects["demo"]
    body = {"registered_limits": [{**place, "default_limit": 10}]}
    registered = cloud.admin("POST", "/v3/registered_limits", body, 201)["registered_limits"][0]
    cloud.admin("POST", "/v3/registered_limits", body, 409)
    url = f"/v3/registered_limits/{registered['id']}"
    assert cloud.admin("PATCH", url, {"registered_limit": {"default_limit": 12}})["registered_limit"]["default_limit"] == 12
    made = cloud.admin("POST", "/v3/limits", {"limits": [
        {**place, "project_id": demo, "resource_limit": 99}, {**place, "domain_id": "default", "resource_limit": 1}]}, 201)["limits"]
    assert [(m["project_id"], m["domain_id"]) for m in made] == [(demo, None), (None, "default")]
    cloud.admin("POST", "/v3/limits", {"limits": [{**place, "project_id": demo, "resource_limit": 1}]}, 409)
    for wrong in ({"resource_name": "none"}, {"project_id": None}, {"project_id": "x"}, {"resource_limit": -2}):
        given = {**place, "project_id": cloud.projects["admin"], "resource_limit": 1, **wrong}
        cloud.admin("POST", "/v3/limits", {"limits": [given]}, 403 if wrong == {"resource_name": "none"} else 400)
    cloud.admin("PATCH", url, {"registered_limit": {"default_limit": 1}}, 403)
    cloud.admin("DELETE", url, status=403)
    assert [x["id"] for x in cloud.demo()("GET", "/v3/limits")["limits"]] == [made[0]["id"]]
    assert cloud.login("demo", "demo", "unscoped")("GET", "/v3/limits")["limits"] == []
    for one in made:
        cloud.admin("DELETE", f"/v3/limits/{one['id']}", status=204)
    cloud.admin("DELETE", url, status=204)


def test_strict_two_level_limits(make_cloud):
    cloud = make_cloud(unified_limit__enforcement_model="strict_two_level")
    assert cloud.demo()("GET", "/v3/limits/model")["model"]["name"] == "strict_two_level"
    service = cloud.admin("GET", "/v3/services")["services"][0]["id"]
    place, demo = {"service_id": service, "resource_name": "cores"}, cloud.projects["demo"]
    cloud.admin("POST", "/v3/registered_limits", {"registered_limits": [{**place, "default_limit": 10}]}, 201)

    def limit(number, status=201, **owner):
        made = cloud.admin("POST", "/v3/limits", {"limits": [{**place, **owner, "resource_limit": number}]}, status)
        return made["limits"][0]["id"] if status == 201 else made["error"]["message"]

    assert "doesn't satisfy current hierarchy model" in limit(11, 403, project_id=demo)
    own = limit(5, project_id=demo)
    limit(4, 403, domain_id="default")
    above = limit(8, domain_id="default")
    limit(9, 403, project_id=cloud.projects["admin"])
    for which, number, status in ((own, 9, 403), (own, 8, 200), (above, 7, 403), (above, 20, 200), (own, 20, 200), (own, 21, 403)):
        cloud.admin("PATCH", f"/v3/limits/{which}", {"limit": {"resource_limit": number}}, status)


def test_limits_of_a_domain_and_its_project_in_one_body(make_cloud):
    cloud = make_cloud(unified_limit__enforcement_model="strict_two_level")
    place = {"service_id": cloud.admin("GET", "/v3/services")["services"][0]["id"], "resource_name": "cores"}
    cloud.admin("POST", "/v3/registered_limits", {"registered_limits": [{**place, "default_limit": 10}]}, 201)
    of_project, of_domain = ({**place, "project_id": owner} for owner in (cloud.projects["demo"], "default"))
    body = {"limits": [{**of_project, "resource_limit": 21}, {**of_domain, "resource_limit": 20}]}
    cloud.admin("POST", "/v3/limits", body, 403)
    assert cloud.admin("GET", "/v3/limits")["limits"] == []
    body["limits"][0]["resource_limit"] = 20
    made = cloud.admin("POST", "/v3/limits", body, 201)["limits"]
    assert [(m["project_id"], m["domain_id"], m["resource_limit"]) for m in made] == [
        (cloud.projects["demo"], None, 20), (None, "default", 20)]


def test_strict_two_level_limits_keep_projects_flat(make_cloud):
    cloud = make_cloud(unified_limit__enforcement_model="strict_two_level")
    above = cloud.projects["demo"]
    below = cloud.admin("POST", "/v3/projects", {"project": {"name": "a", "parent_id": above}}, 201)["project"]["id"]
    error = cloud.admin("POST", "/v3/projects", {"project": {"name": "b", "parent_id": below}}, 403)["error"]
    assert error["message"] == f"Max hierarchy depth reached for {below} branch."


def test_policies_of_endpoints(cloud, service):
    made = [cloud.admin("POST", "/v3/policies", {"policy": {"type": "t", "blob": b}}, 201)["policy"]["id"] for b in "abc"]
    cloud.admin("PUT", "/v3/regions/below", {"region": {"parent_region_id": "RegionOne"}}, 201)
    endpoint = cloud.admin("POST", "/v3/endpoints", {"endpoint": {
        "service_id": service, "interface": "public", "url": "http://x", "region_id": "below"}}, 201)["endpoint"]["id"]
    url = f"/v3/endpoints/{endpoint}/OS-ENDPOINT-POLICY/policy"
    cloud.admin("GET", url, status=404)
    for policy, path in zip(made, (f"services/{service}", f"services/{service}/regions/RegionOne", f"endpoints/{endpoint}"),
                            strict=True):
        place = f"/v3/policies/{policy}/OS-ENDPOINT-POLICY/{path}"
        cloud.admin("GET", place, status=404)
        cloud.admin("PUT", place, status=204)
        cloud.admin("GET", place, status=204)
        assert cloud.admin("GET", url)["policy"]["id"] == policy  # the nearer one wins
        found = cloud.admin("GET", f"/v3/policies/{policy}/OS-ENDPOINT-POLICY/endpoints")["endpoints"]
        assert endpoint in [e["id"] for e in found]
    cloud.admin("DELETE", f"/v3/policies/{made[2]}", status=204)
    assert cloud.admin("GET", url)["policy"]["id"] == made[1]


def test_projects_see_the_endpoints_they_were_given(cloud, service):
    demo, base = cloud.projects["demo"], "/v3/OS-EP-FILTER"
    endpoints = {i: cloud.admin("POST", "/v3/endpoints", {"endpoint": {
        "service_id": service, "interface": i, "url": f"http://{i}/%(project_id)s"}}, 201)["endpoint"]["id"] for i in ("admin", "public")}

    def seen():
        return {e["id"] for s in cloud.demo()("GET", "/v3/auth/catalog")["catalog"] for e in s["endpoints"]}

    assert set(endpoints.values()) < seen()
    cloud.admin("PUT", f"{base}/projects/{demo}/endpoints/{endpoints['admin']}", status=204)
    cloud.admin("PUT", f"{base}/projects/{demo}/endpoints/{endpoints['admin']}", status=409)
    assert seen() == {endpoints["admin"]}
    group = cloud.admin("POST", f"{base}/endpoint_groups", {"endpoint_group": {
        "name": "g", "filters": {"interface": "public", "service_id": service}}}, 201)["endpoint_group"]["id"]
    cloud.admin("PUT", f"{base}/endpoint_groups/{group}/projects/{demo}", status=204)
    assert seen() > set(endpoints.values())
    assert [p["id"] for p in cloud.admin("GET", f"{base}/endpoint_groups/{group}/projects")["projects"]] == [demo]
    assert len(cloud.admin("GET", f"{base}/projects/{demo}/endpoints")["endpoints"]) == len(seen())
    cloud.admin("DELETE", f"{base}/endpoint_groups/{group}", status=204)
    assert seen() == {endpoints["admin"]}
    cloud.admin("DELETE", f"{base}/projects/{demo}/endpoints/{endpoints['admin']}", status=204)
    assert set(endpoints.values()) < seen()


def test_the_configuration_of_a_domain(cloud):
    url = "/v3/domains/default/config"
    cloud.admin("GET", url, status=404)
    given = {"ldap": {"url": "ldap://x", "password": "secret"}, "identity": {"driver": "ldap"}}
    shown = cloud.admin("PUT", url, {"config": given}, 201)["config"]
    assert shown == {"ldap": {"url": "ldap://x"}, "identity": {"driver": "ldap"}}
    assert cloud.admin("PATCH", f"{url}/ldap/url", {"config": {"url": "ldap://y"}})["config"]["ldap"]["url"] == "ldap://y"
    cloud.admin("GET", f"{url}/ldap/password", status=404)
    cloud.admin("PATCH", f"{url}/ldap", {"config": {"identity": {"driver": "sql"}}}, 403)
    cloud.admin("PUT", url, {"config": {"token": {"expiration": 1}}}, 403)
    cloud.admin("DELETE", f"{url}/ldap", status=204)
    assert cloud.admin("GET", url)["config"] == {"identity": {"driver": "ldap"}}
    cloud.admin("DELETE", url, status=204)
    assert cloud.admin("GET", "/v3/domains/config/ldap/url/default")["config"] == {"url": "ldap://localhost"}


def test_revocation_events(cloud):
    demo = cloud.demo()
    audit_id = demo("GET", "/v3/auth/tokens", X_Subject_Token=demo.token)["token"]["audit_ids"][0]
    demo("DELETE", "/v3/auth/tokens", X_Subject_Token=demo.token, status=204)
    found = cloud.admin("GET", "/v3/OS-REVOKE/events")["events"]
    assert audit_id in [e.get("audit_id") for e in found] and all(e["revoked_at"].endswith(".000000Z") for e in found)
    assert cloud.admin("GET", "/v3/OS-REVOKE/events?since=2099-01-01T00:00:00Z")["events"] == []
    cloud.admin("GET", "/v3/OS-REVOKE/events?since=yesterday", status=400)
    cloud.anonymous("GET", "/v3/auth/tokens/OS-PKI/revoked", status=403)


def test_json_home_names_every_url(cloud):
    for url, prefix in (("/v3", ""), ("/", "/v3")):
        response = cloud.anonymous.call("GET", url, headers={"Accept": "application/json-home"})
        assert response.status_code == 200 and response.content_type == "application/json-home"
        found = response.get_json(force=True)["resources"]
        start = "https://docs.openstack.org/api/openstack-identity/3/"
        assert found[start + "rel/user"] == {"href-template": prefix + "/users/{user_id}",
                                             "href-vars": {"user_id": start + "param/user_id"}}
        assert found[start + "ext/OS-TRUST/1.0/rel/trusts"] == {"href": prefix + "/OS-TRUST/trusts"}
        named = {r.get("href") or r["href-template"] for r in found.values()}
        paths = {r.path for r in routes.ROUTES if r.path.startswith("/v3/") and not r.path.endswith("/tags")}
        assert len(named) == len(found) == len(paths)
    assert cloud.anonymous("GET", "/v3")["version"]["id"] == "v3.14"
    assert json_home.CONTENT_TYPE not in cloud.anonymous.call("GET", "/v3", headers={"Accept": "*/*"}).content_type


@pytest.mark.parametrize("row", [r for r in routes.ROUTES if r.method == "GET"], ids=lambda r: r.path)
def test_every_get_answers_head(cloud, row):
    assert isinstance(row, Route)
    path = row.path.replace("<", "").replace(">", "")
    one, other = (cloud.admin.call(m, path) for m in ("GET", "HEAD"))
    assert one.status_code == other.status_code or row.path.endswith("/implies/<implied_role_id>")
    assert other.data == b""


def test_filters_of_role_assignments(cloud):
    user, demo = cloud.user("ann"), cloud.projects["demo"]
    group = cloud.admin("POST", "/v3/groups", {"group": {"name": "g"}}, 201)["group"]["id"]
    cloud.admin("PUT", f"/v3/groups/{group}/users/{user}", status=204)
    places = {"member": f"/v3/projects/{demo}/groups/{group}", "reader": f"/v3/system/users/{user}"}
    for role, place in places.items():
        cloud.admin("PUT", f"{place}/roles/{cloud.roles[role]}", status=204)
    cloud.admin("PUT", f"/v3/OS-INHERIT/domains/default/users/{user}/roles/{cloud.roles['manager']}/inherited_to_projects", status=204)

    def found(query):
        return cloud.admin("GET", "/v3/role_assignments?" + query)["role_assignments"]

    assert len(found(f"user.id={user}")) == 2 and len(found(f"group.id={group}")) == 1
    assert [a["scope"] for a in found(f"user.id={user}&scope.system=all")] == [{"system": {"all": True}}]
    assert found(f"user.id={user}&scope.OS-INHERIT:inherited_to=projects")[0]["scope"] == {
        "domain": {"id": "default"}, "OS-INHERIT:inherited_to": "projects"}
    roles = {a["role"]["name"] for a in found(f"user.id={user}&effective&include_names&scope.project.id={demo}")}
    assert roles == {"manager", "member", "reader"}
    named = found(f"user.id={user}&effective&include_names&scope.project.id={demo}&role.id={cloud.roles['manager']}")
    assert named[0]["scope"]["project"]["name"] == "demo" and named[0]["user"]["domain"]["name"] == "Default"
    for wrong in (f"user.id={user}&group.id={group}", f"scope.project.id={demo}&scope.domain.id=default", "include_subtree",
                  f"scope.system=all&scope.project.id={demo}", f"group.id={group}&effective"):
        cloud.admin("GET", "/v3/role_assignments?" + wrong, status=400)


def test_an_unknown_token_costs_four_statements(cloud):
    demo = cloud.demo()
    cloud.admin("GET", "/v3/auth/tokens?nocatalog", X_Subject_Token=demo.token)
    del cloud.state.tokens._found[demo.token]
    with counted(cloud.db) as seen:
        cloud.admin("GET", "/v3/auth/tokens?nocatalog", X_Subject_Token=demo.token)
    assert len([s for s in seen if s.lstrip("( ").startswith(("SELECT", "WITH"))]) == 1 + 4
