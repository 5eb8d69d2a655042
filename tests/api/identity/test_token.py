"""Issue, validate, revoke; what a token dies of."""

import time

import pytest

from common import clock
from common.db.session import counted
from services.identity.domain.hashing import Hasher

DEMO = {"project": {"name": "demo", "domain": {"name": "Default"}}}


def test_a_token_says_who_where_and_with_which_roles(cloud):
    response = cloud.issue(cloud.auth("admin", "secret", {"project": {"name": "admin", "domain": {"id": "default"}}}))
    assert response.status_code == 201
    token = response.get_json()["token"]
    assert token["project"]["name"] == "admin" and token["user"]["domain"] == {"id": "default", "name": "Default"}
    assert [r["name"] for r in token["roles"]] == ["admin", "manager", "member", "reader"]
    assert token["catalog"][0]["endpoints"][0]["url"] == "http://test:5000/v3"
    assert len(response.headers["X-Subject-Token"]) < 255
    assert token["issued_at"].endswith(".000000Z") and token["methods"] == ["password"] and token["is_domain"] is False


def test_every_answer_says_that_it_depends_on_the_token(cloud):
    asked = cloud.admin.call
    answers = [asked("GET", "/v3/users"), asked("DELETE", "/v3/users/none"), cloud.anonymous.call("GET", "/v3"),
               cloud.anonymous.call("GET", "/v3/users"), cloud.anonymous.call("GET", "/nowhere"),
               cloud.issue(cloud.auth("demo", "demo")), asked("POST", "/v3/users", {"user": {}}), asked("PUT", "/v3/users")]
    assert [r.status_code for r in answers] == [200, 404, 200, 401, 404, 201, 400, 405]
    assert {r.headers.get("Vary") for r in answers} == {"X-Auth-Token"}


@pytest.mark.parametrize("scope,key", [({"system": {"all": True}}, "system"), ("unscoped", None), (None, None)])
def test_scopes_of_admin(cloud, scope, key):
    token = cloud.issue(cloud.auth("admin", "secret", scope)).get_json()["token"]
    assert not {"project", "domain", "system"} - {key} & set(token)
    assert ("roles" in token) == (key is not None)


def test_wrong_name_and_wrong_password_look_alike(cloud):
    wrong = [cloud.issue(cloud.auth("admin", "no")), cloud.issue(cloud.auth("nobody", "no")),
             cloud.issue(cloud.auth("admin", "secret", domain="nowhere")),
             cloud.issue(cloud.auth("demo", "demo", {"project": {"id": cloud.projects["admin"]}}))]
    assert {r.status_code for r in wrong} == {401}
    assert {r.text for r in wrong} == {wrong[0].text}
    assert wrong[0].get_json() == {"error": {"code": 401, "title": "Unauthorized",
                                             "message": "The request you have made requires authentication."}}


def test_a_wrong_name_costs_one_hash_too(cloud, monkeypatch):
    hashed = []
    check = cloud.state.hasher._matches
    monkeypatch.setattr(type(cloud.state.hasher), "_matches", lambda self, *a: hashed.append(a) or check(*a))
    gone = cloud.user("gone", enabled=False)
    bare = cloud.admin("POST", "/v3/users", {"user": {"name": "bare"}}, 201)["user"]["id"]
    named = {"name": "none", "secret": "no", "user": {"id": "none"}}
    secret = {"methods": ["application_credential"], "application_credential": named}
    change = {"user": {"original_password": "no", "password": "x"}}
    for number, ask in enumerate((
        lambda: cloud.issue(cloud.auth("admin", "no")), lambda: cloud.issue(cloud.auth("nobody", "no")),
        lambda: cloud.issue(cloud.auth("gone", "pw")), lambda: cloud.issue(cloud.auth("bare", "")),
        lambda: cloud.issue(cloud.auth("admin", "no", domain="nowhere")), lambda: cloud.issue({"auth": {"identity": secret}}),
        *(lambda u=u: cloud.anonymous.call("POST", f"/v3/users/{u}/password", change) for u in (gone, bare, "none")),
    ), 1):
        response = ask()
        assert response.status_code == 401 and len(hashed) == number
        assert response.get_json()["error"]["message"] == "The request you have made requires authentication."


