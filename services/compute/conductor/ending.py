"""How sagas of servers end: the server's new state, its fault, the record of the action."""

from collections.abc import Callable
from typing import Any

from common import clock
from common.db.session import Session
from common.saga import Failure, Run
from services.compute.db import jobs, operations, server_parts, servers
from services.compute.domain import states


def succeed(session: Session, run: Run, event: str, **values: Any) -> None:
    """Set `values` (task state: none, unless given), close the action's record, forget the saga's jobs."""
    servers.change(session, run.resource_id, {"task_state": None, "progress": 100, **values})
    operations.add_event(session, run.resource_id, run.context.request_id, event, started_at=run.step_started_at,
                         host=values.get("host"))
    jobs.drop_saga(session, run.id)


def fail(session: Session, run: Run, event: str, error: Exception, *, vm_state: str | None = states.ERROR,
         **values: Any) -> None:
    """Note the fault and set `vm_state` (None: as it was); nothing happens when the server is gone already."""
    public = error.public if isinstance(error, Failure) else str(run.data.get("public_error") or "Internal error")
    changes: dict[str, Any] = {"task_state": None, **values}
    if vm_state is not None:
        changes["vm_state"] = vm_state
    rows = servers.get_many(session, [run.resource_id])
    jobs.drop_saga(session, run.id)
    if not rows:
        return
    servers.change(session, run.resource_id, changes)
    server_parts.add_fault(session, run.resource_id, 500, public, details=str(error)[:60000], host=rows[0].host)
    operations.add_event(session, run.resource_id, run.context.request_id, event, started_at=clock.now(),
                         error=public, host=rows[0].host)


def failing(event: str, *, vm_state: str | None = states.ERROR) -> Callable[[Session, Run, Exception], None]:
    """An `on_failed` for sagas that need nothing special."""

    def on_failed(session: Session, run: Run, error: Exception) -> None:
        fail(session, run, event, error, vm_state=vm_state)

    return on_failed


def noting(event: str) -> Callable[..., None]:
    """An `on_done` and an `on_failed` for sagas that change no state of the server: only the record says how they ended."""

    def ended(session: Session, run: Run, error: Exception | None = None) -> None:
        said = None if error is None else error.public if isinstance(error, Failure) else "Internal error"
        jobs.drop_saga(session, run.id)
        operations.add_event(session, run.resource_id, run.context.request_id, event, started_at=clock.now(), error=said)

    return ended


def server(run: Run) -> Any:
    """The server's row as it stands now; Failure when it is gone."""
    with run.deps.database.read() as session:
        found = servers.get_many(session, [run.resource_id])
    if not found:
        raise Failure(f"server {run.resource_id} is gone")
    return found[0]


def change(run: Run, **values: Any) -> None:
    """Set columns of the server in a transaction of its own."""
    run.deps.database.transaction(servers.change, run.resource_id, values)
