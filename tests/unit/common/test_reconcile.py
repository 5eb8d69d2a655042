"""Keyed loops: each key once, never twice at a time, again after a failure."""

import threading
from collections import Counter

import pytest

from common import clock, errors
from common.reconcile import Loop


class Bench:
    """A loop running in threads, and what its work saw."""

    def __init__(self, work=None, **kwargs):
        self.batches, self.running, self.overlaps = [], Counter(), []
        self.gate = threading.Event()
        self.gate.set()
        self.answer = work or (lambda batch: None)
        self.lock = threading.Lock()
        self.loop = Loop("test", self.work, **{"retry_s": 0.02, "threads": 3, **kwargs})
        self.threads = [threading.Thread(target=self.loop.run, daemon=True) for _ in range(self.loop.threads)]
        for thread in self.threads:
            thread.start()

    def work(self, batch):
        with self.lock:
            self.batches.append(batch)
            for key in batch:
                self.running[key] += 1
                if self.running[key] > 1:
                    self.overlaps.append(key)
        self.gate.wait(10)
        try:
            return self.answer(batch)
        finally:
            with self.lock:
                for key in batch:
                    self.running[key] -= 1

    @property
    def seen(self):
        return Counter(k for b in self.batches for k in b)

    def settle(self):
        deadline = clock.monotonic() + 10
        while not self.loop.idle():
            assert clock.monotonic() < deadline, "the loop does not come to rest"
            clock.sleep(0.005)

    def stop(self):
        self.loop.stop()
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive()


@pytest.fixture
def bench():
    made = []

    def make(*args, **kwargs):
        made.append(Bench(*args, **kwargs))
        return made[-1]

    yield make
    for item in made:
        item.gate.set()
        item.stop()


def test_pokes_of_a_waiting_key_are_one(bench):
    b = bench(threads=1)
    b.gate.clear()
    b.loop.poke(["busy"])
    while not b.batches:
        clock.sleep(0.005)
    for _ in range(5):
        b.loop.poke(["a", "b"])
    b.gate.set()
    b.settle()
    assert b.seen == {"busy": 1, "a": 1, "b": 1} and b.batches[1] == ["a", "b"]


def test_a_poke_during_the_pass_means_one_more_pass(bench):
    b = bench()
    b.gate.clear()
    b.loop.poke(["a"])
    while not b.batches:
        clock.sleep(0.005)
    for _ in range(3):
        b.loop.poke(["a"])
    b.gate.set()
    b.settle()
    assert b.seen == {"a": 2} and not b.overlaps


def test_a_key_is_never_worked_on_twice_at_a_time(bench):
    b = bench(lambda batch: clock.sleep(0.002), batch_max=2, threads=4)
    for _ in range(60):
        b.loop.poke(["a", "b", "c", "d", "e"])
        clock.sleep(0.001)
    b.settle()
    assert not b.overlaps and all(b.seen[k] >= 1 for k in "abcde")


def test_batches_have_a_limit(bench):
    b = bench(batch_max=10, threads=1)
    b.loop.poke([str(n) for n in range(35)])
    b.settle()
    assert [len(x) for x in b.batches] == [10, 10, 10, 5]


def test_what_failed_comes_again_until_it_works(bench):
    tries = Counter()

    def work(batch):
        tries.update(batch)
        return [k for k in batch if k == "bad" and tries[k] < 3]

    b = bench(work)
    b.loop.poke(["good", "bad"])
    b.settle()
    assert tries == {"good": 1, "bad": 3}


@pytest.mark.parametrize("error", [errors.Transient("away"), KeyError("bug")])
def test_an_exception_fails_the_whole_batch_and_ends_no_thread(bench, error, caplog):
    failures = [error]

    def work(batch):
        if failures:
            raise failures.pop()

    b = bench(work, threads=1)
    b.loop.poke(["a", "b"])
    b.settle()
    assert b.seen == {"a": 2, "b": 2}
    assert ("test: away" in caplog.text) == isinstance(error, errors.Transient)


def test_retries_wait_ever_longer():
    with clock.frozen() as now:
        loop = Loop("test", lambda batch: batch, retry_s=1)
        waits = []
        loop.poke(["a"])
        for _ in range(9):
            batch = loop._take()
            loop._done(batch, set(batch))
            waits.append(loop._later[0][0] - now.now_s)
            now.advance(waits[-1])
        assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_later_look(bench):
    b = bench(retry_s=0.05)
    b.loop.poke_later(["a"])
    assert b.seen == {}
    b.settle()
    assert b.seen == {"a": 1}


def test_a_retry_that_comes_due_while_its_key_runs_is_not_lost(bench):
    b = bench(retry_s=0.02, threads=1)
    b.gate.clear()
    b.loop.poke(["a"])
    while not b.batches:
        clock.sleep(0.005)
    b.loop.poke_later(["a"])
    other = threading.Thread(target=b.loop.run, daemon=True)
    other.start()
    clock.sleep(0.1)
    b.gate.set()
    b.settle()
    assert b.seen["a"] == 2
    b.stop()
    other.join(5)
