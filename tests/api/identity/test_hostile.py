"""Bodies, headers and paths that mean harm get 4xx and change nothing."""
# ruff: noqa: E501

import pytest

from common.db.session import counted


@pytest.mark.parametrize("auth", [
    {}, {"identity": {}}, {"identity": {"methods": "password"}}, {"identity": {"methods": ["password"]}},
    {"identity": {"methods": ["password"], "password": {"user": "admin"}}},
    {"identity": {"methods": ["password"], "password": {"user": {"name": "admin", "password": "x"}}}},
    {"identity": {"methods": ["password"], "password": {"user": {"id": "x", "password": 7}}}},
    {"identity": {"methods": ["token"], "token": {"id": None}}},
    {"identity": {"methods": ["password"], "password": {"user": {"id": "x", "password": "x"}}},
     "scope": {"project": {"id": "a"}, "domain": {"id": "b"}}},
    {"identity": {"methods": ["password"], "password": {"user": {"id": "x", "password": "x"}}}, "scope": {"project": {"name": "a"}}},
    {"identity": {"methods": ["password"], "password": {"user": {"id": "x", "password": "x"}}}, "scope": {"system": {"all": 1}}},
])
def test_malformed_auth_is_400(cloud, auth):
    assert cloud.issue({"auth": auth}).status_code == 400


@pytest.mark.parametrize("auth", [
    {"identity": {"methods": []}}, {"identity": {"methods": ["external"], "external": {}}},
    {"identity": {"methods": ["password", "token"], "password": {"user": {"id": "x", "password": "x"}}, "token": {"id": "x"}}},
    {"identity": {"methods": ["token"], "token": {"id": "gAAAAAB" + "x" * 200}}},
    {"identity": {"methods": ["token"], "token": {"id": "\u0000\u20ac"}}},
    {"identity": {"methods": ["password"], "password": {"user": {"id": "' OR 1=1 --", "password": "x\u0000y"}}}},
])
def test_wrong_auth_is_401(cloud, auth):
    assert cloud.issue({"auth": auth}).status_code in (400, 401, 404)  # 404: a text that is no token, as upstream says


@pytest.mark.parametrize("data", [b"", b"{", b"null", b"[]", b"\xff\xfe", b"[" * 20000, b'{"auth": ' + b'"x"' + b"}"])
def test_broken_bodies(cloud, data):
    for method, path in (("POST", "/v3/auth/tokens"), ("POST", "/v3/users"), ("PATCH", "/v3/projects/x")):
        response = cloud.admin.call(method, path, data=data, headers={"Content-Type": "application/json"})
        assert 400 <= response.status_code < 500


def test_huge_bodies(cloud):
    assert cloud.admin.call("POST", "/v3/users", data=b" " * (2 << 20)).status_code == 413


@pytest.mark.parametrize("path", ["/v3/users/..%2f..", "/v3/users/%00", "/v3//users", "/v3/users/" + "x" * 4000, "/v3/projects/%27",
                                  "/V3/users/x", "/v3/users/x/", "/v3/nothing", "/v3/users/x;y"])
def test_odd_paths(cloud, path):
    assert cloud.admin.call("GET", path).status_code in (400, 404)
    assert cloud.anonymous.call("GET", path).status_code in (401, 404)


