"""keystonemiddleware in front of an API, with an identity service that is played by the test."""

import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server

import orjson
import pytest
from werkzeug.test import Client

from common import clock
from common.http import policy
from common.http.auth import KeystoneAuthenticator
from common.http.route import AUTHENTICATED, PUBLIC, Route
from common.testing.api import make_conf
from tests.unit.common.support import SERVICE, make_api


def token(user, roles, project="p1"):
    return {
        "token": {
            "methods": ["password"],
            "user": {"id": user, "name": user, "domain": {"id": "default", "name": "Default"}},
            "project": {"id": project, "name": project, "domain": {"id": "default", "name": "Default"}},
            "roles": [{"id": r, "name": r} for r in roles],
            "audit_ids": ["a"],
            "issued_at": clock.iso_micro(clock.now()) + "Z",
            "expires_at": clock.iso_micro(clock.after(3600)) + "Z",
        }
    }


class Keystone:
    """As much of the identity API as the middleware asks for."""

    def __init__(self):
        self.tokens = {
            "good": token("alice", ["member", "reader"]),
            "svc": token("compute", ["service"]),
            "svc2": token("bob", ["member"]),
        }
        self.validations, self.down = [], False
        self.server = make_server("127.0.0.1", 0, self, handler_class=Quiet)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v3"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __call__(self, environ, start_response):
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        headers, body, status = [("Content-Type", "application/json")], {}, "200 OK"
        if self.down:
            status = "503 Service Unavailable"
        elif path in ("/v3", "/v3/"):
            body = {"version": {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": self.url}]}}
        elif method == "POST" and path == "/v3/auth/tokens":
            length = int(environ["CONTENT_LENGTH"])
            asked = orjson.loads(environ["wsgi.input"].read(length))
            password = asked["auth"]["identity"]["password"]["user"]["password"]
            status = "201 Created" if password == "pw" else "401 Unauthorized"
            body = token("demo", ["service"])
            body["token"]["catalog"] = [
                {
                    "type": "identity",
                    "name": "keystone",
                    "id": "k",
                    "endpoints": [
                        {"interface": i, "region": "RegionOne", "region_id": "RegionOne", "id": i, "url": self.url}
                        for i in ("internal", "public", "admin")
                    ],
                }
            ]
            headers.append(("X-Subject-Token", "own"))
        elif path == "/v3/auth/tokens":
            subject = environ.get("HTTP_X_SUBJECT_TOKEN")
            self.validations.append(subject)
            body = self.tokens.get(subject)
            status = "200 OK" if body else "404 Not Found"
        start_response(status, headers)
        return [orjson.dumps(body or {})]


class Quiet(WSGIRequestHandler):
    """Prints nothing."""

    def log_message(self, *args):
        pass


@pytest.fixture
def keystone():
    made = Keystone()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def client(tmp_path, keystone):
    def who(request):
        c = request.context
        return {
            "user": c.user_id,
            "project": c.project_id,
            "roles": c.roles,
            "service_roles": c.service_roles,
            "system": c.system_scope,
        }

    conf = make_conf(
        SERVICE,
        "demo-api",
        tmp_path,
        service_credentials__auth_url=keystone.url,
        service_credentials__username="demo",
        service_credentials__password="pw",
        service_credentials__project_name="service",
        service_credentials__user_domain_id="default",
        service_credentials__project_domain_id="default",
    )
    routes = (
        Route("GET", "/who", who, AUTHENTICATED),
        Route("GET", "/", lambda r: {"user": r.context.user_id}, PUBLIC),
        Route("GET", "/admin", who, "thing:admin"),
    )
    app, _ = make_api(
        tmp_path, routes, [policy.rule("thing:admin", policy.ADMIN, "x")], authenticator=KeystoneAuthenticator(conf), conf=conf
    )
    return Client(app)


FORGED = {
    "X-Identity-Status": "Confirmed",
    "X-User-Id": "mallory",
    "X-Project-Id": "p9",
    "X-Roles": "admin",
    "X-Is-Admin-Project": "True",
    "X-Service-Identity-Status": "Confirmed",
    "X-Service-Roles": "service",
    "OpenStack-System-Scope": "all",
}


def test_a_good_token_names_its_bearer(client):
    assert client.get("/who", headers={"X-Auth-Token": "good"}).get_json() == {
        "user": "alice",
        "project": "p1",
        "roles": ["member", "reader"],
        "service_roles": [],
        "system": None,
    }


def test_identity_headers_of_clients_count_for_nothing(client):
    assert client.get("/who", headers=FORGED).status_code == 401
    assert client.get("/", headers=FORGED).get_json() == {"user": None}
    found = client.get("/who", headers={**FORGED, "X-Auth-Token": "good"}).get_json()
    assert (found["user"], found["roles"], found["service_roles"], found["system"]) == ("alice", ["member", "reader"], [], None)
    assert client.get("/admin", headers={**FORGED, "X-Auth-Token": "good"}).status_code == 403


def test_bad_tokens_are_401_with_the_address_of_identity(client, keystone):
    response = client.get("/who", headers={"X-Auth-Token": "bad"})
    assert response.status_code == 401 and keystone.url in response.headers["WWW-Authenticate"]


def test_a_service_token_must_have_the_service_role(client):
    assert client.get("/who", headers={"X-Auth-Token": "good", "X-Service-Token": "svc"}).get_json()["service_roles"] == [
        "service"
    ]
    assert client.get("/who", headers={"X-Auth-Token": "good", "X-Service-Token": "svc2"}).status_code == 401 or client.get(
        "/who", headers={"X-Auth-Token": "good", "X-Service-Token": "svc2"}
    ).get_json()["service_roles"] != ["service"]
    found = client.get("/who", headers={"X-Auth-Token": "good", "X-Service-Token": "bad"})
    assert found.status_code == 401 or found.get_json()["service_roles"] == []


def test_tokens_are_validated_once_a_minute(client, keystone):
    for _ in range(3):
        client.get("/who", headers={"X-Auth-Token": "good"})
    assert keystone.validations == ["good"]


def test_when_identity_is_away_the_answer_is_503(client, keystone):
    keystone.down = True
    for path in ("/who", "/nowhere"):
        response = client.get(path, headers={"X-Auth-Token": "good", **FORGED})
        assert response.status_code == 503 and "serviceUnavailable" in response.get_json()
    assert client.get("/", headers={"X-Auth-Token": "good", **FORGED}).get_json() == {"user": None}
    keystone.down = False
    assert client.get("/who", headers={"X-Auth-Token": "good"}).status_code == 200


def test_a_known_caller_is_not_asked_about_again_and_forged_headers_still_count_for_nothing(client, keystone):
    good = {"X-Auth-Token": "good"}
    first = client.get("/who", headers=good).get_json()
    assert client.get("/who", headers={**FORGED, **good}).get_json() == first
    assert client.get("/admin", headers={**FORGED, **good}).status_code == 403
    with_service = client.get("/who", headers={**good, "X-Service-Token": "svc"}).get_json()
    assert (first["service_roles"], with_service["service_roles"]) == ([], ["service"])
    assert client.get("/who", headers={**FORGED, **good}).get_json() == first
    assert keystone.validations == ["good", "svc"]


def test_a_token_that_expires_is_refused_although_its_bearer_is_known(client, keystone):
    keystone.tokens["short"] = token("carol", ["member"])
    keystone.tokens["short"]["token"]["expires_at"] = clock.iso_micro(clock.after(0.4)) + "Z"
    headers = {"X-Auth-Token": "short"}
    assert client.get("/who", headers=headers).status_code == client.get("/who", headers=headers).status_code == 200
    clock.sleep(0.5)
    assert client.get("/who", headers=headers).status_code == 401


def test_access_rules_are_looked_at_in_every_request(client, keystone):
    limited = keystone.tokens["limited"] = token("dave", ["member"])
    limited["token"]["application_credential"] = {"id": "a", "access_rules": [
        {"id": "r", "service": "demo", "method": "GET", "path": "/other"}]}
    limited["token"]["catalog"] = [{"type": "demo", "endpoints": []}]
    assert [client.get("/who", headers={"X-Auth-Token": "limited"}).status_code for _ in range(2)] == [401, 401]


def test_changing_one_requests_context_leaves_the_next_alone(client):
    auth = client.application.extensions["altostack"].authenticator
    client.get("/who", headers={"X-Auth-Token": "good"})
    environ = {"altostack.caller": auth._callers.get(("good", None))}
    one, two = auth.context(environ), auth.context(environ)
    one.roles.append("admin")
    one.request_id = "req-1"
    assert two.roles == ["member", "reader"] and two.request_id != "req-1"
