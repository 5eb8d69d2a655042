"""Jobs: what a saga wants an agent to do once, and what came of it.

A job's id is made from its saga and step, so that a step that runs again finds the job it made before.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from common import clock
from common.db.session import Session
from services.compute.db.models import AgentJob

OPEN = "open"


def ensure(session: Session, job_id: str, *, server_id: str, host: str, verb: str, args: Any) -> AgentJob:
    """The job `job_id`, made when there is none yet."""
    found = get(session, job_id)
    if found is None:
        found = AgentJob(id=job_id, server_id=server_id, host=host, verb=verb, args=args or {}, state=OPEN,
                         created_at=clock.now())
        session.add(found)
        session.flush()
    return found


def get(session: Session, job_id: str) -> AgentJob | None:
    """One job."""
    return session.scalars(sa.select(AgentJob).where(AgentJob.id == job_id)).first()


def open_of(session: Session, host: str, server_ids: Sequence[str] | None) -> dict[str, list[AgentJob]]:
    """Open jobs on `host` (of these servers; None: all) by server, oldest first."""
    query = sa.select(AgentJob).where(AgentJob.host == host, AgentJob.state == OPEN).order_by(AgentJob.seq)
    if server_ids is not None:
        query = query.where(AgentJob.server_id.in_(list(server_ids)))
    found: dict[str, list[AgentJob]] = {}
    for job in session.scalars(query):
        found.setdefault(job.server_id, []).append(job)
    return found


def finish(session: Session, job_id: str, host: str, result: Any, error: str | None) -> bool:
    """Close an open job of `host` with its result or error; whether it was open."""
    done = session.execute(
        sa.update(AgentJob).where(AgentJob.id == job_id, AgentJob.host == host, AgentJob.state == OPEN)
        .values(state="failed" if error else "done", result=result, error=error)
    )
    return bool(done.rowcount)


def drop(session: Session, server_id: str, *, host: str | None = None) -> None:
    """Forget all jobs of a server (on `host`): its deletion, or a saga that takes back what it asked for."""
    query = sa.delete(AgentJob).where(AgentJob.server_id == server_id)
    session.execute(query.where(AgentJob.host == host) if host else query)


def drop_saga(session: Session, saga_id: str, *, undo: bool = True) -> None:
    """Forget the jobs of one saga; without `undo`, those that undo its steps stay."""
    query = sa.delete(AgentJob).where(AgentJob.id.like(f"{saga_id}/%"))
    session.execute(query if undo else query.where(AgentJob.id.not_like(f"{saga_id}/undo-%")))
