"""Moving inventories and the allocations of them between providers, all at once."""

from collections.abc import Mapping, Sequence
from typing import Any

from common import errors
from common.db.session import Session
from services.scheduler.db import inventories as db_inventories
from services.scheduler.db import models, names
from services.scheduler.db import providers as db_providers
from services.scheduler.domain import allocations, inventories, providers


def reshape(session: Session, wanted: Mapping[str, tuple[int, Mapping[str, Mapping[str, Any]]]],
            changes: Sequence[allocations.Change]) -> None:
    """Set the inventories in `wanted` (provider uuid -> (generation, class -> fields)) and apply `changes`.

    First everything new or larger is added, then the allocations move, then what is no longer wanted goes.
    errors.BadRequest (unknown provider or class), errors.Conflict (generation, in use, does not fit).
    """
    rows = db_providers.get_many(session, list(wanted))
    for uuid, (generation, _) in wanted.items():
        row = rows.get(uuid)
        if row is None:
            raise errors.BadRequest(f"Resource provider {uuid} in inventories not found: No resource provider with uuid "
                                    f"{uuid} found", kind="placement.resource_provider.not_found")
        if generation != row.generation:
            raise errors.Conflict(f"resource provider generation conflict for provider {uuid}: actual: {row.generation}, "
                                  f"given: {generation}", kind=providers.CONCURRENT_UPDATE)
    for uuid in sorted(wanted, key=lambda u: rows[u].id):
        _extend(session, rows[uuid], wanted[uuid][1])
    ids = allocations.look_up(session, changes, "malformed reshaper data:")
    if changes:
        allocations.apply(session, changes, ids)
    fresh = db_providers.get_many(session, list(wanted))
    for uuid in sorted(wanted, key=lambda u: rows[u].id):
        inventories.set_all(session, fresh[uuid], wanted[uuid][1], may_reserve_all=True)


def _extend(session: Session, row: Any, wanted: Mapping[str, Mapping[str, Any]]) -> None:
    """Add the inventories that a provider has not yet and set those it has, leaving what is to go for later."""
    have = {r.name: r.class_id for r in db_inventories.of_provider(session, row.id)}
    known = names.find(session, models.ResourceClass, wanted)
    for name in sorted(wanted.keys() - known.keys()):
        raise errors.BadRequest(f"malformed reshaper data: No such resource class {name}.")
    providers.advance(session, row, text="update conflict: {error}")
    full = {n: inventories.complete(v) for n, v in wanted.items()}
    for name, values in full.items():
        inventories.check(row.uuid, name, values, may_reserve_all=True,
                          prefix="Unable to update inventory for resource provider")
    db_inventories.insert(session, row.id, {known[n]: v for n, v in full.items() if n not in have})
    for name in sorted(full.keys() & have.keys()):
        db_inventories.update(session, row.id, have[name], full[name])
