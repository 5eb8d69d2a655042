"""What several handlers of compute's API share: links, loading a server, reading times."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import flask

from common import clock, errors, ids
from common.http.request import Request
from services.compute.db import servers


def links(request: Request, kind: str, item_id: str) -> list[dict[str, str]]:
    """The `self` and `bookmark` links of one resource."""
    base = request.base_url
    return [{"rel": "self", "href": f"{base}/v2.1/{kind}/{item_id}"}, {"rel": "bookmark", "href": f"{base}/{kind}/{item_id}"}]


def bookmark(request: Request, kind: str, item_id: str) -> list[dict[str, str]]:
    """The `bookmark` link alone, for resources inside others."""
    return [{"rel": "bookmark", "href": f"{request.base_url}/{kind}/{item_id}"}]


def next_links(request: Request, path: str, items: Sequence[Any], limit: int | None, marker: str) -> list[dict[str, str]]:
    """[a `next` link] when the page is full and a limit was asked for or reached, else nothing."""
    if limit is None or len(items) < limit or not items:
        return []
    pairs = [(k, v) for k, vs in request.query.items() if k != "marker" for v in vs] + [("marker", marker)]
    return [{"rel": "next", "href": f"{request.base_url}/v2.1/{path}?{urlencode(pairs)}"}]


def load_server(request: Request, server_id: str, policy: str | None = None) -> Any:
    """A server's row, once the caller passed the route's policy (or `policy`) for it.

    errors.NotFound also when it is another project's, so that nobody learns that it exists; errors.Forbidden.
    """
    with request.app.db.read() as session:
        row = servers.get(session, server_id)
    return check_server(request, row, policy)


def check_server(request: Request, row: Any, policy: str | None = None) -> Any:
    """The same for a row at hand. Other services may know what exists; policies tell what they may do with it."""
    context = request.context
    if row.project_id != context.project_id and not context.has_admin_role and "service" not in (context.roles or ()):
        raise servers.not_found(row.id)
    request.authorize({"project_id": row.project_id, "user_id": row.user_id}, policy)
    return row


def when(text: str, name: str) -> Any:
    """A time of a query parameter; errors.BadRequest."""
    try:
        return clock.parse(text.replace(" ", "+") if "+" not in text and text.count(" ") == 1 and "T" in text else text)
    except ValueError:
        raise errors.BadRequest(
            f"Invalid input for query parameters {name}. Value: {text}. '{text}' is not a 'date-time'"
        ) from None


def until(text: str, name: str) -> Any:
    """As `when`, of a parameter that is an end: the whole second that it names, because that is what clients are shown."""
    moment = when(text, name)
    return moment if moment.microsecond else moment.replace(microsecond=999_999)


def page_limit(request: Request) -> int:
    """`limit` of a simple list, at most [api] max_page_size. errors.BadRequest."""
    most = int(request.app.conf.api.max_page_size)
    text = request.first("limit")
    if text is None:
        return most
    if not (text.isascii() and text.isdigit()):
        raise errors.BadRequest("limit must be a non-negative integer")
    return min(ids.number_in(text) or most, most)


def ok() -> flask.Response:
    """200 without a body, where upstream answers so."""
    return flask.Response(b"", 200)
