"""Handlers of allocations and of the reshaper."""

from collections.abc import Mapping
from typing import Any

from common import errors, ids
from common.http.request import Request
from services.scheduler.api import common
from services.scheduler.api.common import Answer, state
from services.scheduler.api.views import allocations as views
from services.scheduler.db import allocations as db_allocations
from services.scheduler.domain import allocations, providers, reshaper
from services.scheduler.domain.allocations import Change


def show(request: Request, consumer_uuid: str) -> Answer:
    """200: what a consumer has; nothing for a consumer that is not known."""
    with state(request).db.read() as session:
        rows = db_allocations.show(session, consumer_uuid)
    return views.allocations_of_consumer(request, rows), 200, common.cached(request, rows)


def of_provider(request: Request, uuid: str) -> Answer:
    """200: who uses the provider. 404."""
    with state(request).db.read() as session:
        row = providers.require(session, uuid, "Resource provider '{uuid}' not found: {error}")
        rows = db_allocations.of_provider(session, row.id)
    return views.allocations_of_provider(request, rows, row.generation), 200, common.cached(request, rows)


def replace(request: Request, consumer_uuid: str) -> Answer:
    """204: the consumer has what the body says. 400: unknown provider or class. 409: generation, capacity."""
    if not ids.is_uuid(consumer_uuid):
        raise errors.BadRequest(f"Malformed consumer_uuid: {consumer_uuid}")
    consumer_uuid = ids.dashed(consumer_uuid)
    body = dict(request.body)
    if not request.at_least("1.12"):
        body["allocations"] = {item["resource_provider"]["uuid"]: {"resources": item["resources"]}
                               for item in body["allocations"]}
    change = _change(request, consumer_uuid, body)
    allocations.replace(state(request).db, [change], f"Unable to allocate inventory for consumer {consumer_uuid}:")
    return None, 204


def _change(request: Request, uuid: str, body: Mapping[str, Any]) -> Change:
    conf = state(request).conf.placement
    generation = body["consumer_generation"] if request.at_least("1.28") else allocations.ANY_GENERATION
    return Change(uuid, {u: item["resources"] for u, item in body["allocations"].items()},
                  body.get("project_id") or conf.incomplete_consumer_project_id,
                  body.get("user_id") or conf.incomplete_consumer_user_id, body.get("consumer_type"), generation)


def replace_many(request: Request) -> Answer:
    """204: every consumer in the body has what it says. 400, 409 as `replace`."""
    changes = [_change(request, uuid, item) for uuid, item in request.body.items()]
    allocations.replace(state(request).db, changes)
    return None, 204


def delete(request: Request, consumer_uuid: str) -> Answer:
    """204. 404: the consumer has nothing."""
    db = state(request).db
    if not allocations.persistently(lambda: db.transaction(allocations.delete, consumer_uuid)):
        raise errors.NotFound(f"No allocations for consumer '{consumer_uuid}'")


def reshape(request: Request) -> Answer:
    """204: inventories and allocations are as the body says. 400: unknown names. 409: generation, in use, capacity."""
    body = request.body
    wanted = {u: (item["resource_provider_generation"], item["inventories"]) for u, item in body["inventories"].items()}
    changes = [_change(request, uuid, item) for uuid, item in body["allocations"].items()]
    db = state(request).db
    allocations.persistently(lambda: db.transaction(reshaper.reshape, wanted, changes))
    return None, 204
