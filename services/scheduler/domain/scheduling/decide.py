"""One decision: filter hosts, weigh those left, hand them out best first.

For a batch of equal servers the filters run and the scales are set once; each server handed out
changes its host's numbers, and only that host is weighed again.
"""

import collections
import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from common import ids
from services.scheduler.domain.candidates import Way, scattered
from services.scheduler.domain.index import Provider
from services.scheduler.domain.scheduling.filters import FILTERS, IDLE, OF_KINDS
from services.scheduler.domain.scheduling.states import Host, Spec
from services.scheduler.domain.scheduling.weighers import Scales

Steps = list[tuple[str, int]]


@dataclass(frozen=True)
class Pick:
    """A host handed out, the way of the claim on it, and hosts that would do instead."""

    host: Host
    candidate: Way
    alternates: tuple[Host, ...]


class Crowd:
    """The hosts of one decision. Those of one kind stay together until a filter looks at what they are not alike in: for the
    thousands that a filter removes as a whole nothing is made."""

    def __init__(self, providers: Iterable[Provider], facts: Mapping[str, Mapping[str, Any]], kinds: Mapping[str, Any]) -> None:
        """`facts` and `kinds` by provider uuid, see domain.hosts; a provider without is no host."""
        self._facts = facts
        self._alike: dict[Any, list[Provider]] = collections.defaultdict(list)
        for provider in providers:
            if (kind := kinds.get(provider.uuid)) is not None:
                self._alike[kind].append(provider)
        self._single: list[Host] | None = None

    def __len__(self) -> int:
        return sum(map(len, self._alike.values())) if self._single is None else len(self._single)

    def hosts(self) -> list[Host]:
        """Each of them."""
        if self._single is None:
            self._single = [Host(p, self._facts[p.uuid]) for some in self._alike.values() for p in some]
        return self._single

    def ignore(self, names: Sequence[str]) -> None:
        """Leave out the hosts of these names."""
        unwanted = set(names)
        self._single = [h for h in self.hosts() if h.host not in unwanted]

    def filter(self, name: str, spec: Spec, options: Any) -> None:
        """Leave out the hosts that a filter removes."""
        check = FILTERS[name]
        if self._single is None and name in OF_KINDS:
            self._alike = {k: some for k, some in self._alike.items()
                           if check(Host(some[0], self._facts[some[0].uuid]), spec, options)}
        else:
            self._single = [h for h in self.hosts() if check(h, spec, options)]


def run_filters(crowd: Crowd, spec: Spec, options: Any, ignore: Sequence[str] = ()) -> Steps:
    """Leave in `crowd` the hosts that pass; how many there were after each filter (those ignored on request come first)."""
    steps: Steps = []
    if ignore:
        crowd.ignore(ignore)
        steps.append(("ignore_hosts", len(crowd)))
    for name in options.enabled_filters:
        if not crowd:
            break
        if not _idle(name, spec):
            crowd.filter(name, spec, options)
        steps.append((name, len(crowd)))
    return steps


def _idle(name: str, spec: Spec) -> bool:
    return name in IDLE and IDLE[name](spec)


def _passes(host: Host, spec: Spec, options: Any) -> bool:
    """Whether one host passes all filters."""
    return all(_idle(name, spec) or FILTERS[name](host, spec, options) for name in options.enabled_filters)


class Round:
    """The hosts that are fit for servers of one shape, best first."""

    def __init__(self, hosts: Sequence[Host], spec: Spec, ways: Mapping[int, Sequence[Way]],
                 free: Mapping[int, Any], options: Any) -> None:
        """`ways`: root id -> candidates on it; `free`: provider id -> Provider; `options`: [filter_scheduler]."""
        self.spec, self.ways, self.free, self.options = spec, ways, free, options
        self._hosts = list(scattered(list(hosts))) if options.shuffle_best_same_weighed_hosts else list(hosts)
        self.scales = Scales(options.weight_classes, self._hosts, spec, options)
        self._heap = [(-weight, number) for number, weight in enumerate(self.scales.first)]
        heapq.heapify(self._heap)

    def _entry(self, number: int, host: Host) -> tuple[float, int]:
        return -self.scales.weight(host, self.spec), number

    def pick(self, alternates: int) -> Pick | None:
        """The best host that still has room; None when there is none. The pick is noted on the host."""
        best: list[tuple[tuple[float, int], Way]] = []
        while self._heap and len(best) < self.options.host_subset_size:
            entry = heapq.heappop(self._heap)
            way = self._way(self._hosts[entry[1]])
            if way is not None:
                best.append((entry, way))
        if not best:
            return None
        entry, way = ids.choice(best) if len(best) > 1 else best[0]
        for other, _ in best:
            if other != entry:
                heapq.heappush(self._heap, other)
        host = self._hosts[entry[1]]
        spare = tuple(self._hosts[n] for _, n in heapq.nsmallest(alternates, self._heap)) if alternates else ()
        host.take(way.amounts)
        if self.spec.group_policy:
            self.spec = replace(self.spec, group_hosts=(*self.spec.group_hosts, host.host))
        heapq.heappush(self._heap, self._entry(entry[1], host))
        return Pick(host, way, spare)

    def _way(self, host: Host) -> Way | None:
        """The first way of claiming on a host that still has room, if the host still passes the filters."""
        for candidate in self.ways[host.provider.root_id]:
            if self._has_room(host, candidate):
                break
        else:
            return None
        if (host.given or self.spec.group_policy) and not _passes(host, self.spec, self.options):
            return None
        return candidate

    def _has_room(self, host: Host, candidate: Way) -> bool:
        if not host.given:
            return True
        return all(amount + host.given.get((number, name), 0) <= self.free[number].inv[name].free
                   for number, amounts in candidate.amounts.items() for name, amount in amounts.items())

    def drop(self, provider_uuid: str) -> None:
        """Hand this provider's host out no more: others took what it had."""
        self._heap = [e for e in self._heap if self._hosts[e[1]].provider.uuid != provider_uuid
                      and provider_uuid not in {self.free[p].uuid for way in self.ways[self._hosts[e[1]].provider.root_id]
                                                for p in way.amounts}]
        heapq.heapify(self._heap)


def explain(resources: Mapping[str, int], steps: Steps, total: int) -> str:
    """What to tell an operator: how many hosts there were, and how many each filter removed."""
    wanted = ", ".join(f"{name} {amount}" for name, amount in resources.items()) or "its resources"
    text = f"No valid host was found. Of {total} hosts, "
    if not steps:
        return f"{text}none has {wanted}."
    before = steps[0][1]
    text += f"{before} {'has' if before == 1 else 'have'} room for {wanted}"
    for name, left in steps[1:]:
        if left < before:
            text += f"; {name} removed {before - left} ({left} left)"
        before = left
    return text + "."
