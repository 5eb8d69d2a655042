"""Setting the administrator's password through the agent in the guest."""

from common.db.session import Session
from common.saga import Run, Saga, Step, Wait
from services.compute.conductor import ending, jobs
from services.compute.db import servers


def set_password(run: Run) -> Wait | None:
    """Have the agent on the host set it."""
    found = jobs.run_job(run, "password", ending.server(run).host)
    return found if isinstance(found, Wait) else None


def done(session: Session, run: Run) -> None:
    """Forget the password."""
    servers.change_request(session, run.resource_id, admin_pass=None)
    ending.succeed(session, run, "compute_set_admin_password")


SAGA = Saga("server_password", (Step("set_password", set_password),), on_done=done,
            on_failed=ending.failing("compute_set_admin_password", vm_state=None))
