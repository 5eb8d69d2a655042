"""Choosing hosts and claiming on them: candidates, filters, weights, one transaction of claims.

Answers are remembered with their consumers, so that the same request again gives the same answer.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson
from oslo_config import cfg

from common.db.session import Database, Session
from services.scheduler.db import allocations as db_allocations
from services.scheduler.db import index as db_index
from services.scheduler.domain import allocations, candidates
from services.scheduler.domain.allocations import Change, DoesNotFit, Ids
from services.scheduler.domain.hosts import Hosts
from services.scheduler.domain.index import Index
from services.scheduler.domain.scheduling.decide import Crowd, Pick, Round, Steps, explain, run_filters
from services.scheduler.domain.scheduling.states import Host, Spec
from services.scheduler.objects.query import Group, Query

LOG = logging.getLogger(__name__)
Request = Mapping[str, Any]
Answer = dict[str, Any]
PUBLIC = "No valid host was found. There are not enough hosts available."
_OWN = ("consumer_id", "consumer_generation")
_CLAIM = ("resources", "groups", "required", "forbidden", "member_of", "ignore_hosts", "host", "node",
          "allow_existing", "availability_zone")


class Selector:
    """Answers select_hosts. One per process: it holds the indexes."""

    def __init__(self, conf: cfg.ConfigOpts, database: Database, index: Index, hosts: Hosts) -> None:
        self.conf, self.database, self.index, self.hosts = conf, database, index, hosts

    def select(self, requests: Sequence[Request]) -> list[Answer]:
        """An answer for each request, in order; see common.clients.scheduler."""
        answers: dict[int, Answer] = {}
        for shape in _shapes(requests):
            with self.index.lock, self.hosts.lock:
                with self.database.read() as session:
                    totals = db_index.totals(session, [requests[i]["consumer_id"] for i in shape])
                    there = totals.pop(db_index.CONSUMERS)[0]
                    existing = self._existing(session, [requests[i] for i in shape]) if there else {}
                known = {i: answer for i in shape if (answer := self._known(requests[i], existing)) is not None}
                left = [i for i in shape if i not in known]
                found = self._place([requests[i] for i in left], existing, totals) if left else []
                answers |= known | dict(zip(left, found, strict=True))
        return [answers[i] for i in range(len(requests))]

    # what was answered before

    def _existing(self, session: Session, requests: Sequence[Request]) -> dict[str, tuple[Any, Any]]:
        """consumer -> (its row, its allocations), of those that have any."""
        rows = db_allocations.consumers(session, [r["consumer_id"] for r in requests])
        have = allocations.of_consumers(session, list(rows)) if rows else {}
        return {uuid: (row, have.get(uuid, {})) for uuid, row in rows.items()}

    def _known(self, request: Request, existing: Mapping[str, tuple[Any, Any]]) -> Answer | None:
        row, have = existing.get(request["consumer_id"], (None, None))
        if row is None:
            return None
        if row.claim and row.claim.get("digest") == digest(request):
            answer: Answer = row.claim["answer"]
            return answer
        if request.get("allow_existing") or not have:
            return None
        wanted = dict(_amounts(request.get("resources")))
        if len(have) != 1 or request.get("groups") or next(iter(have.values())) != wanted:
            return None
        with self.database.read() as session:
            self.hosts.refresh(session)
        uuid = next(iter(have))
        with self.hosts.lock:
            facts = self.hosts.facts.get(uuid)
            if facts is None or facts["host"] in (request.get("ignore_hosts") or ()):
                return None
            if uuid not in self.hosts.providers(request.get("host"), request.get("node")) and (
                    request.get("host") or request.get("node")):
                return None
            return {"host": facts["host"], "node": facts["node"], "provider_id": uuid, "limits": {}, "alternates": [],
                    "allocations": {uuid: {"resources": wanted}}}

    # new choices

    def _place(self, requests: Sequence[Request], existing: Mapping[str, tuple[Any, Any]], totals: db_index.Sums) -> list[Answer]:
        """Answers for requests that differ in their consumers only; `totals` were read just now.

        Where claims of others came between, what could not be placed is tried again with fresh eyes.
        """
        answers: list[Answer] = [{} for _ in requests]
        todo = list(range(len(requests)))
        for attempt in range(self.conf.scheduler.claim_attempts):
            with self.database.read() as session:
                totals = db_index.totals(session) if attempt else totals
                self.index.refresh(session, totals)
                self.hosts.refresh(session, totals)
            started = self._start(requests[todo[0]])
            if isinstance(started, dict):
                found, collided = [started for _ in todo], False
            else:
                found, collided = self._claim_all([requests[i] for i in todo], existing, *started)
            for number, answer in zip(todo, found, strict=True):
                answers[number] = answer
            todo = [i for i in todo if "error" in answers[i]]
            if not collided or not todo:
                break
        return answers

    def _start(self, request: Request) -> tuple[Round, Steps, int] | Answer:
        """A round of fit hosts with the filters' steps and the number of hosts; or the answer that there is none."""
        limit: int | None = self.conf.scheduler.max_placement_results
        total = len(self.hosts.facts)
        missing = self._unknown(request)
        if missing:
            return _refusal(f"No valid host was found. There is no {missing}.", [])
        while True:
            found = self._candidates(request, limit)
            providers = self.index.providers
            crowd = Crowd([providers[root] for root in dict.fromkeys([candidate.root for candidate in found])], self.hosts.facts,
                          self.hosts.kinds)
            options = self.conf.filter_scheduler
            spec = Spec.of(request)
            having_room = len(crowd)
            steps = [("Placement", having_room), *run_filters(crowd, spec, options, request.get("ignore_hosts") or ())]
            if crowd:
                ways: dict[int, list[candidates.Way]] = {}
                for candidate in found:
                    ways.setdefault(candidate.root, []).append(candidate)
                return Round(crowd.hosts(), spec, ways, providers, options), steps, total
            if limit is None or len(found) < limit:
                error = explain(_amounts(request.get("resources")), steps if having_room else [], total)
                if not having_room:
                    error += self._shortage(request)
                return _refusal(error, steps)
            limit = None  # all of them, once: one may pass

    def _unknown(self, request: Request) -> str:
        groups = [request, *(request.get("groups") or {}).values()]
        classes = self.index.require("classes", [n for g in groups for n in _amounts(g.get("resources"))])
        traits = self.index.require("traits", [t for g in groups for k in ("required", "forbidden") for t in _flat(g.get(k))])
        if classes:
            return f"resource class {', '.join(classes)}"
        return f"trait {', '.join(traits)}" if traits else ""

    def _shortage(self, request: Request) -> str:
        """How many hosts could give each single resource: said when no host has all."""
        providers = [p for u in self.hosts.facts if (p := self.index.by_uuid.get(u))]
        flat, trees = self.index.flat, self.index.trees
        parts = []
        for name, amount in _amounts(request.get("resources")).items():
            able = sum([(mine := p.inv.get(name)) is not None and amount <= mine.room and (not mine.odd or mine.fits(amount))
                        or not flat and any(name in q.inv and q.inv[name].fits(amount) for q in trees[p.root_id].values())
                        for p in providers])
            parts.append(f"{name} {amount}: {able}")
        return f" Hosts that could give each alone: {', '.join(parts)}." if parts else ""

    def _candidates(self, request: Request, limit: int | None) -> Sequence[candidates.Way]:
        query = _query(request, limit)
        most = self.conf.placement.max_allocation_candidates
        if not (request.get("host") or request.get("node")):
            return candidates.find(self.index, query, most=most)
        found: list[candidates.Way] = []
        for uuid in self.hosts.providers(request.get("host"), request.get("node")):
            inside = {s: replace(g, in_tree=g.in_tree or uuid) if not s else g for s, g in query.groups.items()}
            root = self.index.by_uuid.get(uuid)
            found += [c for c in candidates.find(self.index, replace(query, groups=inside), most=most)
                      if root is not None and c.root == root.root_id]
        return found

    def _claim_all(self, requests: Sequence[Request], existing: Mapping[str, tuple[Any, Any]], round_: Round,
                   steps: Steps, total: int) -> tuple[list[Answer], bool]:
        """Pick a host for each request and claim them together; the answers, and whether others came between."""
        collided = False
        picks: list[Pick | None] = [None] * len(requests)
        todo = list(range(len(requests)))
        for _ in range(self.conf.scheduler.claim_attempts):
            for number in todo:
                picks[number] = round_.pick(self.conf.scheduler.max_attempts - 1)
            chosen = [(requests[i], p) for i, p in enumerate(picks) if p is not None]
            if not chosen:
                break
            try:
                self._write(chosen, existing)
                break
            except DoesNotFit as e:
                LOG.info("a claim collided on provider %s: %s", e.provider, e)
                collided = True
                round_.drop(e.provider)
                todo = [i for i, p in enumerate(picks) if p is not None
                        and e.provider in self._allocations(p)]
                if not todo:
                    raise
        else:
            text = f"No valid host was found. Claims collided with others on {self.conf.scheduler.claim_attempts} hosts."
            return [_refusal(text, steps) for _ in requests], collided
        resources = _amounts(requests[0].get("resources"))
        placed = sum(p is not None for p in picks)
        full = explain(resources, [*steps, ("other servers of this request", 0)] if placed else steps, total)
        return [self._answer(p) if p is not None else _refusal(full, steps) for p in picks], collided

    def _write(self, chosen: Sequence[tuple[Request, Pick]], existing: Mapping[str, tuple[Any, Any]]) -> None:
        changes = [self._change(request, pick, existing) for request, pick in chosen]
        providers = {u for c in changes for u in c.allocations}
        classes = {n for c in changes for amounts in c.allocations.values() for n in amounts}
        ids = Ids({u: self.index.by_uuid[u].id for u in providers}, {n: self.index.classes.ids[n] for n in classes})
        fresh = iter([not any(request["consumer_id"] in existing for request, _ in chosen)])  # at the first try
        self.index.claimed(allocations.persistently(
            lambda: self.database.transaction(allocations.apply, changes, ids, fresh=next(fresh, False))))

    def _change(self, request: Request, pick: Pick, existing: Mapping[str, tuple[Any, Any]]) -> Change:
        row, have = existing.get(request["consumer_id"], (None, {}))
        wanted: Mapping[str, Mapping[str, int]] = self._allocations(pick)
        if request.get("allow_existing") and row is not None:
            wanted = allocations.merge(have, wanted)
        generation = request.get("consumer_generation")
        if generation is None:
            generation = allocations.ANY_GENERATION if row is None else row.generation
        return Change(request["consumer_id"], wanted, request["project_id"], request["user_id"],
                      request.get("consumer_type") or "INSTANCE", generation,
                      {"digest": digest(request), "answer": self._answer(pick)})

    def _allocations(self, pick: Pick) -> dict[str, dict[str, int]]:
        return {self.index.providers[p].uuid: dict(amounts) for p, amounts in pick.candidate.amounts.items()}

    def _answer(self, pick: Pick) -> Answer:
        return {**_named(pick.host), "limits": {}, "alternates": [_named(h) for h in pick.alternates],
                "allocations": {u: {"resources": amounts} for u, amounts in self._allocations(pick).items()}}


