"""Settings of single domains."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from services.identity.db.models import DomainOption


def listing(session: orm.Session, domain_id: str, group: str | None = None) -> list[DomainOption]:
    """A domain's settings; those of one group when given."""
    statement = sa.select(DomainOption).where(DomainOption.domain_id == domain_id)
    if group is not None:
        statement = statement.where(DomainOption.group == group)
    return list(session.scalars(statement.order_by(DomainOption.group, DomainOption.option)))


def put(session: orm.Session, domain_id: str, values: Mapping[tuple[str, str], Any], sensitive: set[tuple[str, str]]) -> None:
    """Set options, by (group, option)."""
    known = {(r.group, r.option): r for r in listing(session, domain_id)}
    for key, value in values.items():
        if key in known:
            known[key].value = value
        else:
            session.add(DomainOption(domain_id=domain_id, group=key[0], option=key[1], value=value,
                                     sensitive=key in sensitive))
    session.flush()


def drop(session: orm.Session, domain_id: str, group: str | None = None, option: str | None = None) -> None:
    """Forget a domain's settings, or those of a group, or one."""
    statement = sa.delete(DomainOption).where(DomainOption.domain_id == domain_id)
    if group is not None:
        statement = statement.where(DomainOption.group == group)
    if option is not None:
        statement = statement.where(DomainOption.option == option)
    session.execute(statement)
