"""What Placement's handlers share: cache headers, links, query strings."""

import datetime
from collections.abc import Iterable, Mapping
from email.utils import format_datetime
from typing import Any

from common import clock, errors
from common.db.session import Session
from common.http.request import Request
from common.http.validation import Schema, select
from services.scheduler.api.state import State
from services.scheduler.domain.index import Index

Answer = Any


def state(request: Request) -> State:
    """The app's state."""
    found: State = request.app
    return found


def version(request: Request) -> tuple[int, int]:
    """The microversion as a pair."""
    return request.version.major, request.version.minor


def cached(request: Request, times: Iterable[Any] = ()) -> dict[str, str]:
    """`Last-Modified` and `Cache-Control`, from 1.15: the newest of `times` (rows or datetimes), or now."""
    if not request.at_least("1.15"):
        return {}
    moments = [t if isinstance(t, datetime.datetime) else (t.updated_at or t.created_at) for t in times]
    moments = [m for m in moments if m is not None]
    when = max(moments, default=None) or clock.now()
    return {"Last-Modified": format_datetime(when.replace(tzinfo=datetime.UTC), usegmt=True), "Cache-Control": "no-cache"}


def prefix(request: Request) -> str:
    """What comes before `/resource_providers` in links: the path under which the API is mounted."""
    return request.raw.root_path.rstrip("/")


def check_query(request: Request, schemas: Mapping[str, Schema | None]) -> None:
    """Check the query string against the schema of the microversion; errors.BadRequest."""
    schema = select(schemas, request.version)
    if schema is not None:
        schema.validate(request.query, lambda e: f"Invalid query string parameters: {e}")


def schema_error(error: Any) -> str:
    """The words for a body that does not fit its schema."""
    return f"JSON does not validate: {error}"


def checked(request: Request, schemas: Schema | Mapping[str, Schema | None]) -> Any:
    """The body, which fits the schema of the microversion; errors.BadRequest. For what is looked for before its body."""
    schema = select(schemas, request.version)
    return schema.validate(request.body, schema_error) if schema is not None else request.body


def current(request: Request, session: Session) -> Index:
    """The index, brought up to date; to be used under its lock."""
    index = state(request).index
    index.refresh(session)
    return index


def method_since(request: Request, since: str) -> None:
    """errors.MethodNotAllowed before microversion `since`."""
    if not request.at_least(since):
        raise errors.MethodNotAllowed("The method specified is not allowed for this resource.")
