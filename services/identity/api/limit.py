"""Unified limits."""

from typing import Any

from common.http.request import Request
from services.identity.api import listing
from services.identity.api.schemas import limit as limit_schema
from services.identity.db import limit as limit_db
from services.identity.db import project as project_db
from services.identity.db.models import Limit, RegisteredLimit
from services.identity.domain import limit

_REGISTERED = ("service_id", "region_id", "resource_name")


def _registered(request: Request, row: RegisteredLimit) -> dict[str, Any]:
    return {"id": row.id, "service_id": row.service_id, "region_id": row.region_id or None,
            "resource_name": row.resource_name, "default_limit": row.default_limit, "description": row.description,
            "links": listing.self_link(request, "registered_limits", row.id)}


def _view(request: Request, row: Limit, registered: RegisteredLimit) -> dict[str, Any]:
    return {"id": row.id, "project_id": row.project_id or None, "domain_id": row.domain_id or None,
            "service_id": registered.service_id, "region_id": registered.region_id or None,
            "resource_name": registered.resource_name, "resource_limit": row.resource_limit,
            "description": row.description, "links": listing.self_link(request, "limits", row.id)}


def registered(request: Request) -> dict[str, Any]:
    """200 with registered limits."""
    found, more = request.app.read(limit_db.registered_listing, listing.read(request, _REGISTERED))
    return listing.answer(request, "registered_limits", [_registered(request, r) for r in found], more)


def register(request: Request) -> tuple[dict[str, Any], int]:
    """201 with the new registered limits."""
    made = request.app.change(limit.register, request.body["registered_limits"])
    return {"registered_limits": [_registered(request, r) for r in made]}, 201


def show_registered(request: Request, registered_limit_id: str) -> dict[str, Any]:
    """200."""
    return {"registered_limit": _registered(request, request.app.read(limit.found_registered, registered_limit_id))}


def update_registered(request: Request, registered_limit_id: str) -> dict[str, Any]:
    """200."""
    row = request.app.change(limit.update_registered, registered_limit_id, request.body["registered_limit"])
    return {"registered_limit": _registered(request, row)}


def unregister(request: Request, registered_limit_id: str) -> None:
    """204; 403 while limits stand on it."""
    request.app.change(limit.unregister, registered_limit_id)


def index(request: Request) -> dict[str, Any]:
    """200 with limits: all for operators, else those of the token's project, or of its domain and the projects there."""
    query = listing.read(request, (*_REGISTERED, "project_id", "domain_id"))
    context, narrow = request.context, {}
    with request.app.db.read() as session:
        if not request.allowed("admin_required", {}) and not context.system_scope:
            if context.domain_id:
                inside = [p.id for p in project_db.in_domain(session, context.domain_id)]
                narrow = {"project_ids": inside, "domain_ids": [context.domain_id]}
            else:  # of no project none: "" stands for it in the limits of domains
                narrow = {"project_ids": [context.project_id] if context.project_id else []}
        found, more = limit_db.listing(session, query, **narrow)
    return listing.answer(request, "limits", [_view(request, *pair) for pair in found], more)


def create(request: Request) -> tuple[dict[str, Any], int]:
    """201 with the new limits."""
    limit_schema.ONE_OWNER.validate(request.body)
    made = request.app.change(limit.create, request.app.conf, request.body["limits"])
    return {"limits": [_view(request, *pair) for pair in made]}, 201


def show(request: Request, limit_id: str) -> dict[str, Any]:
    """200."""
    with request.app.db.read() as session:
        pair = limit_db.get(session, limit_id)
        owner = project_db.get(session, pair[0].project_id) if pair and pair[0].project_id else None
    about: dict[str, Any] = {}
    if pair is not None:
        about = {"target.limit.project_id": pair[0].project_id or None}
        if pair[0].domain_id:
            about["target.limit.domain.id"] = pair[0].domain_id
        if owner is not None:
            about["target.limit.project.domain_id"] = owner.domain_id
    request.authorize(about)
    return {"limit": _view(request, *request.app.read(limit.found, limit_id))}


def update(request: Request, limit_id: str) -> dict[str, Any]:
    """200; 404 for everybody when there is no such limit, as upstream has it."""
    request.app.read(limit.found, limit_id)
    request.authorize()
    pair = request.app.change(limit.update, request.app.conf, limit_id, request.body["limit"])
    return {"limit": _view(request, *pair)}


def delete(request: Request, limit_id: str) -> None:
    """204; 404 for everybody when there is no such limit, as upstream has it."""
    request.app.read(limit.found, limit_id)
    request.authorize()
    request.app.change(limit.delete, limit_id)


def model(request: Request) -> dict[str, Any]:
    """200 with how limits of projects and domains relate."""
    name = request.app.conf.unified_limit.enforcement_model
    return {"model": {"name": name, "description": limit.MODELS[name]}}
