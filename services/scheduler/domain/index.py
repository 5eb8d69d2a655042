"""Providers in memory: the form in which candidates are looked for.

Each process keeps one Index and brings it up to date before each question with one small query, and
further ones only for what changed (see db/index.py); so an answer is never older than its question.
"""

import datetime
import gc
import threading
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from common import errors
from common.db.session import Session
from services.scheduler.db import index as db_index
from services.scheduler.db import models, names

SHARES = "MISC_SHARES_VIA_AGGREGATE"
_MANY = 2000


class Inv:
    """One inventory.

    free    capacity - used (below zero when overcommitted since)
    room    what one allocation may take of it at most
    odd     not every amount up to that may be taken
    """

    __slots__ = ("capacity", "free", "max_unit", "min_unit", "odd", "reserved", "room", "step_size", "total", "used")

    def __init__(self, total: int, capacity: int, used: int, min_unit: int, max_unit: int, step_size: int,
                 reserved: int = 0) -> None:
        self.total, self.capacity, self.used, self.reserved = total, capacity, used, reserved
        self.min_unit, self.max_unit, self.step_size = min_unit, max_unit, step_size
        self.odd = min_unit > 1 or step_size > 1
        self.take(0)

    def take(self, amount: int) -> None:
        """So much more of it is used."""
        self.used += amount
        self.free = self.capacity - self.used
        self.room = min(self.free, self.max_unit)

    def fits(self, amount: int) -> bool:
        """Whether `amount` more may be allocated."""
        return self.min_unit <= amount <= self.room and amount % self.step_size == 0


_NONE: frozenset[str] = frozenset()


class Provider:
    """A provider with its inventories {class: Inv}, traits and aggregates; `printed` is kept for views until it changes."""

    __slots__ = ("aggregates", "bucket", "created_at", "generation", "id", "inv", "name", "parent_id", "printed",
                 "revision", "root_id", "shape", "traits", "updated_at", "uuid")

    def __init__(self, id: int, uuid: str, name: str, generation: int, revision: int, shape: int, bucket: int,
                 parent_id: int | None, root_id: int, created_at: datetime.datetime | None = None,
                 updated_at: datetime.datetime | None = None) -> None:
        self.id, self.uuid, self.name, self.generation = id, uuid, name, generation
        self.revision, self.shape, self.bucket = revision, shape, bucket
        self.parent_id, self.root_id = parent_id, root_id
        self.created_at, self.updated_at = created_at, updated_at
        self.printed: bytes | None = None
        self.inv: dict[str, Inv] = {}
        self.traits: frozenset[str] = _NONE
        self.aggregates: frozenset[str] = _NONE


