"""The way of a request through an API made by the app factory."""

import flask
import pytest
from werkzeug.test import Client

from common import errors
from common.http import faults, policy
from common.http.microversion import Microversions
from common.http.route import AUTHENTICATED, PUBLIC, Action, Actions, Route
from common.http.validation import Schema
from common.testing.api import Persona
from tests.unit.common.support import make_api

BODY = Schema({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]})
QUERY = Schema({"type": "object", "properties": {"limit": {}}, "additionalProperties": False})
RULES = [policy.rule("thing:get", policy.ADMIN_OR_READER, "look"), policy.rule("thing:admin", policy.ADMIN, "operate")]
FAIL = {
    "api": lambda: errors.Conflict("Taken."),
    "bug": lambda: KeyError("secret detail"),
    "transient": lambda: errors.Transient("db at 10.0.0.1"),
    "config": lambda: errors.NotFound("x", headers={"X-Why": "y"}),
}


def things(request):
    return {"things": [], "me": request.context.user_id, "limit": request.first("limit")}


def echo(request):
    request.response_headers["X-Extra"] = "1"
    return {"body": request.body}, 201, {"Location": f"{request.base_url}/things/1"}


def fail(request, how):
    raise FAIL[how]()


def forgot(request):
    return {"secret": 1}


def checked(request, project):
    request.authorize({"project_id": project})


def stream(request):
    return {"bytes": len(request.raw.stream.read())}


def action(request, thing):
    request.authorize()
    return {"did": request.body}


ROUTES = (
    Route("GET", "/", lambda request: {"versions": []}, PUBLIC, status=300),
    Route("GET", "/v2/things", things, "thing:get", query=QUERY),
    Route("POST", "/v2/things", echo, "thing:get", body=BODY),
    Route("GET", "/v2/fail/<how>", fail, AUTHENTICATED),
    Route("GET", "/v2/forgot", forgot, "thing:get", targeted=True),
    Route("DELETE", "/v2/checked/<project>", checked, "thing:get", targeted=True),
    Route("GET", "/v2/admin", things, "thing:admin"),
    Route("PUT", "/v2/stream", stream, AUTHENTICATED, stream=True),
    Route("GET", "/v2/new", lambda request: {"new": str(request.version)}, AUTHENTICATED, since="2.10", until="2.20"),
    Route("GET", "/v2/raw", lambda request: flask.Response("raw", 202), AUTHENTICATED),
    Actions(
        "/v2/things/<thing>/action",
        {
            "go": Action(action, "thing:get", body=Schema({"type": "null"})),
            "newer": Action(action, "thing:get", body=BODY, since="2.10"),
        },
    ),
)
VERSIONS = Microversions("thing", "2.1", "2.30", prefix="/v2")


@pytest.fixture
def client(tmp_path):
    return make_api(tmp_path, ROUTES, RULES, versions=VERSIONS)[1]


@pytest.fixture
def nobody(client):
    return Client(client.app)


def test_a_request_has_an_id_of_ours_and_keeps_the_callers(client):
    first, second = client.request("GET", "/v2/things"), client.request("GET", "/v2/things")
    assert first.headers["x-openstack-request-id"].startswith("req-")
    assert first.headers["x-openstack-request-id"] != second.headers["x-openstack-request-id"]


def test_the_callers_request_id_is_the_global_one(tmp_path, caplog):
    seen = []
    routes = (Route("GET", "/x", lambda request: seen.append(request.context.global_request_id), AUTHENTICATED),)
    client = make_api(tmp_path, routes)[1]
    good = "req-6f70656e-7374-6163-6b20-342065766572"
    for sent in (good, "req-evil\nline", "6f70656e-7374-6163-6b20-342065766572", ""):
        client.request("GET", "/x", headers={"X-Openstack-Request-Id": sent.replace("\n", " ")})
    assert seen == [good, None, None, None]


def test_answers_in_all_their_forms(client):
    assert client.get("/v2/things?limit=3")["limit"] == "3"
    response = client.request("POST", "/v2/things", {"name": "a"})
    assert response.status_code == 201 and response.get_json() == {"body": {"name": "a"}}
    assert response.headers["Location"] == "http://localhost/things/1" and response.headers["X-Extra"] == "1"
    assert client.request("GET", "/v2/raw").status_code == 202
    empty = client.request("DELETE", f"/v2/checked/{client.persona.project_id}")
    assert (empty.status_code, empty.data, "Content-Type" in empty.headers) == (204, b"", False)