@pytest.mark.parametrize("algorithm", ["bcrypt", "scrypt"])
def test_the_hash_for_nobody_takes_as_long_as_a_real_one(algorithm):
    hasher = Hasher(algorithm, 10)
    stored, used = hasher.hash("x"), {}
    for what in (stored, None, stored, None, stored, None):  # the least of three: a busy machine only adds
        start = time.thread_time()
        assert not hasher.check("y", what)
        used[what] = min(used.get(what, 9.0), time.thread_time() - start)
    assert 0.5 < used[None] / used[stored] < 2


def test_default_project_is_the_default_scope(cloud):
    user_id = cloud.user("ann", default_project_id=cloud.projects["demo"])
    assert "project" not in cloud.issue(cloud.auth("ann", "pw")).get_json()["token"]
    cloud.admin("PUT", f"/v3/projects/{cloud.projects['demo']}/users/{user_id}/roles/{cloud.roles['reader']}", status=204)
    assert cloud.issue(cloud.auth("ann", "pw")).get_json()["token"]["project"]["name"] == "demo"
    assert "project" not in cloud.issue(cloud.auth("ann", "pw", "unscoped")).get_json()["token"]


def test_rescoping_keeps_the_end_and_the_chain(cloud):
    first = cloud.login("demo", "demo")
    body = {"auth": {"identity": {"methods": ["token"], "token": {"id": first.token}}, "scope": DEMO}}
    response = cloud.issue(body)
    token, old = response.get_json()["token"], first("GET", "/v3/auth/tokens", X_Subject_Token=first.token)["token"]
    assert token["expires_at"] == old["expires_at"] and token["methods"] == ["password", "token"]
    assert token["audit_ids"][1] == old["audit_ids"][0] and token["audit_ids"][0] != old["audit_ids"][0]


def test_validate_and_revoke(cloud):
    demo = cloud.demo()
    assert demo("GET", "/v3/auth/tokens", X_Subject_Token=demo.token)["token"]["user"]["name"] == "demo"
    assert demo.call("HEAD", "/v3/auth/tokens", headers={"X-Subject-Token": demo.token}).status_code == 200
    demo("GET", "/v3/auth/tokens", X_Subject_Token=cloud.admin.token, status=403)
    service = cloud.login("nova", "nova", {"project": {"name": "service", "domain": {"id": "default"}}})
    assert "catalog" not in service("GET", "/v3/auth/tokens?nocatalog", X_Subject_Token=demo.token)["token"]
    demo("DELETE", "/v3/auth/tokens", X_Subject_Token=demo.token, status=204)
    assert not cloud.valid(demo.token)
    demo("GET", "/v3/auth/projects", status=401)
    service("GET", "/v3/auth/tokens", X_Subject_Token=demo.token, status=404)
    service("GET", "/v3/auth/tokens", X_Subject_Token="nonsense", status=404)
    service("GET", "/v3/auth/tokens", status=404)


def _disable_project(cloud):
    cloud.admin("PATCH", f"/v3/projects/{cloud.projects['demo']}", {"project": {"enabled": False}})


def _delete_project(cloud):
    cloud.admin("DELETE", f"/v3/projects/{cloud.projects['demo']}", status=204)


def _take_role(cloud):
    user_id = cloud.admin("GET", "/v3/users?name=demo")["users"][0]["id"]
    cloud.admin("DELETE", f"/v3/projects/{cloud.projects['demo']}/users/{user_id}/roles/{cloud.roles['member']}", status=204)


def _change_user(**values):
    def change(cloud):
        user_id = cloud.admin("GET", "/v3/users?name=demo")["users"][0]["id"]
        cloud.admin("PATCH", f"/v3/users/{user_id}", {"user": values})
    return change


