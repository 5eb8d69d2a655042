"""Consumers and what they have allocated."""

import functools
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common import clock, errors, ids
from common.db.prepared import prepared
from services.scheduler.db import models

A = models.Allocation
C = models.Consumer


def consumers(session: orm.Session, uuids: Collection[str], *, lock: bool = False) -> dict[str, Any]:
    """uuid -> consumer's row, of those that exist; `lock` keeps others from changing them till the end."""
    return {row.uuid: row for row in session.execute(_consumers(lock), {"uuids": sorted(uuids)})}


@functools.cache
def _consumers(lock: bool) -> Any:
    query = sa.select(C.__table__).where(C.uuid.in_(sa.bindparam("uuids", expanding=True)))
    return prepared(query.with_for_update() if lock else query)


def insert_consumers(session: orm.Session, values: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Make consumers (uuid, project_id, user_id, consumer_type, generation, claim); uuid -> id.

    IntegrityError when one exists.
    """
    now = clock.now()
    made = [{"id": ids.rising(), "created_at": now, "updated_at": None, **v} for v in values]
    if len(made) == 1:
        session.execute(_insert_consumer(), made[0])
    else:
        session.connection().execute(sa.insert(C.__table__), made)
    return {v["uuid"]: v["id"] for v in made}


@functools.cache
def _insert_consumer() -> Any:
    return prepared(sa.insert(C.__table__))


def update_consumer(session: orm.Session, number: int, expected: int, **values: Any) -> None:
    """Change a consumer and raise its generation, if that is `expected`; errors.Stale when it is not."""
    done = session.execute(sa.update(C).where(C.id == number, C.generation == expected)
                           .values(generation=expected + 1, updated_at=clock.now(), **values))
    if done.rowcount != 1:
        raise errors.Stale(f"consumer {number}")


def delete_consumers(session: orm.Session, numbers: Iterable[int]) -> None:
    """Delete consumers that have no allocations any more."""
    session.execute(sa.delete(C).where(C.id.in_(sorted(numbers))))


def of_consumers(session: orm.Session, numbers: Collection[int]) -> Sequence[Any]:
    """Rows (consumer_id, provider_id, class_id, used) of consumers, by id."""
    query = sa.select(A.consumer_id, A.provider_id, A.class_id, A.used).where(A.consumer_id.in_(sorted(numbers)))
    return session.execute(query).all()


def show(session: orm.Session, uuid: str) -> Sequence[Any]:
    """Everything `GET /allocations/{consumer}` prints: a row for each allocation."""
    P, R = models.Provider, models.ResourceClass
    query = (sa.select(P.uuid.label("provider_uuid"), P.generation.label("provider_generation"), R.name, A.used,
                       A.created_at, A.updated_at, C.project_id, C.user_id, C.generation.label("consumer_generation"),
                       C.consumer_type)
             .select_from(C).join(A, A.consumer_id == C.id).join(P, P.id == A.provider_id)
             .join(R, R.id == A.class_id).where(C.uuid == uuid).order_by(P.id, R.id))
    return session.execute(query).all()


def of_provider(session: orm.Session, number: int) -> Sequence[Any]:
    """A row for each allocation of a provider."""
    R = models.ResourceClass
    query = (sa.select(C.uuid.label("consumer_uuid"), C.generation.label("consumer_generation"), R.name, A.used,
                       A.created_at, A.updated_at)
             .select_from(A).join(C, C.id == A.consumer_id).join(R, R.id == A.class_id)
             .where(A.provider_id == number).order_by(C.id, R.id))
    return session.execute(query).all()


def replace(session: orm.Session, consumer_ids: Collection[int], rows: Sequence[Mapping[str, Any]]) -> None:
    """Make `rows` (consumer_id, provider_id, class_id, used) all that these consumers have."""
    if consumer_ids:
        session.execute(sa.delete(A).where(A.consumer_id.in_(sorted(consumer_ids))))
    if rows:
        now = clock.now()
        session.connection().execute(_insert(), [{"created_at": now, "updated_at": now, **r} for r in rows])


@functools.cache
def _insert() -> Any:
    return sa.insert(A.__table__)


def totals(session: orm.Session, project_id: str, user_id: str | None, consumer_type: str | None,
           by_type: bool) -> Sequence[Any]:
    """Sums of what a project (and user) uses: rows (name, used) or, `by_type`, (consumer_type, name, used).

    consumer_type: one name, `unknown` (those without), `all` (summed over types), or None.
    """
    R = models.ResourceClass
    columns = [R.name, sa.func.sum(A.used).label("used")]
    groups: list[Any] = [R.name]
    if by_type and consumer_type != "all":
        columns.append(C.consumer_type)
        groups.append(C.consumer_type)
    return session.execute(_usage(sa.select(*columns).select_from(A).join(C, C.id == A.consumer_id)
                                  .join(R, R.id == A.class_id), project_id, user_id, consumer_type)
                           .group_by(*groups)).all()


def consumer_counts(session: orm.Session, project_id: str, user_id: str | None,
                    consumer_type: str | None) -> dict[str | None, int]:
    """consumer type -> how many consumers of a project (and user) there are."""
    query = _usage(sa.select(C.consumer_type, sa.func.count()).select_from(C), project_id, user_id, consumer_type)
    return {kind: number for kind, number in session.execute(query.group_by(C.consumer_type))}


def _usage(query: Any, project_id: str, user_id: str | None, consumer_type: str | None) -> Any:
    query = query.where(C.project_id == project_id)
    if user_id is not None:
        query = query.where(C.user_id == user_id)
    if consumer_type == "unknown":
        query = query.where(C.consumer_type.is_(None))
    elif consumer_type not in (None, "all"):
        query = query.where(C.consumer_type == consumer_type)
    return query
