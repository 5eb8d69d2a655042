"""Users, projects, domains, groups, roles and the catalog: bodies, codes, filters and constant numbers of queries."""
# ruff: noqa: E501

import pytest


def project(cloud, name, status=201, **more):
    return cloud.admin("POST", "/v3/projects", {"project": {"name": name, **more}}, status).get("project")


def test_user_life(cloud):
    made = cloud.admin("POST", "/v3/users", {"user": {"name": "ann", "password": "pw", "email": "a@b", "shoe": 42}}, 201)["user"]
    assert made["domain_id"] == "default" and made["email"] == "a@b" and made["shoe"] == 42 and "password" not in made
    assert made["links"]["self"].endswith("/v3/users/" + made["id"]) and made["options"] == {} and made["enabled"] is True
    url = f"/v3/users/{made['id']}"
    assert cloud.admin("PATCH", url, {"user": {"description": "x", "shoe": 43}})["user"]["shoe"] == 43
    assert cloud.admin("GET", url)["user"]["description"] == "x"
    error = cloud.admin("POST", "/v3/users", {"user": {"name": "ann"}}, 409)["error"]
    assert error["message"].startswith("Conflict occurred attempting to store user - Duplicate entry found with name ann")
    cloud.admin("PATCH", url, {"user": {"domain_id": "other"}}, 400)
    cloud.admin("DELETE", url, status=204)
    assert cloud.admin("GET", url, status=404)["error"]["message"] == f"Could not find user: {made['id']}."
    assert cloud.admin.call("HEAD", "/v3/users").status_code == 200


def test_the_domain_of_what_names_none_is_that_of_the_token_or_the_default_one(cloud):
    domain = cloud.admin("POST", "/v3/domains", {"domain": {"name": "d"}}, 201)["domain"]["id"]
    place = project(cloud, "p", domain_id=domain)["id"]
    admin = cloud.made["admin_id"]
    for where in (f"domains/{domain}", f"projects/{place}"):
        cloud.admin("PUT", f"/v3/{where}/users/{admin}/roles/{cloud.roles['admin']}", status=204)
    for scope, expected in (({"domain": {"id": domain}}, domain), ({"project": {"id": place}}, "default")):
        caller = cloud.login("admin", "secret", scope)
        for noun in ("project", "user", "group"):
            made = caller("POST", f"/v3/{noun}s", {noun: {"name": "of " + expected}}, 201)[noun]
            assert made["domain_id"] == expected


@pytest.mark.parametrize("body", [{}, {"user": {}}, {"user": {"name": ""}}, {"user": {"name": None}}, {"user": {"name": "x" * 256}},
                                  {"user": {"name": "x", "enabled": "yes"}}, {"user": {"name": "x", "options": {"no": 1}}}, [], 7])
def test_bad_users(cloud, body):
    assert cloud.admin("POST", "/v3/users", body, 400)["error"]["title"] == "Bad Request"


def test_filters_and_paging(cloud):
    for name in ("anna", "Anton", "berta"):
        cloud.user(name, enabled=name != "berta")

    def names(query):
        return sorted(u["name"] for u in cloud.admin("GET", "/v3/users?" + query)["users"])

    assert names("name=anna") == ["anna"]
    assert names("name__startswith=an") == ["anna"]
    assert names("name__istartswith=an") == ["Anton", "anna"]
    assert names("name__contains=ert") == ["berta"]
    assert names("enabled=false") == ["berta"]
    assert names("name__endswith=a&enabled=true") == ["anna", "nova"]
    assert names("name=%25") == []
    seen, url = [], "/v3/users?limit=2"
    while url:
        page = cloud.admin("GET", url)
        assert len(page["users"]) <= 2
        seen += [u["id"] for u in page["users"]]
        url = page["links"]["next"] and page["links"]["next"].replace("http://localhost", "")
    assert len(seen) == len(set(seen)) == 6
    cloud.admin("GET", "/v3/users?limit=x", status=400)


def test_project_tree(cloud):
    top = project(cloud, "top")
    assert top["parent_id"] == "default" and top["domain_id"] == "default" and top["is_domain"] is False
    middle = project(cloud, "middle", parent_id=top["id"])
    leaf = project(cloud, "leaf", parent_id=middle["id"], tags=["b", "a"])
    assert leaf["tags"] == ["a", "b"]
    shown = cloud.admin("GET", f"/v3/projects/{leaf['id']}?parents_as_ids")["project"]
    assert shown["parents"] == {middle["id"]: {top["id"]: {"default": None}}}
    shown = cloud.admin("GET", f"/v3/projects/{top['id']}?subtree_as_ids")["project"]
    assert shown["subtree"] == {middle["id"]: {leaf["id"]: None}}
    cloud.admin("GET", f"/v3/projects/{top['id']}?subtree_as_ids&subtree_as_list", status=400)
    cloud.admin("DELETE", f"/v3/projects/{top['id']}", status=403)
    cloud.admin("PATCH", f"/v3/projects/{top['id']}", {"project": {"enabled": False}}, 403)
    cloud.admin("PATCH", f"/v3/projects/{leaf['id']}", {"project": {"parent_id": top["id"]}}, 403)
    project(cloud, "leaf", 409)
    assert [p["name"] for p in cloud.admin("GET", f"/v3/projects?parent_id={middle['id']}")["projects"]] == ["leaf"]


