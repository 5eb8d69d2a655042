"""Issuing and validating tokens.

Nothing about a token is stored. What it stands on (its user, project, roles, trust, application credential) is read anew
when the change number moved, so a token dies with them; a process keeps what it found until then.
"""

import datetime
from dataclasses import dataclass
from typing import Any

from oslo_config import cfg

from common import clock, ids
from common.db.session import Session
from services.identity.db import application_credential as application_credential_db
from services.identity.db import token as token_db
from services.identity.db import trust as trust_db
from services.identity.db import user as user_db
from services.identity.db.models import ApplicationCredential, Project, Trust, User
from services.identity.domain import roles
from services.identity.domain import user as users
from services.identity.domain.token_format import Malformed, TokenFormat
from services.identity.objects.token import Payload, Token


class Invalid(Exception):
    """A token that is malformed, over, revoked, or whose ground is gone; the message is for the log."""


class Unrecognized(Invalid):
    """A text that is no token of this cloud."""


@dataclass(frozen=True)
class Scope:
    """What somebody asks a token for; `kind` and `id` as in Payload, `trust_id` for a trust's project."""

    kind: str = "unscoped"
    id: str | None = None
    trust_id: str | None = None


def payload(conf: cfg.ConfigOpts, user_id: str, methods: tuple[str, ...], scope: Scope, *, expires_at: float | None = None,
            parent_audit_id: str | None = None, application_credential_id: str | None = None) -> Payload:
    """A new token's payload; `expires_at` and `parent_audit_id` come from the token it was got with."""
    now = clock.time()
    audit_ids = (ids.secret(16),) + ((parent_audit_id,) if parent_audit_id else ())
    return Payload(
        methods=methods, user_id=user_id, expires_at=float(int(expires_at or now + conf.token.expiration)), issued_at=now,
        audit_ids=audit_ids, kind=scope.kind, scope_id=scope.id, trust_id=scope.trust_id,
        application_credential_id=application_credential_id,
    )


def opened(format_: TokenFormat, text: str, allow_expired_s: int = 0) -> Payload:
    """The payload of a token's text; Invalid when it is malformed or more than `allow_expired_s` over."""
    try:
        found = format_.open(text)
    except Malformed:
        raise Unrecognized("malformed") from None
    if found.expires_at + allow_expired_s <= clock.time():
        raise Invalid("expired")
    return found


def check(session: Session, conf: cfg.ConfigOpts, found: Payload) -> Token:
    """The token of a payload, with all that the database says now; Invalid when its ground is gone."""
    ground = token_db.ground(session, found.user_id, found.scope_id)
    if ground is None:
        raise Invalid("user is gone")
    actor = ground[:2]
    _require_user(conf, *actor)
    project, domain = _scope(found, *ground[2:])
    trust = _trust(session, conf, found) if found.trust_id else None
    shown = trust[2] if trust and trust[0].impersonation else actor
    credential, rules = _application_credential(session, found) if found.application_credential_id else (None, None)
    role_ids = _role_ids(session, found, domain, trust, credential)
    held = roles.shown(session, role_ids)
    if found.kind != "unscoped" and not held:
        raise Invalid("no role is left on the scope")
    _require_unrevoked(session, found, {actor[0].id, *([trust[0].trustor_user_id] if trust else [])}, shown[0], project, domain,
                       held)
    return Token(
        payload=found, user=_user(*shown), roles=held, project=_project(project, domain) if project and domain else None,
        domain={"id": domain.id, "name": domain.name} if found.kind == "domain" and domain else None,
        system=found.kind == "system",
        trust=_trust_view(trust, actor[0]) if trust else None,
        role_details=roles.described(session, held) if trust else None,
        application_credential=_credential_view(credential, rules) if credential else None,
        access_rules=_rules_view(credential, rules) if credential else None,
        ends_at=_ends_at(found, trust[0] if trust else None, credential),
    )


def _ends_at(found: Payload, *grounds: Any) -> float:
    ends = [g.expires_at.replace(tzinfo=clock.UTC).timestamp() for g in grounds if g is not None and g.expires_at]
    return min([found.expires_at, *ends])


def _require_user(conf: cfg.ConfigOpts, user: User, domain: Project) -> None:
    if not users.is_enabled(conf, user):
        raise Invalid("user is disabled")
    if not domain.enabled:
        raise Invalid("the user's domain is disabled")


def _scope(found: Payload, project: Project | None, domain: Project | None) -> tuple[Project | None, Project | None]:
    """The project and the domain of a token, checked; `domain` is that of `project`."""
    if found.kind not in ("project", "domain"):
        return None, None
    if project is None:
        raise Invalid(f"{found.kind} is gone")
    if not project.enabled or (domain is not None and not domain.enabled):
        raise Invalid(f"{found.kind} is disabled")
    if found.kind == "domain":
        if not project.is_domain:
            raise Invalid("scope is no domain")
        return None, project
    if project.is_domain:
        raise Invalid("a domain is no project to be scoped to")
    return project, domain


