"""Trusts and the roles they delegate."""

import datetime
from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy import orm

from services.identity.db import rows
from services.identity.db.models import Trust, TrustRole


def get(session: orm.Session, trust_id: str, *, deleted: bool = False) -> Trust | None:
    """The trust of that id; a deleted one only with `deleted`."""
    row = session.get(Trust, trust_id)
    return None if row is None or (row.deleted_at is not None and not deleted) else row


def above(session: orm.Session, row: Trust) -> list[Trust]:
    """The trusts that `row` was passed on from, the nearest first."""
    found: list[Trust] = []
    while row.redelegated_trust_id is not None and (parent := session.get(Trust, row.redelegated_trust_id)) is not None:
        found.append(parent)
        row = parent
    return found


def role_ids(session: orm.Session, trust_ids: Iterable[str]) -> dict[str, list[str]]:
    """Role ids by trust."""
    out: dict[str, list[str]] = {}
    for row in session.scalars(sa.select(TrustRole).where(TrustRole.trust_id.in_(list(trust_ids)))):
        out.setdefault(row.trust_id, []).append(row.role_id)
    return out


def listing(session: orm.Session, query: rows.Query) -> tuple[Sequence[Trust], bool]:
    """Trusts that are not deleted."""
    return rows.listing(session, Trust, query, Trust.deleted_at.is_(None))


def same(session: orm.Session, row: Trust) -> bool:
    """Whether a trust of the same two users, project, impersonation and end stands; one without an end is never the same."""
    if row.expires_at is None:
        return False
    return session.scalar(sa.select(Trust.id).where(
        Trust.trustor_user_id == row.trustor_user_id, Trust.trustee_user_id == row.trustee_user_id,
        Trust.project_id == row.project_id, Trust.impersonation.is_(row.impersonation), Trust.expires_at == row.expires_at,
        Trust.deleted_at.is_(None)).limit(1)) is not None


def add(session: orm.Session, row: Trust, roles: Iterable[str]) -> None:
    """Insert a trust with its roles."""
    rows.add(session, row)
    session.add_all(TrustRole(trust_id=row.id, role_id=r) for r in roles)
    session.flush()


def consume(session: orm.Session, trust_id: str) -> bool:
    """Use a trust once; false when no use is left."""
    done = session.execute(sa.update(Trust).where(Trust.id == trust_id, Trust.remaining_uses > 0).values(
        remaining_uses=Trust.remaining_uses - 1))
    return bool(done.rowcount)


def delete(session: orm.Session, trust_id: str, now: datetime.datetime) -> None:
    """Delete a trust and every trust that was redelegated from it."""
    waiting = [trust_id]
    while waiting:
        session.execute(sa.update(Trust).where(Trust.id.in_(waiting), Trust.deleted_at.is_(None)).values(deleted_at=now))
        waiting = list(session.scalars(sa.select(Trust.id).where(
            Trust.redelegated_trust_id.in_(waiting), Trust.deleted_at.is_(None))))
