"""Groups and who is in them."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import orm

from services.identity.db import rows
from services.identity.db.models import Assignment, Group, Membership


def get(session: orm.Session, group_id: str) -> Group | None:
    """The group of that id."""
    return session.get(Group, group_id)


def listing(session: orm.Session, query: rows.Query) -> tuple[Sequence[Group], bool]:
    """Groups that meet `query`."""
    return rows.listing(session, Group, query)


def has(session: orm.Session, group_id: str, user_id: str) -> bool:
    """Whether a user is in a group."""
    return session.get(Membership, (user_id, group_id)) is not None


def join(session: orm.Session, group_id: str, user_id: str) -> None:
    """Put a user into a group; harmless when it is there."""
    if not has(session, group_id, user_id):
        rows.add(session, Membership(user_id=user_id, group_id=group_id))


def leave(session: orm.Session, group_id: str, user_id: str) -> bool:
    """Take a user out of a group; whether it was in it."""
    done = session.execute(sa.delete(Membership).where(Membership.group_id == group_id, Membership.user_id == user_id))
    return bool(done.rowcount)


def members(session: orm.Session, group_ids: Sequence[str]) -> dict[str, list[str]]:
    """User ids by group."""
    out: dict[str, list[str]] = {}
    statement = sa.select(Membership).where(Membership.group_id.in_(list(group_ids))).order_by(Membership.user_id)
    for row in session.scalars(statement):
        out.setdefault(row.group_id, []).append(row.user_id)
    return out


def delete(session: orm.Session, group_ids: Sequence[str]) -> None:
    """Delete groups with their assignments and memberships."""
    ids = list(group_ids)
    session.execute(sa.delete(Assignment).where(Assignment.actor_type == "group", Assignment.actor_id.in_(ids)))
    session.execute(sa.delete(Membership).where(Membership.group_id.in_(ids)))
    session.execute(sa.delete(Group).where(Group.id.in_(ids)))


def ids_in_domain(session: orm.Session, domain_id: str) -> list[str]:
    """Ids of a domain's groups."""
    return list(session.scalars(sa.select(Group.id).where(Group.domain_id == domain_id)))
