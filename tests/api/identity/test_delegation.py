"""Trusts, application credentials, EC2 keys, passcodes: what is handed on, and what it must not become."""

import base64
import hashlib
import hmac

import orjson
import pytest
from tests_identity_cloud import Caller

from common import clock


def user_id(cloud, name):
    return cloud.admin("GET", f"/v3/users?name={name}")["users"][0]["id"]


@pytest.fixture
def trust(cloud):
    """(cloud, function that makes a trust of demo to ann)."""
    ann = cloud.user("ann")
    demo = cloud.demo()

    def make(caller=demo, status=201, **more):
        body = {"trustor_user_id": user_id(cloud, "demo"), "trustee_user_id": ann, "impersonation": False,
                "project_id": cloud.projects["demo"], "roles": [{"name": "member"}], **more}
        return caller("POST", "/v3/OS-TRUST/trusts", {"trust": body}, status).get("trust")

    return cloud, make


def use(cloud, trust_id, status=201):
    response = cloud.issue(cloud.auth("ann", "pw", {"OS-TRUST:trust": {"id": trust_id}}))
    assert response.status_code == status, response.text
    return Caller(cloud.app, response.headers.get("X-Subject-Token")), response.get_json().get("token")


@pytest.mark.parametrize("impersonation,name", [(True, "demo"), (False, "ann")])
def test_a_trust_gives_the_roles_it_names(trust, impersonation, name):
    cloud, make = trust
    made = make(impersonation=impersonation)
    assert made["roles"][0]["name"] == "member" and made["roles_links"]["next"] is None and made["deleted_at"] is None
    caller, token = use(cloud, made["id"])
    assert token["user"]["name"] == name and token["OS-TRUST:trust"]["impersonation"] is impersonation
    assert [r["name"] for r in token["roles"]] == ["member", "reader"]
    rescope = {"auth": {"identity": {"methods": ["token"], "token": {"id": caller.token}}}}
    assert cloud.issue(rescope).status_code == 403
    cloud.demo()("DELETE", f"/v3/OS-TRUST/trusts/{made['id']}", status=204)
    assert not cloud.valid(caller.token)
    use(cloud, made["id"], 401)


def test_a_trust_dies_with_the_trustors_role(trust):
    cloud, make = trust
    caller, _ = use(cloud, make()["id"])
    cloud.admin("DELETE", f"/v3/projects/{cloud.projects['demo']}/users/{user_id(cloud, 'demo')}/roles/"
                f"{cloud.roles['member']}", status=204)
    assert not cloud.valid(caller.token)


def test_trusts_are_used_up_and_run_out(trust):
    cloud, make = trust
    once = make(remaining_uses=1)["id"]
    use(cloud, once)
    use(cloud, once, 401)
    for method in ("GET", "DELETE"):
        cloud.demo()(method, f"/v3/OS-TRUST/trusts/{once}", status=404)
    make(expires_at="2000-01-01T00:00:00Z", status=400)
    made = make(expires_at=clock.iso(clock.after(60)))
    caller, token = use(cloud, made["id"])
    assert token["expires_at"] == made["expires_at"]
    with clock.frozen(clock.time() + 61):
        assert caller.call("GET", "/v3/auth/projects").status_code == 401


def test_a_trusts_token_shows_its_roles_whole_and_its_trustors_endpoints(trust):
    cloud, make = trust
    service = cloud.admin("POST", "/v3/services", {"service": {"type": "compute"}}, 201)["service"]["id"]
    cloud.admin("POST", "/v3/endpoints", {"endpoint": {
        "service_id": service, "interface": "public", "url": "http://x/$(user_id)s"}}, 201)
    _, token = use(cloud, make()["id"])
    assert token["roles"][0] == {"id": cloud.roles["member"], "name": "member", "domain_id": None, "description": None,
                                 "options": {"immutable": True}}
    urls = [e["url"] for s in token["catalog"] for e in s["endpoints"]]
    assert f"http://x/{user_id(cloud, 'demo')}" in urls


def test_only_ones_own_roles_can_be_trusted_away(trust):
    cloud, make = trust
    make(roles=[{"name": "admin"}], status=404)
    make(roles=[], status=403)
    make(caller=cloud.admin, status=403)
    make(impersonation="yes", status=400)


