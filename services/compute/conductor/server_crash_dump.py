"""Crash dumps: a non-maskable interrupt into the guest, whose own kernel writes the dump; no state of the server changes."""

from common import clock
from common.db.session import Session
from common.saga import Failure, Run, Saga, Step, Wait
from services.compute.conductor import ending, jobs
from services.compute.db import jobs as job_rows
from services.compute.db import operations


def interrupt(run: Run) -> Wait | None:
    """Have the agent interrupt the guest."""
    server = ending.server(run)
    if not server.host:
        raise Failure("the server is on no host")
    found = jobs.run_job(run, "crash_dump", server.host)
    return found if isinstance(found, Wait) else None


def interrupted(session: Session, run: Run) -> None:
    """The record says so."""
    _ended(session, run, None)


def not_interrupted(session: Session, run: Run, error: Exception) -> None:
    """The record says why not."""
    _ended(session, run, error.public if isinstance(error, Failure) else "Internal error")


def _ended(session: Session, run: Run, error: str | None) -> None:
    job_rows.drop_saga(session, run.id)
    operations.add_event(session, run.resource_id, run.context.request_id, "compute_trigger_crash_dump", started_at=clock.now(),
                         error=error)


SAGA = Saga("server_crash_dump", (Step("interrupt", interrupt, jobs.drop_jobs),), on_done=interrupted, on_failed=not_interrupted)
