"""The forms and words of refusals, as upstream's newest release gives them: clients and their tests parse some of them."""

import pytest

from common.testing.api import Persona
from tests.api.image.support import OTHER, new, upload

PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
OLD_PATCH = {"Content-Type": "application/openstack-images-v2.0-json-patch"}
DENIED = "Access was denied to this resource."
CLASH = "There was a conflict when trying to complete your request."
ROOT, N = "/v2/images", "/v2/metadefs/namespaces"
NOBODY = "00000000-0000-4000-8000-000000000000"


def op(name, path, **more):
    return [{"op": name, "path": path, **more}]


@pytest.fixture
def images(site, member, admin):
    active, queued = new(member, tags=["t"], some="x")["id"], new(member, id="11111111-2222-4333-8444-555555555555")["id"]
    community, private = new(member, visibility="community")["id"], new(site.client(Persona("member", OTHER)))["id"]
    upload(member, active)
    member.post(f"{ROOT}/{active}/members", {"member": OTHER})
    admin.post(N, {"namespace": "N", "visibility": "public"}, 201)
    return {"A": active, "Q": queued, "C": community, "D": private, "0": NOBODY}


# method, path, body, headers, status, message, detail; I is the path of all images; {A} an active one, {Q} a queued one, {C} a
# community one
CASES = [
    ("GET", "I/{0}", None, {}, 404, "No image found with ID {0}", ""),
    ("GET", "I/{D}", None, {}, 404, "No image found with ID {D}", ""),
    ("DELETE", "I/{0}", None, {}, 404, "Failed to find image {0} to delete", ""),
    ("POST", "I", {"id": "11111111-2222-4333-8444-555555555555"}, {}, 409, "Image ID {Q} already exists!", ""),
    ("POST", "I", {"min_disk": -1}, {}, 400, "Invalid value '-1' for parameter 'min_disk': Cannot be a negative value", ""),
    ("POST", "I", {"min_ram": 2**31}, {}, 400, "'min_ram' value out of range, must not exceed 2147483647.", ""),
    ("POST", "I", {"a" * 256: "x"}, {}, 400, "Custom property should not be greater than 255 characters.", ""),
    ("POST", "I", {"name": "\U0001f600"}, {}, 400, "Name can't contain 4 byte unicode characters.", ""),
    ("POST", "I", {"status": "active"}, {}, 403, "Attribute 'status' is read-only.", ""),
    ("POST", "I", {"locations": []}, {}, 403, "Attribute 'locations' is reserved.", ""),
    ("POST", "I", {"os_glance_x": "y"}, {}, 403, DENIED, "Attribute 'os_glance_x' is reserved."),
    ("POST", "I", {"owner": OTHER}, {}, 403, DENIED, f"You are not permitted to create images owned by '{OTHER}'"),
    ("POST", "I", {"visibility": "public"}, {}, 403, "You are not authorized to complete publicize_image action.", ""),
    ("POST", "I", "text", {}, 400, "Unexpected body type. Expected list/dict.", ""),
    ("PATCH", "I/{Q}", {}, PATCH, 400, "Request body must be a JSON array of operation objects.", ""),
    ("PATCH", "I/{Q}", [5], PATCH, 400, "Operations must be JSON objects.", ""),
    ("PATCH", "I/{Q}", [{}], PATCH, 400, "Unable to find `op` in JSON Schema change. It must be one of the following: add, "
                                            "remove, replace.", ""),
    ("PATCH", "I/{Q}", op("move", "/a"), PATCH, 400, "Invalid operation: `move`. It must be one of the following: add, remove, "
                                                        "replace.", ""),
    ("PATCH", "I/{Q}", op("add", "/a/", value="x"), PATCH, 400, 'Pointer `/a/` end with "/".', ""),
    ("PATCH", "I/{Q}", op("add", "a", value="x"), PATCH, 400, 'Pointer `a` does not start with "/".', ""),
    ("PATCH", "I/{Q}", op("add", "/a"), PATCH, 400, 'Operation "add" requires a member named "value".', ""),
    ("PATCH", "I/{Q}", op("remove", "/a"), PATCH, 409, CLASH, "Property a does not exist."),
    ("PATCH", "I/{Q}", op("remove", "/name"), PATCH, 403, DENIED, "Property name may not be removed."),
    ("PATCH", "I/{Q}", op("remove", "/tags"), PATCH, 403, DENIED, "Property tags may not be removed."),
    ("PATCH", "I/{Q}", op("replace", "/owner", value=OTHER), PATCH, 403, DENIED, "Owner can't be updated by non admin."),
    ("PATCH", "I/{A}", op("replace", "/disk_format", value="raw"), PATCH, 403,
     "Attribute disk_format can be only replaced for a queued image.", ""),
    ("PATCH", "I/{Q}", [{"foo": "/a"}], OLD_PATCH, 400,
     'Operation objects must contain exactly one member named "add", "remove", or "replace".', ""),
    ("PATCH", "I/{Q}", [{"add": "/a", "remove": "/b", "value": "x"}], OLD_PATCH, 400,
     'Operation objects must contain only one member named "add", "remove", or "replace".', ""),
    ("PATCH", "I/{Q}", [], {"Content-Type": "application/json"}, 415,
     "The request media type application/json is not supported by this server.",
     "Image PATCH expects Content-Type one of: application/openstack-images-v2.0-json-patch, "
     "application/openstack-images-v2.1-json-patch"),
    ("PUT", "I/{A}/file", None, {"Content-Type": "text/plain"}, 415,
     "The request media type text/plain is not supported by this server.", "Invalid content type text/plain"),
    ("PUT", "I/{A}/file", None, {"Content-Type": "application/octet-stream"}, 409,
     "Image status transition from active to saving is not allowed", ""),
    ("GET", "I/{A}/file", None, {"Range": "bytes=2000-"}, 416, "The Range requested is not available.",
     "Invalid start position in Range header. Start position MUST be in the inclusive range [0, 999]."),
    ("GET", "I/{A}/file", None, {"Range": "bytes=0-1,3-4"}, 400, "Requests with multiple ranges are not supported in Glance. "
                                                                    "You may make multiple single-range requests instead.", ""),
    ("POST", "I/{Q}/import", {}, {}, 400, "Import request requires a 'method' field.", ""),
    ("POST", "I/{Q}/import", {"method": {}}, {}, 400, "Import request requires a 'name' field.", ""),
    ("POST", "I/{Q}/import", {"method": {"name": "x"}}, {}, 400, "Unknown import method name 'x'.", ""),
    ("POST", "I/{Q}/import", {"method": {"name": "glance-direct"}}, {}, 409,
     "Image needs to be staged before 'glance-direct' method can be used", ""),
    ("POST", "I/{A}/import", {"method": {"name": "glance-direct"}}, {}, 409,
     "Image with status active cannot be target for import", ""),
    ("POST", "I/{Q}/import", {"method": {"name": "web-download", "uri": "ftp://x"}}, {}, 400,
     "URI for web-download does not pass filtering: ftp://x", ""),
    ("POST", "I/{C}/members", {"member": "x"}, {}, 403, "Not allowed to create members for image {C}.", ""),
    ("POST", "I/{A}/members", {"member": OTHER}, {}, 409, f"Member {OTHER} is duplicated for image {{A}}", ""),
    ("GET", "I/{C}/members", None, {}, 403, "Not allowed to list members for image {C}: Only shared images have members.", ""),
    ("GET", "I/{0}/members", None, {}, 404, "Image {0} not found.", ""),
    ("POST", "I/{A}/locations", {"url": "http://x"}, {}, 409, "It's not allowed to add locations if image status is active.", ""),
    ("POST", "I/{Q}/locations", {"url": "file:///x"}, {}, 403,
     "http store must be enabled to use location API by normal user.", ""),
    ("POST", "I/{Q}/locations", {"url": "http://10.0.0.1/"}, {}, 400, "URI for add location does not pass filtering: "
                                                                         "http://10.0.0.1/", ""),
    ("GET", "I?name=foo:x", None, {}, 400, "Unable to filter by unknown operator 'foo'.", ""),
    ("GET", "I?created_at=gt:x", None, {}, 400, 'Bad "created_at" query filter format. Use ISO 8601 DateTime notation.', ""),
    ("GET", "I?protected=maybe", None, {}, 400,
     "Invalid value 'maybe' for 'protected' filter. Valid values are 'true' or 'false'.", ""),
    ("GET", "I?visibility=x", None, {}, 400, "Invalid visibility value: x", ""),
    ("GET", "I?marker=x", None, {}, 400, "No image found with ID x", ""),
    ("GET", "I?limit=-1", None, {}, 400, "limit param must be positive", ""),
    ("GET", N + "/nope", None, {}, 404, "Metadata definition namespace=nope was not found.", ""),
    ("GET", N + "/nope/objects", None, {}, 404, "Metadata definition namespace=nope was not found.", ""),
    ("GET", N + "/N/objects/nope", None, {}, 404, "Could not find metadata object nope", ""),
    ("PUT", "/v2/tasks", None, {}, 405, "The method PUT is not allowed for this resource.", ""),
]


