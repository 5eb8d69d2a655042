"""Passcodes, several factors and the receipts between them."""

import base64

import pytest

from common import clock
from services.identity.domain import totp

SECRET = base64.b32encode(b"12345678901234567890").decode()
BOTH = [["password", "totp"]]


@pytest.fixture(autouse=True)
def standing_clock():
    """Time stands still, or the next passcode's half minute might begin in the middle of a test."""
    with clock.frozen(clock.time()):
        yield


@pytest.fixture
def make_ann(cloud):
    """A function that makes the user ann, with a secret for passcodes, who is bound by the rules it is given."""
    def make(rules, enabled=True):
        options = {"multi_factor_auth_enabled": enabled, "multi_factor_auth_rules": rules}
        ann = cloud.user("ann", options=options, default_project_id=cloud.projects["demo"])
        cloud.admin("PUT", f"/v3/projects/{cloud.projects['demo']}/users/{ann}/roles/{cloud.roles['member']}", status=204)
        cloud.admin("POST", "/v3/credentials", {"credential": {"user_id": ann, "type": "totp", "blob": SECRET}}, 201)
        return ann

    return make


def code(steps=0):
    return totp.passcode(SECRET, int(clock.time()) // 30 + steps)


def ask(cloud, receipt=None, **methods):
    identity = {"methods": list(methods), **methods}
    headers = {"Openstack-Auth-Receipt": receipt} if receipt else {}
    return cloud.anonymous.call("POST", "/v3/auth/tokens", {"auth": {"identity": identity}}, headers)


def password(ann, text="pw"):
    return {"user": {"id": ann, "password": text}}


def passcode(ann, text=None):
    return {"user": {"id": ann, "passcode": text or code()}}


def test_a_receipt_carries_the_first_factor_to_the_second(cloud, make_ann):
    ann = make_ann(BOTH)
    asked = ask(cloud, password=password(ann))
    assert asked.status_code == 401 and "X-Subject-Token" not in asked.headers
    body = asked.get_json()
    assert body["required_auth_methods"] == BOTH and body["receipt"]["methods"] == ["password"]
    assert body["receipt"]["user"] == {"id": ann, "name": "ann", "domain": {"id": "default", "name": "Default"}}
    receipt = asked.headers["Openstack-Auth-Receipt"]
    made = ask(cloud, receipt, totp=passcode(ann))
    assert made.status_code == 201 and sorted(made.get_json()["token"]["methods"]) == ["password", "totp"]
    assert ask(cloud, receipt, totp=passcode(ann)).status_code == 401  # a passcode is taken once


def test_both_factors_at_once(cloud, make_ann):
    ann = make_ann(BOTH)
    assert ask(cloud, password=password(ann), totp=passcode(ann, "000000")).status_code == 401
    assert ask(cloud, password=password(ann, "no"), totp=passcode(ann)).status_code == 401
    assert ask(cloud, password=password(ann), totp=passcode(ann, code(-1))).status_code == 201


@pytest.mark.parametrize("rules,enabled,begun", [
    ([], True, None), (BOTH, False, None), ([["nonsense"]], True, None), ([["password"], ["password", "totp"]], True, None),
    (BOTH, None, BOTH), ([["totp"]], True, []), ([["password", "totp"], ["totp", "token"]], True, BOTH),
])
def test_which_rules_ask_for_more_after_a_password(cloud, make_ann, rules, enabled, begun):
    response = ask(cloud, password=password(make_ann(rules, enabled)))
    if begun is None:
        assert response.status_code == 201
    else:
        assert response.status_code == 401 and response.get_json()["required_auth_methods"] == begun


def test_rules_bind_tokens_and_application_credentials_of_before(cloud, make_ann):
    ann = make_ann([], None)
    caller = cloud.login("ann", "pw")
    body = {"application_credential": {"name": "a"}}
    key = caller("POST", f"/v3/users/{ann}/application_credentials", body, 201)["application_credential"]
    cloud.admin("PATCH", f"/v3/users/{ann}", {"user": {"options": {"multi_factor_auth_rules": BOTH}}})
    assert caller("GET", "/v3/auth/projects")["projects"]  # what was issued stays good
    for response in (ask(cloud, token={"id": caller.token}),
                     ask(cloud, application_credential={"id": key["id"], "secret": key["secret"]})):
        assert response.status_code == 401 and "Openstack-Auth-Receipt" in response.headers
    whole = ask(cloud, password=password(ann), totp=passcode(ann)).headers["X-Subject-Token"]
    assert ask(cloud, token={"id": whole}).status_code == 201


def test_receipts_that_are_none(cloud, make_ann):
    ann = make_ann(BOTH)
    receipt = ask(cloud, password=password(ann)).headers["Openstack-Auth-Receipt"]
    bob = cloud.user("bob")
    for text, user in (("nonsense", ann), (receipt, bob), (cloud.admin.token, bob), (receipt + "A", bob)):
        response = ask(cloud, text, password=password(user))
        assert response.status_code == 401 and "Could not find auth receipt" in response.get_json()["error"]["message"]
    assert cloud.anonymous.call("GET", "/v3/auth/projects", headers={"X-Auth-Token": receipt}).status_code == 401
    with clock.frozen(clock.time() + cloud.conf.token.receipt_expiration + 1):
        assert ask(cloud, receipt, totp=passcode(ann)).status_code == 401


def test_passcodes(cloud, make_ann):
    ann = make_ann([])
    for text in (code(1), code(-2), "", "12345", code() + "0", "\uff11\uff12\uff13\uff14\uff15\uff16", " " + code()):
        assert ask(cloud, totp={"user": {"id": ann, "passcode": text}}).status_code == 401
    assert ask(cloud, totp=passcode(ann, code(-1))).status_code == 201
    assert ask(cloud, totp=passcode(ann)).status_code == 201
    cloud.admin("PATCH", f"/v3/users/{ann}", {"user": {"enabled": False}})
    with clock.frozen(clock.time() + 30):
        assert ask(cloud, totp=passcode(ann)).status_code == 401
