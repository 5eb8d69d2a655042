"""What may be done with roles and implications."""

from collections.abc import Mapping
from typing import Any

from common import errors, ids
from common.db.session import Session
from services.identity.db import role as role_db
from services.identity.db import rows
from services.identity.db.models import NO_DOMAIN, ImpliedRole, Role
from services.identity.domain import faults

_OWN = frozenset("id name domain_id description options links".split())


def found(session: Session, role_id: str) -> Role:
    """The role; NotFound in upstream's words."""
    row = role_db.get(session, role_id)
    if row is None:
        raise faults.not_found("role", role_id)
    return row


def create(session: Session, values: Mapping[str, Any]) -> Role:
    """A new role, of one domain when `domain_id` is given."""
    faults.require_short(values, description=255)
    row = Role(id=ids.hex_id(), name=values["name"], domain_id=values.get("domain_id") or NO_DOMAIN,
               description=values.get("description"), extra={k: v for k, v in values.items() if k not in _OWN},
               options={k: v for k, v in (values.get("options") or {}).items() if v is not None})
    try:
        rows.add(session, row)
    except rows.Duplicate:
        raise faults.duplicate("role", values["name"], values.get("domain_id")) from None
    return row


def update(session: Session, role_id: str, values: Mapping[str, Any]) -> Role:
    """Change a role."""
    row = found(session, role_id)
    options = values.get("options") or {}
    faults.require_same_id(values, role_id)
    if (row.options or {}).get("immutable") and not (
            set(values) == {"options"} and options.get("immutable", True) in (False, None)):
        raise faults.immutable("role", role_id)
    if "domain_id" in values and (values["domain_id"] or NO_DOMAIN) != row.domain_id:
        raise faults.invalid("Update of `domain_id` is not allowed.")
    faults.require_short(values, description=255)
    for name in ("name", "description"):
        if name in values:
            setattr(row, name, values[name])
    row.extra = {**(row.extra or {}), **{k: v for k, v in values.items() if k not in _OWN}}
    row.options = {k: v for k, v in {**(row.options or {}), **options}.items() if v is not None}
    try:
        rows.flush(session)
    except rows.Duplicate:
        raise faults.duplicate("role", values["name"]) from None
    return row


def delete(session: Session, role_id: str) -> None:
    """Delete a role with its assignments and implications."""
    row = found(session, role_id)
    if (row.options or {}).get("immutable"):
        raise faults.immutable("role", role_id, "delete")
    role_db.delete(session, [role_id])


def imply(session: Session, prior_id: str, implied_id: str) -> tuple[Role, Role]:
    """Let `prior_id` imply `implied_id`; Conflict for a repetition, Forbidden for `admin` being implied, or a
    role of one domain by a role of all.

    A circle is allowed, as upstream allows it: it makes its roles equal.
    """
    prior, implied = found(session, prior_id), found(session, implied_id)
    from_all_to_one = prior.domain_id == NO_DOMAIN and implied.domain_id != NO_DOMAIN
    if from_all_to_one or (implied.name == "admin" and implied.domain_id == NO_DOMAIN):
        raise errors.Forbidden(f"{implied_id} cannot be an implied roles.")
    if role_db.implied(session, prior_id, implied_id) is not None:
        raise faults.conflict("implied_role", "Duplicate entry")
    rows.add(session, ImpliedRole(prior_id=prior_id, implied_id=implied_id))
    return prior, implied


def found_implied(session: Session, prior_id: str, implied_id: str) -> tuple[Role, Role]:
    """Both roles of an implication; NotFound when it is not there."""
    prior, implied = found(session, prior_id), found(session, implied_id)
    if role_db.implied(session, prior_id, implied_id) is None:
        raise errors.NotFound(f"{prior_id} does not imply {implied_id}.")
    return prior, implied


def unimply(session: Session, prior_id: str, implied_id: str) -> None:
    """Forget an implication."""
    found_implied(session, prior_id, implied_id)
    role_db.drop_implied(session, prior_id, implied_id)
