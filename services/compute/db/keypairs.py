"""Key pairs of users."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc, orm

from common import errors
from common.db.session import unique_violation
from services.compute.db.models import KeyPair


def get(session: orm.Session, user_id: str, name: str) -> Any:
    """A user's key pair; errors.NotFound when there is none of that name."""
    row = session.scalars(sa.select(KeyPair).where(KeyPair.user_id == user_id, KeyPair.name == name)).first()
    if row is None:
        raise errors.NotFound(f"Keypair {name} not found for user {user_id}")
    return row


def page(session: orm.Session, user_id: str, *, limit: int | None = None, marker: str | None = None) -> Sequence[Any]:
    """A user's key pairs by name; errors.BadRequest when `marker` names none."""
    query = sa.select(KeyPair).where(KeyPair.user_id == user_id).order_by(KeyPair.name)
    if marker is not None:
        if session.scalars(sa.select(KeyPair.id).where(KeyPair.user_id == user_id, KeyPair.name == marker)).first() is None:
            raise errors.BadRequest(f"marker [{marker}] not found")
        query = query.where(KeyPair.name > marker)
    return session.scalars(query.limit(limit) if limit is not None else query).all()


def count(session: orm.Session, user_id: str) -> int:
    """How many key pairs a user has."""
    return int(session.scalar(sa.select(sa.func.count()).select_from(KeyPair).where(KeyPair.user_id == user_id)) or 0)


def insert(session: orm.Session, values: Mapping[str, Any]) -> Any:
    """A new key pair; errors.Conflict when the user has one of that name."""
    row = KeyPair(**values)
    session.add(row)
    try:
        session.flush()
    except exc.IntegrityError as e:
        if unique_violation(e):
            raise errors.Conflict(f"Key pair '{values['name']}' already exists.") from e
        raise
    return row


def delete(session: orm.Session, user_id: str, name: str) -> None:
    """Remove a key pair; errors.NotFound when there is none."""
    found = session.execute(sa.delete(KeyPair).where(KeyPair.user_id == user_id, KeyPair.name == name))
    if found.rowcount == 0:
        raise errors.NotFound(f"Keypair {name} not found for user {user_id}")
