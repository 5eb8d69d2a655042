"""Candidates against an oracle that tries every assignment of every provider, on random small clouds."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from services.scheduler.domain import candidates
from services.scheduler.domain.index import SHARES, Index, Inv, Provider
from services.scheduler.objects.query import Group, Query

CLASSES = ("VCPU", "DISK_GB")
TRAITS = ("T1", "T2")
AGGREGATES = ("A1", "A2")


def build(specs):
    """An Index of (parent position or None, {class: (capacity, used)}, traits, aggregates)."""
    index = Index()
    for number, (parent, inventories, traits, aggregates) in enumerate(specs, 1):
        above = index.providers.get(parent + 1) if parent is not None else None
        made = Provider(number, f"u{number}", f"n{number}", 0, 1, 0, 0, above.id if above else None,
                        above.root_id if above else number)
        made.inv = {c: Inv(total, total, min(used, total), 1, 100, 1) for c, (total, used) in inventories.items()}
        made.traits, made.aggregates = frozenset(traits), frozenset(aggregates)
        index.providers[number] = index.by_uuid[made.uuid] = made
        index.trees.setdefault(made.root_id, {})[number] = made
        for table, names in ((index.by_trait, made.traits), (index.by_aggregate, made.aggregates)):
            for name in names:
                table.setdefault(name, set()).add(number)
    return index


def satisfied(any_of_sets, have):
    return all(any_of & have for any_of in any_of_sets)


def oracle(index, query):
    """Every candidate's key, straight from the definition: choose a provider for each (group, class)."""
    found = set()
    for root in [p for p in index.providers.values() if p.parent_id is None]:
        if not query.root_required <= root.traits or query.root_forbidden & root.traits:
            continue
        tree = [p for p in index.providers.values() if p.root_id == root.id]
        linked = frozenset().union(*(p.aggregates for p in tree))
        members = tree + [p for p in index.providers.values()
                          if SHARES in p.traits and p.root_id != root.id and p.aggregates & linked]
        slots = [(s, c) for s, g in query.groups.items() for c in (g.resources or (None,))]
        for choice in itertools.product(members, repeat=len(slots)):
            key = judge(index, query, root, dict(zip(slots, choice, strict=True)))
            if key is not None:
                found.add(key)
    return found


def judge(index, query, root, chosen):
    """The candidate's key if the assignment {(suffix, class): provider} is allowed."""
    amounts, mappings = {}, {}
    for suffix, group in query.groups.items():
        mine = {c: p for (s, c), p in chosen.items() if s == suffix}
        used = {p.id: p for p in mine.values()}
        if not group_allows(index, group, root, used.values()):
            return None
        for name, amount in group.resources.items():
            amounts.setdefault(mine[name].id, {}).setdefault(name, 0)
            amounts[mine[name].id][name] += amount
        mappings[suffix] = tuple(sorted(used))
    if not (has_room(index, amounts) and together_allowed(index, query, amounts, mappings)):
        return None
    return candidates.Candidate(root.id, amounts, mappings).key


def group_allows(index, group, root, used):
    """Whether these providers together satisfy all of one group but its amounts."""
    if group.suffix and len(used) != 1:
        return False
    if not satisfied(group.required, frozenset().union(*(p.traits for p in used))):
        return False
    inside = index.by_uuid.get(group.in_tree) if group.in_tree else None
    for provider in used:
        near = [provider] if group.suffix else [provider, index.providers[provider.root_id]]
        if group.forbidden & provider.traits or any(group.not_member_of & p.aggregates for p in near):
            return False
        if not any(satisfied(group.member_of, p.aggregates) for p in near):
            return False
        if group.in_tree and (inside is None or provider.root_id != inside.root_id):
            return False
    return not (group.in_tree and not group.suffix and inside.root_id != root.id)


def has_room(index, amounts):
    for number, wanted in amounts.items():
        for name, amount in wanted.items():
            inv = index.providers[number].inv.get(name)
            if inv is None or inv.used + amount > inv.capacity or amount > inv.max_unit:
                return False
    return True


