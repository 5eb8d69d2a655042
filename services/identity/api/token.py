"""Tokens: issue, validate, revoke; what the caller may be scoped to."""

from typing import Any

import flask
import orjson

from common import errors
from common.http.request import Request
from services.identity.api import listing
from services.identity.api.auth import change_number
from services.identity.api.schemas import auth as auth_schema
from services.identity.api.views import project as project_view
from services.identity.api.views import token as token_view
from services.identity.domain import catalog, faults, scope, token
from services.identity.domain import user as users
from services.identity.objects.token import Token


def issue(request: Request) -> flask.Response:
    """201 with X-Subject-Token; 401 when the credentials or the scope are refused."""
    if request.body.get("auth") is None:
        raise faults.malformed("Expecting to find auth in request body.")
    auth = auth_schema.ISSUE.validate(request.body)["auth"]
    text, made = request.app.auth.issue(auth, request.raw.headers.get("Openstack-Auth-Receipt"))
    return answer(request, text, made, 201)


def check(request: Request) -> flask.Response:
    """200 without a body when the subject token is good; 404 when it is void."""
    return _shown(request, "identity:check_token")


def validate(request: Request) -> flask.Response:
    """200 with the subject token's contents; 404 when it is void."""
    return _shown(request, "identity:validate_token")


def _shown(request: Request, policy: str) -> flask.Response:
    return answer(request, *_subject(request, policy), 200)


def answer(request: Request, text: str, found: Token, status: int) -> flask.Response:
    """A token's contents, with its text in X-Subject-Token."""
    response = flask.Response(_body(request, found), status, content_type="application/json")
    response.headers["X-Subject-Token"] = text
    return response


def revoke(request: Request) -> None:
    """204; 404 when the subject token is void already."""
    _, found = _subject(request, "identity:revoke_token")
    request.app.change(token.revoke, found.payload)


def revoke_all(request: Request, user_id: str) -> None:
    """204: every token of a user is void."""
    request.authorize({"user_id": user_id, "target.user.id": user_id})

    def work(session: Any) -> None:
        users.found(session, user_id)
        token.revoke_user(session, user_id)

    request.app.change(work)


def _subject(request: Request, policy: str) -> tuple[str, Token]:
    text = request.raw.headers.get("X-Subject-Token")
    if not text:
        request.authorize({"target.token.user_id": None}, policy)
        raise errors.NotFound("No token in the request")
    late = 0
    if request.first("allow_expired") in ("1", "true", "True") and request.raw.method in ("GET", "HEAD"):
        late = request.app.conf.token.allow_expired_window
    try:
        found = request.app.tokens.get(text, change_number(request.raw.environ, request.app.tokens), late)
    except token.Unrecognized:
        raise faults.unrecognized() from None
    except token.Invalid:
        raise errors.NotFound("Failed to validate token") from None
    request.authorize({"target.token.user_id": found.user["id"]}, policy)
    rules = found.access_rules
    if rules is not None and not request.raw.headers.get("OpenStack-Identity-Access-Rules"):
        raise errors.NotFound("Failed to validate token")
    return text, found


def _body(request: Request, found: Token) -> bytes:
    """The JSON of a token; kept with it, since a service asks for the same one over and over."""
    bare = "nocatalog" in request.query
    key = "bare" if bare else "full"
    if key not in found.bodies:
        shown = None
        if not bare and found.payload.kind != "unscoped":
            with request.app.db.read() as session:
                shown = catalog.build(session, found.owner_id, found.project["id"] if found.project else None)
        found.bodies[key] = orjson.dumps(token_view.show(found, shown))
    return found.bodies[key]


def catalog_of_caller(request: Request) -> dict[str, Any]:
    """200 with the caller's catalog; 403 for a token that is for no project."""
    found = _caller(request)
    if found.project is None:
        raise errors.Forbidden("You are not authorized to perform the requested action.")
    project_id = found.project["id"] if found.project else None
    shown = request.app.read(catalog.build, found.owner_id, project_id)
    return {"catalog": shown, "links": listing.own_link(request)}


def projects(request: Request) -> dict[str, Any]:
    """200 with the projects the caller holds a role on."""
    rows, tags = request.app.read(scope.projects, _caller(request).user["id"])
    return listing.answer(request, "projects", [project_view.show(request, p, tags.get(p.id, [])) for p in rows])


def domains(request: Request) -> dict[str, Any]:
    """200 with the domains the caller may be scoped to."""
    rows, tags = request.app.read(scope.domains, _caller(request).user["id"])
    return listing.answer(request, "domains", [project_view.show_domain(request, d, tags.get(d.id, [])) for d in rows])


def system(request: Request) -> dict[str, Any]:
    """200 with `[{"all": true}]` where the caller holds a role on the system, else an empty list."""
    held = request.app.read(scope.on_system, _caller(request).user["id"])
    return {"system": [{"all": True}] if held else [], "links": listing.own_link(request)}


def _caller(request: Request) -> Token:
    found: Token = request.context.token  # type: ignore[attr-defined]
    return found
