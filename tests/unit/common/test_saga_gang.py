"""Sagas that stand at the same step run together, and nobody suffers for another."""

import pytest

from common import clock, errors
from common.db import sagas as rows
from common.db.session import counted
from common.saga import LATER, NOTHING, Crash, Failure, Runner, Saga, Step, Wait
from tests.unit.common.test_saga import SagaRow, database, start, states

__all__ = ["database"]


class World:
    """What was done, and for whom."""

    def __init__(self, database, *steps, **kwargs):
        self.calls, self.wrote, self.undone, self.ends = [], [], [], []
        self.database = database
        saga = Saga("make", steps or (Step("a", self.alone, self.undo, together=self.together),),
                    on_all_done=lambda s, runs: self.ends.append(sorted(r.resource_id for r in runs)),
                    on_failed=lambda s, run, e: self.ends.append(f"{run.resource_id}: {e}"))
        self.runner = Runner(database, SagaRow, {"make": saga}, None, lease_s=30, **kwargs)

    def alone(self, run):
        self.calls.append([run.resource_id])
        run.share(lambda *_: None, run.resource_id)

    def undo(self, run):
        self.undone.append(run.resource_id)

    def note(self, session, items):
        self.wrote.append(sorted(items))

    def together(self, runs):
        self.calls.append([r.resource_id for r in runs])
        for run in runs:
            run.share(self.note, run.resource_id)
        return [None] * len(runs)


def begin(database, count=4, name="r"):
    for number in range(count):
        start(database, resource=f"{name}{number}")


def test_a_step_is_called_once_and_its_writes_are_joined(database):
    begin(database)
    world = World(database)
    world.runner.run_all()
    assert world.calls == [["r0", "r1", "r2", "r3"]] and world.wrote == [["r0", "r1", "r2", "r3"]]
    assert world.ends == [["r0", "r1", "r2", "r3"]] and set(states(database)) == {"done"}


def test_statements_do_not_grow_with_the_number(database):
    def cost(number):
        begin(database, number, f"{number}-")
        with counted(database) as seen:
            World(database, Step("a", lambda r: None), Step("b", lambda r: Wait(60))).runner.run_all()
        return len(seen)

    assert cost(2) == cost(20)


def test_a_joint_failure_is_sorted_out_one_by_one(database):
    begin(database)
    world = World(database)

    def alone(run):
        if run.resource_id == "r2":
            raise Failure("no room")

    world.runner.sagas["make"] = Saga("make", (Step("a", alone, world.undo, together=lambda runs: 1 / 0),),
                                      on_all_done=world.runner.sagas["make"].on_all_done,
                                      on_failed=world.runner.sagas["make"].on_failed)
    world.runner.run_all()
    assert world.undone == ["r2"] and world.ends == [["r0", "r1", "r3"], "r2: no room"]
    assert states(database) == ["done", "done", "failed", "done"]


def test_one_waits_while_the_others_go_on(database):
    begin(database)
    def together(runs):
        return [Wait(60) if r.resource_id == "r1" else None for r in runs]

    world = World(database, Step("a", lambda r: None, together=together))
    world.runner.run_all()
    assert world.ends == [["r0", "r2", "r3"]] and states(database) == ["done", "running", "done", "done"]


def test_one_that_was_cancelled_or_lost_leaves_the_others_alone(database):
    begin(database)

    def disturb(runs):
        database.transaction(rows.cancel, SagaRow, "r0")
        with database.write() as session:
            session.query(SagaRow).filter(SagaRow.resource_id == "r3").update({"owner": "thief"})
        return [None] * len(runs)

    world = World(database, Step("a", lambda r: None, lambda r: world.undone.append(r.resource_id), together=disturb),
                  Step("b", lambda r: None))
    world.runner.run_all()
    assert world.undone == ["r0"] and world.ends == [["r1", "r2"]]
    assert states(database) == ["cancelled", "done", "done", "running"]


def test_one_that_was_woken_looks_again(database):
    begin(database, 3)
    looks = []

    def look(run):
        looks.append(run.resource_id)
        return Wait(60) if looks.count(run.resource_id) == 1 else None

    def together(runs):
        found = [look(r) for r in runs]
        database.transaction(rows.wake, SagaRow, ["r1"])
        return found

    world = World(database, Step("a", look, together=together))
    world.runner.run_all()
    assert looks == ["r0", "r1", "r2", "r1"] and world.ends == [["r1"]]


@pytest.mark.parametrize("crash_at", range(12))
def test_a_conductor_may_die_after_any_step_of_any(database, crash_at):
    done, count = [], [0]

    def die(run, step):
        count[0] += 1
        if count[0] - 1 == crash_at:
            raise Crash()

    def make(name, how=None):
        def do(run):
            done.append((name, run.resource_id, run.fresh))
            run.share(lambda s, items: None, name)
            return how
        return Step(name, do)

    steps = (make("a", LATER), make("b"), make("c", NOTHING))
    with clock.frozen() as now:
        begin(database)
        with pytest.raises(Crash):
            World(database, *steps, after_step=die).runner.run_all()
        now.advance(31)
        second = World(database, *steps)
        second.runner.run_all()
    assert set(states(database)) == {"done"}
    for name in "abc":
        for resource in ("r0", "r1", "r2", "r3"):
            tries = [fresh for n, r, fresh in done if (n, r) == (name, resource)]
            assert tries and not any(tries[1:]), "a step that was tried before must know"


def test_writes_of_a_later_step_are_noted_with_the_next(database):
    start(database)
    wrote = []

    def first(run):
        run.write(lambda s: wrote.append("first"))
        return LATER

    def second(run):
        assert wrote == []
        run.write(lambda s: wrote.append("second"))
        return Wait(60)

    World(database, Step("a", first), Step("b", second)).runner.run_all()
    assert wrote == ["first", "second"]
    with database.read() as session:
        assert session.query(SagaRow).one().step == 1


def test_what_failed_writes_nothing_but_what_came_before_does(database):
    start(database)
    wrote = []

    def second(run):
        run.write(lambda s: wrote.append("second"))
        raise errors.Transient("not now")

    World(database, Step("a", lambda r: r.write(lambda s: wrote.append("first")) or LATER), Step("b", second)).runner.run_all()
    assert wrote == ["first"]
