"""Application credentials and access rules."""

from typing import Any

from common import clock, errors, ids
from common.http.request import Request
from services.identity.api import listing
from services.identity.db import application_credential as application_credential_db
from services.identity.db.models import NO_DOMAIN, AccessRule, ApplicationCredential, Role
from services.identity.domain import application_credential, faults
from services.identity.objects.token import Token


def _view(request: Request, row: ApplicationCredential, roles: list[Role], rules: list[AccessRule]) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": row.id, "name": row.name, "description": row.description, "project_id": row.project_id, "system": row.system,
        "user_id": row.user_id, "unrestricted": row.unrestricted, "expires_at": clock.iso_micro(row.expires_at),
        "roles": [{"id": r.id, "name": r.name, "description": r.description, "options": r.options or {},
                   "domain_id": None if r.domain_id == NO_DOMAIN else r.domain_id} for r in roles],
        "links": listing.self_link(request, "users", row.user_id, "application_credentials", row.id),
    }
    if row.restricted_paths:
        body["access_rules"] = [_rule(r) for r in rules]
    return body


def _rule(row: AccessRule) -> dict[str, Any]:
    return {"id": row.id, "service": row.service, "path": row.path, "method": row.method}


def _views(request: Request, session: Any, found: Any) -> list[dict[str, Any]]:
    ids_ = [r.id for r in found]
    by_credential, roles = application_credential.role_rows(session, ids_)
    rules = application_credential_db.rules(session, ids_)
    return [_view(request, r, [roles[i] for i in by_credential.get(r.id, []) if i in roles], rules.get(r.id, []))
            for r in found]


def _target(user_id: str) -> dict[str, Any]:
    return {"user_id": user_id, "target.user.id": user_id}


def _authorize(request: Request, user_id: str) -> Token:
    """Check the route's policy for a user; the caller's token, which must not be one of another delegation."""
    request.authorize(_target(user_id))
    token: Token = request.context.token  # type: ignore[attr-defined]
    application_credential.require_no_other_delegation(token)
    return token


def index(request: Request, user_id: str) -> dict[str, Any]:
    """200 with a user's application credentials."""
    _authorize(request, user_id)
    with request.app.db.read() as session:
        found, more = application_credential_db.listing(session, user_id, listing.read(request, ("name",)))
        shown = _views(request, session, found)
    return listing.answer(request, "application_credentials", shown, more)


def create(request: Request, user_id: str) -> tuple[dict[str, Any], int]:
    """201 with the secret, which is never shown again."""
    token = _authorize(request, user_id)
    if token.user["id"] != user_id:
        raise faults.forbidden("application credentials are made by their own user")
    application_credential.require_unrestricted(token)
    values = request.body["application_credential"]
    secret = values.get("secret") or ids.secret(64)
    hashed = request.app.hasher.hash(secret)

    def work(session: Any) -> dict[str, Any]:
        row = application_credential.create(session, request.app.conf, token, hashed, values)
        return _views(request, session, [row])[0]

    return {"application_credential": {**request.app.change(work), "secret": secret}}, 201


def _authorized(request: Request, user_id: str, credential_id: str) -> ApplicationCredential:
    """The application credential, once its owner's rule allows it; the user in the path counts where there is none."""
    row: ApplicationCredential | None = request.app.read(application_credential_db.get, credential_id)
    _authorize(request, user_id if row is None else row.user_id)
    if row is None:
        raise errors.NotFound(f"Could not find Application Credential: {credential_id}.")
    return row


def show(request: Request, user_id: str, application_credential_id: str) -> dict[str, Any]:
    """200, without the secret."""
    row = _authorized(request, user_id, application_credential_id)
    with request.app.db.read() as session:
        return {"application_credential": _views(request, session, [row])[0]}


def delete(request: Request, user_id: str, application_credential_id: str) -> None:
    """204."""
    _authorized(request, user_id, application_credential_id)
    application_credential.require_unrestricted(request.context.token)  # type: ignore[attr-defined]
    request.app.change(application_credential.delete, application_credential_id)


def rules(request: Request, user_id: str) -> dict[str, Any]:
    """200 with a user's access rules."""
    _authorize(request, user_id)
    query = listing.read(request, ("service", "path", "method"))
    found, more = request.app.read(application_credential_db.access_rules, user_id, query)
    shown = [{**_rule(r), "links": listing.self_link(request, "users", user_id, "access_rules", r.id)} for r in found]
    return listing.answer(request, "access_rules", shown, more)


def show_rule(request: Request, user_id: str, access_rule_id: str) -> dict[str, Any]:
    """200."""
    _authorize(request, user_id)
    row = request.app.read(application_credential.found_rule, user_id, access_rule_id)
    link = listing.self_link(request, "users", user_id, "access_rules", row.id)
    return {"access_rule": {**_rule(row), "links": link}}


def delete_rule(request: Request, user_id: str, access_rule_id: str) -> None:
    """204; 403 while an application credential uses it."""
    application_credential.require_unrestricted(_authorize(request, user_id))
    request.app.change(application_credential.delete_rule, user_id, access_rule_id)
