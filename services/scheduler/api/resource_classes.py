"""Handlers of resource classes."""

from common import errors
from common.http.request import Request
from services.scheduler.api import common
from services.scheduler.api.common import Answer, schema_error, state
from services.scheduler.api.schemas import resource_classes as schemas
from services.scheduler.api.views import resource_classes as views
from services.scheduler.db import models
from services.scheduler.db import names as db_names
from services.scheduler.domain import names

R = models.ResourceClass


def index(request: Request) -> Answer:
    """200: every resource class."""
    with state(request).db.read() as session:
        rows = db_names.rows(session, R)
    return {"resource_classes": [views.resource_class(request, r.name) for r in rows]}, 200, common.cached(request, rows)


def show(request: Request, name: str) -> Answer:
    """200. 404."""
    with state(request).db.read() as session:
        row = db_names.get(session, R, name)
    if row is None:
        raise errors.NotFound(f"No such resource class {name}.")
    return views.resource_class(request, name), 200, common.cached(request, [row])


def create(request: Request) -> Answer:
    """201 with Location. 409: it exists."""
    name = request.body["name"]
    state(request).db.transaction(names.create, R, name, f"Conflicting resource class already exists: {name}")
    return None, 201, {"Location": f"{request.base_url}/resource_classes/{name}"}


def rename(request: Request, name: str) -> Answer:
    """200: renamed (before 1.7). 400: standard class. 404. 409: the new name is taken."""
    new = request.body["name"]
    state(request).db.transaction(names.rename_class, name, new)
    return views.resource_class(request, new), 200


def ensure(request: Request, name: str) -> Answer:
    """201 when made, 204 when it was there (from 1.7). It takes no body. 400: no custom name."""
    schemas.NAMED.validate({"name": name}, schema_error)
    headers = {"Location": f"{request.base_url}/resource_classes/{name}"}
    with state(request).db.read() as session:
        if db_names.get(session, R, name) is not None:
            return None, 204, headers
    try:
        state(request).db.transaction(names.create, R, name, "exists")
    except errors.Conflict:
        return None, 204, headers
    return None, 201, headers


def delete(request: Request, name: str) -> Answer:
    """204. 400: standard class. 404. 409: in use."""
    state(request).db.transaction(names.delete_class, name)
