"""Making, moving and removing providers; their traits and aggregates."""

from collections.abc import Collection
from typing import Any

from common import errors
from common.db.session import Session
from services.scheduler.db import models, names, providers
from services.scheduler.db.refusals import IntegrityError

CONCURRENT_UPDATE = "placement.concurrent_update"
DUPLICATE_NAME = "placement.duplicate_name"
_STALE = "Resource provider's generation already changed. Please update the generation and try again."


def require(session: Session, uuid: str, text: str = "No resource provider with uuid {uuid} found") -> Any:
    """The provider's row; errors.NotFound in upstream's words when there is none."""
    row = providers.get(session, uuid)
    if row is None:
        raise errors.NotFound(text.format(uuid=uuid, error=f"No resource provider with uuid {uuid} found"))
    return row


def create(session: Session, uuid: str, name: str, parent_uuid: str | None) -> None:
    """Make a provider; errors.BadRequest (parent unknown or itself), errors.Conflict (name or uuid taken)."""
    parent = None
    if parent_uuid is not None:
        if parent_uuid == uuid:
            raise _refused(name, uuid, "create", "parent provider UUID cannot be same as UUID. Please set parent "
                           "provider UUID to None if there is no parent.")
        parent = providers.get(session, parent_uuid)
        if parent is None:
            raise _refused(name, uuid, "create", "parent provider UUID does not exist.")
    try:
        providers.insert(session, uuid, name, parent)
    except IntegrityError as e:
        text = str(e.orig)
        which = f"uuid: {uuid}" if uuid in text or "uuid" in text.split("resource_providers")[-1] else f"name: {name}"
        raise errors.Conflict(f"Conflicting resource provider {which} already exists.", kind=DUPLICATE_NAME) from e


def _refused(name: str, uuid: str, action: str, reason: str) -> errors.BadRequest:
    verb = "create" if "does not exist" in reason else action  # so it is upstream
    text = f"Object action {verb} failed because: {reason}"
    if action == "create":
        return errors.BadRequest(f'Unable to create resource provider "{name}", {uuid}: {text}')
    return errors.BadRequest(f"Unable to save resource provider {uuid}: {text}")


def update(session: Session, uuid: str, name: str, parent_uuid: str | None, *, set_parent: bool,
           reparent: bool) -> None:
    """Rename a provider and, with `set_parent`, hang it below another (None: nothing).

    Moving one that has a parent already needs `reparent` (microversion 1.37).
    errors: NotFound; BadRequest (unknown parent, loop, move not allowed); Conflict (name taken).
    """
    row = require(session, uuid)
    try:
        providers.mark(session, [row.id], name=name)
    except IntegrityError as e:
        raise errors.Conflict(f"Conflicting resource provider {name} already exists.", kind=DUPLICATE_NAME) from e
    if set_parent and parent_uuid != row.parent_uuid:
        _move(session, row, name, parent_uuid, reparent)


def _move(session: Session, row: Any, name: str, parent_uuid: str | None, reparent: bool) -> None:
    if parent_uuid is None and not reparent:
        raise _refused(name, row.uuid, "update", "un-parenting a provider is not currently allowed.")
    if row.parent_uuid is not None and not reparent:
        raise _refused(name, row.uuid, "update", "re-parenting a provider is not currently allowed.")
    parent = None
    if parent_uuid is not None:
        parent = providers.get(session, parent_uuid)
        if parent is None:
            raise _refused(name, row.uuid, "update", "parent provider UUID does not exist.")
    for root in sorted({row.root_id, parent.root_id if parent else row.root_id}):
        providers.lock_tree(session, root)
    below = _subtree(providers.tree(session, row.root_id), row.id)
    if parent is not None and parent.id in below:
        raise _refused(name, row.uuid, "update", "creating loop in the provider tree is not allowed.")
    root_id = parent.root_id if parent else row.id
    providers.mark(session, [row.id], parent_id=parent.id if parent else None)
    providers.mark(session, below, root_id=root_id)


def _subtree(tree: Collection[Any], top: int) -> set[int]:
    found = {top}
    grew = True
    while grew:
        more = {number for number, parent in tree if parent in found} - found
        found |= more
        grew = bool(more)
    return found


def delete(session: Session, uuid: str) -> None:
    """Remove a provider with its inventories; errors.NotFound, errors.Conflict (children, allocations)."""
    row = require(session, uuid, "No resource provider with uuid {uuid} found for delete")
    if providers.has_children(session, row.id):
        raise errors.Conflict(f"Unable to delete parent resource provider {uuid}: It has child resource providers.",
                              kind="placement.resource_provider.cannot_delete_parent")
    in_use = errors.Conflict(f"Unable to delete resource provider {uuid}: Resource provider has allocations.",
                             kind="placement.resource_provider.inuse")
    providers.touch(session, [row.id])
    if providers.in_use(session, row.id):
        raise in_use
    try:
        providers.delete(session, row.id, uuid)
    except IntegrityError as e:
        raise in_use from e


def set_traits(session: Session, uuid: str, generation: int | None, wanted: Collection[str]) -> None:
    """Replace a provider's traits; `generation` None: whatever it is.

    errors.NotFound; errors.Conflict (generation); errors.BadRequest (unknown trait).
    """
    row = require(session, uuid)
    if generation is not None and generation != row.generation:
        raise errors.Conflict(_STALE, kind=CONCURRENT_UPDATE)
    known = names.find(session, models.Trait, wanted)
    missing = sorted(set(wanted) - known.keys())
    if missing:
        raise errors.BadRequest(f"No such trait {', '.join(missing)}")
    advance(session, row, shape=True)
    providers.set_traits(session, row.id, list(known.values()))


def set_aggregates(session: Session, uuid: str, generation: int | None, wanted: Collection[str]) -> None:
    """Replace a provider's aggregates; with a `generation` it is compared and raised, else left alone."""
    row = require(session, uuid)
    if generation is None:
        providers.mark(session, [row.id], shape=True)
    else:
        if generation != row.generation:
            raise errors.Conflict(_STALE, kind=CONCURRENT_UPDATE)
        advance(session, row, shape=True)
    providers.set_aggregates(session, row.id, wanted)


def advance(session: Session, row: Any, *, shape: bool = False, text: str = "{error}") -> None:
    """Raise a provider's generation from that of `row`; errors.Conflict when another did so meanwhile."""
    try:
        providers.advance(session, row.id, row.generation, shape=shape)
    except errors.Stale as e:
        error = "Another thread concurrently updated the resource provider data. Please retry your update"
        raise errors.Conflict(text.format(error=error), kind=CONCURRENT_UPDATE) from e
