"""Connections and transactions of one service's schema.

MariaDB in a cloud, SQLite (write-ahead log, one writer at a time) in the
embedded profile and the API tests. A transaction that loses a deadlock or its
connection is run again by `Database.transaction`.
"""

import contextlib
import logging
import select
import threading
from collections.abc import Callable, Iterator
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from oslo_config import cfg
from sqlalchemy import event, exc, orm

from common import clock, errors, ids, logs
from common.db import prepared

LOG = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")
_RETRY_CODES = frozenset((1205, 1213, 1020, 2006, 2013, 2055))
_AWAY_CODES = frozenset((2002, 2003, 2006, 2013, 1040, 1053))
_FULL_CODES = frozenset((3, 1021, 1026, 1114))
_TRIES_MAX = 12
_PROBE_AFTER_S = 10.0  # a server that ends says so (see `_hung_up`); what dies without a word is found by asking
# `write` ends every transaction itself: the pool's rollback, when it gets the connection back, would be one round trip more
_WRITES: dict[str, Any] = {"isolation_level": "READ COMMITTED", "pool_reset_on_return": None}
_READS: dict[str, Any] = {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True, "pool_reset_on_return": None}


def _encryption(url: sa.URL) -> dict[str, Any]:
    """PyMySQL's arguments on TLS: none on this host, unless the URL says something of it; else its own, TLS where offered.

    Trying TLS makes PyMySQL read the system's certificates for each connection: 14 MiB, and time, in every daemon.
    """
    near = "unix_socket" in url.query or url.host in ("localhost", "127.0.0.1", "::1")
    return {"ssl_disabled": True} if near and not any(name.startswith("ssl") for name in url.query) else {}


