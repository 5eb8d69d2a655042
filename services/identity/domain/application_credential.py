"""What may be done with application credentials and access rules."""

from collections.abc import Mapping, Sequence
from typing import Any

from oslo_config import cfg

from common import errors, ids
from common.db.session import Session
from services.identity.db import application_credential as application_credential_db
from services.identity.db import role as role_db
from services.identity.db import rows
from services.identity.db.models import AccessRule, ApplicationCredential, Role
from services.identity.domain import expiry, faults, roles
from services.identity.objects.token import Token


def require_no_other_delegation(token: Token) -> None:
    """Forbidden for a token of a trust or an access key: what it made would outlive what was handed on with it."""
    if token.delegated and "application_credential" not in token.payload.methods:
        raise errors.Forbidden("You are not authorized to perform the requested action.")


def require_unrestricted(token: Token) -> None:
    """Forbidden for a token of a restricted application credential: it must not make further delegations."""
    credential = token.application_credential
    if credential is not None and credential["restricted"]:
        raise faults.forbidden(
            "Using method 'application_credential' is not allowed for managing additional application credentials.")


def found(session: Session, credential_id: str) -> ApplicationCredential:
    """The application credential; NotFound in upstream's words."""
    row = application_credential_db.get(session, credential_id)
    if row is None:
        raise errors.NotFound(f"Could not find Application Credential: {credential_id}.")
    return row


def create(session: Session, conf: cfg.ConfigOpts, token: Token, secret_hash: str,
           values: Mapping[str, Any]) -> ApplicationCredential:
    """A new application credential of the token's user on the token's project.

    BadRequest without a project scope, for a role the token lacks, and for an end that is past.
    """
    if token.project is None or token.payload.trust_id is not None:
        raise faults.invalid("Invalid application credential: a token scoped to a project is needed.")
    limit = conf.credential.application_credential_user_limit
    if limit >= 0 and application_credential_db.count(session, token.user["id"]) >= limit:
        raise faults.forbidden(f"Unable to create additional application credentials, maximum of {limit} already "
                               "exceeded for user")
    expires_at = expiry.future(values.get("expires_at"))
    role_ids = _roles(session, token, values)
    rules = values.get("access_rules") or None  # an empty list restricts nothing, as upstream reads it
    row = ApplicationCredential(
        id=ids.hex_id(), name=values["name"], user_id=token.user["id"], project_id=token.project["id"],
        description=values.get("description"), secret_hash=secret_hash, expires_at=expires_at,
        unrestricted=bool(values.get("unrestricted")), restricted_paths=rules is not None)
    rule_ids = [_rule(session, row.user_id, r) for r in rules or ()]
    try:
        application_credential_db.add(session, row, role_ids, dict.fromkeys(rule_ids))
    except rows.Duplicate:
        raise _duplicate(values["name"]) from None
    return row


def _roles(session: Session, token: Token, values: Mapping[str, Any]) -> list[str]:
    """Ids of the roles asked for (by id or name) and of all they imply, by default the token's; each must be the token's."""
    held = {i: n for i, n in token.roles}
    wanted: Sequence[Mapping[str, Any]] = values.get("roles") or ()
    if not wanted:
        return list(held)
    by_name = {n: i for i, n in held.items()}
    found: list[str] = []
    for one in wanted:
        role_id = one.get("id") or by_name.get(str(one.get("name")))
        if role_id is None or role_id not in held:
            if not one.get("id") and role_db.by_name(session, str(one.get("name"))) is None:
                raise errors.NotFound(f"Role {one.get('name')} is not defined")
            raise faults.invalid("Invalid application credential: Cannot create an application credential with unassigned role")
        found.append(role_id)
    if len(set(found)) < len(found):
        raise _duplicate(values["name"])
    return list(roles.closure(session, found))


def _duplicate(name: str) -> errors.Conflict:
    return faults.conflict("application_credential", f"Duplicate entry found with name {name}")


def _rule(session: Session, user_id: str, wanted: Mapping[str, Any]) -> str:
    """The id of a rule: one that is named, one that says the same, or a new one."""
    if wanted.get("id"):
        row = application_credential_db.access_rule(session, wanted["id"])
        if row is None or row.user_id != user_id:
            raise faults.not_found("access rule", wanted["id"])
        return row.id
    values = {k: wanted.get(k) for k in ("service", "method", "path")}
    if None in values.values():
        raise faults.invalid("Invalid input for field 'access_rules': service, method and path are required.")
    faults.require_short(values, path=128)
    known = application_credential_db.same_rule(session, user_id, **values)  # type: ignore[arg-type]
    if known is None:
        known = rows.add(session, AccessRule(id=ids.hex_id(), user_id=user_id, **values))
    return known.id


def delete(session: Session, credential_id: str) -> None:
    """Delete an application credential; its tokens die with it."""
    application_credential_db.delete(session, [found(session, credential_id).id])


def found_rule(session: Session, user_id: str, rule_id: str) -> AccessRule:
    """A user's access rule; NotFound in upstream's words."""
    row = application_credential_db.access_rule(session, rule_id)
    if row is None or row.user_id != user_id:
        raise faults.not_found("Access Rule", rule_id)
    return row


def delete_rule(session: Session, user_id: str, rule_id: str) -> None:
    """Delete an access rule; Forbidden while an application credential uses it."""
    found_rule(session, user_id, rule_id)
    if application_credential_db.rule_in_use(session, rule_id):
        raise errors.Forbidden("May not delete access rule in use")
    application_credential_db.delete_rule(session, rule_id)


def role_rows(session: Session, ids_: Sequence[str]) -> tuple[dict[str, list[str]], dict[str, Role]]:
    """Role ids by application credential, and the roles."""
    by_credential = application_credential_db.role_ids(session, ids_)
    return by_credential, rows.by_ids(session, Role, {r for found in by_credential.values() for r in found})
