"""Crash dumps: a non-maskable interrupt into the guest, whose own kernel writes the dump; no state of the server changes."""

from common.saga import Failure, Run, Saga, Step, Wait
from services.compute.conductor import ending, jobs


def interrupt(run: Run) -> Wait | None:
    """Have the agent interrupt the guest."""
    server = ending.server(run)
    if not server.host:
        raise Failure("the server is on no host")
    found = jobs.run_job(run, "crash_dump", server.host)
    return found if isinstance(found, Wait) else None


SAGA = Saga("server_crash_dump", (Step("interrupt", interrupt, jobs.drop_jobs),),
            on_done=ending.noting("compute_trigger_crash_dump"), on_failed=ending.noting("compute_trigger_crash_dump"))
