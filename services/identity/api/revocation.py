"""Revocation events."""

from typing import Any

from common import clock, errors
from common.http.request import Request
from services.identity.api import listing
from services.identity.db import token as token_db
from services.identity.db.models import RevocationEvent
from services.identity.domain import faults

_NAMES = {"user_id": "user_id", "project_id": "project_id", "domain_id": "domain_id", "role_id": "role_id",
          "trust_id": "OS-TRUST:trust_id", "audit_id": "audit_id", "audit_chain_id": "audit_chain_id"}


def _view(row: RevocationEvent) -> dict[str, Any]:
    body = {shown: getattr(row, name) for name, shown in _NAMES.items() if getattr(row, name) is not None}
    whole = {"issued_before": row.issued_before, "revoked_at": row.revoked_at}
    return {**body, **{name: when.replace(microsecond=0).isoformat(timespec="microseconds") + "Z"
                       for name, when in whole.items()}}


def events(request: Request) -> dict[str, Any]:
    """200 with events, those after `since` when given."""
    since, text = None, request.first("since")
    if text:
        try:
            since = clock.parse(text.replace("Z", "+00:00"))
        except ValueError:
            raise faults.invalid("invalidate date format " + text) from None
    found = request.app.read(token_db.events, since)
    links = {"next": None, "previous": None, **listing.own_link(request)}
    return {"events": [_view(e) for e in found], "links": links}


def list_ids(request: Request) -> None:
    """403 for everybody: tokens are not stored, so there is no list of revoked ones."""
    raise errors.Forbidden("You are not authorized to perform the requested action.")
