"""Keyset paging gives the same rows in the same order as sorting them in Python does, NULLs included."""

import functools
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Mapped, mapped_column

from common import errors
from common.db.filters import paginate
from common.db.models import make_base
from common.db.session import Database
from common.http import paging

Base = make_base()


class Thing(Base):
    """What is listed."""

    __tablename__ = "things"
    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    name: Mapped[str | None] = mapped_column(sa.String(10))
    size: Mapped[int | None] = mapped_column(sa.Integer)
    hidden: Mapped[bool] = mapped_column(sa.Boolean, default=False)


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    made = Database(f"sqlite:///{tmp_path_factory.mktemp('db')}/x.db")
    Base.metadata.create_all(made.engine)
    yield made
    made.dispose()


def expected(rows, sorts):
    """Ascending puts NULLs first, descending last; ties go by id in the last key's direction."""

    def compare(a, b):
        for key, way in [*sorts, ("id", sorts[-1][1])]:
            x, y = a[key], b[key]
            if x == y:
                continue
            less = x is None or (y is not None and x < y)
            return (-1 if less else 1) * (1 if way == "asc" else -1)
        return 0

    return [r["id"] for r in sorted(rows, key=functools.cmp_to_key(compare))]


WAYS = st.sampled_from(["asc", "desc"])
ROWS = st.lists(
    st.fixed_dictionaries({"name": st.none() | st.sampled_from("abc"), "size": st.none() | st.integers(0, 2)}), max_size=12)
SORTS = st.sampled_from([("name",), ("size",), ("name", "size"), ("size", "name"), ("id",)]).flatmap(
    lambda keys: st.tuples(*[WAYS] * len(keys)).map(lambda ways: tuple(zip(keys, ways, strict=True))))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, SORTS, st.integers(1, 5))
def test_pages_put_together_are_the_sorted_list(database, values, sorts, limit):
    rows = [{"id": f"{number:04}", **row} for number, row in enumerate(values)]
    with database.write() as session:
        session.execute(sa.delete(Thing))
        if rows:
            session.execute(sa.insert(Thing), [{**r, "hidden": False} for r in rows])
    got, marker = [], None
    with database.read() as session:
        while True:
            page = paging.Page(limit, marker, sorts)
            found = list(session.scalars(paginate(session, sa.select(Thing.id), Thing, page)))
            assert len(found) <= limit
            got += found
            if len(found) < limit:
                break
            marker = found[-1]
        page = paging.Page(None, None, sorts, reverse=True)
        backwards = [*session.scalars(paginate(session, sa.select(Thing.id), Thing, page))]
    assert got == expected(rows, sorts)
    assert backwards == got[::-1]


def test_unknown_markers_and_keys_are_bad_requests(database):
    with database.write() as session:
        session.execute(sa.delete(Thing))
        session.execute(sa.insert(Thing), [{"id": "seen", "hidden": False}, {"id": "hidden", "hidden": True}])
    with database.read() as session:
        def run(page, **kwargs):
            return list(session.scalars(paginate(session, sa.select(Thing.id), Thing, page, **kwargs)))

        with pytest.raises(errors.BadRequest, match=r"marker \[nothing\] not found"):
            run(paging.Page(1, "nothing", (("id", "asc"),)))
        with pytest.raises(errors.BadRequest, match=r"marker \[hidden\] not found"):
            run(paging.Page(1, "hidden", (("id", "asc"),)), visible=Thing.hidden.is_(False))
        with pytest.raises(errors.BadRequest, match="Sort key supplied is invalid: nothing"):
            run(paging.Page(1, None, (("nothing", "asc"),)))
        with pytest.raises(errors.BadRequest, match="Sort key supplied is invalid: metadata"):
            run(paging.Page(1, None, (("metadata", "asc"),)))
        assert run(paging.Page(None, None, (("alias", "asc"),)), columns={"alias": Thing.hidden}) == ["seen", "hidden"]


class Asked:
    """As much of a Request as paging reads."""

    def __init__(self, **query):
        self.query = {k: v if isinstance(v, list) else [v] for k, v in query.items()}
        self.app = SimpleNamespace(conf=SimpleNamespace(api=SimpleNamespace(max_page_size=1000)))
        self.base_url = "http://api/v2"

    def first(self, name, default=None):
        return self.query.get(name, [default])[0]


@pytest.mark.parametrize(("query", "page"), [
    ({}, paging.Page(1000, None, (("created_at", "desc"), ("id", "desc")))),
    ({"limit": "5", "marker": "m"}, paging.Page(5, "m", (("created_at", "desc"), ("id", "desc")))),
    ({"limit": "5000"}, paging.Page(1000, None, (("created_at", "desc"), ("id", "desc")))),
    ({"limit": "0"}, paging.Page(0, None, (("created_at", "desc"), ("id", "desc")))),
    ({"sort": "name:asc,size"}, paging.Page(1000, None, (("name", "asc"), ("size", "desc")))),
    ({"sort_key": ["name", "size"], "sort_dir": "desc"}, paging.Page(1000, None, (("name", "desc"), ("size", "desc")))),
    ({"sort_key": "name"}, paging.Page(1000, None, (("name", "asc"),))),
    ({"sort_dir": "asc"}, paging.Page(1000, None, (("created_at", "asc"), ("id", "asc")))),
    ({"page_reverse": "True"}, paging.Page(1000, None, (("created_at", "desc"), ("id", "desc")), True)),
])
def test_the_query_is_read(query, page):
    assert paging.read(Asked(**query)) == page


@pytest.mark.parametrize(("query", "message"), [
    ({"limit": "x"}, "limit param must be an integer"), ({"limit": "-1"}, "limit param must be positive"),
    ({"sort": "name:up"}, "Unknown sort direction"), ({"sort_key": "secret"}, "Sort key supplied is invalid: secret"),
    ({"sort_key": "name", "sort_dir": ["asc", "asc"]}, "Sort direction size exceeds sort key size")])
def test_wrong_queries_are_bad_requests(query, message):
    with pytest.raises(errors.BadRequest, match=message):
        paging.read(Asked(**query), keys=["name"])


def test_a_next_link_keeps_the_other_parameters():
    link = paging.next_link(Asked(limit="2", marker="old", name="a b"), "/things", "new")
    assert link == "http://api/v2/things?limit=2&name=a+b&marker=new"
