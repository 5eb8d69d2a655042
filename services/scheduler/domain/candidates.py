"""Where a request could be satisfied: all combinations of providers, tree by tree.

Pure functions over the Index. The common case, one unsuffixed group and a provider that is a tree of
its own, is tested without building any combination.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from common import ids
from services.scheduler.domain.index import Index, Provider
from services.scheduler.objects.query import Group, Query

T = TypeVar("T")
Choice = tuple[str, tuple[tuple[Provider, str, int], ...], tuple[int, ...]]
"""How one group is satisfied: its suffix, (provider, class, amount) of each resource, ids of the providers."""


class Candidate(NamedTuple):
    """One way to satisfy a request.

    root        id of the tree it was found in
    amounts     provider id -> class -> amount
    mappings    suffix -> ids of the providers that satisfy that group
    """

    root: int
    amounts: Mapping[int, Mapping[str, int]]
    mappings: Mapping[str, tuple[int, ...]]

    @property
    def key(self) -> Any:
        """Equal for candidates that a client could not tell apart."""
        return (tuple(sorted((p, *sorted(a.items())) for p, a in self.amounts.items())),
                tuple(sorted(self.mappings.items())))


class Whole(NamedTuple):
    """A candidate of one provider that gives everything and is a tree of its own: there may be ten thousand of them."""

    root: int
    resources: Mapping[str, int]

    @property
    def amounts(self) -> Mapping[int, Mapping[str, int]]:
        """As Candidate's."""
        return {self.root: self.resources}

    @property
    def mappings(self) -> Mapping[str, tuple[int, ...]]:
        """As Candidate's."""
        return {"": (self.root,)}

    @property
    def key(self) -> Any:
        """As Candidate's."""
        return Candidate(self.root, self.amounts, self.mappings).key


Way = Candidate | Whole


def find(index: Index, query: Query, *, randomize: bool = True, most: int | None = None) -> Sequence[Way]:
    """The candidates of `query`, at most query.limit; `most` bounds the combinations that are tried.

    The caller holds index.lock and has checked that the classes and traits exist.
    """
    limit = query.limit if query.limit is not None else math.inf
    found: dict[Any, Candidate] = {}
    tried = 0
    group = query.groups.get("", Group())
    simple = set(query.groups) == {""} and not index.sharing
    roots = _roots(index, query)
    order = scattered(roots) if randomize and query.limit is not None else roots
    flat = index.flat or all(len(index.trees[n]) == 1 for n in roots if n in index.trees)
    if simple and flat and not (query.root_required or query.root_forbidden or group.required or group.forbidden
                                or group.member_of or group.not_member_of):
        return _plain(index, group.resources, order, limit)
    for number in order:
        root = index.providers.get(number)
        if root is None or not _root_fits(root, query):
            continue
        tree = index.trees[number]
        if simple and len(tree) == 1:
            if single_fits(root, group):
                found[number] = Candidate(number, {number: group.resources}, {"": (number,)})
        else:
            for candidate in _in_tree(index, root, query):
                found.setdefault(candidate.key, candidate)
                tried += 1
                if len(found) >= limit or (most is not None and tried >= most):
                    break
        if len(found) >= limit or (most is not None and tried >= most):
            break
    return list(found.values())


def _plain(index: Index, resources: Mapping[str, int], order: Iterable[int], limit: float) -> list[Whole]:
    """The commonest question, only of resources of providers that are trees of their own: nothing is called for each of them."""
    providers, wanted = index.providers, tuple(resources.items())
    found: list[Whole] = []
    for number in order:
        root = providers.get(number)
        if root is None:
            continue
        inv = root.inv
        for name, amount in wanted:
            have = inv.get(name)
            if have is None or amount > have.room or have.odd and not have.fits(amount):
                break
        else:
            found.append(Whole(number, resources))
            if len(found) >= limit:
                break
    return found


def scattered(numbers: list[T]) -> Iterator[T]:
    """All of `numbers`, from a random start and by a random stride, again and again: a cheap random order."""
    n = len(numbers)
    if n < 3:
        return iter(ids.shuffled(numbers))
    at, stride = ids.randint(0, n - 1), ids.randint(2, min(n - 1, 100))
    turned = [*numbers[at:], *numbers[:at]]
    return itertools.chain.from_iterable(turned[first::stride] for first in [0, *ids.shuffled(range(1, stride))])


def _roots(index: Index, query: Query) -> list[int]:
    """Roots of the trees that may hold a candidate: narrowed by what is indexed, where that is sure."""
    narrowed: set[int] | None = None
    for group in query.groups.values():
        if group.in_tree is not None and not (index.sharing and group.suffix):
            inside = index.by_uuid.get(group.in_tree)
            narrowed = _narrow(narrowed, [inside.root_id] if inside else [])
        if index.sharing:
            continue  # what a group wants may come from another tree
        for wanted, table in ((group.required, index.by_trait), (group.member_of, index.by_aggregate)):
            for names in wanted:
                numbers = set().union(*(table.get(n, ()) for n in names))
                narrowed = _narrow(narrowed, (index.providers[i].root_id for i in numbers))
    for trait in query.root_required:
        narrowed = _narrow(narrowed, (i for i in index.by_trait.get(trait, ()) if i in index.trees))
    return index.roots if narrowed is None else sorted(narrowed)


