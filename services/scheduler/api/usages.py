"""Handlers of usages."""

from typing import Any

from common.http.request import Request
from services.scheduler.api import common
from services.scheduler.api.common import Answer, check_query, state
from services.scheduler.api.schemas import usages as schemas
from services.scheduler.db import allocations as db_allocations
from services.scheduler.db import inventories as db_inventories
from services.scheduler.domain import providers


def of_provider(request: Request, uuid: str) -> Answer:
    """200: how much of each class is used. 404."""
    with state(request).db.read() as session:
        row = providers.require(session, uuid, "No resource provider with uuid {uuid} found: {error}")
        rows = db_inventories.of_provider(session, row.id)
    body = {"resource_provider_generation": row.generation, "usages": {r.name: r.used for r in rows}}
    return body, 200, common.cached(request)


def of_project(request: Request) -> Answer:
    """200: what a project (and user) uses; by consumer type from 1.38. 400: project_id is missing."""
    request.authorize({"project_id": request.first("project_id")})
    check_query(request, schemas.LIST)
    project, user, kind = request.first("project_id") or "", request.first("user_id"), request.first("consumer_type")
    by_type = request.at_least("1.38")
    with state(request).db.read() as session:
        rows = db_allocations.totals(session, project, user, kind, by_type)
        counts = db_allocations.consumer_counts(session, project, user, kind) if by_type else {}
    if not by_type:
        return {"usages": {r.name: int(r.used) for r in rows}}, 200, common.cached(request)
    usages: dict[str, dict[str, Any]] = {}
    for row in rows:
        name = "all" if kind == "all" else row.consumer_type or "unknown"
        count = sum(counts.values()) if kind == "all" else counts.get(row.consumer_type, 0)
        usages.setdefault(name, {"consumer_count": count})[row.name] = int(row.used)
    return {"usages": usages}, 200, common.cached(request)
