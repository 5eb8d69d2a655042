"""Growing a volume, and telling compute when a server uses it."""

import logging

from common import errors
from common.clients.base import RemoteError
from common.db.session import Session
from common.saga import Failure, Run, Saga, Step, Wait
from services.volume.conductor.ending import forget_jobs, reason, tell
from services.volume.conductor.jobs import run_job
from services.volume.db import volumes

LOG = logging.getLogger(__name__)


def grow(run: Run) -> Wait | None:
    """Have the agent grow the volume, then write its size down."""
    with run.deps.database.read() as session:
        row = volumes.get(session, run.resource_id)
    if row is None or not row.host:
        raise Failure(f"volume {run.resource_id} is on no back end")
    found = run_job(run, "extend_volume", row.host, row.id, {"size": run.data["new_size"]})
    if isinstance(found, Wait):
        return found
    run.deps.database.transaction(volumes.change, row.id, None, size=run.data["new_size"])
    return None


def announce(run: Run) -> None:
    """Let compute tell the guests; a compute service that does not want to know is no reason to fail."""
    with run.deps.database.read() as session:
        row = volumes.get(session, run.resource_id)
    users = [a for a in (row.attachments if row else []) if a.attach_status == "attached" and a.instance_uuid]
    events = [{"name": "volume-extended", "server_uuid": a.instance_uuid, "tag": a.volume_id} for a in users]
    if not events:
        return
    try:
        run.deps.compute.server_external_events(events)
    except RemoteError as e:
        LOG.warning("compute was not told that volume %s grew: %s", run.resource_id, e)
    except errors.Transient as e:
        if run.step_age_s < 30:
            raise
        LOG.warning("compute was not told that volume %s grew: %s", run.resource_id, e)


def done(session: Session, run: Run) -> None:
    """The volume is what it was, only larger."""
    volumes.restore_status(session, run.resource_id, ["extending"], "available")
    forget_jobs(session, run)


def failed(session: Session, run: Run, failure: Exception) -> None:
    """The size is as before; in use it stays usable, else it says error_extending."""
    row = volumes.get(session, run.resource_id)
    if row is not None:
        if row.previous_status == "in-use":
            volumes.restore_status(session, row.id, ["extending"], "in-use")
        else:
            volumes.change(session, row.id, ["extending"], status="error_extending", previous_status=None)
        tell(session, run, "VOLUME_VOLUME_007_001", "VOLUME", row.project_id, f"extend volume: {reason(run, failure)}")
    forget_jobs(session, run)


SAGA = Saga("volume_extend", (Step("grow", grow), Step("announce", announce)), on_done=done, on_failed=failed)
