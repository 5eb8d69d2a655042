"""What holds for every URL of the Placement API: methods, media types, versions, the order of refusals."""

import pytest

from common import ids
from tests.api.scheduler.support import provider


def _send(client, method, path, data=None, **headers):
    return client.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()}, data=data)


@pytest.mark.parametrize("method", ["DELETE", "OPTIONS", "HEAD", "PATCH"])
def test_a_method_that_a_path_has_not_is_405_with_those_it_has(client, method):
    answer = _send(client, method, "/resource_providers")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, POST"
    assert answer.headers["OpenStack-API-Version"] == "placement 1.39"
    assert answer.headers["Vary"] == "openstack-api-version"
    if method != "HEAD":
        assert f"The method {method} is not allowed for this resource." in answer.get_json()["errors"][0]["detail"]


def test_only_json_is_given(client):
    uuid = provider(client)
    for path in ("/resource_providers", f"/resource_providers/{uuid}", f"/resource_providers/{uuid}/aggregates"):
        answer = _send(client, "GET", path, Accept="text/plain")
        assert answer.status_code == 406, path
        assert "Only application/json is provided" in answer.get_json()["errors"][0]["detail"]
        assert _send(client, "GET", path, Accept="text/html,*/*;q=0.8").status_code == 200
    assert _send(client, "GET", "/", Accept="text/plain").status_code == 200


def test_who_would_rather_have_html_gets_a_page(client):
    page = _send(client, "GET", "/nothing", Accept="text/html")
    assert page.status_code == 404 and page.mimetype == "text/html"
    assert "The resource could not be found" in page.text
    assert _send(client, "GET", "/nothing", Accept="*/*").mimetype == "application/json"


def test_bodies_are_json(client, at):
    text = {"data": b"data", "Content_Type": "text/plain"}
    assert _send(client, "POST", "/resource_providers", **text).status_code == 415
    assert _send(at("1.1"), "POST", "/resource_classes", **text).status_code == 404  # the URL is not there in 1.1
    nothing = _send(client, "PUT", f"/resource_providers/{ids.uuid()}")
    assert nothing.status_code == 415
    assert "The media type None is not supported, use application/json" in nothing.get_json()["errors"][0]["detail"]
    assert _send(client, "POST", "/resource_providers", b"{}").status_code == 400


def test_versions_that_are_not_there(at):
    for path in ("/resource_providers", "/nothing"):
        answer = _send(at("0.5"), "GET", path)
        assert answer.status_code == 406
        error = answer.get_json()["errors"][0]
        assert "Unacceptable version header: 0.5" in error["detail"]
        assert (error["min_version"], error["max_version"]) == ("1.0", "1.39")
    answer = _send(at("1.2.3"), "GET", "/resource_providers")
    assert answer.status_code == 400
    assert "invalid version string: 1.2.3" in answer.get_json()["errors"][0]["detail"]


@pytest.mark.parametrize(("method", "path"), [
    ("PUT", ""), ("PUT", "/aggregates"), ("POST", "/inventories"), ("PUT", "/inventories"), ("PUT", "/inventories/VCPU")])
def test_a_provider_is_looked_for_before_its_body(client, method, path):
    for uuid, status in ((ids.uuid(), 404), (provider(client), 400)):
        assert client.request(method, f"/resource_providers/{uuid}{path}", {"nonsense": 1}).status_code == status


def test_uuids_without_dashes_are_the_same(client):
    uuid = provider(client)
    body = {"name": "again", "uuid": uuid.replace("-", "")}
    answer = client.request("POST", "/resource_providers", body)
    assert answer.status_code == 409
    assert f"Conflicting resource provider uuid: {uuid} already exists" in answer.text


def test_a_class_of_a_wrong_name_is_told_as_a_schema_error(client):
    for name, word in (("VCPU", "pattern"), (f"CUSTOM_{'S' * 260}", "maxLength")):
        answer = client.request("PUT", f"/resource_classes/{name}")
        assert answer.status_code == 400 and f"Failed validating '{word}'" in answer.text
