"""Revocation events."""

import datetime
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from services.identity.db.models import Project, RevocationEvent, User

_HOME, _PLACE, _ABOVE = orm.aliased(Project), orm.aliased(Project), orm.aliased(Project)
_GROUND = sa.select(User, _HOME, _PLACE, _ABOVE).join(
    _HOME, sa.and_(_HOME.id == User.domain_id, _HOME.is_domain)
).outerjoin(
    # no user is a project: said so that SQLAlchemy sees on MariaDB, too, that these tables are joined
    _PLACE, sa.and_(_PLACE.id == sa.bindparam("scope_id"), _PLACE.id != User.id)
).outerjoin(_ABOVE, _ABOVE.id == _PLACE.domain_id).where(
    User.id == sa.bindparam("user_id"))


def ground(session: orm.Session, user_id: str,
           scope_id: str | None) -> tuple[User, Project, Project | None, Project | None] | None:
    """What a token stands on, in one query: its user, the user's domain, the project or domain of its scope, and its domain."""
    row = session.execute(_GROUND, {"user_id": user_id, "scope_id": scope_id}).first()
    return None if row is None else (row[0], row[1], row[2], row[3])


def revoke(session: orm.Session, now: datetime.datetime, **fields: Any) -> None:
    """Declare void the tokens issued until now that match every field given."""
    session.add(RevocationEvent(issued_before=now, revoked_at=now, **fields))
    session.flush()


def is_revoked(session: orm.Session, *, issued_at: datetime.datetime, user_id: str, audit_id: str, audit_chain_id: str,
               project_id: str | None, domain_ids: Sequence[str], trust_id: str | None, role_ids: Sequence[str]) -> bool:
    """Whether an event voids the token described."""
    values = {"issued_at": issued_at, "user_id": user_id, "audit_id": audit_id, "audit_chain_id": audit_chain_id,
              "project_id": project_id, "domain_id": list(domain_ids), "trust_id": trust_id, "role_id": list(role_ids)}
    return session.scalar(_REVOKED, values) is not None


def _same(name: str, *, several: bool = False) -> Any:
    """A field of an event that is not set, or is what parameter `name` holds."""
    column = getattr(RevocationEvent, name)
    given = sa.bindparam(name, expanding=several, type_=column.type)
    return sa.or_(column.is_(None), column.in_(given) if several else column == given)


_REVOKED = sa.select(RevocationEvent.id).where(
    RevocationEvent.issued_before >= sa.bindparam("issued_at", type_=RevocationEvent.issued_before.type), _same("user_id"),
    _same("audit_id"), _same("audit_chain_id"), _same("project_id"), _same("domain_id", several=True), _same("trust_id"),
    _same("role_id", several=True)).limit(1)


def events(session: orm.Session, since: datetime.datetime | None) -> list[RevocationEvent]:
    """Events, oldest first; those after `since` when given."""
    statement = sa.select(RevocationEvent).order_by(RevocationEvent.revoked_at, RevocationEvent.id)
    if since is not None:
        statement = statement.where(RevocationEvent.revoked_at >= since)
    return list(session.scalars(statement))


def prune(session: orm.Session, before: datetime.datetime) -> int:
    """Forget events older than any token that may be alive; returns how many."""
    return int(session.execute(sa.delete(RevocationEvent).where(RevocationEvent.revoked_at < before)).rowcount)
