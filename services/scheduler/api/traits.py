"""Handlers of traits."""

from common import errors
from common.http.request import Request
from services.scheduler.api import common
from services.scheduler.api.common import Answer, check_query, state
from services.scheduler.api.schemas import traits as schemas
from services.scheduler.api.schemas.common import CUSTOM_NAME
from services.scheduler.db import models
from services.scheduler.db import names as db_names
from services.scheduler.domain import names

T = models.Trait


def index(request: Request) -> Answer:
    """200: names of traits. 400: a parameter is wrong."""
    check_query(request, schemas.LIST)
    wanted, prefix, associated = None, None, None
    text = request.first("name")
    if text is not None:
        op, colon, value = text.partition(":")
        if not colon or op not in ("in", "startswith"):
            raise errors.BadRequest("Badly formatted name parameter. Expected name query string parameter in form: "
                                    f"?name=[in|startswith]:[name1,name2|prefix]. Got: \"{text}\"")
        wanted, prefix = (value.split(","), None) if op == "in" else (None, value)
    held = request.first("associated")
    if held is not None:
        if held.lower() not in ("true", "false"):
            raise errors.BadRequest('The query parameter "associated" only accepts "true" or "false"')
        associated = held.lower() == "true"
    with state(request).db.read() as session:
        rows = db_names.rows(session, T, names=wanted, prefix=prefix, associated=associated)
    return {"traits": [r.name for r in rows]}, 200, common.cached(request, rows)


def show(request: Request, name: str) -> Answer:
    """204: the trait exists. 404: it does not."""
    with state(request).db.read() as session:
        row = db_names.get(session, T, name)
    if row is None:
        raise errors.NotFound(f"No such trait(s): {name}.")
    return None, 204, common.cached(request, [row])


def ensure(request: Request, name: str) -> Answer:
    """201 when made, 204 when it was there. It takes no body. 400: no custom name."""
    if not CUSTOM_NAME.match(name) or len(name) > 255:
        raise errors.BadRequest('The trait is invalid. A valid trait must be no longer than 255 characters, start with the '
                                'prefix "CUSTOM_" and use following characters: "A"-"Z", "0"-"9" and "_"')
    db = state(request).db
    status = 204
    with db.read() as session:
        row = db_names.get(session, T, name)
    if row is None:
        try:
            db.transaction(names.create, T, name, "exists")
            status = 201
        except errors.Conflict:
            status = 204  # another made it meanwhile
    headers = {"Location": f"{request.base_url}/traits/{name}"}
    return None, status, {**headers, **common.cached(request, [row] if row else [])}


def delete(request: Request, name: str) -> Answer:
    """204. 400: standard trait. 404. 409: a provider has it."""
    state(request).db.transaction(names.delete_trait, name)
