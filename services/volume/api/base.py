"""What every handler of the block storage API uses: rows with their policies, pages, filters, links."""

import contextlib
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flask

from common import clock, errors
from common.http import paging
from common.http.paging import Page
from common.http.request import Request, boolean
from services.volume.db import snapshots, volumes
from services.volume.db.models import Attachment, Snapshot, Volume
from services.volume.domain import faults

NEWEST = "3.71"
URL_PROJECT = "altostack.url_project"


def checked(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler, refusing a project in the URL that is not the token's."""

    @functools.wraps(handler)
    def check(request: Request, **variables: Any) -> Any:
        named = request.raw.environ.get(URL_PROJECT)
        if named is not None and named.replace("-", "") != (request.context.project_id or "").replace("-", ""):
            raise errors.BadRequest("Malformed request url")
        try:
            return handler(request, **variables)
        except errors.BadRequest as e:
            if e.kind == "MarkerNotFound":
                raise errors.NotFound(f"Marker {request.first('marker')} could not be found.") from e
            raise

    return check


def empty() -> flask.Response:
    """An empty answer with 200."""
    return flask.Response(b"", 200)


def refuse_detach(request: Request, attachment: Attachment) -> None:
    """409 when a server uses the volume through compute, and it is a user who would take it away (CVE-2023-2088)."""
    by_service = bool(request.context.service_roles) or "service" in (request.context.roles or [])
    if attachment.instance_uuid and attachment.attach_status == "attached" and not attachment.legacy and not by_service:
        raise errors.Conflict(f"Detach volume from instance {attachment.instance_uuid} using the Compute API")


def target(row: Any) -> dict[str, Any]:
    """What a policy is checked against: the row's owner."""
    return {"project_id": row.project_id, "user_id": getattr(row, "user_id", None)}


def may_see(request: Request, row: Any) -> bool:
    """Whether a row is of the caller's project, or the caller sees all projects."""
    return (
        row.project_id == request.context.project_id
        or request.context.has_admin_role
        or "service" in (request.context.roles or [])
    )


def volume(request: Request, volume_id: str) -> Volume:
    """A volume for this request, its policy checked; 404 when it is not for the caller to see."""
    with request.app.db.read() as session:
        row = volumes.get(session, volume_id)
    if row is None or not may_see(request, row):
        raise faults.missing("volume", volume_id)
    request.authorize(target(row))
    return row


def snapshot(request: Request, snapshot_id: str) -> Snapshot:
    """A snapshot for this request, its policy checked; 404 when it is not for the caller to see."""
    with request.app.db.read() as session:
        row = snapshots.get(session, snapshot_id)
    if row is None or not may_see(request, row):
        raise faults.missing("snapshot", snapshot_id)
    request.authorize(target(row))
    return row


def page(request: Request, *, keys: Sequence[str] | None = None) -> tuple[Page, int]:
    """(page, offset) as asked for; 400 in upstream's words when a value is wrong."""
    try:
        found = paging.read(request, keys=keys, aliases={"display_name": "name"})
        if request.first("limit") is not None and int(request.first("limit") or 0) < 0:
            raise errors.BadRequest("limit param must be positive")
        offset = int(request.first("offset") or 0)
    except ValueError:
        raise errors.BadRequest("offset param must be an integer") from None
    if offset < 0:
        raise errors.BadRequest("offset param must be positive")
    return found, offset


def whole_page() -> Page:
    """Everything at once."""
    return Page(None, None, (("created_at", "desc"), ("id", "desc")))


def scope(request: Request, *, key: str = "all_tenants") -> str | None:
    """The project whose things are listed; None (all) for operators and services that ask for it."""
    wide = request.context.has_admin_role or "service" in (request.context.roles or [])
    if wide and request.first(key) is not None and request.first(key) != "":
        if boolean(request.first(key), key):
            return request.first("project_id")
    elif wide and request.first(key) == "":
        return request.first("project_id")
    return request.context.project_id or ""


_PAGING = {
    "limit",
    "marker",
    "offset",
    "sort",
    "sort_key",
    "sort_dir",
    "all_tenants",
    "with_count",
    "project_id",
    "consumes_quota",
}
_TIME_OPERATORS = ("gt", "gte", "eq", "neq", "lt", "lte")


def filters(request: Request, allowed: Mapping[str, str], *, like: Sequence[str] = (), times: bool = False) -> dict[str, Any]:
    """The filters of a list request as columns: `allowed` maps names on the wire to columns.

    Names with `~` (since 3.31) in `like` match parts. Unknown names are ignored before 3.31 for members, 400 after.
    """
    found: dict[str, Any] = {}
    for name, values in request.query.items():
        value = values[0]
        if name in _PAGING:
            continue
        if name.endswith("~") and request.at_least("3.31") and name[:-1] in like:
            found.setdefault("like", {})[allowed.get(name[:-1], name[:-1])] = value
        elif name in ("created_at", "updated_at") and times and request.at_least("3.60"):
            found["times"] = [*found.get("times", ()), *_times(name, value)]
        elif name in allowed:
            found[allowed[name]] = value
        elif request.at_least("3.31"):
            raise errors.BadRequest(f"Invalid input received: Filters {name} are not supported in this resource.")
    if "metadata" in found:
        found["metadata"] = mapping(found["metadata"])
    return found


def mapping(text: str) -> dict[str, Any]:
    """A JSON object in a query, or the form in which Python prints one, as clients send it."""
    value = None
    for words in (text, text.replace("u'", "'").replace("'", '"')):
        with contextlib.suppress(ValueError, RecursionError):  # the latter: brackets in brackets in brackets
            value = json.loads(words)
            break
    if not isinstance(value, dict):
        raise errors.BadRequest(f"Invalid input received: Could not evaluate value {text}, assuming string")
    return value


def _times(column: str, text: str) -> list[tuple[str, str, Any]]:
    found = []
    for part in text.split(","):
        operator, colon, moment = part.partition(":")
        if operator not in _TIME_OPERATORS or not colon:
            operator, moment = "eq", part
        try:
            found.append((column, operator, clock.parse(moment.replace("Z", "+00:00"))))
        except ValueError:
            raise errors.BadRequest(f"Invalid input received: {column} value {moment} is not a date") from None
    return found


def links(request: Request, kind: str, item_id: str) -> list[dict[str, str]]:
    """`self` and `bookmark` of a thing."""
    project = request.context.project_id
    return [
        {"rel": "self", "href": f"{request.base_url}/v3/{project}/{kind}/{item_id}"},
        {"rel": "bookmark", "href": f"{request.base_url}/{project}/{kind}/{item_id}"},
    ]


def with_next(request: Request, body: dict[str, Any], kind: str, path: str, found: Page, ids: Sequence[str]) -> dict[str, Any]:
    """The body of a list with its `next` link, when the page is full."""
    if found.limit is not None and request.first("limit") is not None and ids and len(ids) >= found.limit:
        project = request.raw.environ.get(URL_PROJECT)
        base = f"/v3/{project}/{path}" if project else f"/v3/{path}"
        body[f"{kind}_links"] = [{"rel": "next", "href": paging.next_link(request, base, ids[-1])}]
    return body