class Names:
    """Names of resource classes or traits and their ids."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}
        self.names: dict[int, str] = {}

    def load(self, table: dict[str, int]) -> None:
        """Take over a whole table."""
        self.ids = table
        self.names = {number: name for name, number in table.items()}


class Index:
    """All providers. Whoever reads holds `lock`, which `refresh` takes as well."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.providers: dict[int, Provider] = {}
        self.by_uuid: dict[str, Provider] = {}
        self.trees: dict[int, dict[int, Provider]] = {}
        self.by_trait: dict[str, set[int]] = {}
        self.by_aggregate: dict[str, set[int]] = {}
        self.classes, self.traits = Names(), Names()
        self._sums: db_index.Sums = {}
        self._roots: list[int] | None = None

    # reading

    @property
    def roots(self) -> list[int]:
        """The ids of all roots, in a stable order."""
        if self._roots is None:
            self._roots = sorted(self.trees)
        return self._roots

    @property
    def flat(self) -> bool:
        """Whether every provider is a tree of its own."""
        return len(self.trees) == len(self.providers)

    @property
    def sharing(self) -> set[int]:
        """Ids of providers that share what they have by aggregates."""
        return self.by_trait.get(SHARES) or set()

    def sharing_with(self, root_id: int) -> list[Provider]:
        """Sharing providers of other trees that have an aggregate in common with any provider of this one."""
        if not self.sharing:
            return []
        mine: set[str] = set()
        for provider in self.trees[root_id].values():
            mine |= provider.aggregates
        shared = [self.providers[i] for i in sorted(self.sharing)]
        return [p for p in shared if p.root_id != root_id and not mine.isdisjoint(p.aggregates)]

    def parent_uuid(self, provider: Provider) -> str | None:
        """The uuid of a provider's parent, if it has one."""
        parent = self.providers.get(provider.parent_id) if provider.parent_id else None
        return parent.uuid if parent else None

    def require(self, kind: str, wanted: Iterable[str]) -> list[str]:
        """Those of the names in `wanted` that no class (kind "classes") or trait (kind "traits") has."""
        known: Names = getattr(self, kind)
        return sorted(n for n in set(wanted) if n not in known.ids)

    # keeping up to date

    def refresh(self, session: Session, totals: db_index.Sums | None = None) -> None:
        """Make the index what the database is now; `totals`: as they were read just now."""
        with self.lock:
            if self._sums and (totals or db_index.totals(session)).items() >= self._totals().items():
                return
            sums = db_index.provider_sums(session)
            old = self._sums.get(db_index.CLASSES)
            if sums.get(db_index.CLASSES) != old:
                if old is not None and old[2] != sums[db_index.CLASSES][2]:  # one was renamed
                    self._forget()
                self.classes.load(names.all_names(session, models.ResourceClass))
            if sums.get(db_index.TRAITS) != self._sums.get(db_index.TRAITS):
                self.traits.load(names.all_names(session, models.Trait))
            buckets = {b for b in sums.keys() | self._sums.keys() if b >= 0 and sums.get(b) != self._sums.get(b)}
            if buckets:
                self._reload(session, buckets)
            self._sums = sums

    def _totals(self) -> db_index.Sums:
        return {db_index.PROVIDERS: db_index.total(self._sums), db_index.CLASSES: self._sums[db_index.CLASSES],
                db_index.TRAITS: self._sums[db_index.TRAITS]}

    def claimed(self, deltas: Mapping[tuple[int, int], int]) -> None:
        """A transaction of this process changed by so much what is used of (provider id, class id), and committed.

        Revisions are as they would be read now, unless somebody else came between, which the sums then show.
        """
        with self.lock:
            for number in {provider_id for provider_id, _ in deltas} & self.providers.keys():
                provider = self.providers[number]
                provider.generation, provider.revision, provider.printed = provider.generation + 1, provider.revision + 1, None
                count, ids, revisions = self._sums[provider.bucket]
                self._sums[provider.bucket] = count, ids, revisions + 1
            for (number, class_id), delta in deltas.items():
                if number in self.providers:
                    self.providers[number].inv[self.classes.names[class_id]].take(delta)

    def _forget(self) -> None:
        self._sums, self._roots = {}, None
        for table in (self.providers, self.by_uuid, self.trees, self.by_trait, self.by_aggregate):
            table.clear()

    def _reload(self, session: Session, buckets: set[int]) -> None:
        everything = not self.providers
        rows = db_index.providers(session, None if everything else buckets)
        seen = {row.id for row in rows}
        if not everything:
            for gone in [p for p in self.providers.values() if p.bucket in buckets and p.id not in seen]:
                self._remove(gone)
        changed: list[int] = []
        reshaped: list[int] = []
        for row in rows:
            old = self.providers.get(row.id)
            if old is not None and old.revision == row.revision:
                continue
            if row.root_id is None:
                continue
            provider = Provider(*row)
            changed.append(row.id)
            if old is None or old.shape != row.shape:
                reshaped.append(row.id)
            if old is not None:
                provider.traits, provider.aggregates, provider.inv = old.traits, old.aggregates, old.inv
            self._put(provider, old)
        self._load_inventories(session, changed)
        self._load_shapes(session, reshaped)
        if len(changed) > _MANY:
            gc.freeze()  # these objects stay: the collector need not walk them with every request

    def _put(self, provider: Provider, old: Provider | None) -> None:
        if old is not None:
            del self.by_uuid[old.uuid]
            if old.root_id != provider.root_id:
                self._leave_tree(old)
        self.providers[provider.id] = provider
        self.by_uuid[provider.uuid] = provider
        if provider.root_id not in self.trees:
            self.trees[provider.root_id] = {}
            self._roots = None
        self.trees[provider.root_id][provider.id] = provider

    def _leave_tree(self, provider: Provider) -> None:
        tree = self.trees.get(provider.root_id, {})
        tree.pop(provider.id, None)
        if not tree:
            self.trees.pop(provider.root_id, None)
            self._roots = None

    def _remove(self, provider: Provider) -> None:
        del self.providers[provider.id]
        del self.by_uuid[provider.uuid]
        self._leave_tree(provider)
        _unlink(self.by_trait, provider.traits, provider.id)
        _unlink(self.by_aggregate, provider.aggregates, provider.id)

    def _load_inventories(self, session: Session, changed: list[int]) -> None:
        for number in changed:
            self.providers[number].inv = {}
        if not changed:
            return
        wanted = set(changed)
        rows = db_index.inventories(session, None if len(changed) > _MANY else changed)
        for provider_id, class_id, total, capacity, used, low, high, step, reserved in rows:
            if provider_id in wanted:
                name = self._name(session, self.classes, models.ResourceClass, class_id)
                self.providers[provider_id].inv[name] = Inv(total, capacity, used, low, high, step, reserved)

    def _load_shapes(self, session: Session, reshaped: list[int]) -> None:
        if not reshaped:
            return
        chosen: Collection[int] | None = None if len(reshaped) > _MANY else reshaped
        traits: dict[int, list[str]] = {number: [] for number in reshaped}
        for provider_id, trait_id in db_index.traits(session, chosen):
            if provider_id in traits:
                traits[provider_id].append(self._name(session, self.traits, models.Trait, trait_id))
        aggregates: dict[int, list[str]] = {number: [] for number in reshaped}
        for provider_id, uuid in db_index.aggregates(session, chosen):
            if provider_id in aggregates:
                aggregates[provider_id].append(uuid)
        same: dict[frozenset[str], frozenset[str]] = {}
        for number in reshaped:
            provider = self.providers[number]
            new_traits, new_aggregates = frozenset(traits[number]), frozenset(aggregates[number])
            new_traits = same.setdefault(new_traits, new_traits)
            _relink(self.by_trait, provider.traits, new_traits, number)
            _relink(self.by_aggregate, provider.aggregates, new_aggregates, number)
            provider.traits, provider.aggregates = new_traits, new_aggregates

    def _name(self, session: Session, table: Names, model: Any, number: int) -> str:
        if number not in table.names:
            table.load(names.all_names(session, model))
        name = table.names.get(number)
        if name is None:
            raise errors.Transient(f"{model.__tablename__} {number} vanished while it was read")
        return name


def _unlink(table: dict[str, set[int]], keys: Iterable[str], number: int) -> None:
    for key in keys:
        table[key].discard(number)
        if not table[key]:
            del table[key]


def _relink(table: dict[str, set[int]], old: frozenset[str], new: frozenset[str], number: int) -> None:
    _unlink(table, old - new, number)
    for key in new - old:
        table.setdefault(key, set()).add(number)