def test_a_role_that_several_domains_know_is_named_by_its_id(trust):
    cloud, make = trust
    cloud.admin("POST", "/v3/roles", {"role": {"name": "member", "domain_id": "default"}}, 201)
    make(roles=[{"name": "member"}], status=400)
    make(roles=[{"id": cloud.roles["member"]}])


def test_redelegation_without_impersonation_rests_on_the_first_trustor(cloud):
    ann, bob, demo = cloud.user("ann"), cloud.user("bob"), user_id(cloud, "demo")
    body = {"trustee_user_id": ann, "impersonation": False, "project_id": cloud.projects["demo"],
            "roles": [{"id": cloud.roles["member"]}]}
    first = cloud.demo()("POST", "/v3/OS-TRUST/trusts", {"trust": {
        **body, "trustor_user_id": demo, "allow_redelegation": True}}, 201)["trust"]["id"]
    caller = cloud.login("ann", "pw", {"OS-TRUST:trust": {"id": first}})
    onward = {**body, "trustor_user_id": ann, "trustee_user_id": bob, "redelegated_trust_id": first}
    for wrong, status in (({"impersonation": True}, 403), ({"roles": [{"id": cloud.roles["admin"]}]}, 404)):
        caller("POST", "/v3/OS-TRUST/trusts", {"trust": {**onward, **wrong}}, status)
    second = caller("POST", "/v3/OS-TRUST/trusts", {"trust": onward}, 201)["trust"]["id"]
    scope = {"OS-TRUST:trust": {"id": second}}
    caller = cloud.login("bob", "pw", scope)
    for changed in ({"enabled": False}, {"enabled": True}):  # who stands between stands for it
        cloud.admin("PATCH", f"/v3/users/{ann}", {"user": changed})
        assert cloud.issue(cloud.auth("bob", "pw", scope)).status_code == (201 if changed["enabled"] else 401)
    cloud.admin("DELETE", f"/v3/projects/{cloud.projects['demo']}/users/{demo}/roles/{cloud.roles['member']}", status=204)
    assert not cloud.valid(caller.token) and cloud.issue(cloud.auth("bob", "pw", scope)).status_code == 401


@pytest.mark.parametrize("impersonation", [True, False])
def test_a_trusts_tokens_die_with_its_trustors_password_too(trust, impersonation):
    cloud, make = trust
    caller, _ = use(cloud, make(impersonation=impersonation)["id"])
    assert cloud.valid(caller.token)
    cloud.admin("PATCH", f"/v3/users/{user_id(cloud, 'demo')}", {"user": {"password": "another"}})
    assert not cloud.valid(caller.token)


def test_redelegation_can_be_switched_off(make_cloud):
    cloud = make_cloud(trust__allow_redelegation=False)
    ann, demo = cloud.user("ann"), user_id(cloud, "demo")
    body = {"trustor_user_id": demo, "trustee_user_id": ann, "impersonation": True, "project_id": cloud.projects["demo"],
            "roles": [{"name": "member"}]}
    first = cloud.demo()("POST", "/v3/OS-TRUST/trusts", {"trust": {**body, "allow_redelegation": True}}, 201)["trust"]["id"]
    cloud.login("ann", "pw", {"OS-TRUST:trust": {"id": first}})("POST", "/v3/OS-TRUST/trusts", {"trust": body}, 403)


def test_redelegation(cloud):
    ann, bob, demo = cloud.user("ann"), cloud.user("bob"), user_id(cloud, "demo")
    body = {"trustor_user_id": demo, "trustee_user_id": ann, "impersonation": True, "project_id": cloud.projects["demo"],
            "roles": [{"name": "member"}], "allow_redelegation": True, "redelegation_count": 1}
    first = cloud.demo()("POST", "/v3/OS-TRUST/trusts", {"trust": body}, 201)["trust"]
    caller, _ = use(cloud, first["id"])
    onward = {k: v for k, v in body.items() if k not in ("allow_redelegation", "redelegation_count")}
    made = caller("POST", "/v3/OS-TRUST/trusts", {"trust": {**onward, "trustee_user_id": bob}}, 201)["trust"]
    assert made["redelegated_trust_id"] == first["id"] and made["redelegation_count"] == 0
    caller("POST", "/v3/OS-TRUST/trusts", {"trust": {**onward, "trustee_user_id": bob, "roles": [{"name": "admin"}]}}, 404)
    caller = cloud.login("bob", "pw", {"OS-TRUST:trust": {"id": made["id"]}})
    cloud.demo()("DELETE", f"/v3/OS-TRUST/trusts/{first['id']}", status=204)
    assert not cloud.valid(caller.token)


