"""Roles and what they imply."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import orm

from services.identity.db import rows
from services.identity.db.models import (
    NO_DOMAIN,
    ApplicationCredentialRole,
    Assignment,
    ImpliedRole,
    Role,
    TrustRole,
)


def get(session: orm.Session, role_id: str) -> Role | None:
    """The role of that id."""
    return session.get(Role, role_id)


def by_name(session: orm.Session, name: str, domain_id: str = NO_DOMAIN) -> Role | None:
    """The role called `name` of a domain, or of all."""
    return session.scalar(sa.select(Role).where(Role.name == name, Role.domain_id == domain_id))


def ids_by_name(session: orm.Session, name: str) -> list[str]:
    """Ids of the roles called `name`, of domains too."""
    return list(session.scalars(sa.select(Role.id).where(Role.name == name)))


def listing(session: orm.Session, query: rows.Query) -> tuple[Sequence[Role], bool]:
    """Roles that meet `query`; those of no domain unless it names one."""
    where = [] if query.value("domain_id") is not None else [Role.domain_id == NO_DOMAIN]
    return rows.listing(session, Role, query, *where)


def implications(session: orm.Session) -> dict[str, set[str]]:
    """prior role id -> ids of the roles it implies directly."""
    out: dict[str, set[str]] = {}
    for prior, implied in session.execute(sa.select(ImpliedRole.prior_id, ImpliedRole.implied_id)):
        out.setdefault(prior, set()).add(implied)
    return out


_TABLE = sa.select(Role.id, Role.name, Role.domain_id, ImpliedRole.implied_id).outerjoin(
    ImpliedRole, ImpliedRole.prior_id == Role.id)


def table(session: orm.Session) -> tuple[dict[str, tuple[str, str]], dict[str, set[str]]]:
    """(role id -> (name, domain id), prior role id -> ids it implies directly), in one query."""
    named: dict[str, tuple[str, str]] = {}
    implied: dict[str, set[str]] = {}
    for role_id, name, domain_id, implied_id in session.execute(_TABLE):
        named[role_id] = (name, domain_id)
        if implied_id is not None:
            implied.setdefault(role_id, set()).add(implied_id)
    return named, implied


def implied(session: orm.Session, prior_id: str, implied_id: str) -> ImpliedRole | None:
    """One implication."""
    return session.get(ImpliedRole, (prior_id, implied_id))


def drop_implied(session: orm.Session, prior_id: str, implied_id: str) -> bool:
    """Forget an implication; whether it was there."""
    done = session.execute(sa.delete(ImpliedRole).where(
        ImpliedRole.prior_id == prior_id, ImpliedRole.implied_id == implied_id))
    return bool(done.rowcount)


def delete(session: orm.Session, role_ids: Sequence[str]) -> None:
    """Delete roles with their assignments and implications."""
    ids = list(role_ids)
    for statement in (
        sa.delete(Assignment).where(Assignment.role_id.in_(ids)),
        sa.delete(ImpliedRole).where(sa.or_(ImpliedRole.prior_id.in_(ids), ImpliedRole.implied_id.in_(ids))),
        sa.delete(TrustRole).where(TrustRole.role_id.in_(ids)),
        sa.delete(ApplicationCredentialRole).where(ApplicationCredentialRole.role_id.in_(ids)),
        sa.delete(Role).where(Role.id.in_(ids)),
    ):
        session.execute(statement)


def ids_in_domain(session: orm.Session, domain_id: str) -> list[str]:
    """Ids of a domain's own roles."""
    return list(session.scalars(sa.select(Role.id).where(Role.domain_id == domain_id)))
