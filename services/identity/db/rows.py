"""What the query files of every noun share: filters with comparators, keyset paging, inserting, the change number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc, orm

from common.db.session import unique_violation
from services.identity.db.models import Change


class Duplicate(Exception):
    """A row of the same key stands already."""


@dataclass(frozen=True)
class Query:
    """What a list asks for.

    filters  (attribute, comparator, value): comparator is "" (equal) or contains, startswith, endswith, each also with an
             `i` in front (case does not matter)
    limit    most rows (None: all); marker: id of the last row of the page before
    """

    filters: tuple[tuple[str, str, Any], ...] = field(default_factory=tuple)
    limit: int | None = None
    marker: str | None = None

    def value(self, name: str) -> Any:
        """The value that attribute `name` must equal, or None."""
        return next((v for n, c, v in self.filters if n == name and c == ""), None)


def condition(column: Any, comparator: str, value: Any) -> Any:
    """One filter as SQL; the same on every database, whatever its LIKE thinks of case."""
    if comparator == "":
        return column.is_(None) if value is None else column == value
    text = str(value)
    if comparator.startswith("i"):
        column, text, comparator = sa.func.lower(column), text.lower(), comparator[1:]
    if comparator == "contains":
        return sa.func.instr(column, text) > 0
    if comparator == "startswith":
        return sa.func.substr(column, 1, len(text)) == text
    return sa.func.substr(column, -len(text)) == text if text else sa.true()


def listing(session: orm.Session, model: Any, query: Query, *where: Any, columns: Mapping[str, Any] | None = None,
            select: Sequence[Any] | None = None) -> tuple[Sequence[Any], bool]:
    """Rows of `model` by id that meet `query` and `where`, and whether more were left out by the limit.

    With `select`, plain rows of those columns in place of objects.
    """
    table = model.__table__.c if select else model
    statement = sa.select(*(select or (model,))).where(*where).order_by(table.id)
    for name, comparator, value in query.filters:
        column = (columns or {}).get(name)
        column = getattr(table, name) if column is None else column
        statement = statement.where(condition(column, comparator, value))
    if query.marker is not None:
        statement = statement.where(table.id > query.marker)
    if query.limit is not None:
        statement = statement.limit(query.limit + 1)
    rows: Sequence[Any] = session.execute(statement).all() if select else session.scalars(statement).all()
    if query.limit is None:
        return rows, False
    return rows[: query.limit], len(rows) > query.limit


def add(session: orm.Session, row: Any) -> Any:
    """Insert `row`; Duplicate when its key is taken."""
    session.add(row)
    flush(session)
    return row


def flush(session: orm.Session) -> None:
    """Send what changed to the database; Duplicate when a key is taken."""
    try:
        session.flush()
    except exc.IntegrityError as e:
        if unique_violation(e):
            raise Duplicate(str(e.orig)) from e
        raise


def by_ids(session: orm.Session, model: Any, ids: Any) -> dict[str, Any]:
    """Rows of `model` by id."""
    wanted = {i for i in ids if i}
    if not wanted:
        return {}
    return {r.id: r for r in session.scalars(sa.select(model).where(model.id.in_(wanted)))}


def change_number(session: orm.Session) -> int:
    """The number that grows with every change a token or a permission may depend on."""
    row = session.connection().exec_driver_sql(_CHANGE).first()  # asked at every request: no statement to compile, no type
    return int(row[0]) if row else 0


_CHANGE = "SELECT changes.value FROM changes WHERE changes.id = 1"


def bump(session: orm.Session) -> None:
    """Note that something changed which a token or a permission may depend on."""
    done = session.execute(sa.update(Change).where(Change.id == 1).values(value=Change.value + 1))
    if done.rowcount == 0:
        session.add(Change(id=1, value=1))
        session.flush()
