"""Sagas: every step may be the last thing a conductor does, and the end is the same."""

import pytest

from common import clock, context, errors
from common.db import models
from common.db import sagas as rows
from common.db.session import Database
from common.saga import Crash, Failure, Runner, Saga, Step, Wait

Base = models.make_base()


class SagaRow(models.SagaColumns, Base):
    """The table under test."""

    __tablename__ = "sagas"


@pytest.fixture
def database(tmp_path):
    made = Database(f"sqlite:///{tmp_path}/sagas.db")
    Base.metadata.create_all(made.engine)
    yield made
    made.dispose()


class World:
    """What the steps change, outside the database; each effect is a set member, so doing it twice shows."""

    def __init__(self):
        self.things, self.ends, self.log = set(), [], []

    def step(self, name, fail=None):
        def do(run):
            self.log.append(name)
            self.things.add(name)
            if fail is not None:
                raise fail
            run.data[name] = True

        def undo(run):
            self.things.discard(name)

        return Step(name, do, undo)


def start(database, kind="make", resource="r1"):
    return database.transaction(rows.insert, SagaRow, kind, resource, context.internal())


def runner(database, world, *steps, **kwargs):
    saga = Saga("make", tuple(steps), on_done=lambda s, r: world.ends.append("done"),
                on_failed=lambda s, r, e: world.ends.append(str(e)))
    gone = Saga("remove", (Step("remove", lambda r: world.things.clear()),), cancellable=False,
                on_done=lambda s, r: world.ends.append("removed"))
    return Runner(database, SagaRow, {"make": saga, "remove": gone}, None, lease_s=30, **kwargs)


def states(database):
    with database.read() as session:
        return [r.state for r in session.query(SagaRow).order_by(SagaRow.seq)]


def test_all_steps_run_once_and_in_order(database):
    world = World()
    start(database)
    runner(database, world, world.step("a"), world.step("b")).run_all()
    assert world.log == ["a", "b"] and world.ends == ["done"] and states(database) == ["done"]


def test_failure_undoes_everything(database):
    world = World()
    start(database)
    runner(database, world, world.step("a"), world.step("b", Failure("no room"))).run_all()
    assert world.things == set() and world.ends == ["no room"] and states(database) == ["failed"]


@pytest.mark.parametrize("fail", [None, Failure("broken")])
@pytest.mark.parametrize("crash_at", range(6))
def test_a_conductor_may_die_after_any_step(database, crash_at, fail):
    world, count = World(), [0]

    def die(run, step):
        count[0] += 1
        if count[0] - 1 == crash_at:
            raise Crash()

    steps = [world.step("a"), world.step("b"), world.step("c", fail)]
    with clock.frozen() as now:
        start(database)
        try:
            runner(database, world, *steps, after_step=die).run_all()
        except Crash:
            assert states(database) in (["running"], ["undoing"])
            second = runner(database, world, *steps)
            second.run_all()
            assert states(database) in (["running"], ["undoing"]), "a lease that holds must be respected"
            now.advance(31)
            second.run_all()
    assert world.ends == ["broken" if fail else "done"]
    assert world.things == (set() if fail else {"a", "b", "c"})


@pytest.mark.parametrize("why,public", [(Failure("10.1.2.3 has no room", public="No room."), "No room."),
                                        (ValueError("10.1.2.3 is not a port"), "Internal error")])
def test_who_goes_on_undoing_tells_a_tenant_no_more_than_who_began(database, why, public):
    world = World()

    def die(run, step):
        if step.startswith("undo"):
            raise Crash()

    seen = []
    saga = Saga("make", (world.step("a"), world.step("b", why)), on_failed=lambda session, run, error: seen.append(error.public))
    with clock.frozen() as now:
        start(database)
        with pytest.raises(Crash):
            Runner(database, SagaRow, {"make": saga}, None, after_step=die).run_all()
        now.advance(31)
        Runner(database, SagaRow, {"make": saga}, None).run_all()
    assert seen == [public]


def test_waiting_parks_until_woken(database):
    world, ready = World(), []
    wait = Step("wait", lambda run: None if ready else Wait(60))
    start(database)
    with clock.frozen() as now:
        made = runner(database, world, wait)
        made.run_all()
        assert states(database) == ["running"]
        ready.append(1)
        made.run_all()
        assert world.ends == []
        database.transaction(rows.wake, SagaRow, ["r1"])
        made.run_all()
        assert world.ends == ["done"]
        now.advance(1)


def test_a_wake_during_the_step_is_not_lost(database):
    world, seen = World(), []

    def do(run):
        seen.append(1)
        if len(seen) == 1:
            database.transaction(rows.wake, SagaRow, ["r1"])
            return Wait(3600)
        return None

    start(database)
    runner(database, world, Step("wait", do)).run_all()
    assert world.ends == ["done"]


def test_transient_errors_are_tried_again_then_given_up(database):
    world = World()

    def do(run):
        raise errors.Transient("not now")

    start(database)
    with clock.frozen() as now:
        made = runner(database, world, world.step("a"), Step("b", do, patience_s=10))
        for _ in range(10):
            made.run_all()
            now.advance(5)
        assert world.ends == ["not now"] and world.things == set()


def test_delete_cancels_and_comes_after(database):
    world = World()
    start(database)

    def cancel(run, step):
        if step == "a":
            database.transaction(rows.cancel, SagaRow, "r1", kinds=["make"])
            start(database, "remove")

    made = runner(database, world, world.step("a"), world.step("b"), after_step=cancel)
    made.run_all()
    assert world.log == ["a"] and world.ends == ["removed"] and states(database) == ["cancelled", "done"]


def test_lease_lost_stops_the_old_owner(database):
    world = World()
    start(database)
    with clock.frozen() as now:
        other = runner(database, world, world.step("a"))

        def steal(run):
            now.advance(31)
            other.run_all()

        runner(database, world, Step("slow", steal), world.step("b")).run_all()
    assert world.ends == ["done"] and world.log == ["a"]


def test_threads_run_what_is_poked(database):
    world = World()
    made = runner(database, world, world.step("a"))
    made.poke([start(database, resource=f"r{i}") for i in range(40)])
    deadline = clock.monotonic() + 20
    while len(world.ends) < 40 and clock.monotonic() < deadline:
        clock.sleep(0.02)
    made.stop()
    assert len(world.ends) == 40 and set(states(database)) == {"done"}


def test_what_was_interrupted_is_taken_up_again(database):
    world, hiccups = World(), [1]

    def lose_the_database(run, step):
        if hiccups:
            hiccups.pop()
            raise errors.Transient("database: gone away")

    made = runner(database, world, world.step("a"), world.step("b"), after_step=lose_the_database)
    made.poke([start(database)])
    deadline = clock.monotonic() + 20
    while not world.ends and clock.monotonic() < deadline:
        made.renew()
        made.poll()
        clock.sleep(0.02)
    made.stop()
    assert world.ends == ["done"]


def test_only_what_is_in_hand_keeps_its_lease(database):
    world = World()
    start(database)
    with clock.frozen() as now:
        lost = runner(database, world, world.step("a"))
        assert database.transaction(rows.claim, SagaRow, lost.owner, 30)
        now.advance(20)
        lost.renew()
        now.advance(20)
        runner(database, world, world.step("a")).run_all()
    assert world.ends == ["done"]
