"""Handlers of resource providers."""

from typing import Any

from common import errors, ids
from common.http.request import Request
from services.scheduler.api import common
from services.scheduler.api.common import Answer, check_query, state, version
from services.scheduler.api.schemas import resource_providers as schemas
from services.scheduler.api.views import resource_providers as views
from services.scheduler.db import providers as db_providers
from services.scheduler.domain import providers, requests
from services.scheduler.domain.candidates import single_fits
from services.scheduler.domain.index import Index, Provider
from services.scheduler.objects.query import Group

_RESOURCES = "Invalid resource class in resources parameter: No such resource class {}."


def index(request: Request) -> Answer:
    """200: every provider that the query asks for. 400: a parameter is wrong."""
    check_query(request, schemas.LIST)
    group, name, uuid = _filters(request)
    with state(request).db.read() as session, state(request).index.lock:
        providers_index = common.current(request, session)
        found = _select(providers_index, group, name, uuid)
        body = {"resource_providers": [views.provider(request, p, providers_index) for p in found]}
        return body, 200, common.cached(request, found)


def _filters(request: Request) -> tuple[Group, str | None, str | None]:
    query = request.query
    at = version(request)
    required, forbidden = requests.traits(query.get("required", ()), forbidden=at >= (1, 22), any_of=at >= (1, 39))
    inside, outside = requests.member_of(query.get("member_of", ()), several=at >= (1, 24), forbidden=at >= (1, 32))
    resources = requests.resources(query["resources"][-1]) if "resources" in query else {}
    return (Group("", resources, required, forbidden, inside, outside, request.first("in_tree")),
            request.first("name"), request.first("uuid"))


def _select(index: Index, group: Group, name: str | None, uuid: str | None) -> list[Provider]:
    unknown = index.require("classes", group.resources)
    if unknown:
        raise errors.BadRequest(_RESOURCES.format(unknown[0]))
    unknown = index.require("traits", group.traits)
    if unknown:
        raise errors.BadRequest('Invalid trait(s) in "required" parameter: No such trait(s): '
                                f"{', '.join(unknown)}.")
    if uuid is not None:
        one = index.by_uuid.get(uuid)
        pool = [one] if one else []
    elif group.in_tree is not None:
        inside = index.by_uuid.get(group.in_tree)
        pool = list(index.trees[inside.root_id].values()) if inside else []
    else:
        pool = list(index.providers.values())
    root = index.by_uuid.get(group.in_tree) if group.in_tree else None
    found = [p for p in pool if (name is None or p.name == name) and single_fits(p, group)
             and (group.in_tree is None or (root is not None and p.root_id == root.root_id))]
    return sorted(found, key=lambda p: p.id)


def show(request: Request, uuid: str) -> Answer:
    """200: the provider. 404: there is none."""
    with state(request).db.read() as session:
        row = providers.require(session, uuid)
    return views.provider_row(request, row), 200, common.cached(request, [row])


def create(request: Request) -> Answer:
    """201 with Location (200 with the provider from 1.20). 400: parent unknown. 409: name or uuid taken."""
    body: dict[str, Any] = request.body
    uuid = ids.dashed(body["uuid"]) if "uuid" in body else ids.uuid()
    parent = body.get("parent_provider_uuid")
    with state(request).db.write() as session:
        providers.create(session, uuid, body["name"], parent)
        row = db_providers.get(session, uuid)
    headers = {"Location": f"{request.base_url}/resource_providers/{uuid}"}
    if request.at_least("1.20"):
        return views.provider_row(request, row), 200, {**headers, **common.cached(request, [row])}
    return None, 201, headers


def update(request: Request, uuid: str) -> Answer:
    """200: the provider. 400: parent unknown, loop, move not allowed. 404. 409: name taken."""
    with state(request).db.write() as session:
        providers.require(session, uuid)
        body = common.checked(request, schemas.UPDATE)
        providers.update(session, uuid, body["name"], body.get("parent_provider_uuid"),
                         set_parent="parent_provider_uuid" in body, reparent=request.at_least("1.37"))
        row = providers.require(session, uuid)
    return views.provider_row(request, row), 200, common.cached(request, [row])


def delete(request: Request, uuid: str) -> Answer:
    """204. 404. 409: it has children or allocations."""
    state(request).db.transaction(providers.delete, uuid)


def show_traits(request: Request, uuid: str) -> Answer:
    """200: the provider's traits. 404."""
    with state(request).db.read() as session:
        row = providers.require(session, uuid, "No resource provider with uuid {uuid} found: {error}")
        traits = db_providers.trait_names(session, row.id)
    body = {"traits": [t.name for t in traits], "resource_provider_generation": row.generation}
    return body, 200, common.cached(request, traits)


def set_traits(request: Request, uuid: str) -> Answer:
    """200: the provider's traits as set. 400: unknown trait. 404. 409: generation."""
    body = request.body
    db = state(request).db
    db.transaction(providers.set_traits, uuid, body["resource_provider_generation"], body["traits"])
    with db.read() as session:
        row = providers.require(session, uuid)
        traits = db_providers.trait_names(session, row.id)
    made = {"traits": [t.name for t in traits], "resource_provider_generation": body["resource_provider_generation"] + 1}
    return made, 200, common.cached(request, traits)


def delete_traits(request: Request, uuid: str) -> Answer:
    """204: the provider has no traits any more. 404."""
    state(request).db.transaction(providers.set_traits, uuid, None, [])


def show_aggregates(request: Request, uuid: str) -> Answer:
    """200: uuids of the provider's aggregates (with its generation from 1.19). 404."""
    with state(request).db.read() as session:
        row = providers.require(session, uuid)
        found = db_providers.aggregates(session, row.id)
    return _aggregates(request, found, row.generation)


def set_aggregates(request: Request, uuid: str) -> Answer:
    """200: as set. 404. 409: generation (from 1.19)."""
    db = state(request).db
    with db.read() as session:
        providers.require(session, uuid)
    wanted, generation = common.checked(request, schemas.AGGREGATES), None
    if request.at_least("1.19"):
        wanted, generation = wanted["aggregates"], wanted["resource_provider_generation"]
    db.transaction(providers.set_aggregates, uuid, generation, wanted)
    with db.read() as session:
        row = providers.require(session, uuid)
        found = db_providers.aggregates(session, row.id)
    return _aggregates(request, found, row.generation)


def _aggregates(request: Request, found: list[str], generation: int) -> Answer:
    body: dict[str, Any] = {"aggregates": found}
    if request.at_least("1.19"):
        body["resource_provider_generation"] = generation
    return body, 200, common.cached(request)
