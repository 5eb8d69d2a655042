"""Soft delete and restore: the server is powered off and kept for a while."""

from common import clock
from common.db.session import Session
from common.saga import Run, Saga, Step, Wait
from services.compute.conductor import ending, jobs
from services.compute.domain import states


def power_off(run: Run) -> Wait | None:
    """Power it off."""
    server = ending.server(run)
    if server.wanted_power != "stopped":
        ending.change(run, wanted_power="stopped")
    found = jobs.run_job(run, "power", server.host, {"power": "stopped"})
    return found if isinstance(found, Wait) else None


def soft_deleted(session: Session, run: Run) -> None:
    """It can be restored until the reclaim interval is over."""
    ending.succeed(session, run, "compute_soft_delete_instance", vm_state=states.SOFT_DELETED, power_state=states.SHUTDOWN,
                   deleted_at=clock.now())


def power_on(run: Run) -> Wait | None:
    """Start it again."""
    server = ending.server(run)
    if server.wanted_power != "running":
        ending.change(run, wanted_power="running")
    found = jobs.run_job(run, "power", server.host, {"power": "running"})
    return found if isinstance(found, Wait) else None


def restored(session: Session, run: Run) -> None:
    """It is back."""
    ending.succeed(session, run, "compute_restore_instance", vm_state=states.ACTIVE, power_state=states.RUNNING, deleted_at=None)


SOFT_DELETE = Saga("server_soft_delete", (Step("power_off", power_off),), on_done=soft_deleted,
                   on_failed=ending.failing("compute_soft_delete_instance"))
RESTORE = Saga("server_restore", (Step("power_on", power_on),), on_done=restored,
               on_failed=ending.failing("compute_restore_instance"))
