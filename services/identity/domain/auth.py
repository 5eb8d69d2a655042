"""From credentials to a token: methods, multi-factor rules, scope.

Every failure is the same 401, whatever went wrong, and takes one password hash, whether or not the user exists.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from oslo_config import cfg

from common import clock, errors
from common.db.session import Database, Session
from services.identity.db import application_credential as application_credential_db
from services.identity.db import project as project_db
from services.identity.db import trust as trust_db
from services.identity.db import user as user_db
from services.identity.db.models import ROOT, ApplicationCredential, Project, User
from services.identity.domain import auth_body, faults, receipt, roles, token, totp
from services.identity.domain import user as users
from services.identity.domain.credential import CredentialKeys
from services.identity.domain.hashing import Hasher
from services.identity.domain.token import Scope
from services.identity.domain.token_format import FernetFormat, TokenFormat
from services.identity.objects.token import Token

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Identified:
    """Who somebody proved to be, by which methods; the rest restricts the token that follows."""

    user_id: str
    methods: tuple[str, ...]
    expires_at: float | None = None
    parent_audit_id: str | None = None
    application_credential_id: str | None = None
    forced_scope: Scope | None = None
    parent: Token | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Auth:
    """What authentication needs."""

    conf: cfg.ConfigOpts
    db: Database
    hasher: Hasher
    tokens: TokenFormat
    receipts: FernetFormat
    credential_keys: CredentialKeys

    def issue(self, auth: Mapping[str, Any], receipt_text: str | None = None) -> tuple[str, Token]:
        """A new token's text and contents for the validated `auth` of a request.

        errors.Unauthorized when something does not hold; receipt.Required when more factors are wanted.
        """
        auth_body.check(auth, self.conf.token.methods, _METHODS)
        identified = self.identify(auth["identity"])
        identified = self._combine(identified, receipt_text)
        with self.db.read() as session:
            scope = self._scope(session, auth.get("scope"), identified)
        return self.token_for(identified, scope)

    def token_for(self, identified: Identified, scope: Scope) -> tuple[str, Token]:
        """The token of somebody identified for a scope; Unauthorized when the scope is refused."""
        made = token.payload(
            self.conf, identified.user_id, identified.methods, scope, expires_at=identified.expires_at,
            parent_audit_id=identified.parent_audit_id, application_credential_id=identified.application_credential_id)
        with self.db.read() as session:
            try:
                checked = token.check(session, self.conf, made)
            except token.Invalid as e:
                raise refused(str(e)) from None
        if scope.trust_id is not None:
            self._use_trust(scope.trust_id)
        # a token ends no later than what it stands on, and says so
        checked = replace(checked, payload=replace(made, expires_at=float(int(checked.ends_at))))
        return self.tokens.seal(checked.payload), checked

    def _use_trust(self, trust_id: str) -> None:
        def use(session: Session) -> bool:
            row = trust_db.get(session, trust_id)
            return row is not None and (row.remaining_uses is None or trust_db.consume(session, trust_id))

        if not self.db.transaction(use):
            raise refused("the trust has no use left")

    # methods

    def identify(self, identity: Mapping[str, Any]) -> Identified:
        """Who the `identity` of a request proves to be, by all its methods together."""
        found: Identified | None = None
        methods = dict.fromkeys(identity["methods"])
        for method in methods:
            one = _METHODS[method](self, identity[method])
            if found is not None and found.user_id != one.user_id:
                raise refused("the methods name different users")
            found = one if found is None else _merge(found, one)
        if found is None:
            raise refused("no method")
        return found

    def _password(self, given: Mapping[str, Any]) -> Identified:
        user = auth_body.user(given)
        if "password" not in user:
            raise refused("no password")
        try:
            found, domain = self.check_password(user, user["password"])
        except users.Disabled as e:
            raise refused(e.message) from None
        if not domain.enabled:
            raise refused("the user's domain is disabled")
        return Identified(found.id, ("password",))

    def check_password(self, named: Mapping[str, Any], password: str) -> tuple[User, Project]:
        """The user that `named` (id, or name and domain) names, and its domain, if `password` is right.

        users.Disabled for a user that is disabled; whether its domain is enabled is the caller's to ask.
        """
        with self.db.read() as session:
            row = _named_user(session, named)
            stored = user_db.password(session, row[0].id) if row else None
        known = stored.hash if stored and stored.hash != users.NO_HASH else None
        right = self.hasher.check(password, known)
        if row is None or stored is None or known is None:
            raise refused("no such user, or it has no password")
        user = row[0]
        if users.is_locked(self.conf, user):
            raise refused("the user is locked")
        if not right:
            self._note_failure(user)
            raise refused("wrong password")
        if not users.is_enabled(self.conf, user):
            raise users.Disabled(user.id)
        if users.password_expired(user, stored):
            raise users.expired_error(user.id)
        self._note_success(user)
        return row

    def _note_failure(self, user: User) -> None:
        if self.conf.security_compliance.lockout_failure_attempts:
            if user.failed_count >= self.conf.security_compliance.lockout_failure_attempts:
                self.db.transaction(user_db.note_success, user.id, user.last_active_at)
            self.db.transaction(user_db.note_failure, user.id, clock.now())

    def _note_success(self, user: User) -> None:
        today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        tracked = self.conf.security_compliance.disable_user_account_days_inactive
        stale = tracked and (user.last_active_at is None or user.last_active_at < today)
        if user.failed_count or stale:
            self.db.transaction(user_db.note_success, user.id, today if tracked else user.last_active_at)

    def _token(self, given: Mapping[str, Any]) -> Identified:
        if "id" not in given:
            raise faults.invalid("Expecting to find id in token.")
        try:
            parent_payload = token.opened(self.tokens, given["id"])
            with self.db.read() as session:
                parent = token.check(session, self.conf, parent_payload)
        except token.Unrecognized:
            raise faults.unrecognized() from None
        except token.Invalid as e:
            LOG.info("a token is refused as a proof: %s", e)
            raise errors.NotFound("Failed to validate token") from None
        found = parent.payload
        if found.trust_id is not None:
            raise faults.forbidden("Using trust-scoped token to create another token. Create a new trust-scoped token instead")
        if found.by_delegation:
            raise faults.forbidden("Using a delegated token to create another token is not allowed.")
        if found.kind != "unscoped" and not self.conf.token.allow_rescope_scoped_token:
            raise faults.forbidden("rescope a scoped token")
        return Identified(found.user_id, tuple(dict.fromkeys((*found.methods, "token"))), found.expires_at,
                          found.audit_ids[-1], parent=parent)

    def _application_credential(self, given: Mapping[str, Any]) -> Identified:
        auth_body.check_application_credential(given)
        with self.db.read() as session:
            row = self._find_application_credential(session, given)
        secret = given.get("secret")
        auth_body.require_text(secret)
        if not self.hasher.check(secret or "", row.secret_hash if row else None) or row is None or not secret:
            raise refused("no such application credential, or wrong secret")
        if row.expires_at is not None and row.expires_at <= clock.now():
            raise refused("the application credential is over")
        scope = Scope("system") if row.system else Scope("project", row.project_id)
        return Identified(row.user_id, ("application_credential",), application_credential_id=row.id, forced_scope=scope)

    def _find_application_credential(self, session: Session, given: Mapping[str, Any]) -> ApplicationCredential | None:
        """What is named by its id is random and no secret, so a missing one is said to be missing; a name is not."""
        if not given.get("id"):
            owner = find_user(session, self.conf, given["user"])
            return application_credential_db.by_name(session, owner[0].id, str(given["name"])) if owner else None
        row = application_credential_db.get(session, str(given["id"]))
        if row is None:
            raise faults.not_found("Application Credential", given["id"])
        return row

    def _totp(self, given: Mapping[str, Any]) -> Identified:
        named = auth_body.user(given)
        auth_body.check_domain(named)
        if not isinstance(named.get("passcode"), str):
            raise refused("no passcode")
        with self.db.read() as session:
            row = find_user(session, self.conf, named)
        if row is None or not self.db.transaction(
                totp.use, self.credential_keys, row[0].id, named["passcode"], self.conf.credential.totp_previous_windows):
            raise refused("wrong passcode")
        return Identified(row[0].id, ("totp",))

    # several factors

    def _combine(self, identified: Identified, receipt_text: str | None) -> Identified:
        """Add what a receipt proves, and ask for more factors where the user's rules want them."""
        with self.db.read() as session:
            found = user_db.with_domain(session, user_id=identified.user_id)
        if found is None:
            raise refused("user is gone")
        user, domain = found
        methods = identified.methods
        if receipt_text:
            methods = (*receipt.opened(self.receipts, receipt_text, identified.user_id), *methods)
        identified = replace(identified, methods=tuple(dict.fromkeys(methods)))
        rules = receipt.missing(user.options or {}, identified.methods)
        if rules:  # a token or an application credential is one method among others, so rules bind it too
            raise receipt.Required(self.conf, self.receipts, user, domain, identified.methods, rules)
        return identified

    # scope

    def _scope(self, session: Session, wanted: Any, identified: Identified) -> Scope:
        if identified.forced_scope is not None:
            if wanted is not None:
                raise errors.Unauthorized("Error authenticating with application credential: Application credentials cannot "
                                          "request a scope.")
            return identified.forced_scope
        if wanted is None:
            return self._default_scope(session, identified)
        if "unscoped" in wanted:
            return Scope()
        if "system" in wanted:
            return Scope("system")
        if "OS-TRUST:trust" in wanted:
            return _trust_scope(session, wanted["OS-TRUST:trust"]["id"], identified.user_id)
        kind = "project" if "project" in wanted else "domain"
        if identified.parent is not None and identified.parent.system:
            raise faults.forbidden("Using a system-scoped token to create a project-scoped or domain-scoped token is not "
                                   "allowed.")
        row = find_scope(session, kind, wanted[kind])
        if row is None or (kind == "project" and row.is_domain):  # no token is for a domain as a project, as upstream has it
            raise refused(f"no such {kind}")
        return Scope(kind, row.id)

    def _default_scope(self, session: Session, identified: Identified) -> Scope:
        if identified.parent is not None:
            return Scope()
        user = user_db.get(session, identified.user_id)
        if user is None or not user.default_project_id:
            return Scope()
        row = project_db.with_domain(session, user.default_project_id)
        if row is None or not row[0].enabled or (row[1] is not None and not row[1].enabled):
            return Scope()
        if not roles.held(session, user.id, "project", row[0].id, row[0].domain_id):
            return Scope()
        return Scope("project", row[0].id)


