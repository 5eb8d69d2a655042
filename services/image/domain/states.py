"""The states of an image, and from which one may get to which.

    queued ─upload→ saving ─→ active ⇄ deactivated
      │ ├─stage→ uploading ─import→ importing ─→ active
      │ └─web-download, glance-download─→ importing
      └─location added─→ active           any ─delete→ deleted (or pending_delete, until scrubbed)

A broken upload goes back to `queued`; a failed import goes back to where it began (`uploading` keeps its staged data).
"""

from common import errors

QUEUED, SAVING, UPLOADING, IMPORTING = "queued", "saving", "uploading", "importing"
ACTIVE, DEACTIVATED, DELETED, PENDING_DELETE = "active", "deactivated", "deleted", "pending_delete"

TRANSITIONS: dict[str, frozenset[str]] = {
    QUEUED: frozenset({SAVING, UPLOADING, IMPORTING, ACTIVE, DEACTIVATED, DELETED}),
    SAVING: frozenset({ACTIVE, QUEUED, DELETED}),
    UPLOADING: frozenset({IMPORTING, QUEUED, DELETED}),
    IMPORTING: frozenset({ACTIVE, UPLOADING, QUEUED, DELETED}),
    ACTIVE: frozenset({DEACTIVATED, QUEUED, DELETED, PENDING_DELETE}),
    DEACTIVATED: frozenset({ACTIVE, DELETED, PENDING_DELETE}),
    PENDING_DELETE: frozenset({DELETED}),
    DELETED: frozenset(),
}


def may(before: str, after: str) -> bool:
    """Whether an image may go from one state to another."""
    return after in TRANSITIONS.get(before, frozenset())


def require(before: str, after: str) -> None:
    """errors.Conflict in upstream's words when the image may not go from one state to another."""
    if not may(before, after):
        raise errors.Conflict(f"Image status transition from {before} to {after} is not allowed")
