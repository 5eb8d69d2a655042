"""Each API prints an error in a form of its own, which clients parse."""

import orjson
import pytest

from common import errors
from common.http import faults

ERROR = errors.NotFound("No <such> thing.", kind="ThingNotFound", detail="more")


def body(fault, error=ERROR):
    data, content_type = fault(error, "req-1")
    return orjson.loads(data) if content_type == "application/json" else (data.decode(), content_type)


def test_identity():
    assert body(faults.identity) == {"error": {"code": 404, "message": "No <such> thing.", "title": "Not Found"}}
    error = errors.Unauthorized("receipt")
    error.extra = {"required": 2}
    assert body(faults.identity, error)["error"]["required"] == 2


@pytest.mark.parametrize(("status", "name"), [
    (400, "badRequest"), (401, "unauthorized"), (403, "forbidden"), (404, "itemNotFound"), (405, "badMethod"),
    (409, "conflictingRequest"), (413, "overLimit"), (415, "badMediaType"), (429, "overLimit"), (500, "computeFault"),
    (501, "notImplemented"), (502, "computeFault"), (503, "serviceUnavailable")])
def test_compute_and_block_storage(status, name):
    assert body(faults.compute, errors.ApiError("x", status=status)) == {name: {"code": status, "message": "x"}}


def test_network():
    assert body(faults.network) == {"NeutronError": {"type": "ThingNotFound", "message": "No <such> thing.", "detail": "more"}}
    assert body(faults.network, errors.NotFound("x"))["NeutronError"]["type"] == "HTTPNotFound"
    assert body(faults.network, errors.Conflict("x"))["NeutronError"]["type"] == "HTTPConflict"


def test_image_is_html_and_escaped():
    text, content_type = body(faults.image)
    assert content_type == "text/html; charset=UTF-8"
    assert "<title>404 Not Found</title>" in text and "No &lt;such&gt; thing." in text


def test_placement():
    found = body(faults.placement)["errors"]
    assert found == [{"status": 404, "request_id": "req-1", "title": "Not Found", "detail": "No <such> thing.\n\n   ",
                      "code": "ThingNotFound"}]
    assert body(faults.placement, errors.Conflict("x"))["errors"][0]["code"] == "placement.undefined_code"


def test_an_unknown_status_still_has_a_title():
    assert faults.title(599) == "Error" and faults.title(404) == "Not Found"


@pytest.mark.parametrize("kind", [v for v in vars(errors).values() if isinstance(v, type) and issubclass(v, errors.ApiError)])
def test_every_error_has_a_status_that_is_an_error(kind):
    assert kind("x").status >= 400 and str(kind("x")) == "x" and kind("x", status=418).status == 418