def test_project_tags(cloud):
    url = f"/v3/projects/{project(cloud, 'p', tags=['x'])['id']}/tags"
    cloud.admin("PUT", url + "/y", status=201)
    assert cloud.admin("GET", url)["tags"] == ["x", "y"]
    cloud.admin("GET", url + "/y", status=204)
    cloud.admin("DELETE", url + "/x", status=204)
    cloud.admin("GET", url + "/x", status=404)
    for query, found in (("tags=y", ["p"]), ("tags=x,y", []), ("tags-any=x,y", ["p"]), ("not-tags=y&name=p", [])):
        assert [p["name"] for p in cloud.admin("GET", "/v3/projects?" + query)["projects"]] == found
    assert cloud.admin("PUT", url, {"tags": ["q"]})["tags"] == ["q"]
    cloud.admin("PUT", url, {"tags": ["a,b"]}, 400)
    for wrong in ("q", "a,b", "x" * 256, "", "/"):  # one that is there already, and what is no tag
        cloud.admin("PUT", f"{url}/{wrong}", status=400)
    cloud.admin("PUT", url, {"tags": [f"t{n}" for n in range(80)]})
    cloud.admin("PUT", url + "/more", status=400)
    assert len(cloud.admin("GET", url)["tags"]) == 80


def test_immutable(cloud):
    made = project(cloud, "fixed", options={"immutable": True})
    url = f"/v3/projects/{made['id']}"
    cloud.admin("PATCH", url, {"project": {"description": "x"}}, 403)
    cloud.admin("DELETE", url, status=403)
    cloud.admin("PATCH", url, {"project": {"options": {"immutable": False}}})
    cloud.admin("DELETE", url, status=204)
    cloud.admin("DELETE", f"/v3/roles/{cloud.roles['admin']}", status=403)


def test_domains_take_all_with_them(cloud):
    domain = cloud.admin("POST", "/v3/domains", {"domain": {"name": "d"}}, 201)["domain"]
    user = cloud.user("u", domain=domain["id"])
    made = project(cloud, "p", domain_id=domain["id"])
    group = cloud.admin("POST", "/v3/groups", {"group": {"name": "g", "domain_id": domain["id"]}}, 201)["group"]
    cloud.admin("DELETE", f"/v3/domains/{domain['id']}", status=403)
    cloud.admin("PATCH", f"/v3/domains/{domain['id']}", {"domain": {"enabled": False}})
    assert cloud.issue(cloud.auth("u", "pw", domain=domain["id"])).status_code == 401
    cloud.admin("DELETE", f"/v3/domains/{domain['id']}", status=204)
    for url in (f"users/{user}", f"projects/{made['id']}", f"groups/{group['id']}", f"domains/{domain['id']}"):
        cloud.admin("GET", f"/v3/{url}", status=404)


def test_groups_give_roles(cloud):
    user = cloud.user("u")
    group = cloud.admin("POST", "/v3/groups", {"group": {"name": "g"}}, 201)["group"]["id"]
    place = f"/v3/projects/{cloud.projects['demo']}/groups/{group}/roles/{cloud.roles['member']}"
    cloud.admin("PUT", place, status=204)
    cloud.admin("GET", place, status=204)
    assert cloud.issue(cloud.auth("u", "pw", {"project": {"id": cloud.projects["demo"]}})).status_code == 401
    cloud.admin("PUT", f"/v3/groups/{group}/users/{user}", status=204)
    assert [g["id"] for g in cloud.admin("GET", f"/v3/users/{user}/groups")["groups"]] == [group]
    assert [u["id"] for u in cloud.admin("GET", f"/v3/groups/{group}/users")["users"]] == [user]
    caller = cloud.login("u", "pw", {"project": {"id": cloud.projects["demo"]}})
    cloud.admin("DELETE", f"/v3/groups/{group}/users/{user}", status=204)
    assert not cloud.valid(caller.token)
    cloud.admin("GET", f"/v3/groups/{group}/users/{user}", status=404)


