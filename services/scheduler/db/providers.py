"""Resource providers, their trees, traits and aggregates."""

import functools
import zlib
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common import clock, errors
from common.db.prepared import prepared
from services.scheduler.db import models

P = models.Provider


def bucket_of(uuid: str) -> int:
    """The bucket a uuid counts in."""
    return zlib.crc32(uuid.encode()) % models.BUCKETS


@functools.cache
def _select() -> Any:
    """The statement without its condition; made once, as its aliases take longer to make than it takes to run."""
    parent, root = orm.aliased(P), orm.aliased(P)
    return (sa.select(P.id, P.uuid, P.name, P.generation, P.parent_id, P.root_id, P.created_at, P.updated_at,
                      parent.uuid.label("parent_uuid"), root.uuid.label("root_uuid"))
            .outerjoin(parent, parent.id == P.parent_id).outerjoin(root, root.id == P.root_id))


def get(session: orm.Session, uuid: str) -> Any | None:
    """The provider's row, with parent_uuid and root_uuid."""
    return session.execute(_one(), {"uuid": uuid}).first()


@functools.cache
def _one() -> Any:
    return prepared(_select().where(P.uuid == sa.bindparam("uuid")))


def get_many(session: orm.Session, uuids: Collection[str]) -> dict[str, Any]:
    """uuid -> row of those that exist."""
    if not uuids:
        return {}
    return {row.uuid: row for row in session.execute(_select().where(P.uuid.in_(sorted(uuids))))}


def generations(session: orm.Session, uuids: Collection[str]) -> dict[str, tuple[int, int]]:
    """uuid -> (id, generation) of those that exist: the light form of get_many."""
    query = sa.select(P.uuid, P.id, P.generation).where(P.uuid.in_(sorted(uuids)))
    return {uuid: (number, generation) for uuid, number, generation in session.execute(query)}


def insert(session: orm.Session, uuid: str, name: str, parent: Any | None) -> int:
    """Make a provider below `parent` (a row, or None for a root); IntegrityError when uuid or name is taken."""
    key = session.execute(sa.insert(P.__table__).values(
        uuid=uuid, name=name, bucket=bucket_of(uuid), parent_id=parent.id if parent else None,
        root_id=parent.root_id if parent else None, generation=0, revision=1, shape=0, created_at=clock.now(),
    )).inserted_primary_key
    number = int(key[0])
    if parent is None:
        session.execute(sa.update(P).where(P.id == number).values(root_id=number))
    return number


def touch(session: orm.Session, numbers: Iterable[int], *, shape: bool = False) -> None:
    """Raise the generation and the revision of providers, without comparing; locks their rows in the order of ids."""
    session.execute(_touch(shape), {"ids": sorted(numbers), "now": clock.now()})


@functools.cache
def _touch(shape: bool) -> Any:
    table = P.__table__
    raised = ("generation", "revision", "shape") if shape else ("generation", "revision")
    return prepared(sa.update(table).where(table.c.id.in_(sa.bindparam("ids", expanding=True))).values(
        {name: table.c[name] + 1 for name in raised} | {"updated_at": sa.bindparam("now", type_=table.c.updated_at.type)}))


def advance(session: orm.Session, number: int, expected: int, *, shape: bool = False) -> None:
    """Raise the generation if it is `expected`; errors.Stale when it is not."""
    values: dict[str, Any] = {"generation": P.generation + 1, "revision": P.revision + 1, "updated_at": clock.now()}
    if shape:
        values["shape"] = P.shape + 1
    done = session.execute(sa.update(P).where(P.id == number, P.generation == expected).values(**values))
    if done.rowcount != 1:
        raise errors.Stale(f"provider {number}")


def mark(session: orm.Session, numbers: Iterable[int], *, shape: bool = False, **values: Any) -> None:
    """Note a change that clients see no generation for."""
    if shape:
        values["shape"] = P.shape + 1
    session.execute(sa.update(P).where(P.id.in_(sorted(numbers)))
                    .values(revision=P.revision + 1, updated_at=clock.now(), **values))


def tree(session: orm.Session, root_id: int) -> Sequence[Any]:
    """(id, parent_id) of every provider of a tree."""
    return session.execute(sa.select(P.id, P.parent_id).where(P.root_id == root_id)).all()


def lock_tree(session: orm.Session, root_id: int) -> None:
    """Keep others from changing the shape of a tree until this transaction ends."""
    session.execute(sa.update(P).where(P.id == root_id).values(revision=P.revision + 1))


def has_children(session: orm.Session, number: int) -> bool:
    """Whether a provider is the parent of another."""
    return session.execute(sa.select(P.id).where(P.parent_id == number).limit(1)).first() is not None


def in_use(session: orm.Session, number: int) -> bool:
    """Whether there are allocations of a provider."""
    query = sa.select(models.Allocation.provider_id).where(models.Allocation.provider_id == number).limit(1)
    return session.execute(query).first() is not None


def delete(session: orm.Session, number: int, uuid: str) -> bool:
    """Delete a provider with all it has; IntegrityError when there are children or allocations."""
    for model in (models.Inventory, models.ProviderTrait, models.ProviderAggregate):
        session.execute(sa.delete(model).where(model.provider_id == number))
    session.execute(sa.delete(models.Host).where(models.Host.provider_id == uuid))
    session.execute(sa.update(P).where(P.id == number).values(root_id=None))
    return bool(session.execute(sa.delete(P).where(P.id == number)).rowcount)


def trait_names(session: orm.Session, number: int) -> Sequence[Any]:
    """(id, name, created_at, updated_at) of a provider's traits."""
    t = models.Trait
    query = (sa.select(t.id, t.name, t.created_at, t.updated_at)
             .join(models.ProviderTrait, models.ProviderTrait.trait_id == t.id)
             .where(models.ProviderTrait.provider_id == number).order_by(t.id))
    return session.execute(query).all()


def set_traits(session: orm.Session, number: int, trait_ids: Collection[int]) -> None:
    """Make `trait_ids` the traits of a provider, whatever it had."""
    link = models.ProviderTrait
    have = set(session.scalars(sa.select(link.trait_id).where(link.provider_id == number)))
    _replace(session, link, number, link.trait_id, have, set(trait_ids))


def aggregates(session: orm.Session, number: int) -> list[str]:
    """The uuids of a provider's aggregates."""
    link = models.ProviderAggregate
    return list(session.scalars(sa.select(link.aggregate_uuid).where(link.provider_id == number)
                                .order_by(link.aggregate_uuid)))


def set_aggregates(session: orm.Session, number: int, uuids: Collection[str]) -> None:
    """Make `uuids` the aggregates of a provider."""
    link = models.ProviderAggregate
    have = set(session.scalars(sa.select(link.aggregate_uuid).where(link.provider_id == number)))
    _replace(session, link, number, link.aggregate_uuid, have, set(uuids))


def _replace(session: orm.Session, link: Any, number: int, column: Any, have: set[Any], want: set[Any]) -> None:
    gone, new = have - want, want - have
    if gone:
        session.execute(sa.delete(link).where(link.provider_id == number, column.in_(sorted(gone))))
    if new:
        session.execute(sa.insert(link.__table__), [{"provider_id": number, column.key: v} for v in sorted(new)])
