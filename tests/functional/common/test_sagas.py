"""Sagas on MariaDB: two conductors share them, and one that is killed is replaced."""

import multiprocessing
import os
import signal

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from common import clock, context
from common.db import models
from common.db import sagas as rows
from common.db.session import Database
from common.saga import Runner, Saga, Step
from tests.waiting import wait_for

Base = models.make_base()


class SagaRow(models.SagaColumns, Base):
    """The table under test."""

    __tablename__ = "sagas"


class Effect(Base):
    """What the steps did: a row per (saga, step), and how often each was run."""

    __tablename__ = "effects"
    saga_id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    step: Mapped[str] = mapped_column(sa.String(10), primary_key=True)
    runs: Mapped[int] = mapped_column(sa.Integer, default=0)
    owner: Mapped[str] = mapped_column(sa.String(36), default="")


def make_runner(database, owner, pause_s=0.0, lease_s=3.0):
    def step(name):
        def do(run):
            def note(session):
                found = session.execute(
                    sa.update(Effect).where(Effect.saga_id == run.id, Effect.step == name).values(runs=Effect.runs + 1)
                )
                if not found.rowcount:
                    session.add(Effect(saga_id=run.id, step=name, runs=1, owner=owner))

            database.transaction(note)
            clock.sleep(pause_s)

        return Step(name, do)

    saga = Saga("make", (step("a"), step("b"), step("c")))
    return Runner(database, SagaRow, {"make": saga}, None, owner=owner, threads=4, lease_s=lease_s)


@pytest.fixture
def sagas(database):
    Base.metadata.create_all(database.engine)

    def start(count):
        return [database.transaction(rows.insert, SagaRow, "make", f"r{n}", context.internal()) for n in range(count)]

    return start


def states(database):
    with database.read() as session:
        return dict(session.execute(sa.select(SagaRow.state, sa.func.count()).group_by(SagaRow.state)).all())


def effects(database):
    with database.read() as session:
        return session.execute(sa.select(Effect.saga_id, Effect.step, Effect.runs, Effect.owner)).all()


def test_two_conductors_share_the_work_and_do_nothing_twice(database, sagas):
    ids = sagas(60)
    runners = [make_runner(database, f"owner-{n}", pause_s=0.005) for n in range(2)]
    for runner in runners:
        runner.poke(ids)
    wait_for("end of all", lambda: states(database) == {"done": 60})
    for runner in runners:
        runner.stop()
    found = effects(database)
    assert len(found) == 180 and {e.runs for e in found} == {1}


def _conductor(url, owner, pause_s):
    database = Database(url)
    runner = make_runner(database, owner, pause_s)
    while True:
        runner.poll()
        runner.renew()
        clock.sleep(0.2)


def test_a_killed_conductors_sagas_are_taken_over(database, schema_url, sagas):
    sagas(8)
    child = multiprocessing.get_context("spawn").Process(target=_conductor, args=(schema_url, "dead", 0.6), daemon=True)
    child.start()
    wait_for("second step", lambda: any(e.step == "b" for e in effects(database)))
    os.kill(child.pid, signal.SIGKILL)
    child.join(10)
    before = states(database)
    assert before.get("running"), "the first conductor left something"
    runner = make_runner(database, "heir")
    runner.poll()
    clock.sleep(0.3)

    def done():
        runner.poll()
        return states(database) == {"done": 8}

    wait_for("end", done, 30)
    runner.stop()
    found = effects(database)
    assert {e.owner for e in found} == {"dead", "heir"} and len(found) == 24
    assert all(e.runs <= 2 for e in found), "only the step that was cut short is run again"


def test_a_stopping_conductor_gives_back_at_once(database, sagas):
    sagas(4)
    first = make_runner(database, "first", pause_s=0.3, lease_s=3600)
    first.poll()
    clock.sleep(0.1)
    first.stop()
    second = make_runner(database, "second", lease_s=3600)

    def done():
        second.poll()
        return states(database) == {"done": 4}

    wait_for("end", done, 20)
    second.stop()
