"""Policy documents and what they are associated with."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import orm

from services.identity.db import rows
from services.identity.db.models import Policy, PolicyAssociation


def get(session: orm.Session, policy_id: str) -> Policy | None:
    """The policy of that id."""
    return session.get(Policy, policy_id)


def listing(session: orm.Session, query: rows.Query) -> tuple[Sequence[Policy], bool]:
    """Policies that meet `query`."""
    return rows.listing(session, Policy, query)


def delete(session: orm.Session, policy_id: str) -> None:
    """Delete a policy with its associations."""
    session.execute(sa.delete(PolicyAssociation).where(PolicyAssociation.policy_id == policy_id))
    session.execute(sa.delete(Policy).where(Policy.id == policy_id))


def association(session: orm.Session, *, endpoint_id: str = "", service_id: str = "",
                region_id: str = "") -> PolicyAssociation | None:
    """The association of exactly that endpoint, service, or service in a region."""
    return session.scalar(sa.select(PolicyAssociation).where(
        PolicyAssociation.endpoint_id == endpoint_id, PolicyAssociation.service_id == service_id,
        PolicyAssociation.region_id == region_id))


def associations(session: orm.Session, policy_id: str | None = None) -> list[PolicyAssociation]:
    """Associations; those of one policy when given."""
    statement = sa.select(PolicyAssociation)
    if policy_id is not None:
        statement = statement.where(PolicyAssociation.policy_id == policy_id)
    return list(session.scalars(statement))


def drop(session: orm.Session, row: PolicyAssociation) -> None:
    """Delete an association."""
    session.execute(sa.delete(PolicyAssociation).where(PolicyAssociation.id == row.id))