def test_public_routes_need_no_token(nobody):
    assert nobody.get("/").status_code == 300
    assert nobody.get("/healthcheck").text == "OK"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v2/things"), ("GET", "/nowhere"), ("PATCH", "/v2/things"), ("POST", "/v2/things"), ("GET", "/v2/admin")],
)
def test_without_a_token_everything_is_401_first(nobody, method, path):
    response = nobody.open(path, method=method, data=b"{" if method == "POST" else None)
    assert response.status_code == 401 and "Keystone uri=" in response.headers["WWW-Authenticate"]
    assert response.get_json()["unauthorized"]["code"] == 401
    assert response.headers["x-openstack-request-id"]


def test_unknown_paths_and_methods(client):
    assert client.get("/nowhere", 404)["itemNotFound"]["message"] == "The resource could not be found."
    refused = client.request("PATCH", "/v2/things")
    assert refused.status_code == 405 and refused.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
    assert refused.get_json()["badMethod"]["code"] == 405


def test_head_is_get_without_a_body(client, nobody):
    response = client.request("HEAD", "/v2/things")
    assert response.status_code == 200 and response.data == b""
    assert nobody.head("/v2/things").status_code == 401


def test_policy_comes_before_the_handler(client):
    client.get("/v2/admin", 403)
    client.as_(Persona("admin")).get("/v2/admin")
    client.as_(Persona("none")).get("/v2/things", 403)


def test_an_answer_that_nobody_authorized_is_withheld(client, caplog):
    response = client.request("GET", "/v2/forgot")
    assert response.status_code == 500 and b"secret" not in response.data
    assert "without checking thing:get" in caplog.text


def test_a_targeted_handler_checks_its_target(client):
    client.delete("/v2/checked/another", 403)
    client.delete(f"/v2/checked/{client.persona.project_id}", 204)


@pytest.mark.parametrize(
    ("how", "status", "name"),
    [
        ("api", 409, "conflictingRequest"),
        ("bug", 500, "computeFault"),
        ("transient", 503, "serviceUnavailable"),
        ("config", 404, "itemNotFound"),
    ],
)
def test_failures_are_faults_and_tell_no_secrets(client, how, status, name):
    response = client.request("GET", f"/v2/fail/{how}")
    assert response.status_code == status and list(response.get_json()) == [name]
    assert b"secret" not in response.data and b"10.0.0.1" not in response.data
    if how == "bug":
        assert response.headers["x-openstack-request-id"] in response.text
    if how == "config":
        assert response.headers["X-Why"] == "y"


@pytest.mark.parametrize(
    ("data", "status"),
    [(b"{", 400), (b"", 400), (b"\xff", 400), (b"[]", 400), (b"{}", 400), (b'{"name": 1}', 400), (b'{"name": "a"}', 201)],
)
def test_bodies_are_checked(client, data, status):
    assert client.request("POST", "/v2/things", data=data).status_code == status


def test_queries_are_checked(client):
    assert client.get("/v2/things?unknown=1", 400)["badRequest"]["code"] == 400


def test_bodies_have_a_limit_and_streams_have_none(tmp_path):
    client = make_api(tmp_path, ROUTES, RULES, versions=VERSIONS, api__max_body_bytes=100)[1]
    assert client.request("POST", "/v2/things", {"name": "x" * 100}).status_code == 413
    assert client.request("POST", "/v2/things", {"name": "x" * 50}).status_code == 201
    assert client.request("PUT", "/v2/stream", data=b"x" * 100_000).get_json() == {"bytes": 100_000}


def test_a_body_without_a_length_is_limited_too(tmp_path):
    app, client = make_api(tmp_path, ROUTES, RULES, versions=VERSIONS, api__max_body_bytes=100)
    import io

    response = Client(app).open(
        "/v2/things",
        method="POST",
        headers={"X-Auth-Token": client.persona.token, "Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input": io.BytesIO(b'"' + b"x" * 1000), "wsgi.input_terminated": True, "CONTENT_LENGTH": ""},
    )
    assert response.status_code == 413


def test_microversions_choose_routes_and_are_named(client):
    def ask(version):
        return client.request("GET", "/v2/new", headers={"OpenStack-API-Version": f"thing {version}"} if version else {})

    assert ask("2.10").get_json() == {"new": "2.10"}
    assert ask("2.10").headers["OpenStack-API-Version"] == "thing 2.10" and "OpenStack-API-Version" in ask("2.10").headers["Vary"]
    assert [ask(v).status_code for v in ("2.9", "2.20", "2.21", "latest", None)] == [404, 200, 404, 404, 404]
    assert [ask(v).status_code for v in ("2.31", "x")] == [406, 400]
    assert "OpenStack-API-Version" not in client.request("GET", "/").headers


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"go": None}, 202),
        ({"go": 1}, 400),
        ({}, 400),
        ({"go": None, "newer": {}}, 400),
        ([], 400),
        ({"nothing": None}, 400),
        ({"newer": {"name": "a"}}, 404),
    ],
)
def test_actions_are_chosen_by_their_key(client, body, status):
    client.post("/v2/things/1/action", body, status)