def _delete_user(cloud):
    user_id = cloud.admin("GET", "/v3/users?name=demo")["users"][0]["id"]
    cloud.admin("DELETE", f"/v3/users/{user_id}", status=204)


@pytest.mark.parametrize("end", [_disable_project, _delete_project, _take_role, _change_user(enabled=False), _delete_user,
                                 _change_user(password="other")])
def test_a_token_dies_with_what_it_stands_on(cloud, end):
    demo = cloud.demo()
    assert cloud.valid(demo.token)
    end(cloud)
    assert not cloud.valid(demo.token)
    demo("GET", "/v3/auth/projects", status=401)


def test_a_disabled_user_enabled_again_needs_a_new_token(cloud):
    demo = cloud.demo()
    _change_user(enabled=False)(cloud)
    _change_user(enabled=True)(cloud)
    assert not cloud.valid(demo.token)
    assert cloud.valid(cloud.demo().token)


def test_expiry_and_allow_expired(cloud):
    with clock.frozen(1_800_000_000.0) as time:
        demo, service = cloud.demo(), None
        time.advance(cloud.conf.token.expiration + 1)
        demo("GET", "/v3/auth/projects", status=401)
        service = cloud.login("nova", "nova", {"project": {"name": "service", "domain": {"id": "default"}}})
        service("GET", "/v3/auth/tokens", X_Subject_Token=demo.token, status=404)
        service("GET", "/v3/auth/tokens?allow_expired=1", X_Subject_Token=demo.token)
        time.advance(cloud.conf.token.allow_expired_window)
        service = cloud.login("nova", "nova", {"project": {"name": "service", "domain": {"id": "default"}}})
        service("GET", "/v3/auth/tokens?allow_expired=1", X_Subject_Token=demo.token, status=404)


def test_validation_of_a_known_token_is_one_query(cloud):
    demo = cloud.demo()
    service = cloud.login("nova", "nova", {"project": {"name": "service", "domain": {"id": "default"}}})
    service("GET", "/v3/auth/tokens", X_Subject_Token=demo.token)
    with counted(cloud.db) as seen:
        service("GET", "/v3/auth/tokens", X_Subject_Token=demo.token)
    assert len([s for s in seen if s.startswith("SELECT")]) == 1


def test_identity_headers_are_not_believed(cloud):
    forged = {"X-Identity-Status": "Confirmed", "X-User-Id": "x", "X-Roles": "admin", "X-Project-Id": "y",
              "X-Is-Admin": "True", "X-System-Scope": "all", "X-Service-Roles": "service"}
    assert cloud.anonymous.call("GET", "/v3/users", headers=forged).status_code == 401
    demo = cloud.demo()
    assert demo.call("GET", "/v3/users", headers=forged).status_code == 403


def test_jws_tokens(make_cloud):
    cloud = make_cloud(token__provider="jws")
    demo = cloud.demo()
    assert demo.token.count(".") == 2 and cloud.valid(demo.token)
    head, body, signature = demo.token.split(".")
    assert not cloud.valid(f"{head}.{body}.{signature[::-1]}")
    cloud.state.tokens.tokens.rotate()
    assert cloud.valid(demo.token) and cloud.valid(cloud.demo().token)


def test_keys_rotate_without_a_failed_request(cloud):
    demo = cloud.demo()
    keys = cloud.state.tokens.tokens.keys
    keys.rotate()
    cloud.state.tokens._found.clear()
    assert cloud.valid(demo.token) and cloud.valid(cloud.demo().token)
    for _ in range(2):
        keys.rotate()
    cloud.state.tokens._found.clear()
    assert cloud.anonymous.call("GET", "/v3/auth/projects", headers={"X-Auth-Token": demo.token}).status_code == 401


def test_versions(cloud):
    index = cloud.anonymous.call("GET", "/")
    assert index.status_code == 300 and index.get_json()["versions"]["values"][0]["id"] == "v3.14"
    assert cloud.anonymous("GET", "/v3")["version"]["status"] == "stable"
    assert cloud.anonymous("GET", "/v3/")["version"]["links"][0]["href"] == "http://localhost/v3/"
