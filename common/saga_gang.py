"""Running claimed sagas: several of one kind that stand at the same step go on together, step by step.

What they note of their progress is one transaction with a few statements, however many they are. Whatever goes wrong there,
or concerns one of them alone (a failure, a wait, a lost lease), is done again for each by itself.
"""

import datetime
import logging
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from sqlalchemy import orm

from common import clock, errors
from common import saga as declared
from common.db import sagas as rows
from common.saga import Cancelled, Failure, Later, Nothing, Run, Saga, Step, Wait

LOG = logging.getLogger(__name__)
_UNDO_TRIES_MAX = 20


class _Apart(Exception):
    """Not everything could be noted for all of them at once."""


def _notable(run: Run) -> dict[str, Any]:
    """The columns that tell how far a saga is, as they are compared; `data` as JSON."""
    return {"step": run.step, "data": orjson.dumps(run.data, default=str), "attempt": run.attempt,
            "step_started_at": run.step_started_at}


class Gang:
    """Claimed sagas of one kind, at the same step and in the same state. `open`: those (by seq) not let go of yet."""

    def __init__(self, runner: Any, claimed: Sequence[Any]) -> None:
        self.runner, self.database, self.model, self.owner = runner, runner.database, runner.model, runner.owner
        self.saga: Saga = runner.sagas[claimed[0].kind]
        self.undoing = claimed[0].state != "running"
        self.runs = [self._run(row) for row in claimed]
        self.open = {run.seq for run in self.runs}

    def _run(self, row: Any) -> Run:
        data = dict(row.data or {})
        started = row.step_started_at or clock.now()
        run = Run(seq=row.seq, id=row.id, kind=row.kind, resource_id=row.resource_id, data=data, message=row.context,
                  deps=self.runner.deps, step_started_at=started, step=row.step, attempt=row.attempt, wakes=row.wakes,
                  cancelled=bool(row.cancelled), error=row.error, fresh=row.step_started_at is None)
        run.noted = _notable(run)
        return run

    def go(self) -> None:
        """Run them until each is ended, parked or lost to another conductor."""
        self.runs[0].context.update_store()
        if self.undoing:
            run = self.runs[0]
            told = Failure(run.error or "failed", public=run.data.get("public_error", "Internal error"))
            self._alone(run, lambda: self._back(run, Cancelled("cancelled") if run.cancelled else told))
            return
        waiting = [self.runs]
        while waiting:
            again, failed = self._forward(waiting.pop())
            waiting += [[run] for run in again]
            for run, why in failed:
                self._alone(run, lambda run=run, why=why: self._turn(run, why))  # type: ignore[misc]

    def _alone(self, run: Run, work: Callable[[], Any]) -> Any:
        """`work` for one of them: what another conductor holds now is its business, and what fails must not stop the others."""
        run.context.update_store()
        try:
            return work()
        except errors.Stale as e:
            self._lost(run, e)
        except errors.Transient:
            raise
        except Exception:  # process edge: the saga stays in the table and is claimed again
            LOG.exception("saga %s (%s) was interrupted", run.id, run.kind)
            self.runner.interrupted([run.seq])
            self.open.discard(run.seq)
        return None

    def _lost(self, run: Run, why: Exception) -> None:
        LOG.warning("saga %s (%s): %s", run.id, run.kind, why)
        self.open.discard(run.seq)

    # forward

    def _forward(self, runs: list[Run]) -> tuple[list[Run], list[tuple[Run, Exception]]]:
        """Run steps while there are sagas to go on with: (those that were woken meanwhile, those that failed and why)."""
        again: list[Run] = []
        failed: list[tuple[Run, Exception]] = []
        while runs:
            if self.saga.cancellable:
                failed += [(run, Cancelled("cancelled")) for run in runs if run.cancelled]
                runs = [run for run in runs if not run.cancelled]
                if not runs:
                    break
            if runs[0].step >= len(self.saga.steps):
                self._finish(runs, "done", None)
                break
            current = self.saga.steps[runs[0].step]
            outcomes = self._outcomes(current, runs)
            for run, why in outcomes:
                if isinstance(why, errors.Stale):
                    self._lost(run, why)
                elif isinstance(why, Exception):
                    failed.append((run, why))
            parked = [(run, wait) for run, wait in outcomes if isinstance(wait, Wait)]
            ended = [(run, how) for run, how in outcomes if not isinstance(how, Exception | Wait)]
            again += self._park(parked)
            runs = self._advance(current, ended)
        return again, failed

    def _outcomes(self, current: Step, runs: list[Run]) -> list[tuple[Run, Any]]:
        """What the step came to for each; a Transient that may pass is a Wait."""
        marks = [len(run.writes) for run in runs]
        found: Sequence[Any]
        if current.together is None or len(runs) == 1:
            found = [self._one(current, run) for run in runs]
        else:
            try:
                found = current.together(runs)
            except Exception as e:  # process edge: one of them must not spoil it for the others
                LOG.warning("saga %s: %s of %d failed, each is tried alone: %s", self.saga.kind, current.name, len(runs), e)
                for run, mark in zip(runs, marks, strict=True):
                    del run.writes[mark:]
                    run.fresh = False
                found = [self._one(current, run) for run in runs]
        outcomes = []
        for run, mark, how in zip(runs, marks, found, strict=True):
            if isinstance(how, Exception):
                del run.writes[mark:]
                how = self._judged(current, run, how)
            if isinstance(how, Nothing) and len(run.writes) > mark:
                how = None
            outcomes.append((run, how))
        return outcomes

    def _one(self, current: Step, run: Run) -> Any:
        if len(self.runs) > 1:
            run.context.update_store()
        try:
            return current.do(run)
        except Exception as e:  # process edge: whatever went wrong is undone, or tried again; `_judged` logs it
            LOG.debug("saga %s of %s: %s: %s", run.kind, run.resource_id, current.name, e)
            return e

    def _judged(self, current: Step, run: Run, error: Exception) -> Any:
        """What an error comes to: a Wait, or itself."""
        if isinstance(error, errors.Stale):
            return error
        if isinstance(error, errors.Transient) and run.step_age_s <= current.patience_s:
            LOG.warning("saga %s: %s is tried again: %s", run.kind, current.name, error)
            run.attempt += 1
            return Wait(min(30.0, 0.5 * 2 ** min(run.attempt, 6)))
        if not isinstance(error, Failure | errors.Transient):
            LOG.error("saga %s of %s: step %s failed", run.kind, run.resource_id, current.name,
                      exc_info=(type(error), error, error.__traceback__))
        return error

    def _advance(self, current: Step, ended: list[tuple[Run, Any]]) -> list[Run]:
        """Note the end of the step where that is due; those that go on with the next."""
        now = clock.now()
        due = []
        for run, how in ended:
            run.step, run.attempt, run.step_started_at = run.step + 1, 0, now
            self.runner.after_step(run, current.name)
            if not isinstance(how, Nothing | Later) and run.step < len(self.saga.steps):
                due.append(run)
        kept = {run.seq for run in self._note(due, self._checkpoint)}
        for run in due:
            run.fresh = True
        left = {run.seq for run in due}
        return [run for run, _ in ended if run.seq not in left or run.seq in kept]

    def _park(self, parked: list[tuple[Run, Wait]]) -> list[Run]:
        """Let go of sagas until they are woken; those that were woken meanwhile, to go on with."""
        if not parked:
            return []
        now = clock.now()
        until = {run.seq: now + datetime.timedelta(seconds=wait.seconds) for run, wait in parked}

        def note(session: orm.Session, runs: list[Run]) -> list[Run]:
            values = {run.seq: self._news(run) | {"owner": None, "lease_until": None, "wake_at": until[run.seq]}
                      for run in runs}
            if not self._write(session, runs, values, unwoken=True):
                return self._checkpoint(session, runs)  # it was woken, or is not ours any more
            declared.apply(session, runs)
            return []

        runs = [run for run, _ in parked]
        woken = self._note(runs, note)
        for run in woken:
            run.fresh = False
        still = {run.seq for run in woken}
        self.open.difference_update(run.seq for run in runs if run.seq not in still)
        then: dict[Any, None] = {wait.then: None for _, wait in parked if wait.then is not None}
        for function in then:
            try:
                function()
            except errors.Transient as e:
                LOG.warning("saga %s: %s", self.saga.kind, e)
        return woken

    # notes

    def _note(self, runs: list[Run], work: Callable[[orm.Session, list[Run]], list[Run]]) -> list[Run]:
        """`work` in one transaction for all of `runs`, or, when that does not go, in one for each; what it returned."""
        if not runs:
            return []
        found: list[Run] | None = None
        if len(runs) > 1:
            try:
                found = self.database.transaction(work, runs)
            except errors.Transient:
                raise
            except Exception as e:  # process edge: whose fault it was shows when each is noted alone
                LOG.log(logging.INFO if isinstance(e, _Apart) else logging.WARNING, "saga %s: %d are noted one by one: %s",
                        self.saga.kind, len(runs), e)
        if found is None:
            found = [kept for run in runs
                     for kept in self._alone(run, lambda run=run: self.database.transaction(work, [run])) or ()]  # type: ignore[misc]
        self._noted(runs)
        return found

    @staticmethod
    def _noted(runs: list[Run]) -> None:
        """What was to be written stands."""
        for run in runs:
            run.writes.clear()
            run.noted = _notable(run)

    def _news(self, run: Run) -> dict[str, Any]:
        """Columns of a saga that are not as they were noted last."""
        return {name: value for name, value in _notable(run).items() if value != run.noted[name]}

    def _write(self, session: orm.Session, runs: list[Run], values: dict[int, dict[str, Any]], *, unwoken: bool = False) -> bool:
        """Set columns of sagas that are still held (and unwoken), equal ones together. False when a single one is not;
        _Apart when some of several are not."""
        groups: dict[Any, list[Run]] = {}
        for run in runs:
            groups.setdefault((run.wakes if unwoken else None, tuple(values[run.seq].items())), []).append(run)
        held = 0
        for (wakes, items), members in groups.items():
            columns = {name: orjson.loads(value) if name == "data" else value for name, value in items}
            held += rows.change_held(session, self.model, [run.seq for run in members], self.owner, columns, wakes_seen=wakes)
        if held != len(runs) > 1:
            raise _Apart("some are not held any more, or were woken")
        return held == len(runs)

    def _checkpoint(self, session: orm.Session, runs: list[Run], **values: Any) -> list[Run]:
        """Note progress, and learn who was cancelled or woken; errors.Stale when a single one is not held any more."""
        self._write(session, runs, {run.seq: {**self._news(run), **values} for run in runs})
        found = rows.signals(session, self.model, [run.seq for run in runs])
        for run in runs:
            cancelled, wakes, owner = found.get(run.seq, (False, 0, None))
            if owner != self.owner:
                raise errors.Stale(f"saga {run.id} is no longer held by {self.owner}")
            run.cancelled, run.wakes = bool(cancelled), int(wakes)
        declared.apply(session, runs)
        return runs

    # back

    def _turn(self, run: Run, why: Exception) -> None:
        """Write down that the saga undoes itself from now on, and begin."""
        run.memo.clear()
        LOG.info("saga %s of %s turns back at step %d: %s", run.kind, run.resource_id, run.step, why)
        run.error = str(why)[:2000]
        if isinstance(why, Failure) and not isinstance(why, Cancelled):
            run.data["public_error"] = why.public
        run.attempt = 0
        self.database.transaction(self._checkpoint, [run], state="undoing", error=run.error, step_started_at=clock.now())
        self._noted([run])
        self._back(run, why)

    def _back(self, run: Run, why: Exception) -> None:
        """Undo from the step in hand down, then end; or park, to go on later."""
        for index in range(min(run.step, len(self.saga.steps) - 1), -1, -1):
            current = self.saga.steps[index]
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
                    run.writes.clear()
                    run.step = index
                    self.database.transaction(self._checkpoint, [run])
                    self._noted([run])
                    self._park([(run, Wait(min(60.0, 0.5 * 2 ** min(run.attempt, 7))))])
                    self.open.discard(run.seq)
                    return
                LOG.error("saga %s of %s: giving up on undoing %s", run.kind, run.resource_id, current.name)
            self.runner.after_step(run, f"undo {current.name}")
            run.attempt, run.step = 0, index
            self.database.transaction(self._checkpoint, [run])
            self._noted([run])
        self._finish([run], "cancelled" if isinstance(why, Cancelled) else "failed", why)

    # the end

    def _finish(self, runs: list[Run], state: str, why: Exception | None) -> None:
        """End them, each with what its kind does then."""
        followers: list[str] = []

        def end(session: orm.Session, runs: list[Run]) -> list[Run]:
            values: dict[str, Any] = {"state": state, "error": runs[0].error if why else None, "owner": None, "lease_until": None,
                                      "wake_at": None, "finished_at": clock.now(), "context": {}}
            if rows.change_held(session, self.model, [run.seq for run in runs], self.owner, values) != len(runs):
                raise _Apart("some are not held any more") if len(runs) > 1 else errors.Stale("it is not held any more")
            declared.apply(session, runs)
            self._ending(session, runs, state, why)
            followers.extend(rows.followers(session, self.model, [run.resource_id for run in runs]))
            return runs

        for run in self._note(runs, end):
            self.open.discard(run.seq)
            if why is None:
                run.context.update_store()
                LOG.info("saga %s of %s is done", run.kind, run.resource_id)
        self.runner.follow(followers)

    def _ending(self, session: orm.Session, runs: list[Run], state: str, why: Exception | None) -> None:
        saga = self.saga
        if state == "failed" and saga.on_failed is not None and why is not None:
            saga.on_failed(session, runs[0], why)
        if state != "done":
            return
        if saga.on_all_done is not None:
            saga.on_all_done(session, runs)
        elif saga.on_done is not None:
            for run in runs:
                saga.on_done(session, run)