def digest(request: Request) -> str:
    """What a claim is known by: the same for the same request of the same consumer."""
    return hashlib.sha256(orjson.dumps({k: request.get(k) for k in _CLAIM}, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def _shapes(requests: Sequence[Request]) -> list[list[int]]:
    """Numbers of requests that differ in their consumers only, together."""
    found: dict[bytes, list[int]] = {}
    for number, request in enumerate(requests):
        key = orjson.dumps({k: v for k, v in request.items() if k not in _OWN}, option=orjson.OPT_SORT_KEYS)
        found.setdefault(key, []).append(number)
    return list(found.values())


def _amounts(resources: Mapping[str, int] | None) -> dict[str, int]:
    return {name: int(amount) for name, amount in (resources or {}).items() if int(amount) > 0}


def _flat(traits: Any) -> list[str]:
    """The names in ["A", ["B", "C"]]."""
    return [name for item in traits or () for name in ([item] if isinstance(item, str) else item)]


def _group(suffix: str, data: Mapping[str, Any]) -> Group:
    required = tuple(frozenset([item] if isinstance(item, str) else item) for item in data.get("required") or ())
    return Group(suffix, _amounts(data.get("resources")), required, frozenset(data.get("forbidden") or ()),
                 tuple(frozenset(uuids) for uuids in data.get("member_of") or ()),
                 frozenset(data.get("not_member_of") or ()), data.get("in_tree"))


def _query(request: Request, limit: int | None) -> Query:
    groups = {"": _group("", request)} if _amounts(request.get("resources")) or not request.get("groups") else {}
    groups |= {suffix: _group(suffix, data) for suffix, data in (request.get("groups") or {}).items()}
    return Query(groups, request.get("group_policy") or "none", limit)


def _named(host: Host) -> dict[str, str]:
    return {"host": host.host, "node": host.node, "provider_id": host.provider.uuid}


def _refusal(error: str, steps: Steps) -> Answer:
    return {"error": error, "public_error": PUBLIC, "filtered": [[name, left] for name, left in steps]}
