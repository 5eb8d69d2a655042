"""Who uses what: the one place that changes allocations, and with them `inventories.used`.

Every change first locks the providers it touches (in the order of their ids, by raising their
generations), then reads their inventories; so two claims on one provider follow each other, and the
second sees what the first left. There is nothing to retry but a consumer that two callers make at once.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from common import errors
from common.db.session import Database, Session, unique_violation
from services.scheduler.db import allocations, inventories, models, names, providers
from services.scheduler.db.refusals import IntegrityError

CONCURRENT_UPDATE = "placement.concurrent_update"
ANY_GENERATION = -1
_TRIES_MAX = 10
_CHANGED = ("Inventory and/or allocations changed while attempting to allocate: Another thread concurrently updated "
            "the data. Please retry your update")
T = TypeVar("T")


class DoesNotFit(errors.Conflict):
    """A claim that the inventory does not allow; `provider` is the uuid at fault."""

    def __init__(self, message: str, provider: str = "") -> None:
        super().__init__(f"Unable to allocate inventory: {message}")
        self.provider = provider


@dataclass(frozen=True)
class Change:
    """What a consumer is to have, in place of whatever it has.

    allocations   provider uuid -> class -> amount; empty: nothing
    generation    what the caller thinks the consumer's generation is; None: that there is no such
                  consumer; ANY_GENERATION: does not matter
    consumer_type   None: leave it as it is
    claim         what the scheduler daemon remembers with the consumer
    """

    uuid: str
    allocations: Mapping[str, Mapping[str, int]]
    project_id: str
    user_id: str
    consumer_type: str | None = None
    generation: int | None = ANY_GENERATION
    claim: Any = None


@dataclass(frozen=True)
class Ids:
    """Numbers of the providers (by uuid) and classes (by name) that changes speak of."""

    providers: Mapping[str, int]
    classes: Mapping[str, int]


def look_up(session: Session, changes: Sequence[Change], prefix: str = "Unable to allocate inventory") -> Ids:
    """The numbers of all that `changes` name; errors.BadRequest when one does not exist."""
    uuids = {u for c in changes for u in c.allocations}
    classes = {n for c in changes for amounts in c.allocations.values() for n in amounts}
    found = {u: number for u, (number, _) in providers.generations(session, uuids).items()} if uuids else {}
    for uuid in sorted(uuids - found.keys()):
        raise errors.BadRequest(f"Allocation for resource provider '{uuid}' that does not exist.")
    known = names.find(session, models.ResourceClass, classes)
    for name in sorted(classes - known.keys()):
        raise errors.BadRequest(f"{prefix} No such resource class {name}.")
    return Ids(found, known)


def apply(session: Session, changes: Sequence[Change], ids: Ids, *, fresh: bool = False) -> dict[tuple[int, int], int]:
    """Carry out all `changes` or none; by how much what is used of (provider id, class id) grew.

    With `fresh` no consumer was there a moment ago, and all seemed to fit: neither is looked at before writing. errors.Stale or
    IntegrityError when it is otherwise now, and without `fresh` it is found out what.
    errors.Conflict (kind CONCURRENT_UPDATE) when a generation differs; DoesNotFit when an inventory is
    missing, full or refuses the amount; errors.Stale or IntegrityError when another changed the same consumer meanwhile.
    """
    existing = {} if fresh else allocations.consumers(session, [c.uuid for c in changes], lock=True)
    for change in changes:
        _check_generation(change, existing.get(change.uuid))
    old: dict[int, dict[tuple[int, int], int]] = {}
    if existing:
        for row in allocations.of_consumers(session, [c.id for c in existing.values()]):
            old.setdefault(row.consumer_id, {})[row.provider_id, row.class_id] = row.used
    new = {c.uuid: {(ids.providers[u], ids.classes[n]): amount for u, amounts in c.allocations.items()
                    for n, amount in amounts.items()} for c in changes}
    deltas: dict[tuple[int, int], int] = {}
    for change in changes:
        known = existing.get(change.uuid)
        for key, amount in new[change.uuid].items():
            deltas[key] = deltas.get(key, 0) + amount
        for key, amount in old.get(known.id if known else 0, {}).items():
            deltas[key] = deltas.get(key, 0) - amount
    if deltas:
        providers.touch(session, {p for p, _ in deltas})
        if fresh and len(changes) == 1:
            if not inventories.take(session, deltas):
                raise errors.Stale(f"inventories of {', '.join(ids.providers)}")
        else:
            _check_inventories(session, changes, new, deltas, ids)
            inventories.add_used(session, {k: d for k, d in deltas.items() if d})
    _write(session, changes, existing, new)
    return deltas


def _check_generation(change: Change, known: Any | None) -> None:
    if change.generation == ANY_GENERATION:
        return
    if known is not None and known.generation != change.generation:
        raise errors.Conflict(f"consumer generation conflict - expected {known.generation} but got {change.generation}",
                              kind=CONCURRENT_UPDATE)
    if known is None and change.generation is not None:
        raise errors.Conflict(f"consumer generation conflict - expected null but got {change.generation}",
                              kind=CONCURRENT_UPDATE)


def _check_inventories(session: Session, changes: Sequence[Change], new: Mapping[str, Mapping[tuple[int, int], int]],
                       deltas: Mapping[tuple[int, int], int], ids: Ids) -> None:
    have = inventories.of_providers(session, {p for p, _ in deltas})
    for change in changes:
        for uuid, amounts in change.allocations.items():
            for name, amount in amounts.items():
                key = ids.providers[uuid], ids.classes[name]
                row = have.get(key)
                if row is None:
                    raise DoesNotFit(f"Inventory for '{name}' on resource provider '{uuid}' invalid.", uuid)
                if amount < row.min_unit or amount > row.max_unit or amount % row.step_size:
                    raise DoesNotFit(f"Unable to create allocation for '{name}' on resource provider '{uuid}'. The "
                                     "requested amount would violate inventory constraints.", uuid)
                if deltas[key] > 0 and row.used + deltas[key] > row.capacity:
                    raise DoesNotFit(f"Unable to create allocation for '{name}' on resource provider '{uuid}'. The "
                                     "requested amount would exceed the capacity.", uuid)


def _write(session: Session, changes: Sequence[Change], existing: Mapping[str, Any],
           new: Mapping[str, Mapping[tuple[int, int], int]]) -> None:
    fresh = [c for c in changes if c.uuid not in existing and c.allocations]
    numbers = {uuid: row.id for uuid, row in existing.items()}
    if fresh:
        numbers |= allocations.insert_consumers(session, [
            {"uuid": c.uuid, "project_id": c.project_id, "user_id": c.user_id, "consumer_type": c.consumer_type,
             "generation": 1, "claim": c.claim} for c in fresh])
    for change in changes:
        known = existing.get(change.uuid)
        if known is not None and change.allocations:
            allocations.update_consumer(session, known.id, known.generation, project_id=change.project_id,
                                        user_id=change.user_id, claim=change.claim,
                                        consumer_type=change.consumer_type or known.consumer_type)
    rows = [{"consumer_id": numbers[c.uuid], "provider_id": p, "class_id": k, "used": amount}
            for c in changes for (p, k), amount in new[c.uuid].items()]
    allocations.replace(session, [r.id for r in existing.values()], rows)
    empty = [existing[c.uuid].id for c in changes if c.uuid in existing and not c.allocations]
    if empty:
        allocations.delete_consumers(session, empty)


def replace(database: Database, changes: Sequence[Change], prefix: str = "Unable to allocate inventory") -> None:
    """Look up and apply `changes` in a transaction; errors as `look_up` and `apply`, but never Stale."""

    def work(session: Session) -> None:
        apply(session, changes, look_up(session, changes, prefix))

    persistently(lambda: database.transaction(work))


def persistently(work: Callable[[], T]) -> T:
    """Call `work` again as long as others interfere; errors.Conflict when they do not stop."""
    for _ in range(_TRIES_MAX):
        try:
            return work()
        except errors.Stale:
            continue
        except IntegrityError as e:
            if not unique_violation(e):
                raise errors.Conflict(_CHANGED, kind=CONCURRENT_UPDATE) from e
    raise errors.Conflict(_CHANGED, kind=CONCURRENT_UPDATE)


def delete(session: Session, uuid: str) -> bool:
    """Take everything from a consumer; false when it had nothing."""
    if not allocations.consumers(session, [uuid]):
        return False
    apply(session, [Change(uuid, {}, "", "")], Ids({}, {}))
    return True


def merge(first: Mapping[str, Mapping[str, int]], second: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Both allocations added up."""
    out = {u: dict(amounts) for u, amounts in first.items()}
    for uuid, amounts in second.items():
        mine = out.setdefault(uuid, {})
        for name, amount in amounts.items():
            mine[name] = mine.get(name, 0) + amount
    return out


def of_consumers(session: Session, uuids: Collection[str]) -> dict[str, dict[str, dict[str, int]]]:
    """consumer uuid -> provider uuid -> class -> amount, of those that have any."""
    out: dict[str, dict[str, dict[str, int]]] = {}
    for uuid in uuids:
        for row in allocations.show(session, uuid):
            out.setdefault(uuid, {}).setdefault(row.provider_uuid, {})[row.name] = row.used
    return out