def _trust(session: Session, conf: cfg.ConfigOpts, found: Payload) -> tuple[Trust, list[str], tuple[User, Project]]:
    row = trust_db.get(session, found.trust_id or "")
    if row is None or row.trustee_user_id != found.user_id:
        raise Invalid("trust is gone")
    if row.expires_at is not None and row.expires_at <= clock.now():
        raise Invalid("trust is over")
    trustor = _agent(session, conf, row.trustor_user_id)
    for parent in trust_db.above(session, row):
        _agent(session, conf, parent.trustee_user_id)
    return row, trust_db.role_ids(session, [row.id]).get(row.id, []), trustor


def _agent(session: Session, conf: cfg.ConfigOpts, user_id: str) -> tuple[User, Project]:
    """Somebody through whose hands a trust went; Invalid when that user is gone or disabled."""
    agent = user_db.with_domain(session, user_id=user_id)
    if agent is None:
        raise Invalid("one of a trust's users is gone")
    _require_user(conf, *agent)
    return agent


def _application_credential(session: Session, found: Payload) -> tuple[ApplicationCredential, list[Any]]:
    row = application_credential_db.get(session, found.application_credential_id or "")
    if row is None or row.user_id != found.user_id:
        raise Invalid("application credential is gone")
    if row.expires_at is not None and row.expires_at <= clock.now():
        raise Invalid("application credential is over")
    return row, application_credential_db.rules(session, [row.id]).get(row.id, [])


def _role_ids(session: Session, found: Payload, domain: Project | None, trust: Any,
              credential: ApplicationCredential | None) -> set[str]:
    """The roles of a token before implications: the holder's, or the part of them that was delegated."""
    if found.kind == "unscoped":
        return set()
    owner = ([trust[0]] + trust_db.above(session, trust[0]))[-1].trustor_user_id if trust else found.user_id
    held = roles.held(session, owner, found.kind, found.scope_id, domain.id if domain else None)
    if not trust and not credential:
        return held
    delegated = set(trust[1]) if trust else set(
        application_credential_db.role_ids(session, [credential.id]).get(credential.id, []))  # type: ignore[union-attr]
    if not delegated <= set(roles.closure(session, held)):
        raise Invalid("a delegated role was taken away")
    return delegated


def _require_unrevoked(session: Session, found: Payload, user_ids: set[str], shown: User, project: Project | None,
                       domain: Project | None, held: tuple[tuple[str, str], ...]) -> None:
    issued = datetime.datetime.fromtimestamp(found.issued_at, clock.UTC).replace(tzinfo=None)
    for user_id in user_ids:
        if token_db.is_revoked(
            session, issued_at=issued, user_id=user_id, audit_id=found.audit_ids[0], audit_chain_id=found.audit_ids[-1],
            project_id=project.id if project else None, trust_id=found.trust_id,
            domain_ids=[d for d in (shown.domain_id, domain.id if domain else None) if d], role_ids=[r for r, _ in held],
        ):
            raise Invalid("revoked")


def _user(user: User, domain: Project) -> dict[str, Any]:
    return {"domain": {"id": domain.id, "name": domain.name}, "id": user.id, "name": user.name,
            "password_expires_at": clock.iso_micro(user.password_expires_at)}


def _project(project: Project, domain: Project) -> dict[str, Any]:
    return {"domain": {"id": domain.id, "name": domain.name}, "id": project.id, "name": project.name}


def _trust_view(trust: tuple[Trust, list[str], tuple[User, Project]], trustee: User) -> dict[str, Any]:
    row = trust[0]
    return {"id": row.id, "trustor_user": {"id": row.trustor_user_id}, "trustee_user": {"id": trustee.id},
            "impersonation": row.impersonation}


def _credential_view(row: ApplicationCredential, rules: list[Any] | None) -> dict[str, Any]:
    view: dict[str, Any] = {"id": row.id, "name": row.name, "restricted": not row.unrestricted}
    if row.restricted_paths:
        view["access_rules"] = list(_rules_view(row, rules) or ())
    return view


def _rules_view(row: ApplicationCredential, rules: list[Any] | None) -> tuple[dict[str, str], ...] | None:
    if not row.restricted_paths:
        return None
    return tuple({"id": r.id, "service": r.service, "path": r.path, "method": r.method} for r in rules or ())


def revoke(session: Session, found: Payload) -> None:
    """Void one token."""
    token_db.revoke(session, clock.now(), audit_id=found.audit_ids[0])


def revoke_chain(session: Session, found: Payload) -> None:
    """Void a token with all that were got with it."""
    token_db.revoke(session, clock.now(), audit_chain_id=found.audit_ids[-1])


def revoke_user(session: Session, user_id: str) -> None:
    """Void every token a user has."""
    token_db.revoke(session, clock.now(), user_id=user_id)
