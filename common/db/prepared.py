"""Statements that run all the time, without what SQLAlchemy does for each of their runs.

    _STATES = prepared(sa.select(SERVERS.c.id, SERVERS.c.host).where(SERVERS.c.id.in_(sa.bindparam("ids", expanding=True))))

`session.execute(_STATES, {"ids": […]})` is what it was, and gives the same rows; but the statement is put into words once, and
its parameters and rows are turned by the same types. Half of what such a statement costs its client is saved. For statements
on bare tables, made once, with all values as parameters. What is out of the ordinary (several sets of parameters, lists that are
empty, listeners to statements) is left to SQLAlchemy.
"""

import collections
import functools
import re
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc, orm

_LIST = re.compile(r"__\[POSTCOMPILE_(\w+)\]")
_NAMED = re.compile(r"%\((\w+)\)s|__\[POSTCOMPILE_(\w+)\]")
_LONG_LIST = 8
Converter = Callable[[Any], Any]


def prepared(statement: Any) -> Any:
    """The same statement, to be run as the module says."""
    statement._altostack_plans = _Plans(statement)
    return statement


class _Plans(dict[str, "Plan"]):
    """{dialect: plan} of one statement. What is derived from it inherits them, and they are not its own."""

    def __init__(self, statement: Any) -> None:
        super().__init__()
        self.owner = weakref.ref(statement)


def _plans_of(statement: Any) -> _Plans | None:
    plans: _Plans | None = getattr(statement, "_altostack_plans", None)
    return plans if plans is not None and plans.owner() is statement else None


def insert(session: orm.Session, table: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows (at least one) of the same columns: a single one as a prepared statement, if no column is left to a default."""
    sent = [{f"value_{name}": value for name, value in row.items()} for row in rows]
    session.execute(_insert(table, tuple(rows[0])), sent if len(sent) > 1 else sent[0])


@functools.cache
def _insert(table: Any, names: tuple[str, ...]) -> Any:
    values = {name: sa.bindparam(f"value_{name}", type_=table.c[name].type) for name in names}
    return prepared(sa.insert(table).values(values).inline())


class Rows:
    """What a statement brought: as much of SQLAlchemy's Result as is used of those that are prepared."""

    def __init__(self, rows: list[Any], rowcount: int) -> None:
        self._rows, self.rowcount = rows, rowcount

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def all(self) -> list[Any]:
        """Every row."""
        return self._rows

    def first(self) -> Any | None:
        """The first row, if there is one."""
        return self._rows[0] if self._rows else None

    def scalar(self) -> Any | None:
        """The first column of the first row, if there is one."""
        return self._rows[0][0] if self._rows else None

    def scalars(self) -> "Rows":
        """The first column of every row."""
        return Rows([row[0] for row in self._rows], self.rowcount)


class Plan:
    """A statement in one dialect's words."""

    def __init__(self, statement: Any, dialect: sa.Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.dialect, self.text = dialect, str(compiled)
        self.order: Sequence[str] = compiled.positiontup or ()
        if dialect.paramstyle == "pyformat":
            self.order = [name or of_list for name, of_list in _NAMED.findall(self.text)]
            self.text = _NAMED.sub(lambda found: "%s" if found[1] else found[0], self.text)
        found = _LIST.findall(self.text)
        self.usable = not (compiled.insert_prefetch or compiled.update_prefetch or compiled.escaped_bind_names
                           ) and self.text.count("POSTCOMPILE") == len(found)
        self.fixed = {name: bind.effective_value for name, bind in compiled.binds.items() if not bind.required}
        self.lists = frozenset(found)
        self.writers = {name: writer for name, bind in compiled.binds.items()
                        if (writer := bind.type.dialect_impl(dialect).bind_processor(dialect)) is not None}
        self.readers: list[tuple[int, Converter]] = []
        self.row: Any = None
        if statement.is_select:
            columns = list(statement.selected_columns)
            self.row = collections.namedtuple("Row", [c.key for c in columns], rename=True)
            readers = ((at, c.type.dialect_impl(dialect).result_processor(dialect, None)) for at, c in enumerate(columns))
            self.readers = [(at, reader) for at, reader in readers if reader is not None]
        self._shaped = functools.lru_cache(64)(self._shape)

    def words(self, sent: Mapping[str, Any]) -> tuple[str, list[Any]] | None:
        """The text and its values in their order; None when a list is empty."""
        values: list[Any] = []
        lengths = []
        for name in self.order:
            value = sent[name] if name in sent else self.fixed[name]
            writer = self.writers.get(name)
            if name in self.lists:
                if not value:
                    return None
                lengths.append(len(value))
                values.extend(map(writer, value) if writer is not None else value)
            else:
                values.append(value if writer is None else writer(value))
        shape = self._shaped if max(lengths, default=0) <= _LONG_LIST else self._shape
        return shape(tuple(lengths)), values

    def _shape(self, lengths: tuple[int, ...]) -> str:
        left = iter(lengths)
        mark = "?" if self.dialect.paramstyle == "qmark" else "%s"
        return _LIST.sub(lambda _: ", ".join([mark] * next(left)), self.text)

    def rows(self, found: Sequence[Sequence[Any]]) -> list[Any]:
        """Rows of the driver as rows of the statement."""
        if not self.readers:
            return list(map(self.row._make, found))
        made = []
        for raw in found:
            values = list(raw)
            for at, reader in self.readers:
                values[at] = reader(values[at])
            made.append(self.row._make(values))
        return made


class Session(orm.Session):
    """A session that runs prepared statements as the module says, and all others as ever."""

    def execute(self, statement: Any, params: Any = None, **how: Any) -> Any:
        """The statement's result."""
        plans = _plans_of(statement)
        if plans is not None and not how and not isinstance(params, Sequence):
            found = self._run(statement, plans, params or {})
            if found is not None:
                return found
        return super().execute(statement, params, **how)

    def scalars(self, statement: Any, params: Any = None, **how: Any) -> Any:
        """The first column of every row."""
        if _plans_of(statement) is not None and not how:
            return self.execute(statement, params).scalars()
        return super().scalars(statement, params, **how)

    def _run(self, statement: Any, plans: dict[str, Plan], sent: Mapping[str, Any]) -> Rows | None:
        connection = self.connection()
        if connection.dispatch.before_cursor_execute:
            return None
        dialect = connection.dialect
        plan = plans.get(dialect.name)
        if plan is None:
            plan = plans[dialect.name] = Plan(statement, dialect)
        words = plan.words(sent) if plan.usable else None
        if words is None:
            return None
        raw = connection.connection
        cursor = raw.cursor()
        try:
            cursor.execute(*words)
            return Rows(plan.rows(cursor.fetchall()) if plan.row is not None else [], cursor.rowcount)
        except dialect.loaded_dbapi.Error as e:
            raise _translated(connection, words, e) from e
        finally:
            cursor.close()


def _translated(connection: sa.Connection, words: tuple[str, list[Any]], error: Exception) -> exc.DBAPIError:
    """The driver's error as SQLAlchemy's; a connection that is lost with it is not used again."""
    dialect: Any = connection.dialect
    lost = bool(dialect.is_disconnect(error, connection.connection, None))
    made: Any = exc.DBAPIError.instance(*words, error, dialect.loaded_dbapi.Error, connection_invalidated=lost, dialect=dialect)
    if lost:
        connection.invalidate(error)
    return made  # type: ignore[no-any-return]
