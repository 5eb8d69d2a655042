"""How each API prints an error.

Clients parse these bodies; each function takes an ApiError and the request id
and returns (body bytes, content type). Sources: the API references' fault sections.
"""

import html
from collections.abc import Callable
from http import HTTPStatus

import orjson

from common.errors import ApiError

Fault = Callable[[ApiError, str], tuple[bytes, str]]
JSON = "application/json"


def title(status: int) -> str:
    """`Not Found` for 404."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def identity(error: ApiError, request_id: str) -> tuple[bytes, str]:
    """`{"error": {"code", "message", "title"}}`; identity's extra fields come from `extra`."""
    body: dict[str, object] = {"code": error.status, "message": error.message, "title": title(error.status)}
    body.update(getattr(error, "extra", None) or {})
    return orjson.dumps({"error": body}), JSON


_COMPUTE_NAMES = {
    400: "badRequest", 401: "unauthorized", 403: "forbidden", 404: "itemNotFound", 405: "badMethod",
    406: "notAcceptable", 409: "conflictingRequest", 413: "overLimit", 415: "badMediaType", 422: "unprocessableEntity",
    429: "overLimit", 501: "notImplemented", 503: "serviceUnavailable",
}


def compute(error: ApiError, request_id: str) -> tuple[bytes, str]:
    """`{"itemNotFound": {"code", "message"}}`: compute and block storage."""
    name = _COMPUTE_NAMES.get(error.status, "computeFault")
    return orjson.dumps({name: {"code": error.status, "message": error.message}}), JSON


def network(error: ApiError, request_id: str) -> tuple[bytes, str]:
    """`{"NeutronError": {"type", "message", "detail"}}`."""
    kind = error.kind or {404: "HTTPNotFound", 400: "HTTPBadRequest", 403: "HTTPForbidden"}.get(
        error.status, "HTTP" + title(error.status).replace(" ", "")
    )
    return orjson.dumps({"NeutronError": {"type": kind, "message": error.message, "detail": error.detail}}), JSON


def image(error: ApiError, request_id: str) -> tuple[bytes, str]:
    """An HTML page, as upstream's image API answers whatever the client accepts."""
    head = f"{error.status} {title(error.status)}"
    page = (
        f"<html>\n <head>\n  <title>{head}</title>\n </head>\n <body>\n  <h1>{head}</h1>\n"
        f"  {html.escape(error.message)}<br /><br />\n\n\n </body>\n</html>"
    )
    return page.encode(), "text/html; charset=UTF-8"


def placement(error: ApiError, request_id: str) -> tuple[bytes, str]:
    """`{"errors": [{"status", "request_id", "title", "detail", "code"}]}` of the errors guideline."""
    item: dict[str, object] = {
        "status": error.status, "request_id": request_id, "title": title(error.status),
        "detail": f"{error.message}\n\n   ",
    }
    item["code"] = error.kind or "placement.undefined_code"
    item.update(getattr(error, "extra", None) or {})
    return orjson.dumps({"errors": [item]}), JSON
