"""Reading and writing rows of any table: the few statements that all nouns share."""

import functools
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from common import clock, errors, ids
from common.db import filters as paging
from common.db.models import DateTime
from common.db.prepared import prepared
from common.http.paging import Page
from services.network.db import models

__all__ = ["IntegrityError", "Session"]
T = TypeVar("T")
_CHUNK = 500


def get(session: orm.Session, model: type[T], id: Any, *, lock: bool = False) -> T | None:
    """The row with that primary key, or None; `lock` keeps others from changing it until the transaction ends."""
    row = session.get(model, id, with_for_update=True if lock else None, populate_existing=lock)
    session.info.setdefault("kept", []).append(row)  # a session forgets what nobody holds, and would ask for it again
    return row


def find(session: orm.Session, model: type[T], *conditions: Any, order: Any = None, limit: int | None = None) -> Sequence[T]:
    """Rows that meet every condition."""
    query = sa.select(model).where(*conditions)
    if order is not None:
        query = query.order_by(order)
    if limit is not None:
        query = query.limit(limit)
    return session.scalars(query).all()


def by_ids(session: orm.Session, model: type[T], ids: Iterable[str], column: Any = None) -> list[T]:
    """Rows whose id (or `column`) is one of `ids`; in chunks, so that any number may be asked for."""
    wanted = sorted({i for i in ids if i})
    found: list[T] = []
    for start in range(0, len(wanted), _CHUNK):
        found.extend(session.scalars(_by_ids(model, column), {"ids": wanted[start:start + _CHUNK]}).all())  # type: ignore[arg-type]
    return found


@functools.cache
def _by_ids(model: Any, column: Any) -> Any:
    """Made once per model and column: making a statement takes longer than running it."""
    return sa.select(model).where((model.id if column is None else column).in_(sa.bindparam("ids", expanding=True)))


def plain(session: orm.Session, model: Any, *conditions: Any) -> Sequence[Any]:
    """As `find`, to look at only: no objects that the session watches, which cost four times as much."""
    return session.execute(_columns(model).where(*conditions)).all()


def one(session: orm.Session, model: Any, id: Any) -> Any | None:
    """The row with that id, or None, to look at only."""
    return session.execute(_one(model), {"id": id}).first()


def look(session: orm.Session, model: Any, id: Any) -> Any | None:
    """As `one`; read once in a session: for rows of which what is looked at does not change there."""
    seen = session.info.setdefault("seen", {})
    if (model, id) not in seen:
        seen[model, id] = one(session, model, id)
    return seen[model, id]


@functools.cache
def _columns(model: Any) -> Any:
    return sa.select(*model.__table__.columns)


@functools.cache
def _one(model: Any) -> Any:
    return prepared(_columns(model).where(model.__table__.columns.id == sa.bindparam("id")))


def pick(session: orm.Session, ids: Iterable[str], key: Any, *columns: Any, of: Any = None) -> list[Any]:
    """`columns` of the rows whose `key` is one of `ids`, to look at only; in chunks, as `by_ids`. They are of the key's table, or
    of the one of the model `of`, which the key's table refers to."""
    wanted = sorted({i for i in ids if i})
    found: list[Any] = []
    for start in range(0, len(wanted), _CHUNK):
        found.extend(session.execute(_pick(key, columns, of), {"ids": wanted[start:start + _CHUNK]}).all())
    return found


@functools.cache
def _pick(key: Any, columns: tuple[Any, ...], of: Any) -> Any:
    key = key.property.columns[0]
    query = sa.select(*(c.property.columns[0] for c in columns) if columns else key.table.columns).where(
        key.in_(sa.bindparam("ids", expanding=True)))
    return prepared(query if of is None else query.join_from(key.table, of.__table__))


def exists(session: orm.Session, *conditions: Any) -> bool:
    """Whether any row meets every condition."""
    return session.execute(sa.select(sa.literal(1)).where(*conditions).limit(1)).first() is not None


def count(session: orm.Session, model: Any, *conditions: Any) -> int:
    """How many rows meet every condition."""
    return int(session.execute(sa.select(sa.func.count()).select_from(model).where(*conditions)).scalar_one())


def add(session: orm.Session, row: T) -> T:
    """Insert a row at once; IntegrityError when it breaks a key."""
    session.add(row)
    session.flush()
    return row


def filled(row: T) -> T:
    """A new object with the defaults of its columns, which it else gets when the session inserts it."""
    model: Any = type(row)
    for key, default in _defaults(model):
        if key not in row.__dict__:
            setattr(row, key, default.arg(None) if default.is_callable else default.arg)
    return row


@functools.cache
def _defaults(model: Any) -> list[tuple[str, Any]]:
    return [(c.key, c.default) for c in model.__table__.columns if c.default is not None]


def insert(session: orm.Session, made: Iterable[Any]) -> None:
    """Insert new objects, with their defaults, at once, those of one table together, tables in the order of their first; the
    session does not come to know them, which takes longer than inserting does. IntegrityError when one breaks a key."""
    by_model: dict[Any, list[dict[str, Any]]] = {}
    for row in made:
        by_model.setdefault(type(row), []).append({c.key: getattr(row, c.key) for c in row.__table__.columns})
    for model, values in by_model.items():
        if len(values) == 1:
            session.execute(_insert(model), values[0])
        else:
            session.connection().execute(sa.insert(model.__table__), values)


@functools.cache
def _insert(model: Any) -> Any:
    return prepared(sa.insert(model.__table__))


def remove(session: orm.Session, row: Any) -> None:
    """Delete a row at once; IntegrityError when others refer to it."""
    session.delete(row)
    session.flush()