@pytest.fixture
def credential(cloud):
    demo = cloud.demo()
    url = f"/v3/users/{user_id(cloud, 'demo')}/application_credentials"

    def make(caller=demo, status=201, **more):
        return caller("POST", url, {"application_credential": {"name": "ac", **more}}, status).get("application_credential")

    def login(made, status=201, **scope):
        named = {"id": made["id"], "secret": made["secret"]}
        body = {"auth": {"identity": {"methods": ["application_credential"], "application_credential": named}, **scope}}
        response = cloud.issue(body)
        assert response.status_code == status, response.text
        return Caller(cloud.app, response.headers.get("X-Subject-Token"))

    return cloud, url, make, login


def test_application_credential(credential):
    cloud, url, make, login = credential
    made = make(roles=[{"name": "reader"}])
    assert made["project_id"] == cloud.projects["demo"] and made["unrestricted"] is False and len(made["secret"]) > 60
    caller = login(made)
    token = caller("GET", "/v3/auth/tokens", X_Subject_Token=caller.token)["token"]
    assert [r["name"] for r in token["roles"]] == ["reader"] and token["application_credential"]["restricted"] is True
    assert "secret" not in cloud.demo()("GET", f"{url}/{made['id']}")["application_credential"]
    make(status=409)
    login({**made, "secret": "no"}, 401)
    login(made, 401, scope={"project": {"id": cloud.projects["demo"]}})
    make(caller=caller, status=403, name="more")
    caller("DELETE", f"{url}/{made['id']}", status=403)
    make(name="strong", roles=[{"name": "admin"}], status=400)
    make(name="late", expires_at="2001-01-01T00:00:00", status=400)
    cloud.demo()("DELETE", f"{url}/{made['id']}", status=204)
    assert not cloud.valid(caller.token)


@pytest.mark.parametrize("unrestricted", [False, True])
def test_an_application_credential_cannot_grow_by_its_own_token(credential, unrestricted):
    cloud, _, make, login = credential
    caller = login(make(roles=[{"name": "reader"}], unrestricted=unrestricted))
    for scope in ({}, {"scope": {"project": {"id": cloud.projects["demo"]}}}, {"scope": "unscoped"}):
        response = cloud.issue({"auth": {"identity": {"methods": ["token"], "token": {"id": caller.token}}, **scope}})
        assert response.status_code == 403


def test_access_rules_hold_in_identity_too(credential):
    cloud, _, make, login = credential
    rules = [{"service": "identity", "method": "GET", "path": "/v3/auth/*"}]
    made = make(access_rules=rules)
    caller = login(made)
    caller("GET", "/v3/auth/projects")
    caller("GET", "/v3/role_inferences", status=401)
    caller("GET", "/v3/regions", status=401)
    url = f"/v3/users/{user_id(cloud, 'demo')}/access_rules"
    rule = cloud.demo()("GET", url)["access_rules"][0]
    assert rule["path"] == "/v3/auth/*"
    cloud.demo()("DELETE", f"{url}/{rule['id']}", status=403)
    service = cloud.login("nova", "nova", {"project": {"name": "service", "domain": {"id": "default"}}})
    service("GET", "/v3/auth/tokens", X_Subject_Token=caller.token, status=404)
    service("GET", "/v3/auth/tokens", X_Subject_Token=caller.token, OpenStack_Identity_Access_Rules="1.0")


def sign(access, secret):
    from keystoneclient.contrib.ec2 import utils

    given = {"access": access, "host": "h", "verb": "GET", "path": "/", "params": {
        "SignatureVersion": "2", "SignatureMethod": "HmacSHA256", "Timestamp": clock.iso(clock.now())}}
    return {**given, "signature": utils.Ec2Signer(secret).generate(given)}


