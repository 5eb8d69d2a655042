"""Versions in paths, and methods that a path does not take: as upstream answers them."""

import pytest

from services.image.api.negotiation import NEWEST

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "UNHEARD-OF")
SOME = "00000000-0000-4000-8000-000000000001"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("path", "status"), [
    ("/", 300), ("//", 300), ("/v1", 300), ("/v1/images", 300), ("/v2.19", 300), ("/v2.19/images", 300), ("/v3/images", 300),
    ("/v2images", 300), ("/images", 300), ("/versions", 200), ("/versions/", 200)])
def test_whatever_is_no_version_gets_the_list_of_them(site, method, path, status):
    response = site.app.test_client().open(path, method=method)
    assert response.status_code == status
    assert [v["id"] for v in response.json["versions"]] == [f"v2.{n}" for n in range(NEWEST, -1, -1)]
    assert {link["href"] for v in response.json["versions"] for link in v["links"]} == {"http://localhost/v2/"}


def test_a_minor_version_is_the_version(member):
    image = member.post("/v2/images", {"name": "i"}, 201)["id"]
    assert member.get(f"/v2.5/images/{image}")["id"] == member.get(f"/v2.0/images/{image}")["id"] == image
    for method in METHODS:
        for path in ("/v2", "/v2.18"):
            moved = member.request(method, path)
            assert (moved.status_code, moved.headers["Location"]) == (302, "http://localhost/v2/")
    member.get("/v2/", 404)
    accepted = member.request("GET", f"/images/{image}", headers={"Accept": "application/vnd.openstack.images-v2.3"})
    assert accepted.json["id"] == image


@pytest.mark.parametrize(("path", "allowed"), [
    ("/v2/images", "GET, POST"), (f"/v2/images/{SOME}", "GET, PATCH, DELETE"), (f"/v2/images/{SOME}/file", "GET, PUT"),
    (f"/v2/images/{SOME}/stage", "PUT"), (f"/v2/images/{SOME}/members/m", "GET, PUT, DELETE"), ("/v2/schemas/image", "GET"),
    ("/v2/metadefs/namespaces/n/tags/t", "GET, POST, PUT, DELETE"), ("/v2/tasks/t", "GET, DELETE")])
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "UNHEARD-OF", "others"])
def test_other_methods_are_refused(member, path, allowed, method):
    others = [m for m in METHODS[:5] if m not in allowed] if method == "others" else [method]
    for other in others:
        response = member.request(other, path)
        assert (response.status_code, response.headers["Allow"]) == (405, allowed)
        assert other == "HEAD" or f"The method {other} is not allowed for this resource." in response.text


@pytest.mark.parametrize("path", ["/v2/nothing", "/v2/images/", f"/v2/images/{SOME}/", "/v2/schemas", f"/v2/images/{SOME}/tasks",
                                  "/v2/info/usage"])
def test_where_nothing_is(site, member, path):
    for method, status in (("POST", 404), ("HEAD", 404), ("OPTIONS", 501), ("UNHEARD-OF", 501)):
        assert member.request(method, path).status_code == status
        assert site.app.test_client().open(path, method=method).status_code == 401
