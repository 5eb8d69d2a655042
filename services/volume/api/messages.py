"""Messages (3.3): what went wrong with volumes and snapshots."""

from typing import Any

from common import errors
from common.clock import iso_micro
from common.http.request import Request
from services.volume.api import base
from services.volume.db import messages
from services.volume.db.models import Message

_FILTERS = {
    "resource_uuid": "resource_uuid",
    "resource_type": "resource_type",
    "event_id": "event_id",
    "request_id": "request_id",
    "message_level": "message_level",
}


def _shown(request: Request, row: Message) -> dict[str, Any]:
    return {
        "id": row.id,
        "request_id": row.request_id,
        "resource_type": row.resource_type,
        "resource_uuid": row.resource_uuid,
        "event_id": row.event_id,
        "message_level": row.message_level,
        "user_message": row.user_message,
        "created_at": iso_micro(row.created_at),
        "guaranteed_until": iso_micro(row.guaranteed_until),
        "links": base.links(request, "messages", row.id),
    }


def _message(request: Request, message_id: str) -> Message:
    with request.app.db.read() as session:
        row = messages.get(session, message_id)
    if row is None or not base.may_see(request, row):
        raise errors.NotFound(f"Message {message_id} could not be found.")
    request.authorize(base.target(row))
    return row


def index(request: Request) -> dict[str, Any]:
    """200."""
    page, offset = base.page(request)
    found = base.filters(request, _FILTERS)
    with request.app.db.read() as session:
        rows = messages.listing(session, page, filters=found, project_id=base.scope(request), offset=offset)
    return base.with_next(
        request, {"messages": [_shown(request, r) for r in rows]}, "messages", "messages", page, [r.id for r in rows]
    )


def show(request: Request, message_id: str) -> dict[str, Any]:
    """200; 404."""
    return {"message": _shown(request, _message(request, message_id))}


def delete(request: Request, message_id: str) -> None:
    """204; 404."""
    request.app.db.transaction(messages.delete, _message(request, message_id).id)