def test_ec2_tokens(cloud):
    demo = cloud.demo()
    url = f"/v3/users/{user_id(cloud, 'demo')}/credentials/OS-EC2"
    key = demo("POST", url, {"tenant_id": cloud.projects["demo"]}, 201)["credential"]
    assert [c["access"] for c in demo("GET", url)["credentials"]] == [key["access"]]
    signed = sign(key["access"], key["secret"])
    service = cloud.login("nova", "nova", {"project": {"name": "service", "domain": {"id": "default"}}})
    token = service("POST", "/v3/ec2tokens", {"credentials": signed})["token"]
    assert token["project"]["name"] == "demo" and token["user"]["name"] == "demo"
    cloud.anonymous("POST", "/v3/ec2tokens", {"credentials": signed}, 401)
    demo("POST", "/v3/ec2tokens", {"credentials": signed}, 403)
    service("POST", "/v3/ec2tokens", {"credentials": {**signed, "signature": "AAAA"}}, 401)
    service("POST", "/v3/ec2tokens", {"credentials": {**signed, "access": "nobody"}}, 404)
    with clock.frozen(clock.time() + 1200):
        service("POST", "/v3/ec2tokens", {"credentials": signed}, 401)
    text = base64.b64encode(b"GET\n\n\nnow\n/bucket").decode()
    signature = base64.b64encode(hmac.new(key["secret"].encode(), base64.b64decode(text), hashlib.sha1).digest()).decode()
    given = {"access": key["access"], "token": text, "signature": signature}
    assert service("POST", "/v3/s3tokens", {"credentials": given})["token"]["user"]["name"] == "demo"
    cloud.anonymous("POST", "/v3/s3tokens", {"credentials": given}, 401)
    service("POST", "/v3/s3tokens", {"credentials": {**given, "signature": "AAAA"}}, 401)
    demo("DELETE", f"{url}/{key['access']}", status=204)
    service("POST", "/v3/ec2tokens", {"credentials": sign(key["access"], key["secret"])}, 404)


def test_a_blob_names_no_delegation_of_its_own(cloud):
    demo, me = cloud.demo(), user_id(cloud, "demo")
    blob = {"access": "a", "secret": "s", "trust_id": "t", "app_cred_id": "c"}
    values = {"user_id": me, "type": "ec2", "project_id": cloud.projects["demo"], "blob": orjson.dumps(blob).decode()}
    made = demo("POST", "/v3/credentials", {"credential": values}, 201)["credential"]
    assert orjson.loads(made["blob"]) == {"access": "a", "secret": "s"}
    demo("PATCH", f"/v3/credentials/{made['id']}", {"credential": {"blob": orjson.dumps(blob).decode()}}, 400)
    for more in ({"user_id": cloud.made["admin_id"]}, {"type": "cert"}, {"project_id": cloud.projects["admin"]}):
        demo("PATCH", f"/v3/credentials/{made['id']}", {"credential": {"blob": "{}", **more}}, 400)


def test_credentials_are_encrypted_and_their_owners(cloud):
    demo, me = cloud.demo(), user_id(cloud, "demo")
    made = demo("POST", "/v3/credentials", {"credential": {"user_id": me, "type": "cert", "blob": "sesame"}}, 201)["credential"]
    with cloud.db.read() as session:
        from services.identity.db import credential as credential_db
        assert "sesame" not in credential_db.get(session, made["id"]).blob
    cloud.state.credential_keys.keys.rotate()
    assert demo("GET", f"/v3/credentials/{made['id']}")["credential"]["blob"] == "sesame"
    other = cloud.admin("POST", "/v3/credentials", {"credential": {"user_id": cloud.made["admin_id"], "type": "cert",
                                                                   "blob": "b"}}, 201)["credential"]
    demo("GET", f"/v3/credentials/{other['id']}", status=403)
    demo("POST", "/v3/credentials", {"credential": {"user_id": cloud.made["admin_id"], "type": "cert", "blob": "b"}}, 403)
    demo("PATCH", f"/v3/credentials/{made['id']}", {"credential": {"user_id": cloud.made["admin_id"]}}, 400)
    assert [c["id"] for c in demo("GET", "/v3/credentials")["credentials"]] == [made["id"]]


def test_credentials_outlive_any_number_of_rotations(cloud):
    from services.identity.cmd import rotate_keys

    body = {"user_id": cloud.made["admin_id"], "type": "cert", "blob": "sesame"}
    made = cloud.admin("POST", "/v3/credentials", {"credential": body}, 201)["credential"]
    assert [rotate_keys.run(cloud.conf, cloud.db) for _ in range(4)] == [1, 1, 1, 1]
    admin = cloud.login("admin", "secret", {"system": {"all": True}})
    assert admin("GET", f"/v3/credentials/{made['id']}")["credential"]["blob"] == "sesame"