def test_implied_and_domain_roles(cloud):
    one = cloud.admin("POST", "/v3/roles", {"role": {"name": "one"}}, 201)["role"]["id"]
    two = cloud.admin("POST", "/v3/roles", {"role": {"name": "two"}}, 201)["role"]["id"]
    url = f"/v3/roles/{one}/implies/{two}"
    made = cloud.admin("PUT", url, status=201)["role_inference"]
    assert made["prior_role"]["name"] == "one" and made["implies"]["name"] == "two"
    assert cloud.admin.call("HEAD", url).status_code == 204
    cloud.admin("PUT", url, status=409)
    cloud.admin("PUT", f"/v3/roles/{two}/implies/{one}", status=201)  # a circle makes both equal, as upstream
    cloud.admin("DELETE", f"/v3/roles/{two}/implies/{one}", status=204)
    cloud.admin("PUT", f"/v3/roles/{one}/implies/{cloud.roles['admin']}", status=403)
    own = cloud.admin("POST", "/v3/roles", {"role": {"name": "own", "domain_id": "default"}}, 201)["role"]["id"]
    cloud.admin("PUT", f"/v3/roles/{own}/implies/{one}", status=201)
    user = cloud.user("u")
    cloud.admin("PUT", f"/v3/projects/{cloud.projects['demo']}/users/{user}/roles/{own}", status=204)
    token = cloud.issue(cloud.auth("u", "pw", {"project": {"id": cloud.projects["demo"]}})).get_json()["token"]
    assert [r["name"] for r in token["roles"]] == ["one", "two"]
    assert "own" not in [r["name"] for r in cloud.admin("GET", "/v3/roles")["roles"]]
    assert [r["name"] for r in cloud.admin("GET", "/v3/roles?domain_id=default")["roles"]] == ["own"]
    found = cloud.admin("GET", f"/v3/role_assignments?effective&user.id={user}")["role_assignments"]
    assert sorted(a["role"]["id"] for a in found) == sorted([one, two])


def test_inherited_roles_reach_projects_below(cloud):
    user = cloud.user("u")
    top = project(cloud, "top")["id"]
    leaf = project(cloud, "leaf", parent_id=top)["id"]
    reader = cloud.roles["reader"]
    cloud.admin("PUT", f"/v3/OS-INHERIT/projects/{top}/users/{user}/roles/{reader}/inherited_to_projects", status=204)
    assert cloud.issue(cloud.auth("u", "pw", {"project": {"id": top}})).status_code == 401
    caller = cloud.login("u", "pw", {"project": {"id": leaf}})
    assert [p["id"] for p in caller("GET", "/v3/auth/projects")["projects"]] == [leaf]
    found = cloud.admin("GET", f"/v3/role_assignments?effective&user.id={user}")["role_assignments"]
    assert [a["scope"]["project"]["id"] for a in found] == [leaf]
    found = cloud.admin("GET", f"/v3/role_assignments?user.id={user}&include_names")["role_assignments"]
    assert found[0]["scope"] == {"project": {"id": top, "name": "top", "domain": {"id": "default", "name": "Default"}},
                                 "OS-INHERIT:inherited_to": "projects"}
    assert found[0]["user"]["domain"]["name"] == "Default"
    cloud.admin("GET", f"/v3/role_assignments?effective&group.id={user}", status=400)


def test_catalog(cloud):
    service = cloud.admin("POST", "/v3/services", {"service": {"type": "compute", "name": "nova"}}, 201)["service"]["id"]
    endpoint = {"service_id": service, "interface": "public", "region_id": "RegionOne", "url": "http://n/%(project_id)s"}
    made = cloud.admin("POST", "/v3/endpoints", {"endpoint": endpoint}, 201)["endpoint"]
    assert made["region"] == "RegionOne" and made["enabled"] is True
    for wrong in ({"url": "http://n/%(nothing)s"}, {"service_id": "0" * 32}, {"region_id": "nowhere"}, {"interface": "x"}):
        cloud.admin("POST", "/v3/endpoints", {"endpoint": {**endpoint, **wrong}}, 400)
    found = [e for e in cloud.demo()("GET", "/v3/auth/catalog")["catalog"] if e["type"] == "compute"]
    assert found[0]["endpoints"][0]["url"] == f"http://n/{cloud.projects['demo']}"
    cloud.admin("DELETE", "/v3/regions/RegionOne", status=403)
    other = cloud.admin("POST", "/v3/endpoints", {"endpoint": {**endpoint, "interface": "internal"}}, 201)["endpoint"]["id"]
    cloud.admin("PUT", f"/v3/OS-EP-FILTER/projects/{cloud.projects['demo']}/endpoints/{other}", status=204)
    assert [e["id"] for s in cloud.demo()("GET", "/v3/auth/catalog")["catalog"] for e in s["endpoints"]] == [other]
    cloud.admin("DELETE", f"/v3/services/{service}", status=204)
    cloud.admin("GET", f"/v3/endpoints/{made['id']}", status=404)
