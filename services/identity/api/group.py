"""Groups and who is in them."""

from typing import Any

from common.http.request import Request
from services.identity.api import listing
from services.identity.api import user as user_api
from services.identity.api.project import default_domain, named_domain
from services.identity.api.views import user as user_view
from services.identity.db import group as group_db
from services.identity.db import user as user_db
from services.identity.db.models import Group
from services.identity.domain import faults, group
from services.identity.domain import user as users


def view(request: Request, row: Group) -> dict[str, Any]:
    """One group."""
    return {**(row.extra or {}), "id": row.id, "name": row.name, "domain_id": row.domain_id,
            "description": row.description, "links": listing.self_link(request, "groups", row.id)}


def _target(row: Group | None) -> dict[str, Any]:
    return {} if row is None else {"target.group.id": row.id, "target.group.domain_id": row.domain_id}


def _authorized(request: Request, group_id: str) -> Group:
    row = request.app.read(group_db.get, group_id)
    request.authorize(_target(row))
    if row is None:
        raise faults.not_found("group", group_id)
    return row


def index(request: Request) -> dict[str, Any]:
    """200 with groups; of its own domain for a caller whose token is for that."""
    own = request.context.domain_id
    request.authorize({"target.group.domain_id": own} if own else {})
    query = listing.read(request, ("name", "domain_id"), fixed=listing.own_domain(request))
    found, more = request.app.read(group_db.listing, query)
    return listing.answer(request, "groups", [view(request, g) for g in found], more)


def create(request: Request) -> tuple[dict[str, Any], int]:
    """201."""
    values = dict(request.body["group"])
    request.authorize(named_domain("group", values))
    values.setdefault("domain_id", default_domain(request))
    return {"group": view(request, request.app.change(group.create, values))}, 201


def show(request: Request, group_id: str) -> dict[str, Any]:
    """200."""
    return {"group": view(request, _authorized(request, group_id))}


def update(request: Request, group_id: str) -> dict[str, Any]:
    """200."""
    _authorized(request, group_id)
    return {"group": view(request, request.app.change(group.update, group_id, request.body["group"]))}


def delete(request: Request, group_id: str) -> None:
    """204; 404 for everybody when there is no such group."""
    request.authorize(_target(request.app.read(group.found, group_id)))
    request.app.change(group.delete, group_id)


def members(request: Request, group_id: str) -> dict[str, Any]:
    """200 with the users of a group."""
    _authorized(request, group_id)
    query = listing.read(request, ("name", "domain_id", "enabled"), fixed=listing.own_domain(request))
    found, more = request.app.read(user_db.listing, query, group_id=group_id, expires=user_api._expires(request))
    return listing.answer(request, "users", [user_view.show(request, u) for u in found], more)


def of_user(request: Request, user_id: str) -> dict[str, Any]:
    """200 with the groups of a user."""
    request.authorize(user_api.target(request.app.read(user_db.get, user_id), user_id))
    request.app.read(users.found, user_id)
    query = listing.read(request, ("name", "domain_id"), fixed=listing.own_domain(request))
    found, more = request.app.read(user_db.groups, user_id, query)
    shown = [{**view(request, g), "membership_expires_at": None} for g in found]
    return listing.answer(request, "groups", shown, more)


def _both(request: Request, group_id: str, user_id: str) -> None:
    with request.app.db.read() as session:
        row, member = group_db.get(session, group_id), user_db.get(session, user_id)
    request.authorize({**_target(row), **({"target.user.domain_id": member.domain_id} if member else {})})


def check(request: Request, group_id: str, user_id: str) -> None:
    """204 when the user is in the group, 404 when not."""
    _both(request, group_id, user_id)
    request.app.read(group.require_member, group_id, user_id)


def join(request: Request, group_id: str, user_id: str) -> None:
    """204; takes no body."""
    _both(request, group_id, user_id)
    request.app.change(group.join, group_id, user_id)


def leave(request: Request, group_id: str, user_id: str) -> None:
    """204."""
    _both(request, group_id, user_id)
    request.app.change(group.leave, group_id, user_id)
