"""Changing what a provider has. Every change compares and raises the provider's generation."""

from collections.abc import Mapping
from typing import Any

from common import errors
from common.db.session import Session
from services.scheduler.db import inventories, models, names
from services.scheduler.db.refusals import IntegrityError
from services.scheduler.domain import providers

CONCURRENT_UPDATE = providers.CONCURRENT_UPDATE
IN_USE = "placement.inventory.inuse"
DEFAULTS = {"reserved": 0, "min_unit": 1, "max_unit": 2**31 - 1, "step_size": 1, "allocation_ratio": 1.0}


def complete(values: Mapping[str, Any]) -> dict[str, Any]:
    """An inventory's fields with upstream's defaults for those that are not given."""
    return {f: values.get(f, DEFAULTS.get(f)) for f in inventories.FIELDS}


def check(uuid: str, name: str, values: Mapping[str, Any], *, may_reserve_all: bool, prefix: str) -> None:
    """errors.BadRequest when no capacity is left (`may_reserve_all`, from 1.26: when it is negative)."""
    left = values["total"] - values["reserved"]
    if left < 0 or (left == 0 and not may_reserve_all):
        how = "greater than" if may_reserve_all else "greater than or equal to"
        raise errors.BadRequest(f"{prefix} {uuid}: Invalid inventory for '{name}' on resource provider '{uuid}'. The "
                                f"reserved value is {how} total.")


def create(session: Session, uuid: str, name: str, values: Mapping[str, Any], *, may_reserve_all: bool) -> int:
    """Add one inventory; the provider's new generation.

    errors.NotFound; errors.BadRequest (class, capacity); errors.Conflict (exists, concurrent update).
    """
    row = providers.require(session, uuid)
    prefix = "Unable to create inventory for resource provider"
    full = complete(values)
    check(uuid, name, full, may_reserve_all=may_reserve_all, prefix=prefix)
    class_id = _class(session, name, f"{prefix} {uuid}: ")
    providers.advance(session, row, text="Update conflict: {error}")
    try:
        inventories.insert(session, row.id, {class_id: full})
    except IntegrityError as e:
        raise errors.Conflict(f"Update conflict: Inventory for '{name}' on resource provider '{uuid}' already exists.",
                              kind=CONCURRENT_UPDATE) from e
    return int(row.generation) + 1


def _class(session: Session, name: str, prefix: str) -> int:
    found = names.find(session, models.ResourceClass, [name])
    if not found:
        raise errors.BadRequest(f"{prefix}No such resource class {name}.")
    return found[name]


def set_all(session: Session, row: Any, wanted: Mapping[str, Mapping[str, Any]], *, may_reserve_all: bool) -> None:
    """Make `wanted` (class -> fields) all that the provider `row` has, and raise its generation.

    errors.BadRequest (class, capacity); errors.Conflict (a class that is to go is in use; concurrent update).
    """
    full = {n: complete(v) for n, v in wanted.items()}
    for name, values in full.items():
        check(row.uuid, name, values, may_reserve_all=may_reserve_all,
              prefix="Unable to update inventory for resource provider")
    known = names.find(session, models.ResourceClass, full)
    for name in sorted(full.keys() - known.keys()):
        raise errors.BadRequest(f"Unknown resource class in inventory for resource provider {row.uuid}: "
                                f"No such resource class {name}.")
    providers.advance(session, row, text="update conflict: {error}")
    have = {r.class_id for r in inventories.of_provider(session, row.id)}
    wanted_ids = {known[n]: v for n, v in full.items()}
    _remove(session, row, have - wanted_ids.keys(), "update conflict: ")
    inventories.insert(session, row.id, {i: v for i, v in wanted_ids.items() if i not in have})
    for class_id in sorted(have & wanted_ids.keys()):
        inventories.update(session, row.id, class_id, wanted_ids[class_id])


def _remove(session: Session, row: Any, class_ids: set[int], prefix: str) -> None:
    if class_ids and inventories.delete(session, row.id, class_ids) != len(class_ids):
        used = ", ".join(inventories.in_use(session, row.id, class_ids))
        raise errors.Conflict(f"{prefix}Inventory for '{used}' on resource provider '{row.uuid}' in use.", kind=IN_USE)


def update(session: Session, row: Any, name: str, values: Mapping[str, Any], *, may_reserve_all: bool) -> None:
    """Change one inventory of the provider `row`; errors as set_all, BadRequest when it has none of that class."""
    full = complete(values)
    check(row.uuid, name, full, may_reserve_all=may_reserve_all, prefix="Unable to update inventory for resource provider")
    known = names.find(session, models.ResourceClass, [name])
    if not known:
        raise errors.NotFound(f"No such resource class {name}.")
    providers.advance(session, row, text="update conflict: {error}")
    if not inventories.update(session, row.id, known[name], full):
        raise errors.BadRequest(f"No inventory record with resource class for resource provider {row.uuid}: "
                                f"No inventory of class {name} found.")


def delete(session: Session, uuid: str, name: str) -> None:
    """Remove one inventory; errors.NotFound, errors.Conflict (in use, concurrent update)."""
    row = providers.require(session, uuid)
    known = names.find(session, models.ResourceClass, [name])
    text = f"No inventory of class {name} found for delete: "
    if not known:
        raise errors.NotFound(f"{text}No such resource class {name}.")
    providers.advance(session, row, text=f"Unable to delete inventory of class {name}: {{error}}")
    if not inventories.of_provider(session, row.id, known[name]):
        raise errors.NotFound(f"{text}No inventory of class {name} found.")
    if inventories.delete(session, row.id, [known[name]]) != 1:
        raise errors.Conflict(f"Unable to delete inventory of class {name}: Inventory for '{name}' on resource provider "
                              f"'{uuid}' in use.", kind=CONCURRENT_UPDATE)


def delete_all(session: Session, uuid: str) -> None:
    """Remove every inventory of a provider; errors as `delete`."""
    row = providers.require(session, uuid)
    providers.advance(session, row, text=f"Unable to delete inventory for resource provider {uuid} because the inventory "
                                         "was updated by another process. Please retry your request.")
    _remove(session, row, {r.class_id for r in inventories.of_provider(session, row.id)}, "")
