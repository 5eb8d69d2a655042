"""Deadlocks, lost connections and a server that goes away: what a Database makes of them, on a real MariaDB."""

import threading

import pytest
import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.orm import Mapped, mapped_column

from common import clock, errors
from common.db.models import DateTime, Json, make_base
from common.db.prepared import prepared
from common.db.session import Database, unique_violation
from tests.waiting import PATIENCE

Base = make_base()


class Account(Base):
    """What the transactions change."""

    __tablename__ = "accounts"
    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(sa.String(20), unique=True)
    value: Mapped[int] = mapped_column(sa.Integer, default=0)
    data: Mapped[dict] = mapped_column(Json, nullable=True)
    at: Mapped[object] = mapped_column(DateTime, nullable=True)


def fill(database):
    Base.metadata.create_all(database.engine)
    with database.write() as session:
        session.add_all([Account(id=1, name="a", value=0), Account(id=2, name="b", value=0)])


def values(database):
    with database.read() as session:
        return dict(session.execute(sa.select(Account.id, Account.value)).all())


def add(session, number, amount=1):
    session.execute(sa.update(Account).where(Account.id == number).values(value=Account.value + amount))


ACCOUNTS = Account.__table__
ADD = prepared(sa.update(ACCOUNTS).where(ACCOUNTS.c.id == sa.bindparam("number")).values(value=ACCOUNTS.c.value + 1))
GET = prepared(sa.select(ACCOUNTS.c.id, ACCOUNTS.c.value))


def add_prepared(session, number):
    assert session.execute(ADD, {"number": number}).rowcount == 1


def kill_connections(url, database):
    """Let the server cut every connection of `database`'s pool."""
    admin = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        ids = (
            connection.execute(
                sa.text("SELECT id FROM information_schema.processlist WHERE db = :db AND id <> CONNECTION_ID()"),
                {"db": database.url.database},
            )
            .scalars()
            .all()
        )
        for number in ids:
            connection.execute(sa.text(f"KILL {number}"))
    admin.dispose()
    return len(ids)


def test_two_transactions_in_a_deadlock_both_go_through(database):
    fill(database)
    barrier, tries, failures = threading.Barrier(2), [], []

    def work(session, first, second):
        tries.append(first)
        add(session, first)
        if tries.count(first) == 1:
            barrier.wait(10)
        add(session, second)

    def run(first, second):
        try:
            database.transaction(work, first, second)
        except Exception as e:  # handed to the test's own thread
            failures.append(e)

    threads = [threading.Thread(target=run, args=pair) for pair in ((1, 2), (2, 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not failures and values(database) == {1: 2, 2: 2} and len(tries) == 3, "one of them was run again, once"


def test_many_threads_on_the_same_rows_lose_nothing(database):
    fill(database)

    def work(session, order):
        for number in order:
            add(session, number)

    def run(order):
        for _ in range(25):
            database.transaction(work, order)

    threads = [threading.Thread(target=run, args=(order,)) for order in ((1, 2), (2, 1)) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60 * PATIENCE)
    assert values(database) == {1: 200, 2: 200}


def test_connections_that_were_cut_while_idle_are_replaced(database, mysql_url):
    fill(database)
    assert values(database) and kill_connections(mysql_url, database)
    clock.sleep(0.2)  # what was used a moment ago is not asked whether it lives
    assert values(database) == {1: 0, 2: 0}
    kill_connections(mysql_url, database)
    clock.sleep(0.2)
    with database.write() as session:
        add(session, 1)
    assert values(database)[1] == 1


@pytest.mark.parametrize("add", [add, add_prepared])
def test_a_transaction_whose_connection_is_cut_is_run_again(database, mysql_url, add):
    fill(database)
    tries = []

    def work(session):
        tries.append(1)
        add(session, 1)
        if len(tries) == 1:
            assert kill_connections(mysql_url, database)
        add(session, 2)

    database.transaction(work)
    assert len(tries) == 2 and values(database) == {1: 1, 2: 1}


@pytest.mark.parametrize("query", [sa.text("SELECT 1"), GET], ids=["text", "prepared"])
def test_a_read_whose_connection_is_cut_is_transient(database, mysql_url, query):
    fill(database)
    with pytest.raises(errors.Transient, match="^MariaDB at "):
        with database.read() as session:
            session.execute(query)
            kill_connections(mysql_url, database)
            session.execute(query)
    database.ping()


def test_what_is_wrong_in_itself_is_not_tried_again(database):
    fill(database)
    tries = []

    def work(session):
        tries.append(1)
        session.add(Account(id=3, name="a"))

    with pytest.raises(exc.IntegrityError) as caught:
        database.transaction(work)
    assert unique_violation(caught.value) and len(tries) == 1


def test_times_keep_microseconds_and_json_its_shape_and_names_their_case(database):
    import datetime

    fill(database)
    when, data = datetime.datetime(2024, 2, 29, 12, 30, 1, 123456), {"ключ": [1, None, "🙂"]}
    with database.write() as session:
        session.add(Account(id=3, name="A", data=data, at=when))
    with database.read() as session:
        row = session.get(Account, 3)
        assert (row.at, row.data) == (when, data)
        assert session.scalars(sa.select(Account.id).where(Account.name == "a")).all() == [1]
        assert session.scalars(sa.select(Account.id).where(Account.name == "a ")).all() == []


def test_a_server_that_restarts_is_found_again(own_mariadb):
    backend, url = own_mariadb
    database = Database(url)
    fill(database)
    backend.stop()
    with pytest.raises(errors.Transient):
        database.ping()
    tries = []

    def work(session):
        tries.append(1)
        add(session, 1)

    with pytest.raises(errors.Transient):
        database.transaction(work)
    backend.start()
    database.wait(30)
    database.transaction(work)
    assert values(database)[1] == 1
    database.dispose()


def test_waiting_ends_with_the_reason_and_without_the_password(mysql_url):
    database = Database(mysql_url.set(port=1, password="secret-word").render_as_string(hide_password=False))
    words = r"MariaDB at \S+:1 \(schema .*\) does not answer \(Connection refused\)"
    with pytest.raises(errors.ConfigError, match=words) as caught:
        database.wait(0)
    assert "secret-word" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"), [({"password": "wrong"}, "Access denied"), ({"database": "no_such_schema"}, "no_such_schema")]
)
def test_a_wrong_password_or_schema_is_one_clear_line_at_once(mysql_url, change, words):
    database = Database(mysql_url.set(**change).render_as_string(hide_password=False))
    with pytest.raises(errors.ConfigError, match=words):
        database.wait(30)
