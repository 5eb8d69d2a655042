"""Rescue and unrescue: the server runs from another image with its own disk beside it, and back."""

from common.db.session import Session
from common.saga import Run, Saga, Step, Wait
from services.compute.conductor import ending, jobs
from services.compute.db import servers
from services.compute.domain import states


def rescue(run: Run) -> Wait | None:
    """Have the agent restart the server from the rescue image that its request names."""
    found = jobs.run_job(run, "reboot", ending.server(run).host, {"hard": True}, name="rescue")
    return found if isinstance(found, Wait) else None


def rescued(session: Session, run: Run) -> None:
    """It is in rescue."""
    ending.succeed(session, run, "compute_rescue_instance", vm_state=states.RESCUED, power_state=states.RUNNING)


def unrescue(run: Run) -> Wait | None:
    """Forget the rescue image and restart the server from its own disk."""
    run.deps.database.transaction(servers.change_request, run.resource_id, rescue=None)
    found = jobs.run_job(run, "reboot", ending.server(run).host, {"hard": True}, name="unrescue")
    return found if isinstance(found, Wait) else None


def unrescued(session: Session, run: Run) -> None:
    """It is itself again."""
    ending.succeed(session, run, "compute_unrescue_instance", vm_state=states.ACTIVE, power_state=states.RUNNING)


RESCUE = Saga("server_rescue", (Step("rescue", rescue),), on_done=rescued, on_failed=ending.failing("compute_rescue_instance"))
UNRESCUE = Saga("server_unrescue", (Step("unrescue", unrescue),), on_done=unrescued,
                on_failed=ending.failing("compute_unrescue_instance"))