def _narrow(narrowed: set[int] | None, numbers: Iterable[int]) -> set[int]:
    return set(numbers) if narrowed is None else narrowed.intersection(numbers)


def _root_fits(root: Provider, query: Query) -> bool:
    return query.root_required <= root.traits and query.root_forbidden.isdisjoint(root.traits)


def single_fits(provider: Provider, group: Group) -> bool:
    """Whether one provider satisfies all of `group`, apart from its in_tree."""
    inv = provider.inv
    for name, amount in group.resources.items():
        have = inv.get(name)
        if have is None or amount > have.room or have.odd and not have.fits(amount):
            return False
    if (group.required or group.forbidden) and not _traits_fit(provider.traits, group):
        return False
    return not (group.member_of or group.not_member_of) or _aggregates_fit(provider.aggregates, group)


def _traits_fit(traits: frozenset[str], group: Group) -> bool:
    if group.forbidden and not group.forbidden.isdisjoint(traits):
        return False
    return all(not any_of.isdisjoint(traits) for any_of in group.required)


def _aggregates_fit(aggregates: frozenset[str], group: Group) -> bool:
    if group.not_member_of and not group.not_member_of.isdisjoint(aggregates):
        return False
    return all(not any_of.isdisjoint(aggregates) for any_of in group.member_of)


def _belongs(provider: Provider, root: Provider, group: Group) -> bool:
    """Whether the provider's aggregates, or those of its tree's root, satisfy `group`; neither may be a forbidden one."""
    if group.not_member_of and not group.not_member_of.isdisjoint(provider.aggregates | root.aggregates):
        return False
    return any(all(not any_of.isdisjoint(at.aggregates) for any_of in group.member_of) for at in (provider, root))


def _in_tree(index: Index, root: Provider, query: Query) -> Iterator[Candidate]:
    """Every candidate anchored at `root`."""
    members = [*index.trees[root.id].values(), *index.sharing_with(root.id)]
    options: list[list[Choice]] = []
    for suffix, group in query.groups.items():
        if suffix:
            inside = _tree_of(index, group)
            chosen: list[Choice] = [
                (suffix, tuple((p, c, n) for c, n in group.resources.items()), (p.id,)) for p in members
                if (inside is None or p.root_id == inside) and single_fits(p, group)]
        else:
            chosen = [("", parts, tuple(sorted({p.id for p, _, _ in parts})))
                      for parts in _spread(index, root, members, group)]
        if not chosen:
            return
        options.append(chosen)
    for combination in itertools.product(*options):
        candidate = _merge(index, root, query, combination)
        if candidate is not None:
            yield candidate


def _tree_of(index: Index, group: Group) -> int | None:
    """The root of the group's in_tree: None when it has none, 0 when there is no such provider."""
    if group.in_tree is None:
        return None
    provider = index.by_uuid.get(group.in_tree)
    return provider.root_id if provider else 0


def _spread(index: Index, root: Provider, members: list[Provider],
            group: Group) -> Iterator[tuple[tuple[Provider, str, int], ...]]:
    """Ways to take the unsuffixed group's resources, each class from one provider of the tree or sharing with it.

    An aggregate of the root holds for its whole tree.
    """
    inside = _tree_of(index, group)
    if inside is not None:
        members = [p for p in members if p.root_id == inside == root.id]
    usable = [p for p in members if group.forbidden.isdisjoint(p.traits) and _belongs(p, index.providers[p.root_id], group)]
    per_class = [[(p, name, amount) for p in usable if name in p.inv and p.inv[name].fits(amount)]
                 for name, amount in group.resources.items()]
    for parts in itertools.product(*per_class):
        if group.required:
            traits = frozenset().union(*(p.traits for p, _, _ in parts))
            if not all(not any_of.isdisjoint(traits) for any_of in group.required):
                continue
        yield parts


def _merge(index: Index, root: Provider, query: Query, combination: tuple[Any, ...]) -> Candidate | None:
    """One choice for each group made into a candidate, if the choices go together."""
    mappings = {suffix: providers for suffix, _, providers in combination}
    if query.policy == "isolate":
        suffixed = [providers[0] for suffix, providers in mappings.items() if suffix]
        if len(suffixed) != len(set(suffixed)):
            return None
    for suffixes in query.same_subtree:
        chosen = {i for s in suffixes for i in mappings.get(s, ())}
        if not _one_subtree(index, chosen):
            return None
    amounts: dict[int, dict[str, int]] = {}
    for _, parts, _ in combination:
        for provider, name, amount in parts:
            mine = amounts.setdefault(provider.id, {})
            mine[name] = mine.get(name, 0) + amount
    for number, wanted in amounts.items():
        inv = index.providers[number].inv
        if any(n > inv[c].room for c, n in wanted.items()):
            return None
    roots = [index.providers[i].root_id for i in amounts]
    if not query.nested and len(roots) != len(set(roots)):
        return None
    return Candidate(root.id, amounts, mappings)


def _one_subtree(index: Index, chosen: set[int]) -> bool:
    """Whether one of the chosen providers is above (or is) all of them."""
    common: set[int] | None = None
    for number in chosen:
        line: set[int] = set()
        at: int | None = number
        while at is not None:
            line.add(at)
            at = index.providers[at].parent_id
        common = line if common is None else common & line
    return bool(common and common & chosen)
