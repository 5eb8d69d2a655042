"""What compute told about its hosts."""

import functools
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common.db.prepared import prepared
from services.scheduler.db import models
from services.scheduler.db.providers import bucket_of

H = models.Host


def get_many(session: orm.Session, provider_ids: Collection[str]) -> dict[str, Any]:
    """provider uuid -> (host, node, facts)."""
    query = sa.select(H.provider_id, H.host, H.node, H.facts).where(H.provider_id.in_(sorted(provider_ids)))
    return {row.provider_id: row for row in session.execute(query)}


def insert(session: orm.Session, facts: dict[str, Any]) -> None:
    """Note a host for the first time; IntegrityError when its provider is known."""
    session.add(H(provider_id=facts["provider_id"], host=facts["host"], node=facts["node"], facts=facts,
                  bucket=bucket_of(facts["provider_id"])))
    session.flush()


def update(session: orm.Session, facts: dict[str, Any]) -> None:
    """Replace what is known about a host."""
    session.execute(_update(), {"provider": facts["provider_id"], "its_host": facts["host"], "its_node": facts["node"],
                                "its_facts": facts})


@functools.cache
def _update() -> Any:
    table = H.__table__
    values = {name: sa.bindparam(f"its_{name}", type_=table.c[name].type) for name in ("host", "node", "facts")}
    return prepared(sa.update(table).where(table.c.provider_id == sa.bindparam("provider")).values(
        revision=table.c.revision + 1, **values))
