"""Inventories of providers."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common import clock
from services.scheduler.db import models

I = models.Inventory  # noqa: E741
FIELDS = ("total", "reserved", "min_unit", "max_unit", "step_size", "allocation_ratio")
_MOST = 2**62
_OF_PROVIDERS = sa.select(*(I.__table__.c[name] for name in (
    "provider_id", "class_id", "used", "capacity", "min_unit", "max_unit", "step_size"))).where(
    I.__table__.c.provider_id.in_(sa.bindparam("ids", expanding=True)))
_AT_ONCE = 200  # SQLite allows expressions of depth 1,000


def capacity(values: Mapping[str, Any]) -> int:
    """How much may be allocated, from total, reserved and allocation_ratio."""
    exact = (values["total"] - values["reserved"]) * float(values["allocation_ratio"])
    return int(max(-_MOST, min(_MOST, exact)) // 1)


def of_provider(session: orm.Session, number: int, class_id: int | None = None) -> Sequence[Any]:
    """Rows (class name as `name`, and every column) of one provider, by class."""
    query = (sa.select(I.__table__, models.ResourceClass.name)
             .join(models.ResourceClass, models.ResourceClass.id == I.class_id)
             .where(I.provider_id == number).order_by(I.class_id))
    if class_id is not None:
        query = query.where(I.class_id == class_id)
    return session.execute(query).all()


def of_providers(session: orm.Session, numbers: Collection[int]) -> dict[tuple[int, int], Any]:
    """(provider id, class id) -> row of what a claim is checked against, for several providers."""
    return {(row.provider_id, row.class_id): row for row in session.execute(_OF_PROVIDERS, {"ids": sorted(numbers)})}


def insert(session: orm.Session, number: int, values: Mapping[int, Mapping[str, Any]]) -> None:
    """Add inventories {class id: fields}; IntegrityError when one is there already."""
    if values:
        session.execute(sa.insert(I.__table__), [
            {"provider_id": number, "class_id": class_id, "capacity": capacity(v), "used": 0,
             "created_at": clock.now(), **{f: v[f] for f in FIELDS}} for class_id, v in sorted(values.items())])


def update(session: orm.Session, number: int, class_id: int, values: Mapping[str, Any]) -> bool:
    """Change one inventory; false when there is none."""
    done = session.execute(sa.update(I).where(I.provider_id == number, I.class_id == class_id).values(
        capacity=capacity(values), updated_at=clock.now(), **{f: values[f] for f in FIELDS}))
    return bool(done.rowcount)


def delete(session: orm.Session, number: int, class_ids: Collection[int]) -> int:
    """Delete unused inventories of these classes; how many there were."""
    done = session.execute(sa.delete(I).where(I.provider_id == number, I.class_id.in_(sorted(class_ids)), I.used == 0))
    return int(done.rowcount)


def in_use(session: orm.Session, number: int, class_ids: Collection[int]) -> list[str]:
    """Names of those classes of a provider that have allocations."""
    query = (sa.select(models.ResourceClass.name).join(I, I.class_id == models.ResourceClass.id)
             .where(I.provider_id == number, I.class_id.in_(sorted(class_ids)), I.used > 0)
             .order_by(models.ResourceClass.id))
    return list(session.scalars(query))


def add_used(session: orm.Session, deltas: Mapping[tuple[int, int], int]) -> None:
    """Add to `used` of {(provider id, class id): delta}: one statement for every few hundred providers.

    The caller has locked the providers and checked their capacities.
    """
    by_provider: dict[int, list[int]] = {}
    for provider_id, class_id in sorted(deltas):
        by_provider.setdefault(provider_id, []).append(class_id)
    numbers = list(by_provider)
    for start in range(0, len(numbers), _AT_ONCE):
        part = {p: by_provider[p] for p in numbers[start:start + _AT_ONCE]}
        change = sa.case(*[(sa.and_(I.provider_id == p, I.class_id == c), deltas[p, c]) for p, cs in part.items() for c in cs],
                         else_=0)
        rows = sa.or_(*[sa.and_(I.provider_id == p, I.class_id.in_(cs)) for p, cs in part.items()])
        session.execute(sa.update(I).where(rows).values(used=I.used + change, updated_at=I.updated_at)
                        .execution_options(synchronize_session=False))
