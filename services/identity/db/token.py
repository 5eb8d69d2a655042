"""Revocation events."""

import datetime
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from services.identity.db.models import RevocationEvent


def revoke(session: orm.Session, now: datetime.datetime, **fields: Any) -> None:
    """Declare void the tokens issued until now that match every field given."""
    session.add(RevocationEvent(issued_before=now, revoked_at=now, **fields))
    session.flush()


def is_revoked(session: orm.Session, *, issued_at: datetime.datetime, user_id: str, audit_id: str, audit_chain_id: str,
               project_id: str | None, domain_ids: Sequence[str], trust_id: str | None, role_ids: Sequence[str]) -> bool:
    """Whether an event voids the token described."""
    event = RevocationEvent

    def same(column: Any, *values: str | None) -> Any:
        known = [v for v in values if v is not None]
        return sa.or_(column.is_(None), column.in_(known)) if known else column.is_(None)

    statement = sa.select(event.id).where(
        event.issued_before >= issued_at, same(event.user_id, user_id), same(event.audit_id, audit_id),
        same(event.audit_chain_id, audit_chain_id), same(event.project_id, project_id),
        same(event.domain_id, *domain_ids), same(event.trust_id, trust_id), same(event.role_id, *role_ids),
    ).limit(1)
    return session.scalar(statement) is not None


def events(session: orm.Session, since: datetime.datetime | None) -> list[RevocationEvent]:
    """Events, oldest first; those after `since` when given."""
    statement = sa.select(RevocationEvent).order_by(RevocationEvent.revoked_at, RevocationEvent.id)
    if since is not None:
        statement = statement.where(RevocationEvent.revoked_at >= since)
    return list(session.scalars(statement))


def prune(session: orm.Session, before: datetime.datetime) -> int:
    """Forget events older than any token that may be alive; returns how many."""
    return int(session.execute(sa.delete(RevocationEvent).where(RevocationEvent.revoked_at < before)).rowcount)
