"""Roles and what they imply."""

from typing import Any

from common.http.request import Request
from services.identity.api import listing
from services.identity.api.views import role as view
from services.identity.db import role as role_db
from services.identity.db import rows
from services.identity.db.models import NO_DOMAIN, Role
from services.identity.domain import role
from services.identity.domain import user as users


def _policy(verb: str, row: Role) -> str:
    return f"identity:{verb}_role" if row.domain_id == NO_DOMAIN else f"identity:{verb}_domain_role"


def _authorized(request: Request, verb: str, role_id: str) -> Role:
    row: Role = request.app.read(role.found, role_id)  # 404 for everybody: the row says which rule holds
    request.authorize({"target.role.id": row.id, "target.role.name": row.name, "target.role.domain_id":
                       None if row.domain_id == NO_DOMAIN else row.domain_id}, _policy(verb, row))
    return row


def index(request: Request) -> dict[str, Any]:
    """200 with roles; those of a domain with `domain_id`, else those of none."""
    query = listing.read(request, ("name", "domain_id"))
    request.authorize({}, "identity:list_domain_roles" if request.first("domain_id") else "identity:list_roles")
    found, more = request.app.read(role_db.listing, query)
    return listing.answer(request, "roles", [view.show(request, r) for r in found], more)


def create(request: Request) -> tuple[dict[str, Any], int]:
    """201."""
    values = request.body["role"]
    request.authorize({}, "identity:create_domain_role" if values.get("domain_id") else "identity:create_role")
    if values.get("domain_id"):
        request.app.read(users.require_domain, values["domain_id"])
    return {"role": view.show(request, request.app.change(role.create, values))}, 201


def show(request: Request, role_id: str) -> dict[str, Any]:
    """200."""
    return {"role": view.show(request, _authorized(request, "get", role_id))}


def update(request: Request, role_id: str) -> dict[str, Any]:
    """200."""
    _authorized(request, "update", role_id)
    return {"role": view.show(request, request.app.change(role.update, role_id, request.body["role"]))}


def delete(request: Request, role_id: str) -> None:
    """204."""
    _authorized(request, "delete", role_id)
    request.app.change(role.delete, role_id)


# implications


def _authorize_pair(request: Request, *role_ids: str) -> None:
    """Check the policy of an implication; a role that is not there is 404 for everybody, as upstream has it."""
    with request.app.db.read() as session:
        for role_id in role_ids:
            role.found(session, role_id)
    request.authorize()


def implications(request: Request, role_id: str) -> dict[str, Any]:
    """200 with the roles that a role implies directly."""
    _authorize_pair(request, role_id)
    with request.app.db.read() as session:
        prior = role.found(session, role_id)
        implied = rows.by_ids(session, Role, role_db.implications(session).get(role_id, ()))
    return {"role_inference": view.inference(request, prior, list(implied.values())), "links": listing.own_link(request)}


def show_implication(request: Request, role_id: str, implied_role_id: str) -> dict[str, Any]:
    """200 with both roles (HEAD: 204)."""
    _authorize_pair(request, role_id, implied_role_id)
    prior, implied = request.app.read(role.found_implied, role_id, implied_role_id)
    return _one(request, prior, implied)


def check_implication(request: Request, role_id: str, implied_role_id: str) -> None:
    """204 when the one implies the other, 404 when not."""
    _authorize_pair(request, role_id, implied_role_id)
    request.app.read(role.found_implied, role_id, implied_role_id)


def imply(request: Request, role_id: str, implied_role_id: str) -> tuple[dict[str, Any], int]:
    """201; takes no body."""
    _authorize_pair(request, role_id, implied_role_id)
    return _one(request, *request.app.change(role.imply, role_id, implied_role_id)), 201


def unimply(request: Request, role_id: str, implied_role_id: str) -> None:
    """204."""
    _authorize_pair(request, role_id, implied_role_id)
    request.app.change(role.unimply, role_id, implied_role_id)


def _one(request: Request, prior: Role, implied: Role) -> dict[str, Any]:
    body = {"prior_role": view.brief(request, prior), "implies": view.brief(request, implied)}
    return {"role_inference": body, "links": listing.own_link(request)}


def inferences(request: Request) -> dict[str, Any]:
    """200 with every implication."""
    with request.app.db.read() as session:
        table = role_db.implications(session)
        known = rows.by_ids(session, Role, {*table, *(i for implied in table.values() for i in implied)})
    shown = [view.inference(request, known[p], [known[i] for i in sorted(implied) if i in known])
             for p, implied in sorted(table.items()) if p in known]
    return {"role_inferences": shown}
