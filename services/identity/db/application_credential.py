"""Application credentials, their roles and their access rules."""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy import orm

from services.identity.db import rows
from services.identity.db.models import (
    AccessRule,
    ApplicationCredential,
    ApplicationCredentialRole,
    ApplicationCredentialRule,
)


def get(session: orm.Session, credential_id: str) -> ApplicationCredential | None:
    """The application credential of that id."""
    return session.get(ApplicationCredential, credential_id)


def by_name(session: orm.Session, user_id: str, name: str) -> ApplicationCredential | None:
    """The application credential of a user by its name."""
    return session.scalar(sa.select(ApplicationCredential).where(
        ApplicationCredential.user_id == user_id, ApplicationCredential.name == name))


def listing(session: orm.Session, user_id: str, query: rows.Query) -> tuple[Sequence[ApplicationCredential], bool]:
    """A user's application credentials."""
    return rows.listing(session, ApplicationCredential, query, ApplicationCredential.user_id == user_id)


def count(session: orm.Session, user_id: str) -> int:
    """How many a user has."""
    return session.scalar(sa.select(sa.func.count()).select_from(ApplicationCredential).where(
        ApplicationCredential.user_id == user_id)) or 0


def role_ids(session: orm.Session, ids: Iterable[str]) -> dict[str, list[str]]:
    """Role ids by application credential."""
    out: dict[str, list[str]] = {}
    model = ApplicationCredentialRole
    for row in session.scalars(sa.select(model).where(model.application_credential_id.in_(list(ids)))):
        out.setdefault(row.application_credential_id, []).append(row.role_id)
    return out


def rules(session: orm.Session, ids: Iterable[str]) -> dict[str, list[AccessRule]]:
    """Access rules by application credential."""
    out: dict[str, list[AccessRule]] = {}
    link = ApplicationCredentialRule
    statement = sa.select(link.application_credential_id, AccessRule).join(
        AccessRule, AccessRule.id == link.access_rule_id).where(link.application_credential_id.in_(list(ids)))
    for credential_id, rule in session.execute(statement.order_by(AccessRule.id)):
        out.setdefault(credential_id, []).append(rule)
    return out


def add(session: orm.Session, row: ApplicationCredential, roles: Iterable[str], rule_ids: Iterable[str]) -> None:
    """Insert one with its roles and access rules; rows.Duplicate when the name is taken."""
    rows.add(session, row)
    session.add_all(ApplicationCredentialRole(application_credential_id=row.id, role_id=r) for r in roles)
    session.add_all(ApplicationCredentialRule(application_credential_id=row.id, access_rule_id=r) for r in rule_ids)
    session.flush()


def delete(session: orm.Session, ids: Sequence[str]) -> None:
    """Delete application credentials; their access rules stay, as upstream leaves them."""
    for model, column in (
        (ApplicationCredentialRole, ApplicationCredentialRole.application_credential_id),
        (ApplicationCredentialRule, ApplicationCredentialRule.application_credential_id),
        (ApplicationCredential, ApplicationCredential.id),
    ):
        session.execute(sa.delete(model).where(column.in_(list(ids))))


def ids_for(session: orm.Session, user_id: str, project_id: str) -> list[str]:
    """Ids of a user's application credentials on a project."""
    return list(session.scalars(sa.select(ApplicationCredential.id).where(
        ApplicationCredential.user_id == user_id, ApplicationCredential.project_id == project_id)))


def access_rule(session: orm.Session, rule_id: str) -> AccessRule | None:
    """The access rule of that id."""
    return session.get(AccessRule, rule_id)


def same_rule(session: orm.Session, user_id: str, service: str, method: str, path: str) -> AccessRule | None:
    """A user's access rule that says the same."""
    return session.scalar(sa.select(AccessRule).where(
        AccessRule.user_id == user_id, AccessRule.service == service, AccessRule.method == method,
        AccessRule.path == path).limit(1))


def access_rules(session: orm.Session, user_id: str, query: rows.Query) -> tuple[Sequence[AccessRule], bool]:
    """A user's access rules."""
    return rows.listing(session, AccessRule, query, AccessRule.user_id == user_id)


def rule_in_use(session: orm.Session, rule_id: str) -> bool:
    """Whether an application credential names the rule."""
    link = ApplicationCredentialRule
    return bool(session.scalar(sa.select(sa.exists().where(link.access_rule_id == rule_id))))


def delete_rule(session: orm.Session, rule_id: str) -> None:
    """Delete an access rule."""
    session.execute(sa.delete(AccessRule).where(AccessRule.id == rule_id))
