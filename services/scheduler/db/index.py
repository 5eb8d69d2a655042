"""Finding out cheaply what changed since the index was last read, and reading just that.

The database adds up ids and revisions, of whole tables, and when these differ, for every bucket of about a hundredth of the
providers. A revision only grows and ids are never used twice, so equal (count, sum of ids, sum of revisions)
means that nothing changed. No writer touches a common row, and a commit that comes late is seen late, not lost.
"""

import functools
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common.db.prepared import prepared
from services.scheduler.db import models

CLASSES = -1
TRAITS = -2
Sum = tuple[int, int, int]
Sums = dict[int, Sum]
PROVIDERS, HOSTS, CONSUMERS = -3, -4, -5
"""Names in `totals`, beside CLASSES and TRAITS."""


def totals(session: orm.Session, consumers: Collection[str] = ()) -> Sums:
    """(count, sum of ids, sum of revisions) of whole tables: PROVIDERS, CLASSES, TRAITS and HOSTS; and (CONSUMERS) how many of
    these consumers there are."""
    sent = {"uuids": sorted(consumers)} if consumers else {}
    return {number: (n, int(i or 0), int(r or 0)) for number, n, i, r in session.execute(_totals(bool(consumers)), sent)}


@functools.cache
def _totals(with_consumers: bool) -> Any:
    tables = {PROVIDERS: models.Provider, CLASSES: models.ResourceClass, TRAITS: models.Trait, HOSTS: models.Host}
    nothing: Any = sa.literal_column("0")
    parts = [sa.select(sa.literal_column(str(number)), sa.func.count(), sa.func.sum(table.__table__.c.id),
                       sa.func.sum(table.__table__.c.revision) if number != TRAITS else nothing)
             .select_from(table.__table__) for number, table in tables.items()]
    if with_consumers:
        uuid = models.Consumer.__table__.c.uuid
        parts.append(sa.select(sa.literal_column(str(CONSUMERS)), sa.func.count(), nothing, nothing).where(
            uuid.in_(sa.bindparam("uuids", expanding=True))))
    return prepared(sa.union_all(*parts))


def total(sums: Sums) -> Sum:
    """What all buckets come to."""
    found = [s for bucket, s in sums.items() if bucket >= 0]
    return sum(s[0] for s in found), sum(s[1] for s in found), sum(s[2] for s in found)


def provider_sums(session: orm.Session) -> Sums:
    """bucket -> (count, sum of ids, sum of revisions); buckets CLASSES and TRAITS stand for those tables."""
    P, R, T = models.Provider, models.ResourceClass, models.Trait
    query = sa.union_all(
        sa.select(P.bucket, sa.func.count(), sa.func.sum(P.id), sa.func.sum(P.revision)).group_by(P.bucket),
        sa.select(sa.literal(CLASSES), sa.func.count(), sa.func.sum(R.id), sa.func.sum(R.revision)),
        sa.select(sa.literal(TRAITS), sa.func.count(), sa.func.sum(T.id), sa.literal(0)),
    )
    return {b: (n, int(i or 0), int(r or 0)) for b, n, i, r in session.execute(query)}


def host_sums(session: orm.Session) -> Sums:
    """As provider_sums, for the hosts table."""
    H = models.Host
    query = sa.select(H.bucket, sa.func.count(), sa.func.sum(H.id), sa.func.sum(H.revision)).group_by(H.bucket)
    return {b: (n, int(i), int(r)) for b, n, i, r in session.execute(query)}


def providers(session: orm.Session, buckets: Collection[int] | None) -> Sequence[Any]:
    """Every provider of these buckets (None: of all)."""
    P = models.Provider
    query = sa.select(P.id, P.uuid, P.name, P.generation, P.revision, P.shape, P.bucket, P.parent_id, P.root_id,
                      P.created_at, P.updated_at)
    return session.execute(query if buckets is None else query.where(P.bucket.in_(sorted(buckets)))).all()


def inventories(session: orm.Session, numbers: Collection[int] | None) -> Sequence[Any]:
    """(provider_id, class_id, total, capacity, used, min_unit, max_unit, step_size, reserved) of these providers."""
    I = models.Inventory  # noqa: E741
    query = sa.select(I.provider_id, I.class_id, I.total, I.capacity, I.used, I.min_unit, I.max_unit, I.step_size,
                      I.reserved)
    return session.execute(query if numbers is None else query.where(I.provider_id.in_(sorted(numbers)))).all()


def traits(session: orm.Session, numbers: Collection[int] | None) -> Sequence[Any]:
    """(provider_id, trait_id) of these providers."""
    link = models.ProviderTrait
    query = sa.select(link.provider_id, link.trait_id)
    return session.execute(query if numbers is None else query.where(link.provider_id.in_(sorted(numbers)))).all()


def aggregates(session: orm.Session, numbers: Collection[int] | None) -> Sequence[Any]:
    """(provider_id, aggregate_uuid) of these providers."""
    link = models.ProviderAggregate
    query = sa.select(link.provider_id, link.aggregate_uuid)
    return session.execute(query if numbers is None else query.where(link.provider_id.in_(sorted(numbers)))).all()


def hosts(session: orm.Session, buckets: Collection[int] | None) -> Sequence[Any]:
    """Every host of these buckets."""
    H = models.Host
    query = sa.select(H.id, H.provider_id, H.host, H.node, H.bucket, H.revision, H.facts)
    return session.execute(query if buckets is None else query.where(H.bucket.in_(sorted(buckets)))).all()
