"""Jobs: what a saga wants an agent to do once, and what came of it.

A job's id is made from its saga and step, so that a step that runs again finds the job it made before.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import sqlalchemy as sa

from common import clock
from common.db.prepared import insert, prepared
from common.db.session import Session
from services.compute.db.models import AgentJob

OPEN = "open"
TABLE = AgentJob.__table__
# these run with every boot, so they are built once
_IDS = TABLE.c.id.in_(sa.bindparam("ids", expanding=True))
_FOUND = prepared(sa.select(TABLE.c.id, TABLE.c.state, TABLE.c.result, TABLE.c.error).where(_IDS))
_FINISH = prepared(sa.update(TABLE).where(_IDS, TABLE.c.host == sa.bindparam("the_host"), TABLE.c.state == OPEN).values(
    {name: sa.bindparam(f"new_{name}", type_=TABLE.c[name].type) for name in ("state", "result", "error")}))
_DROP = prepared(sa.delete(TABLE).where(TABLE.c.server_id.in_(sa.bindparam("servers", expanding=True))))


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


def open_of(session: Session, host: str, server_ids: Sequence[str] | None) -> dict[str, list[Any]]:
    """Open jobs (id, server_id, verb, args) on `host` (of these servers; None: all) by server, oldest first."""
    sent: dict[str, Any] = {"the_host": host} if server_ids is None else {"the_host": host, "servers": list(server_ids)}
    found: dict[str, list[Any]] = {}
    for job in session.execute(_open_of(server_ids is not None), sent):
        found.setdefault(job.server_id, []).append(job)
    return found


@functools.cache
def _open_of(some: bool) -> Any:
    c = TABLE.c
    query = sa.select(c.id, c.server_id, c.verb, c.args).where(c.host == sa.bindparam("the_host"), c.state == OPEN)
    if some:
        query = query.where(c.server_id.in_(sa.bindparam("servers", expanding=True)))
    return prepared(query.order_by(c.seq))


def insert_all(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """New open jobs: {"id", "server_id", "host", "verb", "args"} each."""
    now = clock.now()
    insert(session, TABLE, [{"state": OPEN, "created_at": now, **row} for row in rows])


def found(session: Session, job_ids: Sequence[str]) -> dict[str, Any]:
    """id -> (id, state, result, error) of those that exist."""
    return {row.id: row for row in session.execute(_FOUND, {"ids": list(job_ids)})}


def finish_all(session: Session, host: str, done: Sequence[Mapping[str, Any]]) -> None:
    """Close open jobs of `host`: {"id", "result", "error"} each; equal ends in one statement."""
    groups: dict[bytes, list[Mapping[str, Any]]] = {}
    for job in done:
        groups.setdefault(orjson.dumps([job.get("result"), job.get("error")], default=str), []).append(job)
    for jobs in groups.values():
        error = jobs[0].get("error")
        session.execute(_FINISH, {"ids": [job["id"] for job in jobs], "the_host": host, "new_error": error,
                                  "new_state": "failed" if error else "done", "new_result": jobs[0].get("result")})


def drop_all(session: Session, server_ids: Sequence[str]) -> None:
    """Forget all jobs of these servers."""
    session.execute(_DROP, {"servers": list(server_ids)})


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
