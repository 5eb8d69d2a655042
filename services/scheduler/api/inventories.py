"""Handlers of inventories."""

from typing import Any

from common import errors
from common.http.request import Request
from common.http.validation import Schema
from services.scheduler.api import common
from services.scheduler.api.common import Answer, state
from services.scheduler.api.schemas import inventories as schemas
from services.scheduler.api.views import inventories as views
from services.scheduler.db import inventories as db_inventories
from services.scheduler.domain import inventories, providers

_MISSING = "No resource provider with uuid {uuid} found : {error}"


def _body(request: Request, uuid: str, schema: Schema) -> Any:
    """The checked body; errors.NotFound first, when there is no such provider."""
    with state(request).db.read() as session:
        providers.require(session, uuid)
    return common.checked(request, schema)


def index(request: Request, uuid: str) -> Answer:
    """200: the provider's inventories. 404."""
    with state(request).db.read() as session:
        row = providers.require(session, uuid, _MISSING)
        rows = db_inventories.of_provider(session, row.id)
    return views.inventories(rows, row.generation), 200, common.cached(request, rows)


def show(request: Request, uuid: str, resource_class: str) -> Answer:
    """200: one inventory. 404."""
    with state(request).db.read() as session:
        row = providers.require(session, uuid, _MISSING)
        rows = [r for r in db_inventories.of_provider(session, row.id) if r.name == resource_class]
    if not rows:
        raise errors.NotFound(f"No inventory of class {resource_class} for {uuid}")
    body = {"resource_provider_generation": row.generation, **views.inventory(rows[0])}
    return body, 200, common.cached(request, rows)


def create(request: Request, uuid: str) -> Answer:
    """201 with Location: one inventory is added. 400: class or capacity. 404. 409: it is there already."""
    body = _body(request, uuid, schemas.CREATE)
    name = body["resource_class"]
    generation = state(request).db.transaction(inventories.create, uuid, name, body,
                                               may_reserve_all=request.at_least("1.26"))
    made = {"resource_provider_generation": generation, **inventories.complete(body)}
    headers = {"Location": f"{request.base_url}/resource_providers/{uuid}/inventories/{name}"}
    return made, 201, {**headers, **common.cached(request)}


def set_all(request: Request, uuid: str) -> Answer:
    """200: the inventories as set. 400: class or capacity. 404. 409: generation, or one that is to go is in use."""
    body = _body(request, uuid, schemas.SET_ALL)

    def work(session: Any) -> Any:
        row = _current(session, uuid, body["resource_provider_generation"])
        inventories.set_all(session, row, body["inventories"], may_reserve_all=request.at_least("1.26"))
        return row, db_inventories.of_provider(session, row.id)

    row, rows = state(request).db.transaction(work)
    return views.inventories(rows, row.generation + 1), 200, common.cached(request, rows)


def _current(session: Any, uuid: str, generation: int) -> Any:
    row = providers.require(session, uuid)
    if row.generation != generation:
        raise errors.Conflict("resource provider generation conflict", kind=providers.CONCURRENT_UPDATE)
    return row


def update(request: Request, uuid: str, resource_class: str) -> Answer:
    """200: the inventory as set. 400: there is none of the class, capacity. 404. 409: generation."""
    body = _body(request, uuid, schemas.UPDATE)

    def work(session: Any) -> Any:
        row = _current(session, uuid, body["resource_provider_generation"])
        inventories.update(session, row, resource_class, body, may_reserve_all=request.at_least("1.26"))
        return row

    row = state(request).db.transaction(work)
    made = {"resource_provider_generation": row.generation + 1, **inventories.complete(body)}
    return made, 200, common.cached(request)


def delete(request: Request, uuid: str, resource_class: str) -> Answer:
    """204. 404. 409: in use, or changed meanwhile."""
    state(request).db.transaction(inventories.delete, uuid, resource_class)


def delete_all(request: Request, uuid: str) -> Answer:
    """204 (from 1.5; 405 before). 404. 409: in use, or changed meanwhile."""
    common.method_since(request, "1.5")
    state(request).db.transaction(inventories.delete_all, uuid)
