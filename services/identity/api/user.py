"""Users, and changing one's own password."""

import datetime
import re
from typing import Any

from common import clock, errors
from common.http.request import Request
from services.identity.api import listing
from services.identity.api.project import default_domain, named_domain
from services.identity.api.views import user as view
from services.identity.db import token as token_db
from services.identity.db import user as user_db
from services.identity.db.models import User
from services.identity.domain import faults, user

_FILTERS = ("name", "domain_id", "enabled")
_FEDERATED = ("idp_id", "protocol_id", "unique_id")


def target(row: User | None, user_id: str) -> dict[str, Any]:
    """What a rule may ask about a user."""
    known = {"target.user.domain_id": row.domain_id} if row is not None else {}
    return {"target.user.id": user_id, "user_id": user_id, **known}


def _authorized(request: Request, user_id: str) -> User:
    row = request.app.read(user_db.get, user_id)
    request.authorize(target(row, user_id))
    if row is None:
        raise faults.not_found("user", user_id)
    return row


def index(request: Request) -> dict[str, Any]:
    """200 with users; of its own domain for a caller whose token is for that."""
    own = request.context.domain_id
    request.authorize({"target.domain_id": own} if own else {})
    query = listing.read(request, _FILTERS, fixed=listing.own_domain(request))
    found, more = request.app.read(user_db.listing, query, expires=_expires(request))
    if any(name in request.query for name in _FEDERATED):
        found, more = [], False  # nobody is federated: there are no identity providers
    return listing.answer(request, "users", [view.show(request, u) for u in found], more)


def _expires(request: Request) -> list[tuple[str, datetime.datetime]]:
    out = []
    for text in request.query.get("password_expires_at", []):
        way, _, when = text.partition(":")
        if re.fullmatch("[a-z]+", way) and when and way not in ("lt", "lte", "gt", "gte", "eq", "neq"):
            raise faults.invalid(f"The given operator {way} is not valid. It must be one of the following: 'eq', 'neq', "
                                 "'lt', 'lte', 'gt', or 'gte'.")
        if way not in ("lt", "lte", "gt", "gte", "eq", "neq"):
            way, when = "eq", text
        try:
            out.append((way, clock.parse(when.replace("Z", "+00:00"))))
        except ValueError:
            raise faults.malformed("Timestamp not in expected format.") from None
    return out


def create(request: Request) -> tuple[dict[str, Any], int]:
    """201."""
    values = dict(request.body["user"])
    request.authorize(named_domain("user", values))
    values.setdefault("domain_id", default_domain(request))
    request.app.read(user.require_domain, values["domain_id"])
    row = request.app.change(user.create, request.app.conf, _hashed(request, values), values)
    return {"user": view.show(request, row)}, 201


def _hashed(request: Request, values: dict[str, Any]) -> str | None:
    if "password" in values:
        user.check_strength(request.app.conf, values["password"])
    if values.get("password") is None:
        return None
    hashed: str = request.app.hasher.hash(values["password"])
    return hashed


def show(request: Request, user_id: str) -> dict[str, Any]:
    """200."""
    return {"user": view.show(request, _authorized(request, user_id))}


def update(request: Request, user_id: str) -> dict[str, Any]:
    """200."""
    _authorized(request, user_id)
    values = request.body["user"]
    row = request.app.change(user.update, request.app.conf, user_id, _hashed(request, values), values)
    return {"user": listing.with_extra(view.show(request, row), row)}


def delete(request: Request, user_id: str) -> None:
    """204."""
    _authorized(request, user_id)
    request.app.change(user.delete, user_id)


def change_password(request: Request, user_id: str) -> None:
    """204; 401 when the original password is wrong; needs no token, so that an expired one can be changed."""
    values = request.body["user"]
    request.authorized = True
    auth, conf = request.app.auth, request.app.conf
    try:
        row, _ = auth.check_password({"id": user_id}, values["original_password"])
    except errors.Unauthorized as e:
        if e.message != user.expired_error(user_id).message:
            raise
        row = request.app.read(user.found, user_id)
    user.check_history(conf, request.app.hasher, row, request.app.read(user_db.passwords, user_id), values["password"])
    user.check_strength(conf, values["password"])
    hashed = request.app.hasher.hash(values["password"])

    def work(session: Any) -> None:
        user.set_password(session, conf, user.found(session, user_id), hashed, self_service=True, now=clock.now())
        token_db.revoke(session, clock.now(), user_id=user_id)

    request.app.change(work)