class Database:
    """One schema: `read()` and `write()` sessions, and `transaction()` with retries.

    `url` is SQLAlchemy's. Sessions give plain rows and detached objects; nothing is loaded lazily
    after the end of a transaction.
    """

    def __init__(self, url: str, *, pool_size: int = 5, max_overflow: int = 30, pool_recycle_s: int = 3000) -> None:
        self.url = sa.make_url(url)
        self.where = _where(self.url)
        self._away_since_s: float | None = None
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        options: dict[str, Any] = {}
        if self.is_sqlite:
            options["connect_args"] = {"check_same_thread": False, "timeout": 60}
            options["poolclass"] = sa.pool.QueuePool
            options["pool_size"], options["max_overflow"] = pool_size, max_overflow
        else:
            # last in, first out: what is little used falls asleep, and what is used need not be probed
            options.update(pool_size=pool_size, max_overflow=max_overflow, pool_recycle=pool_recycle_s, pool_use_lifo=True,
                           connect_args={"connect_timeout": 10, "charset": "utf8mb4", **_encryption(self.url)})
        self.engine = self.reader = sa.create_engine(self.url, **options, **({} if self.is_sqlite else _WRITES))
        if self.is_sqlite:
            _prepare_sqlite(self.engine)
        else:
            # what only reads needs no transaction: each statement of one would see its own moment anyway
            self.reader = sa.create_engine(self.url, **options, **_READS)
            from common.db import mariadb  # who has SQLite need not have its driver

            for engine in (self.engine, self.reader):
                mariadb.adopt(engine)
                _probe_idle(engine)
        self._sessions = orm.sessionmaker(self.engine, class_=prepared.Session, expire_on_commit=False, autoflush=False)
        self._reads = orm.sessionmaker(self.reader, class_=prepared.Session, expire_on_commit=False, autoflush=False)
        self._write_lock = threading.RLock() if self.is_sqlite else contextlib.nullcontext()

    @classmethod
    def from_conf(cls, conf: cfg.ConfigOpts) -> "Database":
        """The schema that [database] names; errors.ConfigError when it names none."""
        if not conf.database.connection:
            raise errors.ConfigError(f"{conf.prog}: [database] connection is not set")
        try:
            return cls(conf.database.connection, pool_size=conf.database.pool_size,
                       max_overflow=conf.database.max_overflow, pool_recycle_s=conf.database.pool_recycle_s)
        except exc.ArgumentError as e:
            raise errors.ConfigError(f"{conf.prog}: [database] connection is not a database URL") from e

    @contextlib.contextmanager
    def read(self) -> Iterator[orm.Session]:
        """A session for reading; nothing is written."""
        with self.translated(), self._reads() as session:
            yield session

    @contextlib.contextmanager
    def write(self) -> Iterator[orm.Session]:
        """A session that commits at the end of the block, or rolls back when it raises. Not retried."""
        with self._write_lock, self.translated(), self._sessions() as session:
            if self.is_sqlite:
                session.connection(execution_options={"altostack_write": True})
            try:
                yield session
                session.commit()
            except BaseException:
                session.rollback()
                raise

    def transaction(self, work: Callable[Concatenate[orm.Session, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run `work(session, …)` in a transaction, again when a deadlock or a lost connection undid it.

        `work` must have no effect but on the session. errors.Transient when no try went through.
        """
        for attempt in range(1, _TRIES_MAX + 1):
            try:
                with self.write() as session:
                    return work(session, *args, **kwargs)
            except (exc.OperationalError, exc.InterfaceError, exc.InternalError) as e:
                if not is_retryable(e) or attempt == _TRIES_MAX:
                    raise
                LOG.debug("transaction is run again (%d): %s", attempt, e.orig)
            except errors.Transient:
                if attempt >= 3:
                    raise
            clock.sleep(min(1.0, 0.01 * 2**attempt) * ids.uniform(0.1, 1.0))
        raise AssertionError("unreachable")

    def ping(self) -> None:
        """One round trip; errors.Transient when the database does not answer."""
        with self.read() as session:
            session.execute(sa.text("SELECT 1"))

    def wait(self, seconds: float) -> None:
        """Wait until the database answers; errors.ConfigError with the reason after `seconds`.

        A refusal (wrong password, no such schema) is one at once: waiting does not mend it.
        """
        deadline = clock.monotonic() + seconds
        while True:
            try:
                return self.ping()
            except errors.Transient as e:
                if clock.monotonic() >= deadline:
                    raise errors.ConfigError(f"{e}, for {seconds:.0f} s; start it, or correct [database] connection") from e
                clock.sleep(1.0)
            except exc.OperationalError as e:
                raise errors.ConfigError(f"{self.where} refuses: {_words(e)}; correct [database] connection") from e

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """A database that cannot be reached, or cannot write, becomes errors.Transient; that it is away is told once."""
        try:
            yield
        except (exc.OperationalError, exc.InterfaceError, exc.InternalError) as e:
            code = e.orig.args[0] if getattr(e.orig, "args", ()) else None
            if code in _AWAY_CODES or e.connection_invalidated:
                why = f"{self.where} does not answer ({_reason(e)})"
                self._lost(why)
                raise errors.Transient(why) from e
            if code in _FULL_CODES or "disk is full" in str(e.orig):
                raise errors.Transient(f"{self.where} has no room on its disk: {_words(e)}") from e
            raise
        except exc.TimeoutError as e:
            raise errors.Transient(f"{self.where}: no free connection") from e
        if self._away_since_s is not None:
            gone_s, self._away_since_s = clock.monotonic() - self._away_since_s, None
            logs.tell(logging.INFO, f"{self.where} answers again, after {gone_s:.0f} s")

    def _lost(self, why: str) -> None:
        if self._away_since_s is None:
            self._away_since_s = clock.monotonic()
            logs.tell(logging.WARNING, f"{why}; trying again until it does")

    def dispose(self) -> None:
        """Close every connection; also what a forked child does with its parent's."""
        self.engine.dispose()
        self.reader.dispose()


def is_retryable(error: exc.DBAPIError) -> bool:
    """Whether the same transaction may go through when run again (deadlock, lock wait, lost connection)."""
    if error.connection_invalidated:
        return True
    args = getattr(error.orig, "args", ())
    if args and args[0] in _RETRY_CODES:
        return True
    return "database is locked" in str(error.orig)


def _where(url: sa.URL) -> str:
    """The database in words: kind, address, schema; nothing secret."""
    if url.get_backend_name() == "sqlite":
        return f"the SQLite file {url.database}"
    return f"MariaDB at {url.query.get('unix_socket') or f'{url.host}:{url.port or 3306}'} (schema {url.database})"


def _words(error: exc.DBAPIError) -> str:
    """What the server said, without SQL and numbers."""
    return str(getattr(error.orig, "args", [""])[-1] or error.orig)


def _reason(error: exc.DBAPIError) -> str:
    """Why a server cannot be reached: the operating system's words alone, where they are there."""
    return errors.of_system(str(error.orig)) or _words(error)


def _probe_idle(engine: sa.Engine) -> None:
    """See whether the server is still there before a connection is used: without asking it, but when nobody used it for a while.

    SQLAlchemy would ask before every use: a round trip for each session.
    """
    @event.listens_for(engine, "checkin")
    def checkin(_connection: Any, record: Any) -> None:
        record.info["used_s"] = clock.monotonic()

    @event.listens_for(engine, "checkout")
    def checkout(connection: Any, record: Any, _proxy: Any) -> None:
        if _hung_up(connection):
            raise exc.InvalidatePoolError("the server closed the connection")
        used_s = record.info.get("used_s")
        if used_s is not None and clock.monotonic() - used_s > _PROBE_AFTER_S:
            try:
                alive = engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error as e:
                raise exc.InvalidatePoolError(f"the server forgot the connection: {e}") from e
            if not alive:
                raise exc.InvalidatePoolError("the server forgot the connection")


def _hung_up(connection: Any) -> bool:
    """Whether the server closed the connection: a client that asked nothing has nothing to read but that."""
    sock = getattr(connection, "_sock", None)  # PyMySQL's
    if sock is None:
        return True
    looking = select.poll()
    looking.register(sock, select.POLLIN)
    return bool(looking.poll(0))


def _prepare_sqlite(engine: sa.Engine) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=60000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        write = connection.get_execution_options().get("altostack_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


@contextlib.contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """For tests and benchmarks: the SQL statements issued inside the block, from all threads."""
    seen: list[str] = []

    def note(_c: Any, _cur: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    engines = {database.engine, database.reader}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)


def unique_violation(error: exc.IntegrityError) -> bool:
    """Whether an IntegrityError is about a duplicate key (and not a foreign key or NULL)."""
    args = getattr(error.orig, "args", ())
    return bool(args and args[0] == 1062) or "UNIQUE constraint failed" in str(error.orig)



Session = orm.Session
"""The type of a session, for functions outside `db/` that only pass one on."""
