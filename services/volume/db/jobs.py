"""Jobs: what a saga wants an agent to do once, and what came of it.

A job's id is made from its saga and step, so that a step that runs again finds the job it made before.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from common import clock
from common.db.session import Session
from services.volume.db.models import AgentJob, Saga

OPEN = "open"


def ensure(session: Session, job_id: str, *, resource_id: str, volume_id: str, host: str, verb: str, args: Any) -> AgentJob:
    """The job `job_id`, made when there is none yet."""
    found = get(session, job_id)
    if found is None:
        found = AgentJob(
            id=job_id,
            resource_id=resource_id,
            volume_id=volume_id,
            host=host,
            verb=verb,
            args=args or {},
            state=OPEN,
            created_at=clock.now(),
        )
        session.add(found)
        session.flush()
    return found


def get(session: Session, job_id: str) -> AgentJob | None:
    """One job."""
    return session.scalars(sa.select(AgentJob).where(AgentJob.id == job_id)).first()


def open_of(session: Session, host: str, volume_ids: Sequence[str] | None) -> Sequence[AgentJob]:
    """Open jobs of the back end `host` (of these volumes; None: all), oldest first."""
    query = sa.select(AgentJob).where(AgentJob.host == host, AgentJob.state == OPEN).order_by(AgentJob.seq)
    if volume_ids is not None:
        query = query.where(AgentJob.volume_id.in_(list(volume_ids)))
    return session.scalars(query).all()


def finish(session: Session, job_id: str, host: str, result: Any, error: str | None) -> str | None:
    """Close an open job of `host`; the id of the resource whose saga waits for it, None when it was not open."""
    done = session.execute(
        sa.update(AgentJob)
        .where(AgentJob.id == job_id, AgentJob.host == host, AgentJob.state == OPEN)
        .values(state="failed" if error is not None else "done", result=result, error=error)
    )
    if not done.rowcount:
        return None
    return session.scalars(sa.select(AgentJob.resource_id).where(AgentJob.id == job_id)).first()


def drop_saga(session: Session, saga_id: str, *, keep: str = "") -> None:
    """Forget the jobs of one saga but `keep`."""
    session.execute(sa.delete(AgentJob).where(AgentJob.id.like(f"{saga_id}/%"), AgentJob.id != keep))


def saga_of(session: Session, job: AgentJob) -> Saga | None:
    """The saga that asked for a job."""
    return session.scalars(sa.select(Saga).where(Saga.id == job.id.split("/")[0])).first()


def purge(session: Session, older_than_s: float) -> None:
    """Forget jobs whose sagas have been forgotten."""
    session.execute(
        sa.delete(AgentJob).where(
            AgentJob.created_at < clock.after(-older_than_s), sa.func.substr(AgentJob.id, 1, 36).not_in(sa.select(Saga.id))
        )
    )
