"""The tasks API: what became of imports, and (for operators) asking for one the old way."""

import logging
from typing import Any
from urllib.parse import urlencode

from common import clock, errors
from common.http.request import Request
from common.http.validation import Schema
from services.image.api import access
from services.image.api.images import read_page
from services.image.api.schemas.documents import TASK
from services.image.api.state import State
from services.image.db import tasks as rows
from services.image.domain import tasks as domain
from services.image.drivers import webdownload
from services.image.drivers.fetch import Refused, check

LOG = logging.getLogger(__name__)
_TASK = Schema({**TASK, "type": "object", "additionalProperties": False})
_SORT_KEYS = ("id", "created_at", "expires_at", "status", "type", "updated_at")
_TYPES = ("import",)  # what upstream lets filter by: the others are the service's own
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
    """200 with the image's tasks, but those of other projects for operators only; 404."""
    state: State = request.app
    image, target = access.read(request, image_id, "get_image", "The resource could not be found.")
    if not request.allowed("get_task", target):
        return {"tasks": []}
    with state.db.read() as session:
        found = [_view(r) for r in rows.of_image(session, image.id)
                 if request.context.has_admin_role or r.owner == request.context.project_id]
    links = ("self", "schema")
    return {"tasks": [{k: v for k, v in t.items() if k not in links} | {"deleted": False, "deleted_at": None} for t in found]}


def index(request: Request) -> Any:
    """200 with one page of tasks; 400."""
    state: State = request.app
    if request.first("sort_key", "created_at") not in _SORT_KEYS:
        raise errors.BadRequest("Sort key supplied was not valid.")
    page = read_page(request, _SORT_KEYS)
    owner = None if request.context.has_admin_role else request.context.project_id or "-"
    filters = {k: request.first(k) or "" for k in _FILTERS if k in request.query}
    if filters.get("status", "pending") not in ("pending", "processing", "success", "failure"):
        raise errors.BadRequest(f"Invalid status value: {filters['status']}")
    if filters.get("type", "import") not in _TYPES:
        raise errors.BadRequest(f"Invalid type value: {filters['type']}")
    with state.db.read() as session:
        try:
            found = rows.list_page(session, page, owner=owner, filters=filters)
        except errors.BadRequest:
            raise errors.BadRequest("Invalid marker format") from None
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
        raise errors.NotFound(f"Could not find task {task_id}")
    return {k: v for k, v in _view(row).items() if v is not None or k in ("input", "result")}


def create(request: Request) -> Any:
    """201 with the task; 400 unknown type or a source that may not be read."""
    state: State = request.app
    given = _input(state, request.body)
    allowed = {k: v for k, v in given["image_properties"].items() if not k.startswith("os_glance")}
    state.schemas.check(allowed)
    room = state.room(request.context.project_id, "image_count_total", "image_count_uploading", "image_size_total")
    row, saga = state.db.transaction(domain.start, request.context, given, allowed, state.limits, room,
                                     store=state.stores.default.name, keep_h=state.conf["import"].task_keep_h)
    state.poke(request.context, [saga])
    return _view(row), 201, {"Location": f"{request.base_url}/v2/tasks/{row.id}"}


def _input(state: State, body: Any) -> dict[str, Any]:
    """What is to be imported; errors.BadRequest in upstream's words when it may not, or makes no sense."""
    for name in ("type", "input"):
        if not isinstance(body, dict) or name not in body:
            raise errors.BadRequest(f"Task '{name}' is required")
    _TASK.validate(body, lambda e: f"Provided object does not match schema 'task': {e}")
    given: dict[str, Any] = body["input"] or {}
    source = given.get("import_from")
    if not isinstance(source, str):
        raise errors.BadRequest(f"Invalid location: {source}")
    scheme = source.partition(":")[0].lower()
    if scheme in ("file", "filesystem"):
        raise errors.BadRequest("File based imports are not allowed. Please use a non-local source of image data.")
    if scheme not in ("http", "https"):
        raise errors.BadRequest("The given uri is not valid. Please specify a valid uri from the following list of supported "
                                "uri ['http']")
    try:
        check(source, webdownload.guard(state.conf["import"]), resolve=False)
    except Refused as e:
        LOG.info("import of %s is refused: %s", source, e)
        raise errors.BadRequest(f"URI for legacy import task does not pass filtering: {source}") from None
    for name in ("import_from_format", "image_properties"):
        if name not in given:
            raise errors.BadRequest(f"Input does not contain '{name}' field")
    if not isinstance(given["image_properties"], dict):
        raise errors.BadRequest("image_properties must be an object")
    if body["type"] != "import":
        raise errors.BadRequest(f"Tasks of type {body['type']} are made by the service itself")
    return given


def delete(request: Request, task_id: str) -> Any:
    """405, as upstream, whether there is such a task or not."""
    raise errors.MethodNotAllowed("This operation is currently not permitted on Glance Tasks. They are auto deleted after "
                                  "reaching the time based on their expires_at property.", headers={"Allow": "GET"})
