"""Credentials, and the one-time passcodes that were used."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import orm

from services.identity.db import rows
from services.identity.db.models import Credential, TotpUse


def get(session: orm.Session, credential_id: str) -> Credential | None:
    """The credential of that id."""
    return session.get(Credential, credential_id)


def listing(session: orm.Session, query: rows.Query, user_id: str | None = None) -> tuple[Sequence[Credential], bool]:
    """Credentials that meet `query`; those of one user when given."""
    where = [Credential.user_id == user_id] if user_id is not None else []
    return rows.listing(session, Credential, query, *where)


def of_user(session: orm.Session, user_id: str, type_: str) -> list[Credential]:
    """A user's credentials of one type."""
    return list(session.scalars(sa.select(Credential).where(Credential.user_id == user_id, Credential.type == type_)))


def count(session: orm.Session, user_id: str) -> int:
    """How many a user has."""
    return session.scalar(sa.select(sa.func.count()).select_from(Credential).where(Credential.user_id == user_id)) or 0


def every(session: orm.Session) -> list[Credential]:
    """All of them, for encrypting them anew."""
    return list(session.scalars(sa.select(Credential)))


def delete(session: orm.Session, credential_id: str) -> None:
    """Delete one."""
    session.execute(sa.delete(TotpUse).where(TotpUse.credential_id == credential_id))
    session.execute(sa.delete(Credential).where(Credential.id == credential_id))


def use_passcode(session: orm.Session, credential_id: str, step: int, *, before: int) -> bool:
    """Note that a passcode was used; false when it was already. Forgets those older than step `before`."""
    session.execute(sa.delete(TotpUse).where(TotpUse.credential_id == credential_id, TotpUse.step < before))
    if session.get(TotpUse, (credential_id, step)) is not None:
        return False
    try:
        rows.add(session, TotpUse(credential_id=credential_id, step=step))
    except rows.Duplicate:
        session.rollback()
        return False
    return True
