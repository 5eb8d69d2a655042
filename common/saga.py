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

A step returns None (done), NOTHING (there was nothing to do) or a `Wait` (look again later, or when woken); raises
errors.Transient (try again soon) or anything else (undo everything, then `on_failed`).
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

from common import clock, errors, ids
from common.context import RequestContext
from common.db import sagas as rows
from common.db.session import Database
from common.worker import Worker

LOG = logging.getLogger(__name__)
_UNDO_TRIES_MAX = 20
_KEEP_ENDED_S = 3600.0


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
    context    the request that started it
    deps       the service's conductor: database, clients …
    step_age_s seconds since this step was first tried (over all conductors)
    attempt    how many times this step was tried before
    fresh      nobody can have tried this step before: it need not look for what an earlier try left
    memo       what steps read, for the next ones of this process; never written down
    """

    seq: int
    id: str
    kind: str
    resource_id: str
    data: dict[str, Any]
    context: RequestContext
    deps: Any
    step_started_at: datetime.datetime
    attempt: int = 0
    error: str | None = None
    fresh: bool = False
    memo: dict[str, Any] = field(default_factory=dict)
    writes: list[Callable[[orm.Session], Any]] = field(default_factory=list)

    def write(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call `function(session, …)` in the transaction that notes the end of this step, or its wait.

        For a step's own rows: cheaper than a transaction, and a conductor that lost the saga writes nothing.
        """
        self.writes.append(functools.partial(_call, function, args, kwargs))

    def apply(self, session: orm.Session) -> None:
        """Do what `write` collected (also for undos, which have to do it themselves)."""
        for work in self.writes:
            work(session)

    @property
    def step_age_s(self) -> float:
        """Seconds since this step was first tried."""
        return (clock.now() - self.step_started_at).total_seconds()


def _call(function: Callable[..., Any], args: Any, kwargs: Any, session: orm.Session) -> Any:
    return function(session, *args, **kwargs)


StepFunction = Callable[[Run], Wait | Nothing | None]
EndFunction = Callable[[orm.Session, Run], None]
FailFunction = Callable[[orm.Session, Run, Exception], None]


@dataclass(frozen=True)
class Step:
    """One step: `do` and its `undo` (both idempotent; `undo` also runs when `do` failed half-way).

    patience_s  how long errors.Transient is answered by trying again
    """

    name: str
    do: StepFunction
    undo: Callable[[Run], None] | None = None
    patience_s: float = 120.0


@dataclass(frozen=True)
class Saga:
    """A kind of operation. `on_done` and `on_failed` run in the transaction that ends the saga.

    `cancellable=False`: cancelling is ignored, the saga goes on to its end (deletes).
    """

    kind: str
    steps: tuple[Step, ...]
    on_done: EndFunction | None = None
    on_failed: FailFunction | None = None
    cancellable: bool = True


