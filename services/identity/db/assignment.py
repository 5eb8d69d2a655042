"""Who holds which role where."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from services.identity.db import rows
from services.identity.db.models import SYSTEM, Assignment, Membership, Project


def _actor(user_id: Any, group_ids: Iterable[str] | None = None) -> Any:
    groups: Any = sa.select(Membership.group_id).where(Membership.user_id == user_id)
    if group_ids is not None:
        groups = list(group_ids)
    return sa.or_(
        sa.and_(Assignment.actor_type == "user", Assignment.actor_id == user_id),
        sa.and_(Assignment.actor_type == "group", Assignment.actor_id.in_(groups)),
    )


def role_ids(session: orm.Session, user_id: str, target_type: str, target_id: str, domain_id: str | None = None) -> set[str]:
    """Ids of the roles a user holds on a target, by itself, by groups and by inheritance; nothing implied.

    `domain_id` is the domain of a project.
    """
    statement = _ON_PROJECT if target_type == "project" else _ON_OTHER
    return set(session.scalars(statement, {"user_id": user_id, "target_type": target_type, "target_id": target_id,
                                           "domain_id": domain_id}))


def _held(target_type: str) -> Any:
    """The statement of `role_ids`, made once: it is asked for every token that is not known yet."""
    target_id: Any = sa.bindparam("target_id")
    here = sa.and_(Assignment.target_type == sa.bindparam("target_type"), Assignment.target_id == target_id,
                   Assignment.inherited.is_(False))
    if target_type == "project":
        above = sa.select(Project.id, Project.parent_id).where(Project.id == target_id).cte("above", recursive=True)
        above = above.union_all(sa.select(Project.id, Project.parent_id).where(Project.id == above.c.parent_id))
        here = sa.or_(
            here,
            sa.and_(Assignment.target_type == "project", Assignment.inherited, Assignment.target_id != target_id,
                    Assignment.target_id.in_(sa.select(above.c.id))),
            sa.and_(Assignment.target_type == "domain", Assignment.inherited,
                    Assignment.target_id == sa.bindparam("domain_id")),
        )
    return sa.select(Assignment.role_id).where(_actor(sa.bindparam("user_id")), here).distinct()


_ON_PROJECT, _ON_OTHER = _held("project"), _held("other")


def of_user(session: orm.Session, user_id: str) -> list[Assignment]:
    """Every assignment of a user and of its groups."""
    return list(session.scalars(sa.select(Assignment).where(_actor(user_id))))


def matching(session: orm.Session, *, actor: tuple[str, str] | None = None, user_with_groups: str | None = None,
             target: tuple[str, str] | None = None, targets: Sequence[tuple[str, Sequence[str]]] = (),
             role_ids: Iterable[str] | None = None, inherited: bool | None = None) -> list[Assignment]:
    """Assignments that meet every condition given; `targets` are alternatives (type, ids)."""
    statement = sa.select(Assignment).order_by(Assignment.actor_id, Assignment.target_id, Assignment.role_id)
    if actor is not None:
        statement = statement.where(Assignment.actor_type == actor[0], Assignment.actor_id == actor[1])
    if user_with_groups is not None:
        statement = statement.where(_actor(user_with_groups))
    if target is not None:
        statement = statement.where(Assignment.target_type == target[0], Assignment.target_id == target[1])
    if targets:
        statement = statement.where(sa.or_(*(
            sa.and_(Assignment.target_type == t, Assignment.target_id.in_(list(i))) for t, i in targets)))
    if role_ids is not None:
        statement = statement.where(Assignment.role_id.in_(list(role_ids)))
    if inherited is not None:
        statement = statement.where(Assignment.inherited.is_(inherited))
    return list(session.scalars(statement))


def get(session: orm.Session, actor: tuple[str, str], target: tuple[str, str], role_id: str,
        inherited: bool) -> Assignment | None:
    """One assignment."""
    return session.get(Assignment, (*actor, *target, role_id, inherited))


def grant(session: orm.Session, actor: tuple[str, str], target: tuple[str, str], role_id: str, inherited: bool = False) -> bool:
    """Make an assignment; false when it was there."""
    if get(session, actor, target, role_id, inherited) is not None:
        return False
    rows.add(session, Assignment(actor_type=actor[0], actor_id=actor[1], target_type=target[0], target_id=target[1],
                                 role_id=role_id, inherited=inherited))
    return True


def revoke(session: orm.Session, actor: tuple[str, str], target: tuple[str, str], role_id: str, inherited: bool) -> bool:
    """Take an assignment away; whether it was there."""
    done = session.execute(sa.delete(Assignment).where(
        Assignment.actor_type == actor[0], Assignment.actor_id == actor[1], Assignment.target_type == target[0],
        Assignment.target_id == target[1], Assignment.role_id == role_id, Assignment.inherited.is_(inherited)))
    return bool(done.rowcount)


SYSTEM_TARGET = ("system", SYSTEM)