def test_health_says_what_is_broken_only_in_the_log(tmp_path, caplog):
    def sick():
        raise errors.Transient("database: gone")

    response = Client(make_api(tmp_path, ROUTES, RULES, health=sick)[0]).get("/healthcheck")
    assert response.status_code == 503 and "gone" not in response.text and "gone" in caplog.text


def test_metrics_are_for_the_operators_networks(tmp_path):
    app, client = make_api(tmp_path, ROUTES, RULES)
    client.get("/v2/things")
    local = {"REMOTE_ADDR": "127.0.0.1"}
    text = Client(app).get("/metrics", environ_overrides=local).text
    assert 'altostack_requests_total{daemon="demo-api",method="GET",route="/v2/things",status="200"} 1.0' in text
    assert Client(app).get("/metrics", environ_overrides={"REMOTE_ADDR": "192.0.2.1"}).status_code == 403
    assert Client(app).get("/metrics", environ_overrides={"REMOTE_ADDR": ""}).status_code == 403


def test_browsers_of_allowed_origins_may_call(tmp_path):
    app, client = make_api(tmp_path, ROUTES, RULES, api__cors_allowed_origins=["https://dashboard.example"])
    headers = {"Origin": "https://dashboard.example", "Access-Control-Request-Method": "POST"}
    answer = Client(app).options("/v2/things", headers=headers)
    assert answer.headers["Access-Control-Allow-Origin"] == "https://dashboard.example"
    assert (
        "Access-Control-Allow-Origin"
        not in Client(app).options("/v2/things", headers={**headers, "Origin": "https://evil"}).headers
    )
    got = client.request("GET", "/v2/things", headers={"Origin": "https://dashboard.example"})
    assert got.headers["Access-Control-Allow-Origin"] == "https://dashboard.example"


def test_proxy_headers_are_believed_only_where_switched_on(tmp_path):
    sent = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "cloud.example", "X-Forwarded-Prefix": "/thing"}

    def location(**options):
        client = make_api(tmp_path, ROUTES, RULES, versions=VERSIONS, **options)[1]
        return client.request("POST", "/v2/things", {"name": "a"}, sent).headers["Location"]

    assert location() == "http://localhost/things/1"
    assert location(api__proxy_headers=True) == "https://cloud.example/thing/things/1"
    assert location(api__public_url="https://api.example/compute/") == "https://api.example/compute/things/1"


def test_a_json_suffix_is_dropped_where_the_api_has_it(tmp_path):
    make_api(tmp_path, ROUTES, RULES, json_suffix=True)[1].get("/v2/things.json")
    make_api(tmp_path, ROUTES, RULES)[1].get("/v2/things.json", 404)


def test_the_fault_form_is_the_apis_own(tmp_path):
    client = make_api(tmp_path, ROUTES, RULES, fault=faults.network)[1]
    assert client.get("/nowhere", 404)["NeutronError"]["type"] == "HTTPNotFound"


def test_a_route_with_an_unknown_rule_is_a_mistake(tmp_path):
    with pytest.raises(ValueError, match="no rule is called no:rule"):
        make_api(tmp_path, (Route("GET", "/x", things, "no:rule"),))


def test_the_log_line_of_a_request_has_its_time(client, caplog):
    with caplog.at_level("INFO"):
        client.get("/v2/things")
    record = next(r for r in caplog.records if r.getMessage() == "GET /v2/things 200")
    assert record.fields["ms"] >= 0


@pytest.mark.parametrize("path, loose, exact", [
    ("/v2/things", 200, 200), ("/v2/things/", 200, 404), ("/", 300, 300), ("/v2/things//", 404, 404)])
def test_a_slash_at_the_end_counts_where_upstream_counts_it(tmp_path, path, loose, exact):
    assert make_api(tmp_path, ROUTES, RULES)[1].request("GET", path).status_code == loose
    (tmp_path / "exact").mkdir()
    assert make_api(tmp_path / "exact", ROUTES, RULES, trailing_slash=False)[1].request("GET", path).status_code == exact


@pytest.mark.parametrize("first, expected", [(False, 403), (True, 400)])
def test_a_malformed_body_of_who_may_not_send_one(tmp_path, first, expected):
    client = make_api(tmp_path, ROUTES, RULES, schema_first=first)[1]
    nobody = client.as_(Persona("none"))
    assert nobody.request("POST", "/v2/things", {"wrong": 1}).status_code == expected
    assert nobody.request("POST", "/v2/things", {"name": "a"}).status_code == 403
    assert client.request("POST", "/v2/things", {"name": "a"}).status_code == 201
