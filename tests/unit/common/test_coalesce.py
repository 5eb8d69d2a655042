"""Questions that come together are asked together; one that fails alone harms no other."""

import threading

import pytest

from common.coalesce import Coalescer


class Asked:
    def __init__(self, **kwargs):
        self.batches = []
        self.go = threading.Event()
        self.first = threading.Event()
        self.coalescer = Coalescer(self.work, **kwargs)

    def work(self, key, items):
        self.batches.append((key, list(items)))
        self.first.set()
        assert self.go.wait(10)
        if "bad" in items:
            raise ValueError(f"bad in {len(items)}")
        return [i.upper() for i in items]

    def crowd(self, items, key="k"):
        results = {}

        def ask(item):
            try:
                results[item] = self.coalescer.ask(key, item)
            except ValueError as e:
                results[item] = str(e)

        threads = [threading.Thread(target=ask, args=(i,)) for i in items]
        threads[0].start()
        assert self.first.wait(10)
        for thread in threads[1:]:
            thread.start()
        while len(self.coalescer._waiting.get(key, ())) < len(items) - 1:
            pass
        self.go.set()
        for thread in threads:
            thread.join(10)
        return results


def test_the_first_goes_at_once_and_the_others_together():
    asked = Asked()
    items = [f"i{n}" for n in range(8)]
    assert asked.crowd(items) == {i: i.upper() for i in items}
    assert [len(b) for _, b in asked.batches] == [1, 7]
    assert asked.coalescer._waiting == {}


def test_batches_have_a_bound():
    asked = Asked(batch_max=3)
    items = [f"i{n}" for n in range(8)]
    assert asked.crowd(items) == {i: i.upper() for i in items}
    assert [len(b) for _, b in asked.batches] == [1, 3, 3, 1]


def test_a_refusal_is_found_out_one_by_one():
    asked = Asked(apart=(ValueError,))
    assert asked.crowd(["a", "bad", "b"]) == {"a": "A", "bad": "bad in 1", "b": "B"}


def test_other_errors_are_everybodys():
    asked = Asked()
    assert asked.crowd(["a", "bad", "b"]) == {"a": "A", "bad": "bad in 2", "b": "bad in 2"}


def test_keys_are_asked_apart():
    asked = Asked()
    asked.go.set()
    assert asked.coalescer.ask("x", "a") == "A"
    assert asked.coalescer.ask("y", "b") == "B"
    assert asked.batches == [("x", ["a"]), ("y", ["b"])]


def test_an_error_leaves_nothing_behind():
    asked = Asked()
    asked.go.set()
    with pytest.raises(ValueError, match="bad in 1"):
        asked.coalescer.ask("x", "bad")
    assert asked.coalescer._waiting == {}
