"""The tasks API: what became of imports, and (for operators) asking for one the old way."""

from typing import Any
from urllib.parse import urlencode

from common import clock, errors
from common.http.request import Request
from services.image.api import access
from services.image.api.images import read_page
from services.image.api.state import State
from services.image.db import tasks as rows
from services.image.domain import tasks as domain
from services.image.drivers import webdownload
from services.image.drivers.fetch import Refused, check

_SORT_KEYS = ("id", "created_at", "expires_at", "status", "type", "updated_at")
_FILTERS = ("type", "status", "owner")


def _view(row: Any, *, whole: bool = True) -> dict[str, Any]:
    view = {"id": row.id, "type": row.type, "status": row.status, "owner": row.owner,
            "created_at": clock.iso(row.created_at), "updated_at": clock.iso(row.updated_at),
            "self": f"/v2/tasks/{row.id}", "schema": "/v2/schemas/task"}
    if row.expires_at is not None and row.status in ("success", "failure"):
        view["expires_at"] = clock.iso(row.expires_at)
    if whole:
        view.update(input=row.input, result=row.result, message=row.message or "", image_id=row.image_id,
                    request_id=row.request_id, user_id=row.user_id)
    return view


def of_image(request: Request, image_id: str) -> Any:
    """200 with the image's tasks; 404."""
    state: State = request.app
    image, _ = access.read(request, image_id)
    with state.db.read() as session:
        return {"tasks": [_view(r) for r in rows.of_image(session, image.id)]}


def index(request: Request) -> Any:
    """200 with one page of tasks; 400."""
    state: State = request.app
    page = read_page(request, _SORT_KEYS)
    owner = None if request.context.has_admin_role else request.context.project_id or "-"
    filters = {k: request.first(k) or "" for k in _FILTERS if k in request.query}
    if filters.get("status", "pending") not in ("pending", "processing", "success", "failure"):
        raise errors.BadRequest(f"Invalid status value: {filters['status']}")
    with state.db.read() as session:
        found = rows.list_page(session, page, owner=owner, filters=filters)
    body: dict[str, Any] = {"tasks": [_view(r, whole=False) for r in found], "first": _link(request, None),
                            "schema": "/v2/schemas/tasks"}
    if page.limit and len(found) >= page.limit:
        body["next"] = _link(request, found[-1].id)
    return body


def _link(request: Request, marker: str | None) -> str:
    pairs = [(k, v) for k, vs in request.query.items() if k != "marker" for v in vs]
    pairs += [("marker", marker)] if marker else []
    return "/v2/tasks" + (f"?{urlencode(pairs)}" if pairs else "")


def show(request: Request, task_id: str) -> Any:
    """200; 404."""
    state: State = request.app
    with state.db.read() as session:
        row = rows.find(session, task_id)
    if row is None or not (request.context.has_admin_role or row.owner == request.context.project_id):
        raise errors.NotFound(f"Failed to find task {task_id}")
    return {k: v for k, v in _view(row).items() if v is not None or k in ("input", "result")}


def create(request: Request) -> Any:
    """201 with the task; 400 unknown type or a source that may not be read."""
    state: State = request.app
    given, body = request.body.get("input") or {}, request.body
    if body["type"] != "import":
        raise errors.BadRequest(f"Provided object does not match schema 'task': type {body['type']} is not known")
    for name in ("import_from", "import_from_format", "image_properties"):
        if name not in given:
            raise errors.BadRequest(f"Input does not contain '{name}' field")
    if not isinstance(given["image_properties"], dict):
        raise errors.BadRequest("image_properties must be an object")
    scheme = str(given["import_from"]).partition(":")[0].lower()
    if scheme in ("file", "filesystem"):
        raise errors.BadRequest("File based imports are not allowed. Please use a non-local source of image data.")
    if scheme not in ("http", "https"):
        raise errors.BadRequest("URI must be one of the following forms: http://, https://")
    try:
        check(str(given["import_from"]), webdownload.guard(state.conf["import"]), resolve=False)
    except Refused as e:
        raise errors.BadRequest(f"The import_from URI does not pass filtering: {e}") from None
    allowed = {k: v for k, v in given["image_properties"].items() if not k.startswith("os_glance")}
    state.schemas.check(allowed)
    row, saga = state.db.transaction(domain.start, request.context, given, allowed, state.limits,
                                     store=state.stores.default.name, keep_h=state.conf["import"].task_keep_h)
    state.poke(request.context, [saga])
    return _view(row), 201, {"Location": f"{request.base_url}/v2/tasks/{row.id}"}


def delete(request: Request, task_id: str) -> Any:
    """405 for a task that is there, as upstream; 404."""
    state: State = request.app
    with state.db.read() as session:
        row = rows.find(session, task_id)
    if row is None:
        raise errors.NotFound(f"Failed to find task {task_id}")
    raise errors.MethodNotAllowed("The tasks API does not support deletion: tasks expire by themselves.",
                                  headers={"Allow": "GET"})
