"""Forged headers, delegated tokens, replayed signatures, odd paths, broken and huge bodies: 4xx, and nothing changes."""
# ruff: noqa: E501

import base64
import hashlib
import hmac
import itertools
import pathlib

import orjson
import pytest

from common import clock
from common.db.session import counted

FORGED = {
    "X-Identity-Status": "Confirmed", "X-Service-Identity-Status": "Confirmed", "X-User-Id": "x", "X-User-Name": "admin",
    "X-User-Domain-Id": "default", "X-Project-Id": "y", "X-Project-Name": "admin", "X-Domain-Id": "default", "X-Roles": "admin",
    "X-Role": "admin", "X-Service-Roles": "service", "X-Is-Admin-Project": "True", "Openstack-System-Scope": "all",
    "X-System-Scope": "all", "Remote-User": "admin", "X-Remote-User": "admin", "X-Forwarded-User": "admin",
    "X-Auth-User": "admin", "X-Tenant": "admin", "X-Access-Rules": "[]",
}


def writes(seen):
    """Statements that change something; moving the change number is how a change begins, and is undone with it."""
    return [s for s in seen if not s.lstrip("( ").startswith(("SELECT", "WITH", "BEGIN", "UPDATE changes"))]


@pytest.fixture
def me(cloud):
    return cloud.admin("GET", "/v3/users?name=demo")["users"][0]["id"]


@pytest.mark.parametrize("name", FORGED)
def test_headers_that_pretend_an_identity(cloud, me, name):
    demo, headers = cloud.demo(), {name: FORGED[name]}
    with counted(cloud.db) as seen:
        for method, path, body in (("GET", "/v3/users", None), ("POST", "/v3/users", {"user": {"name": "x"}}),
                                   ("DELETE", f"/v3/users/{me}", None), ("POST", "/v3/ec2tokens", {"credentials": {
                                       "access": "a", "signature": "b"}})):
            assert cloud.anonymous.call(method, path, body, headers).status_code == 401
            assert cloud.anonymous.call(method, path, body, FORGED).status_code == 401
            assert demo.call(method, path, body, headers).status_code == 403
    assert not writes(seen)


def test_a_service_token_gives_its_user_nothing(cloud, me):
    demo = cloud.demo()
    service = cloud.login("nova", "nova", {"project": {"name": "service", "domain": {"id": "default"}}})
    for token in (service.token, cloud.admin.token, "nonsense", "", "a" * 10000):
        demo("GET", "/v3/users", status=403, X_Service_Token=token)
        demo("DELETE", f"/v3/users/{me}", status=403, X_Service_Token=token)