@dataclass
class Runner:
    """Runs the sagas of one service; every conductor process has one.

    `after_step(run, step name)` is a seam for tests: raising `Crash` there is the death of the process.
    """

    database: Database
    model: Any
    sagas: Mapping[str, Saga]
    deps: Any
    owner: str = field(default_factory=ids.uuid)
    threads: int = 16
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
            self._submit(self.database.transaction(rows.claim, self.model, self.owner, self.lease_s, limit=free))

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
            for row in claimed:
                self._run(row)
        raise RuntimeError("sagas do not come to an end")

    # claiming

    def _feed(self) -> None:
        """Claim from the backlog as much as there are free threads for."""
        while not self._stopping:
            with self._lock:
                free = self.threads - self._busy
                if free <= 0 or not self._backlog:
                    return
                batch = [self._backlog.popleft() for _ in range(min(free, len(self._backlog)))]
            self._submit(self.database.transaction(rows.claim, self.model, self.owner, self.lease_s, only=batch,
                                                   limit=len(batch)))

    def _submit(self, claimed: Sequence[Any]) -> None:
        for row in claimed:
            with self._lock:
                self._busy += 1
                self._in_hand.add(row.seq)
            self._pool.submit(self._work, row)

    def _work(self, row: Any) -> None:
        try:
            self._run(row)
        except errors.Stale as e:
            LOG.warning("saga %s (%s): %s", row.id, row.kind, e)
        except Exception:  # process edge: the saga stays in the table and is claimed again
            LOG.exception("saga %s (%s) was interrupted", row.id, row.kind)
            with self._lock:
                self._interrupted.append(row.seq)
        finally:
            oslo_context._request_store.context = None
            with self._lock:
                self._busy -= 1
                self._in_hand.discard(row.seq)
            self._feed()

    # running

    def _run(self, row: Any) -> None:
        run = Run(seq=row.seq, id=row.id, kind=row.kind, resource_id=row.resource_id, data=dict(row.data or {}),
                  context=RequestContext.from_message(row.context), deps=self.deps, attempt=row.attempt,
                  step_started_at=row.step_started_at or clock.now(), error=row.error)
        run.context.update_store()
        saga = self.sagas[row.kind]
        step, wakes = row.step, row.wakes
        if row.state == "running":
            outcome = self._forward(saga, run, step, wakes, bool(row.cancelled))
            if outcome is None:
                return
            step, failure = outcome
        else:
            failure = Cancelled("cancelled") if row.cancelled else Failure(row.error or "failed")
        if self._backward(saga, run, step, row.wakes):
            self._end_undone(saga, run, failure)

    def _forward(
        self, saga: Saga, run: Run, step: int, wakes: int, cancelled: bool
    ) -> tuple[int, Exception] | None:
        """Run steps from `step` on. None: ended or parked; else (step, why) from which to undo."""
        while step < len(saga.steps):
            if cancelled and saga.cancellable:
                return self._turn(run, step, Cancelled("cancelled"))
            current = saga.steps[step]
            fresh = run.fresh
            run.writes.clear()
            try:
                outcome = current.do(run)
            except errors.Transient as e:
                if run.step_age_s > current.patience_s:
                    return self._turn(run, step, e)
                LOG.warning("saga %s: %s is tried again: %s", run.kind, current.name, e)
                run.attempt += 1
                outcome = Wait(min(30.0, 0.5 * 2 ** min(run.attempt, 6)))
            except errors.Stale:
                raise
            except Exception as e:  # process edge: whatever went wrong is undone
                if not isinstance(e, Failure):
                    LOG.exception("saga %s of %s: step %s failed", run.kind, run.resource_id, current.name)
                return self._turn(run, step, e)
            run.fresh = False
            if isinstance(outcome, Wait):
                if self._park(run, step, outcome, wakes):
                    return None
                cancelled, wakes = self._checkpoint(run, step=step, data=run.data)
                continue
            step += 1
            run.attempt, run.step_started_at = 0, clock.now()
            self.after_step(run, current.name)
            if isinstance(outcome, Nothing) and not run.writes:
                run.fresh = fresh  # who takes over begins at the last step noted, not fresh
            elif step < len(saga.steps):
                cancelled, wakes = self._checkpoint(run, step=step, data=run.data, attempt=0,
                                                    step_started_at=run.step_started_at)
                run.fresh = True
        self._finish(run, "done", None, saga.on_done)
        LOG.info("saga %s of %s is done", run.kind, run.resource_id)
        return None

    def _turn(self, run: Run, step: int, why: Exception) -> tuple[int, Exception]:
        """Write down that the saga undoes itself from now on."""
        run.writes.clear()
        run.memo.clear()
        LOG.info("saga %s of %s turns back at step %d: %s", run.kind, run.resource_id, step, why)
        run.error = str(why)[:2000]
        if isinstance(why, Failure) and not isinstance(why, Cancelled):
            run.data["public_error"] = why.public
        self._checkpoint(run, state="undoing", step=step, error=run.error, data=run.data, attempt=0,
                         step_started_at=clock.now())
        return step, why

    def _backward(self, saga: Saga, run: Run, step: int, wakes: int) -> bool:
        """Undo from `step` down; False when it was parked to go on later."""
        for index in range(min(step, len(saga.steps) - 1), -1, -1):
            current = saga.steps[index]
            if current.undo is None:
                continue
            try:
                current.undo(run)
            except errors.Stale:
                raise
            except Exception as e:  # process edge: an undo is tried again and again
                run.attempt += 1
                if not isinstance(e, errors.Transient):
                    LOG.exception("saga %s of %s: undoing %s failed", run.kind, run.resource_id, current.name)
                if run.attempt < _UNDO_TRIES_MAX or isinstance(e, errors.Transient):
                    _, wakes = self._checkpoint(run, step=index, data=run.data)
                    self._park(run, index, Wait(min(60.0, 0.5 * 2 ** min(run.attempt, 7))), wakes)
                    return False
                LOG.error("saga %s of %s: giving up on undoing %s", run.kind, run.resource_id, current.name)
            self.after_step(run, f"undo {current.name}")
            run.attempt = 0
            self._checkpoint(run, step=index, data=run.data, attempt=0)
        return True

    def _end_undone(self, saga: Saga, run: Run, failure: Exception) -> None:
        if isinstance(failure, Cancelled):
            self._finish(run, "cancelled", run.error, None)
            return

        def failed(session: orm.Session, ended: Run) -> None:
            if saga.on_failed is not None:
                saga.on_failed(session, ended, failure)

        self._finish(run, "failed", run.error, failed)

    def _checkpoint(self, run: Run, **values: Any) -> tuple[bool, int]:
        def note(session: orm.Session) -> Any:
            run.apply(session)
            return rows.checkpoint(session, self.model, run.seq, self.owner, **values)

        cancelled, wakes = self.database.transaction(note)
        run.writes.clear()
        return bool(cancelled), int(wakes)

    def _park(self, run: Run, step: int, wait: Wait, wakes: int) -> bool:
        """Let go of the saga until it is woken; false when it was woken meanwhile: then go on with it."""
        def note(session: orm.Session) -> bool:
            run.apply(session)
            parked = rows.park(session, self.model, run.seq, self.owner, clock.after(wait.seconds), wakes, step=step,
                               data=run.data, attempt=run.attempt, step_started_at=run.step_started_at)
            if not parked:
                rows.checkpoint(session, self.model, run.seq, self.owner, step=step)  # errors.Stale: write nothing
            return parked

        parked = self.database.transaction(note)
        run.writes.clear()
        if wait.then is not None:
            try:
                wait.then()
            except errors.Transient as e:
                LOG.warning("saga %s of %s: %s", run.kind, run.resource_id, e)
        return parked

    def _finish(self, run: Run, state: str, error: str | None, ending: EndFunction | None) -> None:
        def end(session: orm.Session) -> list[str]:
            run.apply(session)
            if ending is not None:
                ending(session, run)
            rows.finish(session, self.model, run.seq, self.owner, state, error)
            return rows.followers(session, self.model, run.resource_id)

        followers = self.database.transaction(end)
        run.writes.clear()
        if followers:
            with self._lock:
                self._backlog.extend(followers)
