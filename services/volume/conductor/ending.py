"""What sagas do at their end: free jobs, tell the owner what went wrong."""

from common.db.session import Session
from common.saga import Run
from services.volume.db import jobs, messages


def reason(run: Run, failure: Exception) -> str:
    """What the tenant may read of a failure."""
    return str(run.data.get("public_error") or getattr(failure, "public", "") or "The operation failed.")


def tell(session: Session, run: Run, event: str, kind: str, project_id: str, text: str) -> None:
    """Leave a message about the saga's resource for its project. Several for one saga are one."""
    conf = run.deps.conf.volume
    messages.insert(
        session,
        conf.message_ttl_s,
        project_id=project_id,
        request_id=run.context.request_id,
        resource_type=kind,
        resource_uuid=run.resource_id,
        event_id=event,
        user_message=text,
    )


def forget_jobs(session: Session, run: Run) -> None:
    """The saga's jobs are not wanted any more."""
    jobs.drop_saga(session, run.id)
