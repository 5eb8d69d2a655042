"""Many threads' single questions asked as few joint ones.

The first to come asks at once; those that come while it waits for its answer are asked together, next. Alone, nobody
waits for company; in a crowd the number of messages (or requests) falls by the size of the crowd.
"""

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


@dataclass
class _Entry:
    item: Any
    ready: threading.Event = field(default_factory=threading.Event)
    leads: bool = False
    answer: Any = None
    error: BaseException | None = None


class Coalescer(Generic[T, R]):
    """Asks for many.

    work       called with (key, items); returns an answer for each item, in the same order. Items of different keys are
               never asked together
    apart      errors upon which the items of a joint question are asked one by one, so that none suffers for another;
               any other error is everybody's
    batch_max  items of one question
    """

    def __init__(self, work: Callable[[Any, list[T]], Sequence[R]], *, apart: tuple[type[Exception], ...] = (),
                 batch_max: int = 50) -> None:
        self.work, self.apart, self.batch_max = work, apart, batch_max
        self._lock = threading.Lock()
        self._waiting: dict[Hashable, list[_Entry]] = {}

    def ask(self, key: Hashable, item: T) -> R:
        """The answer to `item`; raises what `work` raised."""
        entry = _Entry(item)
        with self._lock:
            busy = key in self._waiting
            self._waiting.setdefault(key, []).append(entry)
        if busy:
            entry.ready.wait()
        if not busy or entry.leads:
            self._lead(key)
        if entry.error is not None:
            raise entry.error
        return entry.answer  # type: ignore[no-any-return]

    def _lead(self, key: Hashable) -> None:
        """Ask for everybody who waits now (this thread among them), then let the next one lead."""
        with self._lock:
            batch = self._waiting[key][: self.batch_max]
            self._waiting[key] = self._waiting[key][self.batch_max:]
        try:
            self._answer(key, batch)
        except self.apart:
            for entry in batch:
                try:
                    self._answer(key, [entry])
                except BaseException as e:
                    entry.error = e
        except BaseException as e:
            for entry in batch:
                entry.error = e
        finally:
            with self._lock:
                left = self._waiting[key]
                if left:
                    left[0].leads = True
                    left[0].ready.set()
                else:
                    del self._waiting[key]
            for entry in batch:
                entry.ready.set()

    def _answer(self, key: Hashable, batch: list[_Entry]) -> None:
        answers = self.work(key, [e.item for e in batch])
        for entry, answer in zip(batch, answers, strict=True):
            entry.answer = answer