def remove_where(session: orm.Session, model: Any, *conditions: Any) -> int:
    """Delete the rows that meet every condition; how many there were."""
    result = session.execute(sa.delete(model).where(*conditions).execution_options(synchronize_session="fetch"))
    return int(result.rowcount)  # type: ignore[attr-defined]


def change(session: orm.Session, model: Any, conditions: Sequence[Any], **values: Any) -> int:
    """Compare and swap: set `values` where every condition holds; how many rows did."""
    result = session.execute(sa.update(model).where(*conditions).values(**values).execution_options(
        synchronize_session=False))
    return int(result.rowcount)  # type: ignore[attr-defined]


def values_by_key(session: orm.Session, key: Any, value: Any, keys: Iterable[str]) -> dict[str, set[str]]:
    """For each of `keys`: the different values, empty text left out, that column `value` has where `key` is it.

    With an index on (key, value) MariaDB goes from one value to the next: many rows with few values cost few steps.
    """
    found: dict[str, set[str]] = {}
    wanted = sorted(set(keys))
    for start in range(0, len(wanted), _CHUNK):
        for one_key, one_value in session.execute(_values(key, value), {"ids": wanted[start:start + _CHUNK]}).all():
            found.setdefault(one_key, set()).add(one_value)
    return found


@functools.cache
def _values(key: Any, value: Any) -> Any:
    key, value = key.property.columns[0], value.property.columns[0]
    return prepared(sa.select(key, value).where(key.in_(sa.bindparam("ids", expanding=True)), value != "").distinct())


def touch(row: Any) -> None:
    """Note that an API resource changed: a new revision and time."""
    row.revision_number += 1
    row.updated_at = clock.now()


def page(session: orm.Session, model: Any, conditions: Sequence[Any], wanted: Page,
         columns: dict[str, Any] | None = None) -> list[Any]:
    """The rows of one page, to look at only, in the order asked for (also when the page is read backwards)."""
    query = paging.paginate(session, _columns(model).where(*conditions), model, wanted, columns=columns)
    found = list(session.execute(query).all())
    return found[::-1] if wanted.reverse else found


def is_filter(model: Any, name: str) -> bool:
    """Whether rows can be chosen by what a column equals; moments are no filters."""
    column = getattr(model, name, None)
    return column is not None and not isinstance(getattr(column, "type", None), DateTime)


def column_condition(column: Any, values: Sequence[str]) -> Any:
    """`column` is one of `values`, which come from a query string; errors.BadRequest when one has the wrong type."""
    kind = column.type.python_type if not isinstance(column.type, sa.types.TypeDecorator) else str
    made: list[Any] = []
    for value in values:
        if kind is bool:
            word = str(value).lower()
            if word not in ("true", "false", "1", "0"):
                raise errors.BadRequest(f"Invalid input for {column.key}. Reason: '{value}' cannot be converted to "
                                        "boolean.", kind="HTTPBadRequest")
            made.append(word in ("true", "1"))
        elif kind is int:
            if value in ("", "None"):
                made.append(None)
            elif (number := ids.number_in(str(value).removeprefix("-"))) is None:
                raise errors.BadRequest(f"Invalid input for {column.key}. Reason: '{value}' is not an integer.",
                                        kind="HTTPBadRequest")
            else:
                made.append(-number if str(value).startswith("-") else number)
        else:
            made.append(value)
    condition = column.in_([v for v in made if v is not None])
    nullable = None in made or (kind is str and "" in made and column.nullable)
    return sa.or_(condition, column.is_(None)) if nullable else condition


def in_any_case(column: Any, values: Sequence[str]) -> Any:
    """`column` is one of `values`, whatever their case."""
    return sa.func.lower(column).in_([v.lower() for v in values])


def matches(column: Any, text: str) -> Any:
    """`column` contains `text` (wildcards in it are plain characters)."""
    return column.contains(text, autoescape=True)


def shared_with(object_type: str, column: Any, project_id: str | None, actions: Sequence[str] = ("access_as_shared",)) -> Any:
    """A condition: an RBAC policy lets `project_id` (None: everybody) use the object whose id is `column`."""
    policy = models.RbacPolicy
    targets = ["*", project_id] if project_id else ["*"]
    return column.in_(sa.select(policy.object_id).where(
        policy.object_type == object_type, policy.action.in_(list(actions)), policy.target_project.in_(targets)))


def tag_conditions(column: Any, query: dict[str, list[str]]) -> list[Any]:
    """Conditions of the filters tags, tags-any, not-tags and not-tags-any on the resource whose id is `column`."""
    tag = models.Tag
    found: list[Any] = []

    for name, every, negate in (("tags", True, False), ("tags-any", False, False),
                                ("not-tags", True, True), ("not-tags-any", False, True)):
        words = sorted({w for text in query.get(name, ()) for w in text.split(",") if w})
        if words:
            having = sa.select(tag.resource_id).where(tag.tag.in_(words))
            if every:
                having = having.group_by(tag.resource_id).having(sa.func.count() == len(words))
            found.append(column.not_in(having) if negate else column.in_(having))
    return found


def tags_of(session: orm.Session, ids: Sequence[str]) -> dict[str, list[str]]:
    """resource id -> its tags in order."""
    found: dict[str, list[str]] = {}
    for owner, word in pick(session, ids, models.Tag.resource_id, models.Tag.resource_id, models.Tag.tag):
        found.setdefault(owner, []).append(word)
    return {k: sorted(v) for k, v in found.items()}


def select_ids(model: Any, *conditions: Any) -> Any:
    """A subquery: ids of rows that meet every condition."""
    return sa.select(model.id).where(*conditions)
