"""Users, their passwords and their groups."""

import datetime
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from services.identity.db import rows
from services.identity.db.models import (
    AccessRule,
    ApplicationCredential,
    ApplicationCredentialRole,
    ApplicationCredentialRule,
    Assignment,
    Credential,
    Group,
    Membership,
    Password,
    Project,
    Trust,
    TrustRole,
    User,
)


def get(session: orm.Session, user_id: str) -> User | None:
    """The user of that id."""
    return session.get(User, user_id)


def with_domain(session: orm.Session, *, user_id: str | None = None, name: str | None = None,
                domain_id: str | None = None, domain_name: str | None = None) -> tuple[User, Project] | None:
    """A user, by id or by name in a domain, and the domain."""
    statement = sa.select(User, Project).join(Project, sa.and_(Project.id == User.domain_id, Project.is_domain))
    if user_id is not None:
        statement = statement.where(User.id == user_id)
    else:
        statement = statement.where(User.name == name)
        statement = statement.where(Project.id == domain_id) if domain_id else statement.where(Project.name == domain_name)
    row = session.execute(statement).first()
    return None if row is None else (row[0], row[1])


def listing(session: orm.Session, query: rows.Query, *, group_id: str | None = None,
            expires: Sequence[tuple[str, datetime.datetime]] = ()) -> tuple[Sequence[User], bool]:
    """Users that meet `query`; those of a group; those whose password ends before or after given times."""
    where: list[Any] = []
    if group_id is not None:
        where.append(User.id.in_(sa.select(Membership.user_id).where(Membership.group_id == group_id)))
    column = User.password_expires_at
    ways = {"lt": column.__lt__, "lte": column.__le__, "gt": column.__gt__, "gte": column.__ge__, "eq": column.__eq__,
            "neq": column.__ne__}
    where.extend(ways[way](when) for way, when in expires)
    return rows.listing(session, User, query, *where)


def password(session: orm.Session, user_id: str) -> Password | None:
    """The password in use."""
    statement = sa.select(Password).where(Password.user_id == user_id).order_by(Password.id.desc()).limit(1)
    return session.scalar(statement)


def passwords(session: orm.Session, user_id: str) -> list[Password]:
    """Every password that is kept, newest first."""
    return list(session.scalars(sa.select(Password).where(Password.user_id == user_id).order_by(Password.id.desc())))


def drop_passwords(session: orm.Session, ids: Iterable[int]) -> None:
    """Forget passwords."""
    session.execute(sa.delete(Password).where(Password.id.in_(list(ids))))


def group_ids(session: orm.Session, user_id: str) -> list[str]:
    """Ids of the user's groups."""
    return list(session.scalars(sa.select(Membership.group_id).where(Membership.user_id == user_id)))


def groups(session: orm.Session, user_id: str, query: rows.Query) -> tuple[Sequence[Group], bool]:
    """The user's groups."""
    inside = Group.id.in_(sa.select(Membership.group_id).where(Membership.user_id == user_id))
    return rows.listing(session, Group, query, inside)


def note_failure(session: orm.Session, user_id: str, now: datetime.datetime) -> None:
    """Count one wrong password."""
    session.execute(sa.update(User).where(User.id == user_id).values(failed_count=User.failed_count + 1, failed_at=now))


def note_success(session: orm.Session, user_id: str, today: datetime.datetime | None) -> None:
    """Forget wrong passwords and note the day of the log-in."""
    session.execute(sa.update(User).where(User.id == user_id).values(failed_count=0, failed_at=None, last_active_at=today))


def replace_hash(session: orm.Session, password_id: int, old: str, new: str) -> None:
    """Put a newer kind of hash of the same password in place of `old`."""
    session.execute(sa.update(Password).where(Password.id == password_id, Password.hash == old).values(hash=new))


def delete(session: orm.Session, user_ids: Sequence[str]) -> None:
    """Delete users with what hangs on them."""
    ids = list(user_ids)
    own = sa.select(ApplicationCredential.id).where(ApplicationCredential.user_id.in_(ids))
    trusts = sa.select(Trust.id).where(sa.or_(Trust.trustor_user_id.in_(ids), Trust.trustee_user_id.in_(ids)))
    for statement in (
        sa.delete(Assignment).where(Assignment.actor_type == "user", Assignment.actor_id.in_(ids)),
        sa.delete(Membership).where(Membership.user_id.in_(ids)),
        sa.delete(Password).where(Password.user_id.in_(ids)),
        sa.delete(Credential).where(Credential.user_id.in_(ids)),
        sa.delete(ApplicationCredentialRole).where(ApplicationCredentialRole.application_credential_id.in_(own)),
        sa.delete(ApplicationCredentialRule).where(ApplicationCredentialRule.application_credential_id.in_(own)),
        sa.delete(ApplicationCredential).where(ApplicationCredential.user_id.in_(ids)),
        sa.delete(AccessRule).where(AccessRule.user_id.in_(ids)),
        sa.delete(TrustRole).where(TrustRole.trust_id.in_(trusts)),
        sa.delete(Trust).where(sa.or_(Trust.trustor_user_id.in_(ids), Trust.trustee_user_id.in_(ids))),
        sa.delete(User).where(User.id.in_(ids)),
    ):
        session.execute(statement)


def ids_in_domain(session: orm.Session, domain_id: str) -> list[str]:
    """Ids of a domain's users."""
    return list(session.scalars(sa.select(User.id).where(User.domain_id == domain_id)))