def together_allowed(index, query, amounts, mappings):
    """Whether the groups' choices go together."""
    named = [p[0] for s, p in mappings.items() if s]
    if query.policy == "isolate" and len(set(named)) != len(named):
        return False
    roots = [index.providers[n].root_id for n in amounts]
    if not query.nested and len(roots) != len(set(roots)):
        return False
    for suffixes in query.same_subtree:
        together = {n for s in suffixes for n in mappings[s]}
        if not any(all(top in line(index, n) for n in together) for top in together):
            return False
    return True


def line(index, number):
    """A provider and all above it."""
    out = []
    while number is not None:
        out.append(number)
        number = index.providers[number].parent_id
    return out


providers = st.lists(st.tuples(
    st.one_of(st.none(), st.integers(0, 4)),
    st.dictionaries(st.sampled_from(CLASSES), st.tuples(st.integers(1, 4), st.integers(0, 3)), max_size=2),
    st.sets(st.sampled_from((*TRAITS, SHARES)), max_size=2), st.sets(st.sampled_from(AGGREGATES), max_size=2),
), min_size=1, max_size=5).map(
    lambda items: [(p if p is not None and p < n else None, i, t, a) for n, (p, i, t, a) in enumerate(items)])
some_traits = st.lists(st.sets(st.sampled_from(TRAITS), min_size=1).map(frozenset), max_size=2).map(tuple)
some_aggregates = st.lists(st.sets(st.sampled_from(AGGREGATES), min_size=1).map(frozenset), max_size=1).map(tuple)


@st.composite
def queries(draw):
    groups = {}
    for suffix in draw(st.sampled_from([("",), ("1",), ("", "1"), ("1", "2")])):
        groups[suffix] = Group(
            suffix, draw(st.dictionaries(st.sampled_from(CLASSES), st.integers(1, 3), min_size=1, max_size=2)),
            draw(some_traits), draw(st.frozensets(st.sampled_from(TRAITS), max_size=1)), draw(some_aggregates),
            draw(st.frozensets(st.sampled_from(AGGREGATES), max_size=1)) if draw(st.booleans()) else frozenset(),
            draw(st.sampled_from([None, None, None, "u1", "u2", "u9"])))
    named = [s for s in groups if s]
    same = (frozenset(named),) if len(named) > 1 and draw(st.booleans()) else ()
    return Query(groups, draw(st.sampled_from(["none", "isolate"])), None,
                 draw(st.frozensets(st.sampled_from(TRAITS), max_size=1)) if draw(st.booleans()) else frozenset(),
                 frozenset(), same, draw(st.booleans()))


@settings(max_examples=600, deadline=None)
@given(providers, queries())
def test_candidates_are_what_the_definition_says(specs, query):
    index = build(specs)
    assert {c.key for c in candidates.find(index, query)} == oracle(index, query)


@settings(max_examples=100, deadline=None)
@given(providers, queries(), st.integers(1, 3))
def test_a_limit_gives_that_many_of_them(specs, query, limit):
    index = build(specs)
    everything = oracle(index, query)
    limited = Query(query.groups, query.policy, limit, query.root_required, query.root_forbidden, query.same_subtree,
                    query.nested)
    found = {c.key for c in candidates.find(index, limited)}
    assert found <= everything and len(found) == min(limit, len(everything))


def test_a_bare_group_places_itself_in_the_subtree():
    index = build([(None, {}, ["T1"], []), (0, {"VCPU": (4, 0)}, [], []), (0, {"VCPU": (4, 0)}, ["T2"], [])])
    query = Query({"_c": Group("_c", {"VCPU": 1}), "_n": Group("_n", {}, (frozenset(["T2"]),))},
                  same_subtree=(frozenset(["_c", "_n"]),))
    assert [c.mappings for c in candidates.find(index, query)] == [{"_c": (3,), "_n": (3,)}]