@pytest.mark.parametrize("token", ["", "x", "a" * 20000, "gAAAAA" + "A" * 300, "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "\u00e9", "null"])
def test_tokens_that_are_none(cloud, token):
    for path in ("/v3/users", "/v3/auth/projects", "/v3/projects"):
        assert cloud.anonymous.call("GET", path, headers={"X-Auth-Token": token}).status_code == 401
    assert cloud.admin.call("GET", "/v3/auth/tokens", headers={"X-Subject-Token": token}).status_code == 404


def test_a_jws_without_signature_or_with_another_algorithm(make_cloud):
    cloud = make_cloud(token__provider="jws")
    head, body, signature = cloud.admin.token.split(".")

    def part(data):
        return base64.urlsafe_b64encode(orjson.dumps(data)).decode().rstrip("=")

    secret = next(pathlib.Path(cloud.state.tokens.tokens.folder, "public").iterdir()).read_bytes()
    forged = part({"alg": "HS256", "typ": "JWT"})
    mac = hmac.new(secret, f"{forged}.{body}".encode(), hashlib.sha256).digest()
    for token in (f"{part({'alg': 'none'})}.{body}.", f"{head}.{body}.", f"{head}.{part({'sub': 'x'})}.{signature}",
                  f"{forged}.{body}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"):
        assert cloud.anonymous.call("GET", "/v3/auth/projects", headers={"X-Auth-Token": token}).status_code == 401


# bodies


def smuggled(me):
    """What a policy might be told, by every name a rule knows."""
    return {"target": {"user": {"id": me, "domain_id": "default"}}, "target.user.id": me, "target.user.domain_id": "default",
            "target.project.id": me, "target.credential.user_id": me, "target.trust.trustor_user_id": me, "target.domain.id": "default",
            "target.group.domain_id": "default", "target.role.name": "reader", "user_id": me, "project_id": me,
            "domain_id": "default", "system_scope": "all", "roles": ["admin"], "is_admin": True, "token": {"domain": {"id": "default"}}}


@pytest.mark.parametrize("where", ["body", "inside", "query"])
def test_bodies_and_queries_name_no_policy_target(cloud, me, where):
    admin, admin_project = cloud.made["admin_id"], cloud.projects["admin"]
    demo, more = cloud.demo(), smuggled(me)
    group = cloud.admin("POST", "/v3/groups", {"group": {"name": "g"}}, 201)["group"]["id"]
    query = "?" + "&".join(f"{k}={v}" for k, v in more.items() if isinstance(v, str)) if where == "query" else ""
    requests = [
        ("PATCH", f"/v3/users/{admin}", "user", {"enabled": False}), ("DELETE", f"/v3/users/{admin}", None, None),
        ("POST", "/v3/users", "user", {"name": "x"}), ("GET", f"/v3/users/{admin}", None, None),
        ("PATCH", f"/v3/projects/{admin_project}", "project", {"enabled": False}),
        ("DELETE", f"/v3/projects/{admin_project}", None, None), ("POST", "/v3/projects", "project", {"name": "x"}),
        ("PATCH", "/v3/domains/default", "domain", {"enabled": False}), ("PUT", f"/v3/groups/{group}/users/{me}", None, None),
        ("PUT", f"/v3/projects/{admin_project}/users/{me}/roles/{cloud.roles['admin']}", None, None),
        ("PUT", f"/v3/system/users/{me}/roles/{cloud.roles['reader']}", None, None),
        ("POST", "/v3/credentials", "credential", {"user_id": admin, "type": "cert", "blob": "b"}),
        ("POST", f"/v3/users/{admin}/credentials/OS-EC2", None, {"tenant_id": admin_project}),
        ("POST", "/v3/OS-TRUST/trusts", "trust", {"trustor_user_id": admin, "trustee_user_id": me, "impersonation": True}),
        ("POST", "/v3/roles", "role", {"name": "x"}), ("DELETE", f"/v3/users/{admin}/tokens", None, None),
    ]
    with counted(cloud.db) as seen:
        for method, path, key, values in requests:
            if where == "inside" and values is not None:
                values = {**more, **values}
            body = {key: values} if key else values
            if where == "body":
                body = {**more, **(body or {})}
            response = demo.call(method, path + query, body)
            assert response.status_code in (400, 403), (method, path, response.status_code, response.text)
    assert not writes(seen)


def test_a_credential_stays_with_its_owner(cloud, me):
    demo = cloud.demo()
    made = demo("POST", "/v3/credentials", {"credential": {"user_id": me, "type": "cert", "blob": "b"}}, 201)["credential"]
    for name, value in (("user_id", cloud.made["admin_id"]), ("project_id", cloud.projects["admin"]), ("type", "ec2"), ("id", "x")):
        demo("PATCH", f"/v3/credentials/{made['id']}", {"credential": {"blob": "c", name: value}}, 400)
    assert demo("GET", f"/v3/credentials/{made['id']}")["credential"] == made


# delegated tokens


def by_application_credential(cloud, me, demo, unrestricted):
    made = demo("POST", f"/v3/users/{me}/application_credentials", {"application_credential": {
        "name": "a", "unrestricted": unrestricted}}, 201)["application_credential"]
    named = {"id": made["id"], "secret": made["secret"]}
    return cloud.issue({"auth": {"identity": {"methods": ["application_credential"], "application_credential": named}}})


def by_trust(cloud, me, demo, impersonation):
    friend = cloud.user("friend")
    trust = demo("POST", "/v3/OS-TRUST/trusts", {"trust": {
        "trustor_user_id": me, "trustee_user_id": friend, "impersonation": impersonation, "project_id": cloud.projects["demo"],
        "roles": [{"name": "member"}]}}, 201)["trust"]["id"]
    return cloud.issue(cloud.auth("friend", "pw", {"OS-TRUST:trust": {"id": trust}}))


def by_access_key(cloud, me, demo, signed):
    key = demo("POST", f"/v3/users/{me}/credentials/OS-EC2", {"tenant_id": cloud.projects["demo"]}, 201)["credential"]
    params = {"SignatureVersion": "2", "SignatureMethod": "HmacSHA256", "Timestamp": clock.iso(clock.now())}
    service = cloud.login("nova", "nova", {"project": {"name": "service", "domain": {"id": "default"}}})
    return service.call("POST", "/v3/ec2tokens", {"credentials": {
        "access": key["access"], "host": "h", "verb": "GET", "path": "/", "params": params,
        "signature": ec2_signature(key["secret"], params)}})


@pytest.mark.parametrize("start,kind", [*itertools.product([by_application_credential, by_trust], [True, False]),
                                        (by_access_key, True)])
def test_delegated_tokens_make_no_secrets_and_no_delegations(cloud, me, start, kind):
    demo = cloud.demo()
    key = demo("POST", "/v3/credentials", {"credential": {"user_id": me, "type": "cert", "blob": "b"}}, 201)["credential"]["id"]
    response = start(cloud, me, demo, kind)
    caller = type(demo)(cloud.app, response.headers["X-Subject-Token"])
    own = response.get_json()["token"]["user"]["id"]
    project = cloud.projects["demo"]
    rescope = {"auth": {"identity": {"methods": ["token"], "token": {"id": caller.token}}, "scope": {"project": {"id": project}}}}
    requests = [
        ("POST", "/v3/credentials", {"credential": {"user_id": own, "type": "cert", "blob": "b"}}),
        ("POST", "/v3/credentials", {"credential": {"user_id": own, "type": "ec2", "project_id": project,
                                                    "blob": '{"access": "a", "secret": "s"}'}}),
        ("GET", f"/v3/credentials/{key}", None),
        ("PATCH", f"/v3/credentials/{key}", {"credential": {"blob": "c"}}), ("DELETE", f"/v3/credentials/{key}", None),
        ("POST", f"/v3/users/{own}/credentials/OS-EC2", {"tenant_id": project}),
        ("GET", f"/v3/users/{own}/credentials/OS-EC2", None), ("POST", "/v3/auth/tokens", rescope),
        ("POST", "/v3/OS-TRUST/trusts", {"trust": {"trustor_user_id": own, "trustee_user_id": cloud.made["admin_id"],
                                                   "impersonation": True, "project_id": project, "roles": [{"name": "member"}]}}),
    ]
    if start is not by_application_credential or not kind:
        requests.append(("POST", f"/v3/users/{own}/application_credentials", {"application_credential": {"name": "more"}}))
    if start is not by_application_credential:
        requests += reads_of_application_credentials(cloud, demo, own, me)
    if start is not by_trust:
        requests += [("GET", f"/v3/OS-TRUST/trusts{more}", None) for more in (
            "?trustor_user_id=" + own, "?trustee_user_id=" + own, *trust_of(cloud, demo, me))]
    with counted(cloud.db) as seen:
        assert caller("GET", "/v3/credentials")["credentials"] == []
        for method, path, body in requests:
            answer = caller.call(method, path, body)
            assert answer.status_code in (400, 401, 403, 404), (method, path, answer.status_code, answer.text)
    assert not writes(seen)


def reads_of_application_credentials(cloud, demo, own, me):
    rule = {"service": "compute", "method": "GET", "path": "/v2.1/servers"}
    made = demo("POST", f"/v3/users/{me}/application_credentials", {"application_credential": {
        "name": "b", "access_rules": [rule]}}, 201)["application_credential"]
    one, rules = f"/v3/users/{me}/application_credentials/{made['id']}", f"/v3/users/{me}/access_rules"
    return [("GET", f"/v3/users/{own}/application_credentials", None), ("GET", one, None), ("DELETE", one, None),
            ("GET", f"/v3/users/{own}/access_rules", None), ("GET", f"{rules}/{made['access_rules'][0]['id']}", None)]


def trust_of(cloud, demo, me):
    made = demo("POST", "/v3/OS-TRUST/trusts", {"trust": {
        "trustor_user_id": me, "trustee_user_id": cloud.user("other"), "impersonation": True,
        "project_id": cloud.projects["demo"], "roles": [{"name": "member"}]}}, 201)["trust"]
    return [f"/{made['id']}", f"/{made['id']}/roles", f"/{made['id']}/roles/{made['roles'][0]['id']}"]


def test_a_token_for_the_system_is_exchanged_for_none_of_a_project_or_domain(cloud):
    token = cloud.login("admin", "secret", {"system": {"all": True}}).token
    identity = {"methods": ["token"], "token": {"id": token}}
    for scope, status in (({"project": {"id": cloud.projects["admin"]}}, 403), ({"domain": {"id": "default"}}, 403),
                          ({"system": {"all": True}}, 201), ("unscoped", 201)):
        assert cloud.issue({"auth": {"identity": identity, "scope": scope}}).status_code == status


# signatures


def ec2_signature(secret, params, host="h", verb="GET", path="/"):
    from urllib.parse import quote

    query = "&".join(f"{quote(k, safe='-_~')}={quote(str(v), safe='-_~')}" for k, v in sorted(params.items()))
    made = hmac.new(secret.encode(), f"{verb}\n{host}\n{path}\n{query}".encode(), hashlib.sha256).digest()
    return base64.b64encode(made).decode()


def test_signed_requests_are_good_for_a_while_and_for_services_only(cloud, me):
    demo = cloud.demo()
    key = demo("POST", f"/v3/users/{me}/credentials/OS-EC2", {"tenant_id": cloud.projects["demo"]}, 201)["credential"]
    scope = {"project": {"name": "service", "domain": {"id": "default"}}}

    def ask(caller, when, **changed):
        params = {"SignatureVersion": "2", "SignatureMethod": "HmacSHA256", **({"Timestamp": when} if when else {})}
        given = {"access": key["access"], "host": "h", "verb": "GET", "path": "/", "params": params,
                 "signature": ec2_signature(key["secret"], params), **changed}
        return caller.call("POST", "/v3/ec2tokens", {"credentials": given}).status_code

    with clock.frozen(clock.time()) as time:
        service, now = cloud.login("nova", "nova", scope), clock.iso(clock.now())
        assert ask(service, now) == 200
        assert [ask(caller, now) for caller in (cloud.anonymous, demo)] == [401, 403]
        assert [ask(service, when) for when in (None, "", "soon", "2001-01-01T00:00:00Z", "2099-01-01T00:00:00Z")] == [401] * 5
        for changed in ({"verb": "POST"}, {"path": "/x"}, {"host": "other"}, {"signature": ""}, {"signature": "\u00e9"},
                        {"access": "nobody"}, {"params": {"SignatureVersion": "2", "Timestamp": now, "Action": "Run"}},
                        {"params": []}, {"headers": "x"}, {"signature": 5}):
            assert ask(service, now, **changed) in (400, 401, 404), changed
        time.advance(60 * cloud.conf.credential.auth_ttl + 1)
        assert ask(cloud.login("nova", "nova", scope), now) == 401


def test_a_signature_ends_when_it_says_and_never_late(cloud, me):
    key = cloud.demo()("POST", f"/v3/users/{me}/credentials/OS-EC2", {"tenant_id": cloud.projects["demo"]}, 201)["credential"]
    service = cloud.login("nova", "nova", {"project": {"name": "service", "domain": {"id": "default"}}})
    for seconds, status in ((60, 200), (-1, 401), (7 * 86400, 401)):
        params = {"SignatureVersion": "2", "SignatureMethod": "HmacSHA256", "Expires": clock.iso(clock.after(seconds))}
        service("POST", "/v3/ec2tokens", {"credentials": {
            "access": key["access"], "host": "h", "verb": "GET", "path": "/", "params": params,
            "signature": ec2_signature(key["secret"], params)}}, status)


def test_s3_answers_hold_no_token(cloud, me):
    key = cloud.demo()("POST", f"/v3/users/{me}/credentials/OS-EC2", {"tenant_id": cloud.projects["demo"]}, 201)["credential"]
    signed = base64.urlsafe_b64encode(b"GET\n\n\nnow\n/b").decode()
    signature = base64.b64encode(hmac.new(key["secret"].encode(), b"GET\n\n\nnow\n/b", hashlib.sha1).digest()).decode()
    body = {"credentials": {"access": key["access"], "token": signed, "signature": signature}}
    service = cloud.login("nova", "nova", {"project": {"name": "service", "domain": {"id": "default"}}})
    response = service.call("POST", "/v3/s3tokens", body)
    assert response.status_code == 200 and "X-Subject-Token" not in response.headers
    assert [c.call("POST", "/v3/s3tokens", body).status_code for c in (cloud.anonymous, cloud.demo())] == [401, 403]
    for changed in ({"signature": "no"}, {"token": "!!!"}, {"token": ""}, {"token": signed + "AAAA"}, {"access": "x"}):
        assert service.call("POST", "/v3/s3tokens", {"credentials": {**body["credentials"], **changed}}).status_code in (
            400, 401, 404)


# paths and bodies


@pytest.mark.parametrize("path", [
    "//v3/users", "/v3//users", "/v3/./users/..", "/v3/users/../users", "/v3/users/%2e%2e/projects", "/v3/users/..%2f..",
    "/v3/users%00", "/v3/users/%00", "/v3/users/%0a", "/v3/users/x%ff", "/v3/users/\u00e9", "/v3/users/%F0%9F%92%A9",
    "/v3/users/x/", "/V3/users", "/v3/Users", "/v3/users.json", "/v3/users/x;y=1", "/v3/users/" + "x" * 8000, "/v3/users/*",
    "/v3/users/x/../../projects", "/\\v3\\users", "/v3/projects/x/tags/a%2fb"])
def test_odd_paths(cloud, path):
    with counted(cloud.db) as seen:
        for method in ("GET", "DELETE", "PATCH", "PUT"):
            body = {} if method == "PATCH" else None
            assert 400 <= cloud.anonymous.call(method, path, body).status_code < 500
            assert 400 <= cloud.admin.call(method, path, body).status_code < 500
    assert not writes(seen)


def test_slashes_at_the_end_count_for_nothing(cloud, me):
    for path in ("/v3/users", f"/v3/users/{me}", "/v3/nothing", "/v3/users/none", "/v3"):
        for caller in (cloud.admin, cloud.anonymous, cloud.demo()):
            answers = [caller.call("GET", path + slashes) for slashes in ("", "/", "//", "///")]
            assert len({a.status_code for a in answers}) == 1, path


DEEP = b'{"user": ' + b'{"a": ' * 2000 + b"1" + b"}" * 2001
BROKEN = [b"", b"{", b"[]", b"null", b"true", b"5", b'"x"', b"\xff\xfe\x00", b"\xef\xbb\xbf{}", b"{'user': 1}", b"[" * 50000, DEEP,
          b'{"user": []}', b'{"user": null}', b'{"user": "x"}', b'{"user": {"name": {}}}', b'{"user": {"name": ["a"]}}',
          b'{"user": {"name": "a", "name": 5}}', b'{"user": {"name": "x", "enabled": "no"}}', b'{"user": {"name": 1e999}}',
          b'{"user": {"name": "\\ud800"}}', b'{"user": {"name": "x", "options": []}}', b'{"user": {"name": "' + b"x" * 300 + b'"}}',
          b'{"user": {"name": "x", "domain_id": ["default"]}}', b"<user/>", b"user=x", b'{"user": {"name": NaN}}']


@pytest.mark.parametrize("data", BROKEN, ids=lambda d: repr(d[:24]))
def test_broken_bodies_change_nothing(cloud, me, data):
    with counted(cloud.db) as seen:
        for method, path in (("POST", "/v3/users"), ("PATCH", f"/v3/users/{me}"), ("POST", f"/v3/users/{me}/password"),
                             ("POST", "/v3/projects"), ("POST", "/v3/limits"), ("POST", "/v3/auth/tokens")):
            response = cloud.admin.call(method, path, data=data, headers={"Content-Type": "application/json"})
            assert 400 <= response.status_code < 500, (method, path, response.status_code, response.text[:200])
    assert not writes(seen)


def test_bodies_may_not_be_huge(cloud):
    for path in ("/v3/users", "/v3/auth/tokens", "/v3/policies"):
        assert cloud.admin.call("POST", path, data=b'{"x": "' + b"a" * (3 << 20) + b'"}').status_code == 413
        assert cloud.anonymous.call("POST", path, data=b" " * (3 << 20)).status_code in (401, 413)


@pytest.mark.parametrize("query", ["limit=-1", "limit=x", "limit=1e9", "limit=" + "9" * 400, "enabled=perhaps", "domain_id=",
                                   "password_expires_at=soon", "password_expires_at=xx:2020-01-01T00:00:00Z"])
def test_wrong_queries(cloud, query):
    cloud.admin("GET", f"/v3/users?{query}", status=400)


@pytest.mark.parametrize("kind", ["tags", "tags-any", "not-tags", "not-tags-any"])
def test_a_filter_of_many_tags(cloud, kind):
    """SQLite takes no expression of so many parts."""
    found = cloud.admin("GET", f"/v3/projects?{kind}=" + ",".join(f"t{number}" for number in range(1500)))["projects"]
    assert bool(found) == kind.startswith("not-")