@pytest.mark.parametrize(("method", "path", "body", "headers", "status", "message", "detail"), CASES,
                         ids=lambda v: str(v)[:50] if isinstance(v, str) else "")
def test_words(member, images, method, path, body, headers, status, message, detail):
    def fill(text):
        for key, value in images.items():
            text = text.replace(f"{{{key}}}", value)
        return text

    path = ROOT + fill(path[1:]) if path.startswith("I") else fill(path)
    response = member.request(method, path, body, {**headers, "Accept": "application/json"})
    assert response.status_code == status, response.text
    said, _, more = response.get_json()["message"].partition("<br /><br />\n")
    assert (said, more.strip()) == (fill(message), detail)


def test_forms(member):
    """HTML for who takes it (or anything), JSON for who asks for it, else text."""
    path = f"{ROOT}/<nope>"
    html = member.request("GET", path, headers={"Accept": "*/*"})
    assert html.content_type == "text/html; charset=UTF-8" and "No image found with ID &lt;nope&gt;<br /><br />" in html.text
    assert html.text.startswith("<html>\n <head>\n  <title>404 Not Found</title>\n </head>\n <body>\n  <h1>404 Not Found</h1>\n")
    assert member.request("GET", path, headers={"Accept": "text/html, application/json"}).text == html.text
    json = member.request("GET", path, headers={"Accept": "application/json"})
    assert json.get_json() == {"message": "No image found with ID <nope><br /><br />\n\n\n", "code": "404 Not Found",
                               "title": "Not Found"}
    text = member.request("GET", path, headers={"Accept": "text/plain"})
    assert text.content_type == "text/plain; charset=UTF-8"
    assert text.text == "404 Not Found\n\nNo image found with ID <nope>\n\n   "


def test_versions_of_the_api_that_there_are_not(member):
    for path in ("/v1", "/v3/images", "/nothing"):
        response = member.request("GET", path)
        assert response.status_code == 300 and response.get_json()["versions"][0]["id"] == "v2.18"
    refused = member.request("PUT", ROOT)
    assert refused.status_code == 405 and refused.headers["Allow"] == "GET, POST"
