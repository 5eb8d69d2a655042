"""Resource classes and traits: names that are known by numbers. Both tables have the same shape."""

import datetime
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common import clock
from services.scheduler.db import models

FIRST_CUSTOM_ID = 10_000


def all_names(session: orm.Session, model: Any) -> dict[str, int]:
    """name -> id of every row of `model` (ResourceClass or Trait)."""
    return {name: number for name, number in session.execute(sa.select(model.name, model.id))}


def both(session: orm.Session) -> tuple[set[str], set[str]]:
    """Names of all resource classes and of all traits, in one query."""
    query = sa.union_all(sa.select(sa.literal(0), models.ResourceClass.name), sa.select(sa.literal(1), models.Trait.name))
    found: tuple[set[str], set[str]] = (set(), set())
    for which, name in session.execute(query):
        found[which].add(name)
    return found


def find(session: orm.Session, model: Any, names: Collection[str]) -> dict[str, int]:
    """name -> id of those of `names` that exist."""
    if not names:
        return {}
    query = sa.select(model.name, model.id).where(model.name.in_(sorted(names)))
    return {name: number for name, number in session.execute(query)}


def get(session: orm.Session, model: Any, name: str) -> Any | None:
    """The row (id, name, created_at, updated_at) called `name`."""
    return session.execute(sa.select(model.id, model.name, model.created_at, model.updated_at)
                           .where(model.name == name)).first()


def rows(session: orm.Session, model: Any, *, names: Collection[str] | None = None, prefix: str | None = None,
         associated: bool | None = None) -> Sequence[Any]:
    """Rows (id, name, created_at, updated_at) by id; `associated` asks for traits that providers have, or have not."""
    query = sa.select(model.id, model.name, model.created_at, model.updated_at).order_by(model.id)
    if names is not None:
        query = query.where(model.name.in_(sorted(names)))
    if prefix is not None:
        query = query.where(model.name.startswith(prefix, autoescape=True))
    if associated is not None:
        held = sa.exists().where(models.ProviderTrait.trait_id == model.id)
        query = query.where(held if associated else ~held)
    return session.execute(query).all()


def add(session: orm.Session, model: Any, name: str) -> int:
    """Insert one row with the next free id; IntegrityError when the name is taken."""
    key = session.execute(sa.insert(model.__table__).values(name=name, created_at=clock.now())).inserted_primary_key
    return int(key[0]) if key else 0


def reserve(session: orm.Session, model: Any, number: int) -> None:
    """Let the ids given by the database begin above `number`: both databases remember the greatest id ever used."""
    session.execute(sa.insert(model.__table__).values(id=number, name=f"reserved {number}"))
    session.execute(sa.delete(model).where(model.id == number))


def add_many(session: orm.Session, model: Any, numbers: Mapping[str, int | None]) -> None:
    """Insert rows whose names are known to be new."""
    now: datetime.datetime = clock.now()
    given = [{"name": n, "id": i, "created_at": now} for n, i in numbers.items() if i is not None]
    free = [{"name": n, "created_at": now} for n, i in numbers.items() if i is None]
    for values in (given, free):
        if values:
            session.execute(sa.insert(model.__table__), values)


def rename_class(session: orm.Session, number: int, name: str) -> None:
    """Give a resource class another name; IntegrityError when it is taken."""
    R = models.ResourceClass
    session.execute(sa.update(R).where(R.id == number).values(name=name, updated_at=clock.now(), revision=R.revision + 1))


def remove(session: orm.Session, model: Any, number: int) -> bool:
    """Delete a row; IntegrityError when something refers to it."""
    return bool(session.execute(sa.delete(model).where(model.id == number)).rowcount)


def class_in_use(session: orm.Session, class_id: int) -> bool:
    """Whether any provider has an inventory of the class."""
    query = sa.select(models.Inventory.class_id).where(models.Inventory.class_id == class_id).limit(1)
    return session.execute(query).first() is not None


def trait_in_use(session: orm.Session, trait_id: int) -> bool:
    """Whether any provider has the trait."""
    query = sa.select(models.ProviderTrait.trait_id).where(models.ProviderTrait.trait_id == trait_id).limit(1)
    return session.execute(query).first() is not None
