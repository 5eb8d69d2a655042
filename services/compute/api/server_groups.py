"""Handlers of server groups."""

from typing import Any

from common import errors, ids
from common.http.request import Request, boolean
from services.compute.api.base import page_limit
from services.compute.db import server_groups as rows
from services.compute.domain import server_groups as domain

_BEYOND = 1 << 31


def view(request: Request, row: Any, members: list[Any]) -> dict[str, Any]:
    """A server group."""
    made: dict[str, Any] = {"id": row.id, "name": row.name, "members": [m.id for m in members]}
    if request.at_least("2.64"):
        made.update(policy=row.policy, rules=row.rules or {})
    else:
        made.update(policies=[row.policy], metadata={})
    if request.at_least("2.13"):
        made.update(project_id=row.project_id, user_id=row.user_id)
    return made


def _offset(request: Request) -> int:
    text = request.first("offset") or "0"
    if not (text.isascii() and text.isdigit()):
        raise errors.BadRequest("offset must be a non-negative integer")
    number = ids.number_in(text)
    return _BEYOND if number is None else min(number, _BEYOND)


def index(request: Request) -> dict[str, Any]:
    """200."""
    project: str | None = request.context.project_id
    text = request.first("all_projects")
    if text is not None and (text == "" or boolean(text, "all_projects")) and request.context.has_admin_role:
        request.authorize(None, "os_compute_api:os-server-groups:index:all_projects")
        project = None
    with request.app.db.read() as session:
        found = rows.page(session, project, limit=page_limit(request), offset=_offset(request))
        members = rows.members(session, [g.id for g in found])
    return {"server_groups": [view(request, g, members.get(g.id, [])) for g in found]}


def _get(request: Request, session: Any, group_id: str) -> Any:
    row = rows.get(session, group_id, None if request.context.has_admin_role else request.context.project_id)
    request.authorize({"project_id": row.project_id, "user_id": row.user_id})
    return row


def show(request: Request, group_id: str) -> dict[str, Any]:
    """200; 404."""
    with request.app.db.read() as session:
        row = _get(request, session, group_id)
        return {"server_group": view(request, row, rows.members(session, [row.id]).get(row.id, []))}


def create(request: Request) -> dict[str, Any]:
    """200; 400, 403 over quota."""
    body = request.body["server_group"]
    policy = body["policy"] if request.at_least("2.64") else body["policies"][0]
    return {"server_group": view(request, domain.create(request.app, request.context, body["name"].strip(), policy,
                                                        body.get("rules") or {}), [])}


def delete(request: Request, group_id: str) -> None:
    """204; 404."""
    with request.app.db.read() as session:
        row = _get(request, session, group_id)
    request.app.db.transaction(rows.delete, row)