def test_bodies_cannot_smuggle_policy_targets(cloud):
    demo, me = cloud.demo(), cloud.admin("GET", "/v3/users?name=demo")["users"][0]["id"]
    smuggled = {"target": {"user": {"id": me, "domain_id": "default"}}, "target.user.id": me, "user_id": me, "domain_id": "default",
                "target.credential.user_id": me, "target.trust.trustor_user_id": me}
    admin = cloud.made["admin_id"]
    with counted(cloud.db) as seen:
        for beside, status in (({}, 403), (smuggled, 400)):
            demo("PATCH", f"/v3/users/{admin}?user_id={me}", {"user": {"enabled": False, **smuggled}, **beside}, status)
        for body, beside, status in (({"name": "x"}, {}, 403), ({"name": "x", **smuggled}, {}, 400), ({"name": "x"}, smuggled, 400)):
            demo("POST", f"/v3/users/{admin}/application_credentials", {"application_credential": body, **beside}, status)
        demo("POST", f"/v3/users/{admin}/credentials/OS-EC2", {"tenant_id": cloud.projects["admin"], **smuggled}, 403)
        demo("GET", f"/v3/users/{admin}?target.user.id={me}&user_id={me}", status=403)
        demo("POST", "/v3/OS-TRUST/trusts", {"trust": {**smuggled, "trustor_user_id": admin, "trustee_user_id": me,
                                                       "impersonation": True}}, 403)
    assert not [s for s in seen if not s.startswith(("SELECT", "WITH", "BEGIN"))]


def test_ids_of_a_body_do_not_win(cloud):
    made = cloud.admin("POST", "/v3/users", {"user": {"name": "x", "id": cloud.made["admin_id"], "failed_count": 9,
                                                      "password_expires_at": "2000-01-01"}}, 201)["user"]
    assert made["id"] != cloud.made["admin_id"] and made["password_expires_at"] is None
    cloud.admin("PATCH", f"/v3/users/{made['id']}", {"user": {"id": "y"}}, 400)
    cloud.admin("PATCH", f"/v3/users/{made['id']}", {"user": {"links": {}}})
    assert cloud.admin("GET", f"/v3/users/{made['id']}")["user"]["id"] == made["id"]


def test_a_user_cannot_raise_itself(cloud):
    demo, me = cloud.demo(), cloud.admin("GET", "/v3/users?name=demo")["users"][0]["id"]
    for place in (f"/v3/projects/{cloud.projects['demo']}", "/v3/domains/default", "/v3/system"):
        demo("PUT", f"{place}/users/{me}/roles/{cloud.roles['admin']}", status=403)
    demo("PUT", f"/v3/roles/{cloud.roles['member']}/implies/{cloud.roles['manager']}", status=403)


def test_the_manager_of_a_domain_grants_ordinary_roles_only(cloud):
    domain = cloud.admin("POST", "/v3/domains", {"domain": {"name": "d"}}, 201)["domain"]["id"]
    boss, worker = cloud.user("boss", domain=domain), cloud.user("worker", domain=domain)
    cloud.admin("PUT", f"/v3/domains/{domain}/users/{boss}/roles/{cloud.roles['manager']}", status=204)
    manager = cloud.login("boss", "pw", {"domain": {"id": domain}}, domain)
    place = manager("POST", "/v3/projects", {"project": {"name": "p", "domain_id": domain}}, 201)["project"]
    for noun in ("project", "user", "group"):  # what is made in no named domain is nobody's to manage
        manager("POST", f"/v3/{noun}s", {noun: {"name": "unplaced"}}, 403)
        manager("POST", f"/v3/{noun}s", {noun: {"name": "elsewhere", "domain_id": "default"}}, 403)
    manager("PUT", f"/v3/projects/{place['id']}/users/{worker}/roles/{cloud.roles['member']}", status=204)
    manager("PUT", f"/v3/projects/{place['id']}/users/{worker}/roles/{cloud.roles['admin']}", status=403)
    manager("PUT", f"/v3/projects/{cloud.projects['demo']}/users/{worker}/roles/{cloud.roles['member']}", status=403)
    manager("POST", "/v3/users", {"user": {"name": "z", "domain_id": "default"}}, 403)
    assert {u["name"] for u in manager("GET", "/v3/users")["users"]} == {"boss", "worker"}
    assert {d["name"] for d in manager("GET", "/v3/domains")["domains"]} == {"d"}
    assert {p["name"] for p in manager("GET", "/v3/projects")["projects"]} == {"p"}
    assert {r["name"] for r in manager("GET", "/v3/roles")["roles"]} == set(cloud.roles)
    manager("GET", "/v3/users?domain_id=default")
    assert manager("GET", "/v3/users?domain_id=default")["users"] == []
