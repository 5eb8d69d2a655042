"""Registered limits and limits."""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy import orm

from services.identity.db import rows
from services.identity.db.models import Limit, Project, RegisteredLimit


def of_projects(session: orm.Session, project_ids: Iterable[str]) -> list[tuple[Limit, RegisteredLimit]]:
    """Limits of those projects with what they are limits of."""
    statement = sa.select(Limit, RegisteredLimit).join(RegisteredLimit, RegisteredLimit.id == Limit.registered_limit_id)
    return [(r[0], r[1]) for r in session.execute(statement.where(Limit.project_id.in_(list(project_ids))))]


def registered(session: orm.Session, limit_id: str) -> RegisteredLimit | None:
    """The registered limit of that id."""
    return session.get(RegisteredLimit, limit_id)


def registered_for(session: orm.Session, service_id: str, region_id: str | None, resource_name: str) -> RegisteredLimit | None:
    """The registered limit of a resource of a service in a region."""
    return session.scalar(sa.select(RegisteredLimit).where(
        RegisteredLimit.service_id == service_id, RegisteredLimit.region_id == (region_id or ""),
        RegisteredLimit.resource_name == resource_name))


def registered_listing(session: orm.Session, query: rows.Query) -> tuple[Sequence[RegisteredLimit], bool]:
    """Registered limits that meet `query`."""
    return rows.listing(session, RegisteredLimit, query)


def listing(session: orm.Session, query: rows.Query, *, project_ids: Iterable[str] | None = None,
            domain_ids: Iterable[str] | None = None) -> tuple[list[tuple[Limit, RegisteredLimit]], bool]:
    """Limits with what they are limits of; of those projects or domains when given."""
    where = []
    if project_ids is not None or domain_ids is not None:
        where.append(sa.or_(Limit.project_id.in_(list(project_ids or ())), Limit.domain_id.in_(list(domain_ids or ()))))
    own = sa.select(RegisteredLimit.id)
    narrowed = False
    rest = []
    for name, comparator, value in query.filters:
        if name in ("service_id", "region_id", "resource_name"):
            own, narrowed = own.where(rows.condition(getattr(RegisteredLimit, name), comparator, value)), True
        else:
            rest.append((name, comparator, value))
    if narrowed:
        where.append(Limit.registered_limit_id.in_(own))
    found, more = rows.listing(session, Limit, rows.Query(tuple(rest), query.limit, query.marker), *where)
    parents = rows.by_ids(session, RegisteredLimit, {r.registered_limit_id for r in found})
    return [(r, parents[r.registered_limit_id]) for r in found], more


def get(session: orm.Session, limit_id: str) -> tuple[Limit, RegisteredLimit] | None:
    """The limit of that id with what it is a limit of."""
    row = session.execute(sa.select(Limit, RegisteredLimit).join(
        RegisteredLimit, RegisteredLimit.id == Limit.registered_limit_id).where(Limit.id == limit_id)).first()
    return None if row is None else (row[0], row[1])


def in_use(session: orm.Session, registered_id: str) -> bool:
    """Whether a limit overrides a registered one."""
    return bool(session.scalar(sa.select(sa.exists().where(Limit.registered_limit_id == registered_id))))


def delete_registered(session: orm.Session, registered_id: str) -> None:
    """Delete a registered limit."""
    session.execute(sa.delete(RegisteredLimit).where(RegisteredLimit.id == registered_id))


def delete(session: orm.Session, limit_id: str) -> None:
    """Delete a limit."""
    session.execute(sa.delete(Limit).where(Limit.id == limit_id))


def in_domain(session: orm.Session, registered_id: str, domain_id: str) -> tuple[list[Limit], Limit | None]:
    """The limits of a domain's projects, and the domain's own, of one registered limit."""
    inside = sa.select(Project.id).where(Project.domain_id == domain_id)
    own = session.scalars(sa.select(Limit).where(Limit.registered_limit_id == registered_id, Limit.project_id.in_(inside)))
    of_domain = session.scalar(sa.select(Limit).where(
        Limit.registered_limit_id == registered_id, Limit.domain_id == domain_id))
    return list(own), of_domain
