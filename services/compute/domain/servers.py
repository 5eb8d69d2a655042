"""Changes of servers that are done at once: names, metadata, tags, locks, states by hand."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from common import errors
from common.db.session import Session
from services.compute.db import operations, servers
from services.compute.domain import quotas, states
from services.compute.domain.deps import Deps

TAGS_MAX = 50


def update(deps: Deps, context: Any, server_id: str, values: Mapping[str, Any]) -> None:
    """Set columns that a client may set (name, description, hostname, access addresses, disk configuration)."""
    deps.db.transaction(servers.change, server_id, dict(values))


def repin(deps: Deps, server: Any, zone: str | None, current: str) -> None:
    """Pin a server to its zone or unpin it (2.104); errors.Conflict for any other zone."""
    if zone == server.pinned_zone:
        return
    if zone is not None and (server.pinned_zone is not None or zone != current):
        raise errors.Conflict(f"Cannot pin instance {server.id} to availability zone {zone}.")
    deps.db.transaction(servers.change, server.id, {"pinned_zone": zone, "availability_zone": zone},
                        expect={"pinned_zone": server.pinned_zone})


def change_metadata(deps: Deps, context: Any, server: Any, change: Callable[[dict[str, str]], Mapping[str, str]], *,
                    deleting: bool = False) -> dict[str, str]:
    """Replace a server's metadata by `change(present metadata)`; the new metadata.

    errors.Conflict (lock, state), Forbidden (quota), or what `change` raises.
    """
    states.check_lock(server, context.has_admin_role)
    name = "delete_metadata" if deleting else "update_metadata"

    def work(session: Session) -> dict[str, str]:
        row = servers.lock_row(session, server.id)
        states.check(name, row)
        made = dict(change(dict(row.meta or {})))
        limit = quotas.limits(session, deps.conf, row.project_id, row.user_id)
        quotas.check_metadata(limit["metadata_items"], made)
        servers.change(session, row.id, {"meta": made})
        return made

    return deps.db.transaction(work)


def change_tags(deps: Deps, context: Any, server: Any, change: Callable[[list[str]], Sequence[str]]) -> list[str]:
    """Replace a server's tags by `change(present tags)`; the new tags. errors.Conflict, BadRequest (too many)."""
    states.check_lock(server, context.has_admin_role)

    def work(session: Session) -> list[str]:
        servers.lock_row(session, server.id)
        made = sorted(set(change(servers.tags(session, [server.id]).get(server.id, []))))
        if len(made) > TAGS_MAX:
            raise errors.BadRequest(f"The number of tags exceeded the per-server limit {TAGS_MAX}")
        servers.set_tags(session, server.id, made)
        servers.change(session, server.id, {})
        return made

    return deps.db.transaction(work)


def lock(deps: Deps, context: Any, server: Any, reason: str | None) -> None:
    """Lock a server against everybody but operators."""
    by = "owner" if context.project_id == server.project_id else "admin"

    def work(session: Session) -> None:
        servers.change(session, server.id, {"locked": True, "locked_by": by, "locked_reason": reason})
        operations.record(session, context, [server.id], "lock")

    deps.db.transaction(work)


def unlock(deps: Deps, context: Any, server: Any) -> None:
    """Undo `lock`."""

    def work(session: Session) -> None:
        servers.change(session, server.id, {"locked": False, "locked_by": None, "locked_reason": None})
        operations.record(session, context, [server.id], "unlock")

    deps.db.transaction(work)


def reset_state(deps: Deps, context: Any, server: Any, vm_state: str) -> None:
    """An operator says that a server is `active` or in `error`; whatever it was at is forgotten."""

    def work(session: Session) -> None:
        servers.change(session, server.id, {"vm_state": vm_state, "task_state": None})
        operations.record(session, context, [server.id], "resetState")

    deps.db.transaction(work)


def change_system(session: Session, server_id: str, **values: Any) -> None:
    """Set (None: remove) keys of a server's `system` column."""
    row = servers.lock_row(session, server_id)
    made = {**(row.system or {}), **values}
    servers.change(session, server_id, {"system": {k: v for k, v in made.items() if v is not None}})


def set_password(deps: Deps, server_id: str, text: str) -> bool:
    """Keep what the guest posted as its encrypted password, once; False when there is one already."""

    def work(session: Session) -> bool:
        if (servers.lock_row(session, server_id).system or {}).get("password"):
            return False
        change_system(session, server_id, password=text)
        return True

    return deps.db.transaction(work)


def clear_password(deps: Deps, server_id: str) -> None:
    """Forget the guest's encrypted password."""
    deps.db.transaction(change_system, server_id, password=None)
