"""Prepared statements give what SQLAlchemy gives, on both databases' dialects."""

import datetime

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects.mysql import pymysql

from common.db import prepared as module
from common.db.models import DateTime, Json, make_base
from common.db.prepared import Plan, Rows, prepared
from common.db.session import Database

NOW = datetime.datetime(2026, 11, 30, 12, 0, 0, 250)


class Thing(make_base()):
    """Columns of every type that has to be turned."""

    __tablename__ = "things"
    id = sa.Column(sa.String(36), primary_key=True)
    number = sa.Column(sa.Integer)
    on = sa.Column(sa.Boolean)
    at = sa.Column(DateTime)
    data = sa.Column(Json)
    touched = sa.Column(sa.Integer, onupdate=7)


TABLE = Thing.__table__
LISTED = TABLE.c.id.in_(sa.bindparam("ids", expanding=True))


def query():
    return sa.select(TABLE.c.id, TABLE.c.on, TABLE.c.at, TABLE.c.data).where(LISTED, TABLE.c.number >= 0).order_by(TABLE.c.id)


@pytest.fixture
def database(tmp_path):
    made = Database(f"sqlite:///{tmp_path}/things.db")
    Thing.metadata.create_all(made.engine)
    with made.write() as session:
        session.execute(sa.insert(TABLE), [
            {"id": f"t{n:02}", "number": n, "on": n % 2 == 0, "at": NOW if n else None, "data": {"n": n} if n else None}
            for n in range(12)])
    yield made
    made.dispose()


@pytest.mark.parametrize("count", [1, 3, 12])
def test_rows_are_those_of_the_plain_statement(database, count):
    ids = {"ids": [f"t{n:02}" for n in range(count)]}
    mine = prepared(query())
    with database.read() as session:
        for _ in range(2):
            found = session.execute(mine, ids)
            assert isinstance(found, Rows)
            assert [tuple(row) for row in found.all()] == [tuple(row) for row in session.execute(query(), ids)]
        first = session.execute(mine, ids).first()
        assert (first.id, first.on, first.at, first.data) == ("t00", True, None, None)
        assert session.scalars(mine, ids).all() == ids["ids"]
        assert session.execute(mine, ids).scalar() == "t00"
        assert session.execute(mine, {"ids": ["nobody"]}).scalar() is None
        assert session.execute(mine, {"ids": ["nobody"]}).first() is None


def test_an_empty_list_and_several_sets_of_parameters_are_left_to_sqlalchemy(database):
    change = prepared(sa.update(TABLE).where(TABLE.c.id == sa.bindparam("the_id")).values(
        number=sa.bindparam("new"), touched=1))
    with database.write() as session:
        assert session.execute(prepared(query()), {"ids": []}).all() == []
        assert session.execute(change, [{"the_id": "t01", "new": 5}, {"the_id": "t02", "new": 6}]).rowcount == 2
        assert session.execute(change, {"the_id": "t03", "new": 7}).rowcount == 1
    with database.read() as session:
        found = session.execute(sa.select(TABLE.c.number).order_by(TABLE.c.id)).scalars().all()
    assert found[:5] == [0, 5, 6, 7, 4]


def test_values_are_written_as_by_the_plain_statement(database):
    change = prepared(sa.update(TABLE).where(LISTED, TABLE.c.on.is_(True)).values(
        at=sa.bindparam("at_new", type_=DateTime()), data=sa.bindparam("data_new", type_=Json()), number=None, touched=3))
    with database.write() as session:
        done = session.execute(change, {"ids": ["t00", "t01", "t02"], "at_new": NOW, "data_new": ["x"]})
        assert isinstance(done, Rows)
        assert done.rowcount == 2
    with database.read() as session:
        assert session.execute(sa.select(TABLE.c.at, TABLE.c.data, TABLE.c.number).where(TABLE.c.id == "t02")).one() == (
            NOW, ["x"], None)


def test_columns_that_change_by_themselves_do(database):
    with database.write() as session:
        session.execute(prepared(sa.update(TABLE).where(LISTED).values(number=1)), {"ids": ["t05"]})
    with database.read() as session:
        assert session.execute(sa.select(TABLE.c.touched).where(TABLE.c.id == "t05")).scalar() == 7


def test_what_the_database_refuses_is_sqlalchemys_error(database):
    twice = prepared(sa.update(TABLE).where(LISTED).values(id="t00", touched=1))
    with pytest.raises(sa.exc.IntegrityError, match="UNIQUE"), database.write() as session:
        session.execute(twice, {"ids": ["t01"]})
    missing = prepared(sa.select(sa.column("x")).select_from(sa.table("nowhere")))
    with pytest.raises(sa.exc.OperationalError, match="nowhere"), database.read() as session:
        session.execute(missing)


def test_a_parameter_that_is_missing_is_an_error(database):
    with database.read() as session, pytest.raises(KeyError):
        session.execute(prepared(query()), {})


def test_listeners_hear_of_every_statement(database):
    heard = []
    event.listen(database.reader, "before_cursor_execute", lambda *args: heard.append(args[2]))
    with database.read() as session:
        session.execute(prepared(query()), {"ids": ["t01"]})
    assert heard[-1].startswith("SELECT")


def test_mariadbs_words_have_lists_written_out():
    plan = Plan(prepared(query().limit(sa.bindparam("most"))), pymysql.dialect())
    text, values = plan.words({"ids": ["a", "b"], "most": 5})
    assert text.split("WHERE ")[1] == "things.id IN (%s, %s) AND things.number >= %s ORDER BY things.id \n LIMIT %s"
    assert values == ["a", "b", 0, 5]
    assert plan.words({"ids": [], "most": 5}) is None
    assert [row.on for row in plan.rows([("a", 1, NOW, '{"n": 1}'), ("b", 0, None, None)])] == [True, False]


@pytest.mark.parametrize("count", [1, 3])
def test_rows_are_added_as_by_the_plain_statement(database, count):
    rows = [{"id": f"new{n}", "number": n, "on": True, "at": NOW, "data": {"n": [n]} if n else None} for n in range(count)]
    with database.write() as session:
        module.insert(session, TABLE, rows)
        session.execute(sa.insert(TABLE), [{**row, "id": f"plain{n}"} for n, row in enumerate(rows)])
    with database.read() as session:
        def written(prefix):
            c = TABLE.c
            return session.execute(sa.select(c.number, c.on, c.at, sa.cast(c.data, sa.Text)).where(
                c.id.like(f"{prefix}%")).order_by(c.id)).all()

        assert len(written("new")) == count
        assert written("new") == written("plain")
        assert session.scalars(prepared(sa.select(TABLE.c.data).where(LISTED)), {"ids": ["new0"]}).all() == [None]
    assert Plan(module._insert(TABLE, tuple(rows[0])), pymysql.dialect()).usable


def test_what_is_derived_from_a_prepared_statement_is_its_own(database):
    """SQLAlchemy copies attributes to the statements made of one: none may run in the other's words."""
    mine, ids = prepared(query()), {"ids": ["t00", "t01", "t02"]}
    fewer = mine.where(TABLE.c.number > 1)
    with database.read() as session:
        assert len(session.execute(mine, ids).all()) == 3
        assert [row.id for row in session.execute(fewer, ids).all()] == ["t02"]
        assert session.scalars(fewer, ids).all() == ["t02"]
        assert isinstance(session.execute(prepared(mine.where(TABLE.c.number > 1)), ids), Rows)
