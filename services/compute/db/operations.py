"""Sagas of servers and the record of actions that goes with them."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from common import clock, ids
from common.db import sagas
from common.db.prepared import insert
from services.compute.db import server_batches
from services.compute.db.models import InstanceAction, InstanceActionEvent, Saga

ACTIONS, EVENTS = InstanceAction.__table__, InstanceActionEvent.__table__


def begin(
    session: orm.Session, context: Any, items: Sequence[tuple[str, Mapping[str, Any]]], *, kind: str, action: str
) -> list[str]:
    """Insert a saga of `kind` for each (server id, data), and the record of `action`; the sagas' ids."""
    now = clock.now()
    message = context.to_message()
    rows = [
        {
            "id": ids.uuid(),
            "kind": kind,
            "resource_id": server_id,
            "context": message,
            "data": dict(data),
            "state": "running",
            "step": 0,
            "attempt": 0,
            "cancelled": False,
            "wakes": 0,
            "created_at": now,
        }
        for server_id, data in items
    ]
    insert(session, Saga.__table__, rows)
    record(session, context, [server_id for server_id, _ in items], action)
    return [str(r["id"]) for r in rows]


def record(session: orm.Session, context: Any, server_ids: Sequence[str], action: str) -> None:
    """Write down that the caller began `action` on servers."""
    now = clock.now()
    insert(
        session,
        ACTIONS,
        [
            {
                "server_id": s,
                "action": action,
                "request_id": context.request_id,
                "user_id": context.user_id,
                "project_id": context.project_id,
                "started_at": now,
                "updated_at": now,
            }
            for s in server_ids
        ],
    )


def cancel(session: orm.Session, server_id: str) -> int:
    """Cancel what runs on a server, but not its deletion; how many sagas that were."""
    kinds = session.scalars(sa.select(Saga.kind).where(Saga.resource_id == server_id, Saga.state == "running")).all()
    return sagas.cancel(session, Saga, server_id, kinds=[k for k in kinds if k != "server_delete"]) if kinds else 0


def deleting(session: orm.Session, server_id: str) -> str | None:
    """The id of the unfinished saga that deletes the server, or None."""
    return session.scalars(
        sa.select(Saga.id).where(Saga.resource_id == server_id, Saga.kind == "server_delete", Saga.state.in_(sagas.ACTIVE))
    ).first()


def wake(session: orm.Session, server_ids: Sequence[str]) -> list[str]:
    """Let parked sagas of these servers look again; their ids, for a poke."""
    return sagas.wake(session, Saga, server_ids)


def wake_boots(session: orm.Session, server_ids: Sequence[str]) -> list[str]:
    """Agents have built these servers: wake the sagas of those that have nothing else to wait for; their ids.

    To be called after the job's end was written. The first statement holds the sagas' rows, and so does `wake_plugged`: of the
    two that are waited for, the one that comes last sees the other.
    """
    held = sagas.hold(session, Saga, server_ids)
    waiting = server_batches.unplugged(session, server_ids)[0] if held else {}
    return sagas.wake_held(session, Saga, held, [i for i in server_ids if i not in waiting])


def wake_plugged(session: orm.Session, server_ids: Sequence[str]) -> list[str]:
    """Something happened to these servers: wake the sagas of those for which no agent is at work; their ids."""
    held = sagas.hold(session, Saga, server_ids)
    busy = server_batches.worked_on(session, server_ids) if held else set()
    return sagas.wake_held(session, Saga, held, [i for i in server_ids if i not in busy])


def actions(
    session: orm.Session,
    server_id: str,
    *,
    limit: int | None = None,
    marker: str | None = None,
    since: Any = None,
    before: Any = None,
) -> Sequence[Any] | None:
    """The actions on a server, newest first; None when no action has the request id `marker`."""
    c = ACTIONS.c
    query = sa.select(ACTIONS).where(c.server_id == server_id).order_by(c.id.desc())
    if marker is not None:
        found = session.execute(sa.select(c.id).where(c.server_id == server_id, c.request_id == marker)).scalar()
        if found is None:
            return None
        query = query.where(c.id < found)
    if since is not None:
        query = query.where(c.updated_at >= since)
    if before is not None:
        query = query.where(c.updated_at <= before)
    return session.execute(query.limit(limit) if limit is not None else query).all()


def action(session: orm.Session, server_id: str, request_id: str) -> Any | None:
    """The newest action that a request began on a server, or None."""
    c = ACTIONS.c
    return session.execute(
        sa.select(ACTIONS).where(c.server_id == server_id, c.request_id == request_id).order_by(c.id.desc())
    ).first()


def events(session: orm.Session, action_id: int) -> Sequence[Any]:
    """The events of an action, newest first."""
    return session.execute(sa.select(EVENTS).where(EVENTS.c.action_id == action_id).order_by(EVENTS.c.id.desc())).all()


def add_event(
    session: orm.Session,
    server_id: str,
    request_id: str,
    event: str,
    *,
    started_at: Any,
    error: str | None = None,
    host: str | None = None,
    traceback: str | None = None,
) -> None:
    """Write down a finished event of the action that `request_id` began; an `error` marks the action as failed."""
    found = action(session, server_id, request_id)
    if found is None:
        return
    now = clock.now()
    session.execute(
        sa.insert(InstanceActionEvent),
        [
            {
                "action_id": found.id,
                "event": event,
                "result": "Error" if error else "Success",
                "details": error,
                "traceback": traceback,
                "host": host,
                "started_at": started_at,
                "finished_at": now,
            }
        ],
    )
    values: dict[str, Any] = {"updated_at": now}
    if error:
        values["message"] = "Error"
    session.execute(sa.update(InstanceAction).where(InstanceAction.id == found.id).values(**values))


def begin_again(session: orm.Session, context: Any, kind: str, server_id: str, data: Mapping[str, Any]) -> str:
    """Insert a saga that follows another one of the same action, so without a record of its own; its id."""
    return sagas.insert(session, Saga, kind, server_id, context, dict(data))
