"""Malformed bodies of POST /v3/auth/tokens: what is answered to which, in upstream's words and in upstream's order."""

from typing import Any

import pytest

_BLAME = ("The server could not comply with the request since it is either malformed or otherwise incorrect. The client is "
          "assumed to be in error.")
_SCOPES = "Expecting to find system, project, domain, OS-TRUST:trust or unscoped in scope. " + _BLAME
_REFUSED = "The request you have made requires authentication."
_RIGHT = {"methods": ["password"], "password": {"user": {"id": "nobody", "password": "no"}}}


def _missing(what: str, where: str) -> str:
    return f"Expecting to find {what} in {where}. {_BLAME}"


def _password(user: Any) -> dict[str, Any]:
    return {"methods": ["password"], "password": {"user": user}}


def _totp(user: Any) -> dict[str, Any]:
    return {"methods": ["totp"], "totp": {"user": user}}


def _credential(**given: Any) -> dict[str, Any]:
    return {"methods": ["application_credential"], "application_credential": given}


def _said(response: Any) -> tuple[int, str]:
    return response.status_code, response.get_json()["error"]["message"]


@pytest.mark.parametrize("identity,message", [
    ({"methods": ["password"]}, _missing("password", "identity")),
    ({"methods": ["nonsense"]}, _missing("nonsense", "identity")),
    ({"methods": ["password"], "password": {}}, _missing("user", "None")),
    (_password({}), "Invalid input for field identity/password/user: id or name must be present."),
    (_password({"name": "x", "password": "x"}), _missing("domain", "user")),
    (_password({"name": "x", "domain": {}}),
     "Invalid input for field identity/password/user/domain: id or name must be present."),
    (_password({"id": 5}), "Invalid input for field/attribute id. Value: 5. 5 is not of type 'string'"),
    ({"methods": ["totp"], "totp": {}}, _missing("user", "None")),
    (_totp({}), _missing("id or name", "user")),
    (_totp({"name": "x", "passcode": "1"}), _missing("domain", "user")),
    (_totp({"name": "x", "domain": {}, "passcode": "1"}), _missing("id or name", "domain")),
    ({"methods": ["token"], "token": {}}, "Expecting to find id in token."),
    (_credential(), _missing("name or ID", "application credential")),
    (_credential(name="x", secret="y"), _missing("user", "application credential")),
    (_credential(name="x", user={"x": 1}), _missing("domain", "user")),
    (_credential(name="x", user={"id": "y"}, secret=5), _missing("string", "password")),
])
def test_a_malformed_identity(cloud, identity, message):
    assert _said(cloud.issue({"auth": {"identity": identity}})) == (400, message)


@pytest.mark.parametrize("scope,message", [
    ({}, _SCOPES), ({"nonsense": {}}, _SCOPES), ("nonsense", _SCOPES), ({"project": {"id": "x"}, "domain": {"id": "y"}}, _SCOPES),
    (5, "Invalid input for field/attribute scope. Value: 5. 5 is not valid under any of the given schemas"),
    ({"project": {}}, "Invalid input for field scope/project: id or name must be present."),
    ({"domain": {}}, "Invalid input for field scope/domain: id or name must be present."),
    ({"project": {"name": "x"}}, _missing("domain", "project")),
    ({"project": {"name": "x", "domain": {}}}, "Invalid input for field scope/project/domain: id or name must be present."),
    ({"OS-TRUST:trust": {}}, _missing("trust_id", "trust")),
])
def test_a_malformed_scope_is_400_whoever_asks(cloud, scope, message):
    assert _said(cloud.issue({"auth": {"identity": _RIGHT, "scope": scope}})) == (400, message)


@pytest.mark.parametrize("identity", [
    _password({"id": "nobody"}), _totp({"id": "nobody"}), _totp({"id": "nobody", "passcode": 5}),
    _totp({"name": "x", "domain": {"id": ["x"]}, "passcode": "1"}), _credential(name="x", user={"id": "y"}),
    _credential(name="x", user={"name": "y", "domain": {}}, secret="z"), _credential(name="x", user={"id": {"y": 1}}, secret="z"),
])
def test_what_proves_nothing_is_the_common_401(cloud, identity):
    assert _said(cloud.issue({"auth": {"identity": identity}})) == (401, _REFUSED)


@pytest.mark.parametrize("system", [{}, {"all": False}, {"x": 1}])
def test_a_part_of_the_system_is_no_scope(cloud, system):
    assert cloud.issue(cloud.auth("admin", "secret", {"system": system})).status_code == 401


@pytest.mark.parametrize("scope", [{"unscoped": {}, "more": 1}, {"unscoped": None}, {"unscoped": [1]}])
def test_what_upstream_takes_for_unscoped(cloud, scope):
    assert "project" not in cloud.issue(cloud.auth("demo", "demo", scope)).get_json()["token"]


def test_an_unknown_key_in_a_scope_is_ignored(cloud):
    scope = {"project": {"id": cloud.projects["demo"], "x": 1}, "more": {}}
    assert cloud.issue(cloud.auth("demo", "demo", scope)).get_json()["token"]["project"]["name"] == "demo"


def test_an_unsupported_method_is_named_before_any_is_tried(cloud):
    identity = {"methods": ["password", "nonsense"], "password": _RIGHT["password"], "nonsense": {}}
    response = cloud.issue({"auth": {"identity": identity, "scope": {}}})
    assert _said(response) == (401, "Attempted to authenticate with an unsupported method.")
    assert "password" in response.get_json()["error"]["identity"]["methods"]


def test_a_missing_application_credential_is_said_to_be_missing(cloud):
    """Its id is random, so this tells nobody anything; a name would be, and is treated like a wrong secret."""
    assert _said(cloud.issue({"auth": {"identity": _credential(id="x", secret="y")}})) == (
        404, "Could not find Application Credential: x.")
    named = _credential(name="x", user={"name": "nobody", "domain": {"id": "default"}}, secret="y")
    assert _said(cloud.issue({"auth": {"identity": named}})) == (401, _REFUSED)


@pytest.mark.parametrize("data,content_type,message", [
    (b"", None, _missing("auth", "request body")), (b"{}", "application/json", _missing("auth", "request body")),
    (b'{"auth": null}', "application/json", _missing("auth", "request body")),
    (b"{", "application/json", _missing("valid JSON", "request body")),
    (b"[]", "application/json", _missing("valid JSON", "request body")),
    (b"null", None, _missing("valid JSON", "request body")),
    (b"{}", "text/plain", _missing("application/json", "Content-Type header")),
    (b'{"auth": 5}', "application/json; charset=utf-8",
     "Invalid input for field/attribute auth. Value: 5. 5 is not of type 'object'"),
])
def test_a_body_that_is_no_object(cloud, data, content_type, message):
    headers = {"Content-Type": content_type} if content_type else {}
    assert _said(cloud.anonymous.call("POST", "/v3/auth/tokens", data=data, headers=headers)) == (400, message)
