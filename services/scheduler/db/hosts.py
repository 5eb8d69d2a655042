"""What compute told about its hosts."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

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
    session.execute(sa.update(H).where(H.provider_id == facts["provider_id"])
                    .values(host=facts["host"], node=facts["node"], facts=facts, revision=H.revision + 1))
