"""What may be done with groups."""

from collections.abc import Mapping
from typing import Any

from common import clock, errors, ids
from common.db.session import Session
from services.identity.db import group as group_db
from services.identity.db import rows
from services.identity.db import token as token_db
from services.identity.db.models import Group
from services.identity.domain import faults
from services.identity.domain import user as users

_OWN = frozenset("id name domain_id description links".split())


def found(session: Session, group_id: str) -> Group:
    """The group; NotFound in upstream's words."""
    row = group_db.get(session, group_id)
    if row is None:
        raise faults.not_found("group", group_id)
    return row


def create(session: Session, values: Mapping[str, Any]) -> Group:
    """A new group."""
    users.require_domain(session, values["domain_id"])
    values = _checked(values)
    row = Group(id=ids.hex_id(), name=values["name"], domain_id=values["domain_id"],
                description=values.get("description", ""), extra={k: v for k, v in values.items() if k not in _OWN})
    try:
        rows.add(session, row)
    except rows.Duplicate:
        raise faults.duplicate("group", values["name"], values["domain_id"]) from None
    return row


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    values = faults.stripped(values)
    faults.require_short(values, name=64)
    return values


def update(session: Session, group_id: str, values: Mapping[str, Any]) -> Group:
    """Change a group."""
    row = found(session, group_id)
    faults.require_same_id(values, group_id)
    if values.get("domain_id", row.domain_id) != row.domain_id:
        raise faults.invalid("Cannot change Domain ID")
    values = _checked(values)
    for name in ("name", "description"):
        if name in values:
            setattr(row, name, values[name])
    row.extra = {**(row.extra or {}), **{k: v for k, v in values.items() if k not in _OWN}}
    try:
        rows.flush(session)
    except rows.Duplicate:
        raise faults.duplicate("group", values["name"]) from None
    return row


def delete(session: Session, group_id: str) -> None:
    """Delete a group with its assignments and memberships."""
    found(session, group_id)
    group_db.delete(session, [group_id])


def join(session: Session, group_id: str, user_id: str) -> None:
    """Put a user into a group."""
    found(session, group_id)
    users.found(session, user_id)
    group_db.join(session, group_id, user_id)


def leave(session: Session, group_id: str, user_id: str) -> None:
    """Take a user out of a group, and void the user's tokens; NotFound when it is not in it."""
    found(session, group_id)
    users.found(session, user_id)
    if not group_db.leave(session, group_id, user_id):
        raise errors.NotFound(f"User '{user_id}' not found in group '{group_id}'")
    token_db.revoke(session, clock.now(), user_id=user_id)


def require_member(session: Session, group_id: str, user_id: str) -> None:
    """NotFound unless a user is in a group."""
    found(session, group_id)
    users.found(session, user_id)
    if not group_db.has(session, group_id, user_id):
        raise errors.NotFound(f"User '{user_id}' not found in group '{group_id}'")
