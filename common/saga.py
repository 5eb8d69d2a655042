"""Sagas: durable operations that end in success or leave nothing behind.

A saga is a table of steps, each with its undo. Its row is inserted in the same
transaction that changes the resource; a conductor claims it, runs its steps one after the other and
writes down each one. Whoever dies is replaced by any other conductor when its
lease is over, which runs the same step again: steps are idempotent.

    CREATE = Saga("server_create", (
        Step("claim", claim_host, undo=release_host),
        Step("ports", make_ports, undo=delete_ports),
        Step("await_active", await_active),
    ), on_done=mark_active, on_failed=mark_error)

A step returns None (done), LATER (done, and need not be written down yet), NOTHING (there was nothing to do) or a `Wait`
(look again later, or when woken); raises errors.Transient (try again soon) or anything else (undo everything, then
`on_failed`). Sagas of one kind that stand at the same step when they are claimed run together (common.saga_gang): a step
with `together` is called once for all of them, and their progress is one transaction.
"""

import datetime
import functools
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from oslo_context import context as oslo_context
from sqlalchemy import orm

from common import clock, ids
from common.context import RequestContext
from common.db import sagas as rows
from common.db.session import Database
from common.worker import Worker

LOG = logging.getLogger(__name__)
_KEEP_ENDED_S = 3600.0
_CLAIM_MAX = 100


@dataclass(frozen=True)
class Wait:
    """What a step returns when it cannot go on yet: look again in `seconds`, or as soon as somebody wakes the saga.

    `then` is called once that is written down (a poke of whoever will wake it; one that is lost must do no harm).
    """

    seconds: float = 10.0
    then: Callable[[], None] | None = None


class Nothing:
    """What a step returns that changed nothing, here or elsewhere, and left no data: its end need not be written down."""


NOTHING = Nothing()


class Later:
    """What a step returns whose end may be noted (and what it gave to `Run.write`) together with the next step's: should the
    process die before, the step runs again."""


LATER = Later()


class Failure(Exception):
    """A step cannot succeed: `public` is for the tenant, the exception's text for operators."""

    def __init__(self, message: str, public: str | None = None) -> None:
        super().__init__(message)
        self.public = public or message


class Cancelled(Failure):
    """The saga was cancelled (its resource is being deleted)."""


class Crash(BaseException):
    """For tests: the process dies here. Nothing is written, nothing is given back."""


