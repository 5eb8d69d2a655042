"""Beginning an action on a server: check its state, change it by compare-and-swap, insert the saga, poke."""

from collections.abc import Callable, Mapping
from typing import Any

from common import errors
from common.db.session import Session
from services.compute.db import operations as rows
from services.compute.db import servers
from services.compute.domain import states
from services.compute.domain.deps import Deps

_TRIES_MAX = 5


def begin(deps: Deps, context: Any, server: Any, name: str, data: Mapping[str, Any] | None = None, *,
          values: Mapping[str, Any] | None = None, also: Callable[[Session], Mapping[str, Any] | None] | None = None) -> None:
    """Begin action `name` of states.ACTIONS on `server` (its row as the API read it).

    data     for the saga's steps
    values   columns to change with the task state
    also     further work of the same transaction; what it returns is added to `data`
    errors.Conflict when the server is locked or its state does not allow it.
    """
    states.check_lock(server, context.has_admin_role)
    for _ in range(_TRIES_MAX):
        action = states.check(name, server)

        def work(session: Session, action: states.Action = action, row: Any = server) -> list[str]:
            changed = dict(values or {})
            if action.sets is not None:
                changed["task_state"] = action.sets
            expect = {"vm_state": row.vm_state, "task_state": row.task_state}
            servers.change(session, row.id, changed, expect=expect)
            given = dict(data or {})
            if also is not None:
                given.update(also(session) or {})
            if not action.saga:
                rows.record(session, context, [row.id], action.recorded)
                return []
            given.setdefault("action", name)
            given.setdefault("vm_state", row.vm_state)
            return rows.begin(session, context, [(row.id, given)], kind=action.saga, action=action.recorded)

        try:
            deps.poke(context, deps.db.transaction(work))
            return
        except errors.Stale:
            with deps.db.read() as session:
                server = servers.get(session, server.id)
    raise errors.Conflict(f"Instance {server.id} changes too fast; try again.")


def delete(deps: Deps, context: Any, server: Any, *, force: bool = False) -> None:
    """Delete a server whatever it is doing: cancel its sagas and insert the one that deletes, in one transaction.

    errors.Conflict when it is locked. Deleting twice is fine. A soft delete keeps it restorable.
    """
    states.check_lock(server, context.has_admin_role)
    soft = (not force and deps.conf.compute.reclaim_instance_interval_s > 0 and server.vm_state != states.SOFT_DELETED
            and server.host is not None)
    name = "force_delete" if force else ("soft_delete" if soft else "delete")
    action = states.ACTIONS[name]

    def work(session: Session) -> list[str]:
        servers.lock_row(session, server.id)
        running = rows.deleting(session, server.id)
        if running is not None:
            return [running]
        rows.cancel(session, server.id)
        servers.change(session, server.id, {"task_state": action.sets, "progress": 0})
        return rows.begin(session, context, [(server.id, {"action": name, "vm_state": server.vm_state})], kind=action.saga,
                          action=action.recorded)

    deps.poke(context, deps.db.transaction(work))
