"""Projects and domains."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from services.identity.db import rows
from services.identity.db.models import (
    ApplicationCredential,
    Assignment,
    Credential,
    Limit,
    Project,
    ProjectEndpoint,
    ProjectEndpointGroup,
    ProjectTag,
    Trust,
    User,
)


def get(session: orm.Session, project_id: str) -> Project | None:
    """The project (or domain) of that id."""
    return session.get(Project, project_id)


def by_name(session: orm.Session, name: str, domain_id: str) -> Project | None:
    """The project called `name` in a domain; a domain where `domain_id` is ROOT."""
    return session.scalar(sa.select(Project).where(Project.domain_id == domain_id, Project.name == name))


def with_domain(session: orm.Session, project_id: str) -> tuple[Project, Project | None] | None:
    """A project and its domain in one query (a domain: itself and None)."""
    domain = orm.aliased(Project)
    statement = sa.select(Project, domain).outerjoin(domain, domain.id == Project.domain_id).where(Project.id == project_id)
    row = session.execute(statement).first()
    return None if row is None else (row[0], row[1])


def listing(session: orm.Session, query: rows.Query, *, domains: bool | None,
            ids: Iterable[str] | None = None) -> tuple[Sequence[Project], bool]:
    """Projects, or domains (None: both), that meet `query`; of those `ids` only, where given."""
    where: list[Any] = []
    if domains is not None:
        where.append(Project.is_domain.is_(domains))
    if ids is not None:
        where.append(Project.id.in_(list(ids)))
    return rows.listing(session, Project, query, *where)


_T: Any = Project.__table__.c
_SHOWN = (_T.id, _T.name, _T.domain_id, _T.parent_id, _T.is_domain, _T.enabled, _T.description,
          sa.type_coerce(_T.options, sa.Text), sa.type_coerce(_T.extra, sa.Text))


def listing_rows(session: orm.Session, query: rows.Query, *, tags: dict[str, list[str]],
                 domain_id: str | None) -> tuple[Sequence[Any], bool]:
    """As `listing` of projects, but plain rows of what is shown: making objects of ten thousand rows is dear.

    `domain_id` narrows to one domain's; options and extra are JSON as text.
    """
    where: list[Any] = [] if query.value("is_domain") is not None else [_T.is_domain.is_(False)]
    if domain_id is not None:
        where.append(_T.domain_id == domain_id)
    where.extend(_tagged(kind, names) for kind, names in tags.items())
    return rows.listing(session, Project, query, *where, select=_SHOWN)


def _tagged(kind: str, names: list[str]) -> Any:
    wanted = sorted(set(names))
    mine = sa.select(sa.func.count()).where(ProjectTag.project_id == Project.id, ProjectTag.name.in_(wanted)).scalar_subquery()
    found = mine == len(wanted) if kind.endswith("tags") else mine > 0
    return sa.not_(found) if kind.startswith("not-") else found


def tags(session: orm.Session, project_ids: Iterable[str]) -> dict[str, list[str]]:
    """Tags by project, sorted; of other projects too where very many are asked for (then all are read)."""
    out: dict[str, list[str]] = {}
    ids = list(project_ids)
    statement = sa.select(ProjectTag.project_id, ProjectTag.name).order_by(ProjectTag.name)
    if len(ids) <= _TAGS_BY_ID_MAX:
        statement = statement.where(ProjectTag.project_id.in_(ids))
    for project_id, name in session.execute(statement):
        out.setdefault(project_id, []).append(name)
    return out


_TAGS_BY_ID_MAX = 500


def set_tags(session: orm.Session, project_id: str, names: Iterable[str]) -> None:
    """Replace every tag of a project."""
    session.execute(sa.delete(ProjectTag).where(ProjectTag.project_id == project_id))
    session.add_all(ProjectTag(project_id=project_id, name=n) for n in dict.fromkeys(names))
    session.flush()


def parents(session: orm.Session, project_id: str) -> list[Project]:
    """The projects above, nearest first; the domain at the end."""
    chain = sa.select(Project.id, Project.parent_id, sa.literal(0).label("depth")).where(
        Project.id == project_id).cte("chain", recursive=True)
    chain = chain.union_all(sa.select(Project.id, Project.parent_id, chain.c.depth + 1).where(
        Project.id == chain.c.parent_id))
    statement = sa.select(Project).join(chain, chain.c.id == Project.id).where(chain.c.depth > 0).order_by(chain.c.depth)
    return list(session.scalars(statement))


def subtree(session: orm.Session, project_id: str) -> list[Project]:
    """The projects below, parents before children."""
    tree = sa.select(Project.id, sa.literal(0).label("depth")).where(Project.id == project_id).cte("tree", recursive=True)
    tree = tree.union_all(sa.select(Project.id, tree.c.depth + 1).where(Project.parent_id == tree.c.id))
    statement = sa.select(Project).join(tree, tree.c.id == Project.id).where(tree.c.depth > 0)
    return list(session.scalars(statement.order_by(tree.c.depth, Project.id)))


def has_children(session: orm.Session, project_id: str) -> bool:
    """Whether a project stands below."""
    return bool(session.scalar(sa.select(sa.exists().where(Project.parent_id == project_id))))


def in_domain(session: orm.Session, domain_id: str) -> list[Project]:
    """Every project of a domain."""
    return list(session.scalars(sa.select(Project).where(Project.domain_id == domain_id)))


def delete(session: orm.Session, project_ids: Sequence[str]) -> None:
    """Delete projects with what hangs on them: assignments, tags, credentials, trusts, limits."""
    ids = list(project_ids)
    for statement in (
        sa.delete(Assignment).where(Assignment.target_type.in_(("project", "domain")), Assignment.target_id.in_(ids)),
        sa.delete(ProjectTag).where(ProjectTag.project_id.in_(ids)),
        sa.delete(Credential).where(Credential.project_id.in_(ids)),
        sa.delete(Trust).where(Trust.project_id.in_(ids)),
        sa.delete(ApplicationCredential).where(ApplicationCredential.project_id.in_(ids)),
        sa.delete(Limit).where(sa.or_(Limit.project_id.in_(ids), Limit.domain_id.in_(ids))),
        sa.delete(ProjectEndpoint).where(ProjectEndpoint.project_id.in_(ids)),
        sa.delete(ProjectEndpointGroup).where(ProjectEndpointGroup.project_id.in_(ids)),
        sa.update(User).where(User.default_project_id.in_(ids)).values(default_project_id=None),
        sa.delete(Project).where(Project.id.in_(ids)),
    ):
        session.execute(statement)


def below(session: orm.Session, project_ids: Iterable[str]) -> set[str]:
    """Ids of all projects below any of those."""
    ids = list(project_ids)
    if not ids:
        return set()
    tree = sa.select(Project.id).where(Project.parent_id.in_(ids)).cte("tree", recursive=True)
    tree = tree.union_all(sa.select(Project.id).where(Project.parent_id == tree.c.id))
    return set(session.scalars(sa.select(tree.c.id)))


def ids_in_domains(session: orm.Session, domain_ids: Iterable[str]) -> set[str]:
    """Ids of all projects of those domains."""
    ids = list(domain_ids)
    return set(session.scalars(sa.select(Project.id).where(Project.domain_id.in_(ids)))) if ids else set()


def every(session: orm.Session) -> list[Project]:
    """All projects and domains."""
    return list(session.scalars(sa.select(Project)))
