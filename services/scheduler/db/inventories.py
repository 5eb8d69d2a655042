"""Inventories of providers."""

import functools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common import clock
from common.db.prepared import prepared
from services.scheduler.db import models

I = models.Inventory  # noqa: E741
FIELDS = ("total", "reserved", "min_unit", "max_unit", "step_size", "allocation_ratio")
_MOST = 2**62
_OF_PROVIDERS = prepared(sa.select(*(I.__table__.c[name] for name in (
    "provider_id", "class_id", "used", "capacity", "min_unit", "max_unit", "step_size"))).where(
    I.__table__.c.provider_id.in_(sa.bindparam("ids", expanding=True))))
_AT_ONCE = 256  # SQLite allows expressions of depth 1,000


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
    """Add to `used` of {(provider id, class id): delta}: one statement for every few hundred.

    The caller has locked the providers and checked their capacities.
    """
    items = sorted(deltas.items())
    for start in range(0, len(items), _AT_ONCE):
        session.execute(*_with(items[start:start + _AT_ONCE], checked=False))


def take(session: orm.Session, amounts: Mapping[tuple[int, int], int]) -> bool:
    """As `add_used` of few, for one consumer, where each inventory allows it. False: one did not, and the others have changed."""
    return bool(session.execute(*_with(sorted(amounts.items()), checked=True)).rowcount == len(amounts))


def _with(items: Sequence[tuple[tuple[int, int], int]], *, checked: bool) -> tuple[Any, dict[str, int]]:
    """The statement and its parameters. There are few statements: the last item is repeated up to the next power of two."""
    size = 1 << (len(items) - 1).bit_length()
    sent: dict[str, int] = {}
    for number, ((provider_id, class_id), delta) in enumerate([*items, *[items[-1]] * (size - len(items))]):
        sent |= {f"provider{number}": provider_id, f"class{number}": class_id, f"delta{number}": delta}
    return _add(size, checked), sent


@functools.cache
def _add(size: int, checked: bool) -> Any:
    table = I.__table__
    c = table.c
    rows: list[tuple[Any, Any]] = [
        (sa.and_(c.provider_id == sa.bindparam(f"provider{i}"), c.class_id == sa.bindparam(f"class{i}")),
         sa.bindparam(f"delta{i}", type_=c.used.type)) for i in range(size)]
    fit = [sa.and_(row, c.used + n <= c.capacity, n.between(c.min_unit, c.max_unit), n % c.step_size == 0) if checked else row
           for row, n in rows]
    return prepared(sa.update(table).where(sa.or_(*fit)).values(used=c.used + sa.case(*rows, else_=0), updated_at=c.updated_at))
