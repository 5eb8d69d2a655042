"""Trusts: letting somebody else act with some of one's roles."""

from typing import Any

from common import clock
from common.http.request import Request
from services.identity.api import listing
from services.identity.api.views import role as role_view
from services.identity.api.views.token import moment
from services.identity.db import trust as trust_db
from services.identity.db.models import Role, Trust
from services.identity.domain import faults, trust


def _view(request: Request, row: Trust, roles: list[Role] | None) -> dict[str, Any]:
    body = {
        **(row.extra or {}), "id": row.id, "trustor_user_id": row.trustor_user_id, "trustee_user_id": row.trustee_user_id,
        "project_id": row.project_id, "impersonation": row.impersonation, "remaining_uses": row.remaining_uses,
        "deleted_at": None,
        "expires_at": moment(row.expires_at.replace(tzinfo=clock.UTC).timestamp()) if row.expires_at else None,
        "redelegated_trust_id": row.redelegated_trust_id, "redelegation_count": row.redelegation_count,
        "links": listing.self_link(request, "OS-TRUST", "trusts", row.id),
    }
    if roles is not None:
        body["roles"] = [role_view.show(request, r) for r in roles]
        link = listing.self_link(request, "OS-TRUST", "trusts", row.id, "roles")
        body["roles_links"] = {**link, "next": None, "previous": None}
    return body


def _target(row: Trust) -> dict[str, Any]:
    return {"target.trust.trustor_user_id": row.trustor_user_id, "target.trust.trustee_user_id": row.trustee_user_id}


def _authorized(request: Request, trust_id: str) -> Trust:
    row: Trust = request.app.read(trust.found, trust_id)
    request.authorize(_target(row))
    trust.require_undelegated(request.context.token)  # type: ignore[attr-defined]
    return row


def index(request: Request) -> dict[str, Any]:
    """200 with trusts: all for operators, else those given or received by the caller."""
    trustor, trustee = request.first("trustor_user_id"), request.first("trustee_user_id")
    about = {"target.trust.trustor_user_id": trustor, "target.trust.trustee_user_id": trustee}
    if not trustor and not trustee:
        request.authorize({}, "identity:list_trusts")
    if trustor:
        request.authorize(about, "identity:list_trusts_for_trustor")
    elif trustee:
        request.authorize(about, "identity:list_trusts_for_trustee")
    trust.require_undelegated(request.context.token)  # type: ignore[attr-defined]
    query = listing.read(request, ("trustor_user_id", "trustee_user_id"), inexact=False)
    found, more = request.app.read(trust_db.listing, query)
    return listing.answer(request, "trusts", [_view(request, t, None) for t in found], more)


def create(request: Request) -> tuple[dict[str, Any], int]:
    """201; only the trustor makes a trust."""
    values = request.body["trust"]
    request.authorize({"target.trust.trustor_user_id": values["trustor_user_id"]})

    def work(session: Any) -> tuple[Trust, list[Role]]:
        row = trust.create(session, request.app.conf, request.context.token, values)  # type: ignore[attr-defined]
        return row, trust.role_rows(session, row.id)

    return {"trust": _view(request, *request.app.change(work))}, 201


def show(request: Request, trust_id: str) -> dict[str, Any]:
    """200."""
    row = _authorized(request, trust_id)
    return {"trust": _view(request, row, request.app.read(trust.role_rows, trust_id))}


def delete(request: Request, trust_id: str) -> None:
    """204."""
    _authorized(request, trust_id)
    request.app.change(trust.delete, trust_id)


def roles(request: Request, trust_id: str) -> dict[str, Any]:
    """200 with the roles of a trust."""
    _authorized(request, trust_id)
    found = request.app.read(trust.role_rows, trust_id)
    return {"roles": [role_view.show(request, r) for r in found], "links": listing.links(request)}


def show_role(request: Request, trust_id: str, role_id: str) -> dict[str, Any]:
    """200 with one role of a trust, 404 when it is none of its roles."""
    _authorized(request, trust_id)
    found = {r.id: r for r in request.app.read(trust.role_rows, trust_id)}
    if role_id not in found:
        raise faults.not_found("role", role_id)
    return {"role": role_view.show(request, found[role_id])}
