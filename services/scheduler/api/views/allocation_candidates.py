"""How allocation candidates are printed."""

from collections.abc import Sequence
from typing import Any

import orjson

from common.http.request import Request
from services.scheduler.domain.candidates import Candidate
from services.scheduler.domain.index import Index, Provider
from services.scheduler.objects.query import Query


def candidates(request: Request, index: Index, query: Query, found: Sequence[Candidate]) -> dict[str, Any]:
    """Allocation requests, and summaries of every provider in their trees. The caller holds index.lock."""
    uuids = {p: index.providers[p].uuid for candidate in found for p in candidate.amounts}
    requests: list[dict[str, Any]]
    if request.at_least("1.12"):
        requests = [{"allocations": {uuids[p]: {"resources": amounts} for p, amounts in candidate.amounts.items()}}
                    for candidate in found]
    else:
        requests = [{"allocations": [{"resource_provider": {"uuid": uuids[p]}, "resources": amounts}
                                     for p, amounts in candidate.amounts.items()]} for candidate in found]
    if request.at_least("1.34"):
        for item, candidate in zip(requests, found, strict=True):
            item["mappings"] = {suffix: [uuids[p] for p in ps] for suffix, ps in candidate.mappings.items()}
    return {"allocation_requests": requests, "provider_summaries": _summaries(request, index, query, found)}


def _summaries(request: Request, index: Index, query: Query, found: Sequence[Candidate]) -> dict[str, Any]:
    used = {p for candidate in found for p in candidate.amounts}
    shown = used if not query.nested else {
        p for root in {index.providers[p].root_id for p in used} for p in index.trees[root]}
    providers = [index.providers[number] for number in shown]
    if request.at_least("1.29"):
        return {provider.uuid: orjson.Fragment(provider.printed or _print(index, provider)) for provider in providers}
    classes = None if request.at_least("1.27") else {n for g in query.groups.values() for n in g.resources}
    traits = request.at_least("1.17")
    return {provider.uuid: _summary(provider, classes) | ({"traits": sorted(provider.traits)} if traits else {})
            for provider in providers}


def _print(index: Index, provider: Provider) -> bytes:
    """The whole summary, kept with the provider until it changes: clients ask for a thousand, again and again."""
    provider.printed = orjson.dumps({
        **_summary(provider, None), "traits": sorted(provider.traits), "parent_provider_uuid": index.parent_uuid(provider),
        "root_provider_uuid": index.providers[provider.root_id].uuid})
    return provider.printed


def _summary(provider: Provider, classes: set[str] | None) -> dict[str, Any]:
    return {"resources": {name: {"capacity": inv.capacity, "used": inv.used} for name, inv in provider.inv.items()
                          if classes is None or name in classes}}