@dataclass
class Run:
    """One saga being run, as its steps see it.

    data       JSON values that steps leave for later steps and undos; written down after every step
    deps       the service's conductor: database, clients …
    step       the number of the step in hand
    attempt    how many times this step was tried before
    fresh      nobody can have tried this step before: it need not look for what an earlier try left
    memo       what steps read, for the next ones of this process; never written down
    """

    seq: int
    id: str
    kind: str
    resource_id: str
    data: dict[str, Any]
    message: Mapping[str, Any]
    deps: Any
    step_started_at: datetime.datetime
    step: int = 0
    attempt: int = 0
    wakes: int = 0
    cancelled: bool = False
    error: str | None = None
    fresh: bool = False
    memo: dict[str, Any] = field(default_factory=dict)
    noted: dict[str, Any] = field(default_factory=dict)
    writes: list[tuple[Callable[..., Any], Any]] = field(default_factory=list)

    @functools.cached_property
    def context(self) -> RequestContext:
        """The request that started it."""
        return RequestContext.from_message(dict(self.message or {}))

    def write(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call `function(session, …)` in the transaction that notes the end of this step, or its wait.

        For a step's own rows: cheaper than a transaction, and a conductor that lost the saga writes nothing.
        """
        self.writes.append((functools.partial(_call, function, args, kwargs), _ALONE))

    def share(self, function: Callable[[orm.Session, list[Any]], Any], item: Any) -> None:
        """As `write`, but `function(session, items)` is called once with the items of all sagas that end the step together."""
        self.writes.append((function, item))

    def apply(self, session: orm.Session) -> None:
        """Do what `write` collected (also for undos, which have to do it themselves)."""
        apply(session, [self])

    @property
    def step_age_s(self) -> float:
        """Seconds since this step was first tried, over all conductors."""
        return (clock.now() - self.step_started_at).total_seconds()


_ALONE = object()


def apply(session: orm.Session, runs: Sequence[Run]) -> None:
    """Do what `Run.write` and `Run.share` collected, in the order in which it was asked for first."""
    shared: dict[Any, list[Any]] = {}
    for run in runs:
        for function, item in run.writes:
            shared.setdefault(function, []).append(item)
    for function, items in shared.items():
        if items[0] is _ALONE:
            function(session)
        else:
            function(session, items)


def _call(function: Callable[..., Any], args: Any, kwargs: Any, session: orm.Session) -> Any:
    return function(session, *args, **kwargs)


Outcome = Wait | Nothing | Later | None
EndFunction = Callable[[orm.Session, Run], None]
FailFunction = Callable[[orm.Session, Run, Exception], None]


@dataclass(frozen=True)
class Step:
    """One step: `do` and its `undo` (both idempotent; `undo` also runs when `do` failed half-way).

    together    the same for several sagas at once: called with their Runs, returns an outcome or the exception of each. What it
                raises is everybody's: they are then tried one by one
    patience_s  how long errors.Transient is answered by trying again
    """

    name: str
    do: Callable[[Run], Outcome]
    undo: Callable[[Run], None] | None = None
    patience_s: float = 120.0
    together: Callable[[list[Run]], Sequence[Outcome | Exception]] | None = None


@dataclass(frozen=True)
class Saga:
    """A kind of operation. `on_done` and `on_failed` run in the transaction that ends the saga.

    `on_all_done` stands for `on_done`, with all sagas that end together. `cancellable=False`: cancelling is ignored, the
    saga goes on to its end (deletes).
    """

    kind: str
    steps: tuple[Step, ...]
    on_done: EndFunction | None = None
    on_failed: FailFunction | None = None
    cancellable: bool = True
    on_all_done: Callable[[orm.Session, list[Run]], None] | None = None


@dataclass
class Runner:
    """Runs the sagas of one service; every conductor process has one.

    `lanes`: how many threads take up what they were poked about; what comes meanwhile waits a moment, and goes on together.
    Few are good where steps have a `together`, all of `threads` (the default) where steps are long.
    `after_step(run, step name)` is a seam for tests: raising `Crash` there is the death of the process.
    """

    database: Database
    model: Any
    sagas: Mapping[str, Saga]
    deps: Any
    owner: str = field(default_factory=ids.uuid)
    threads: int = 16
    lanes: int | None = None
    lease_s: float = 30.0
    after_step: Callable[[Run, str], None] = lambda run, step: None

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="saga")
        self._backlog: deque[str] = deque()
        self._busy = 0
        self._in_hand: set[int] = set()
        self._interrupted: list[int] = []
        self._lock = threading.Lock()
        self._stopping = False

    # from outside

    def attach(self, worker: Worker) -> None:
        """Let `worker` renew leases, look for forgotten sagas, and give back what is held at its end."""
        conf = worker.conf.worker
        self.lease_s = float(conf.saga_lease_s)
        worker.every("saga-lease", conf.saga_lease_s / 3, self.renew, at_once=False)
        worker.every("saga-poll", conf.saga_poll_s, self.poll)
        worker.every("saga-purge", 600, self.purge, at_once=False)
        worker.on_stop(self.stop)

    def poke(self, saga_ids: Iterable[str]) -> None:
        """Run these sagas soon; returns at once."""
        with self._lock:
            self._backlog.extend(saga_ids)
        self._feed()

    def wake(self, resource_ids: Sequence[str]) -> None:
        """Something happened to these resources: let their parked sagas look again."""
        self.poke(self.database.transaction(rows.wake, self.model, list(resource_ids)))

    def poll(self) -> None:
        """Claim whatever may be claimed: what nobody was poked about, what a dead conductor held."""
        self._give_back()
        with self._lock:
            free = self.threads - self._busy
        if free > 0 and not self._stopping:
            self._submit(self.database.transaction(rows.claim, self.model, self.owner, self.lease_s, limit=_CLAIM_MAX))

    def _give_back(self) -> None:
        """What was interrupted (the database was away) may be claimed again, by anybody."""
        with self._lock:
            seqs, self._interrupted = self._interrupted, []
        if seqs:
            try:
                self.database.transaction(rows.let_go, self.model, self.owner, seqs)
            except BaseException:
                with self._lock:
                    self._interrupted += seqs
                raise

    def renew(self) -> None:
        """Prolong the leases of what is in hand, and of nothing else: what this process lost track of must become free."""
        with self._lock:
            seqs = list(self._in_hand)
        if seqs:
            self.database.transaction(rows.renew, self.model, self.owner, self.lease_s, seqs)

    def purge(self) -> None:
        """Forget sagas that ended an hour ago."""
        self.database.transaction(rows.purge, self.model, _KEEP_ENDED_S)

    def stop(self) -> None:
        """Finish the steps in hand, then give everything back to the other conductors."""
        self._stopping = True
        self._pool.shutdown(wait=True, cancel_futures=True)
        self.database.transaction(rows.release, self.model, self.owner)

    def run_all(self, *, rounds_max: int = 1000) -> None:
        """For tests: run in this thread everything that may be claimed, until nothing may."""
        for _ in range(rounds_max):
            claimed = self.database.transaction(rows.claim, self.model, self.owner, self.lease_s, limit=20)
            if not claimed:
                return
            for group in _groups(claimed):
                self._gang(group).go()
        raise RuntimeError("sagas do not come to an end")

    def _gang(self, group: Sequence[Any]) -> Any:
        from common.saga_gang import Gang

        return Gang(self, group)

    # from gangs

    def interrupted(self, seqs: Iterable[int]) -> None:
        """These could not go on for some reason of this process; they are given back with the next look."""
        with self._lock:
            self._interrupted += seqs

    def follow(self, saga_ids: Sequence[str]) -> None:
        """Sagas that may go on because others ended; they are claimed when a thread is free."""
        with self._lock:
            self._backlog.extend(saga_ids)

    # claiming

    def _feed(self) -> None:
        """Claim from the backlog as long as there are free threads."""
        while not self._stopping:
            with self._lock:
                if self._busy >= (self.lanes or self.threads) or not self._backlog:
                    return
                batch = [self._backlog.popleft() for _ in range(min(_CLAIM_MAX, len(self._backlog)))]
            self._submit(self.database.transaction(rows.claim, self.model, self.owner, self.lease_s, only=batch,
                                                   limit=len(batch)))

    def _submit(self, claimed: Sequence[Any]) -> None:
        for group in _groups(claimed):
            with self._lock:
                self._busy += 1
                self._in_hand.update(row.seq for row in group)
            self._pool.submit(self._work, group)

    def _work(self, group: Sequence[Any]) -> None:
        gang = self._gang(group)
        try:
            gang.go()
        except Exception:  # process edge: the sagas stay in the table and are claimed again
            LOG.exception("sagas %s (%s) were interrupted", ", ".join(row.id for row in group[:5]), group[0].kind)
            self.interrupted(gang.open)
        finally:
            oslo_context._request_store.context = None
            with self._lock:
                self._busy -= 1
                self._in_hand.difference_update(row.seq for row in group)
            self._feed()


def _groups(claimed: Sequence[Any]) -> list[list[Any]]:
    """Claimed sagas by kind, state and step: each group runs in a thread. What is undone runs alone."""
    found: dict[Any, list[Any]] = {}
    for row in claimed:
        found.setdefault((row.kind, row.step, row.seq if row.state != "running" else 0), []).append(row)
    return list(found.values())