_METHODS = {"password": Auth._password, "token": Auth._token, "totp": Auth._totp,
            "application_credential": Auth._application_credential}


def refused(why: str) -> errors.Unauthorized:
    """The one answer to all failures; the reason goes to the log."""
    LOG.info("authentication refused: %s", why)
    return faults.unauthorized()


def _merge(one: Identified, other: Identified) -> Identified:
    ends = [e for e in (one.expires_at, other.expires_at) if e is not None]
    return replace(
        one, methods=tuple(dict.fromkeys((*one.methods, *other.methods))), expires_at=min(ends) if ends else None,
        parent_audit_id=one.parent_audit_id or other.parent_audit_id, parent=one.parent or other.parent,
        application_credential_id=one.application_credential_id or other.application_credential_id,
        forced_scope=one.forced_scope or other.forced_scope)


def find_user(session: Session, conf: cfg.ConfigOpts, named: Mapping[str, Any]) -> tuple[User, Project] | None:
    """The user that an `auth` names by id, or by name and domain; None when it or its domain is not there, or disabled."""
    row = _named_user(session, named)
    if row is None or not users.is_enabled(conf, row[0]) or not row[1].enabled:
        return None
    return row


def _named_user(session: Session, named: Mapping[str, Any]) -> tuple[User, Project] | None:
    domain = named.get("domain") or {}
    texts = [named.get("id")] if named.get("id") else [named.get("name"), domain.get("id") or domain.get("name")]
    if not all(isinstance(text, str) for text in texts):
        return None
    if named.get("id"):
        return user_db.with_domain(session, user_id=named["id"])
    return user_db.with_domain(session, name=named["name"], domain_id=domain.get("id"), domain_name=domain.get("name"))


def find_scope(session: Session, kind: str, named: Mapping[str, Any]) -> Project | None:
    """The project or domain that a scope names."""
    if named.get("id"):
        return project_db.get(session, named["id"])
    if kind == "domain":
        return project_db.by_name(session, named["name"], ROOT)
    domain = named.get("domain") or {}
    above = project_db.get(session, domain["id"]) if domain.get("id") else (
        project_db.by_name(session, domain["name"], ROOT) if domain.get("name") else None)
    if above is None:
        return None
    return project_db.by_name(session, named["name"], above.id)


def _trust_scope(session: Session, trust_id: str, user_id: str) -> Scope:
    row = trust_db.get(session, trust_id)
    if row is None:
        raise refused("no such trust")
    if row.trustee_user_id != user_id:
        raise errors.Forbidden("You are not authorized to perform the requested action.")
    if row.remaining_uses is not None and row.remaining_uses <= 0:
        raise refused("the trust has no use left")
    return Scope("project" if row.project_id else "unscoped", row.project_id, row.id)
