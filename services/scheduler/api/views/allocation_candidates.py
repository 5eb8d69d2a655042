"""How allocation candidates are printed."""

from collections.abc import Sequence
from typing import Any

from common.http.request import Request
from services.scheduler.domain.candidates import Candidate
from services.scheduler.domain.index import Index, Provider
from services.scheduler.objects.query import Query


def candidates(request: Request, index: Index, query: Query, found: Sequence[Candidate]) -> dict[str, Any]:
    """Allocation requests, and summaries of every provider in their trees."""
    providers = index.providers
    mapped = request.at_least("1.34")
    requests = []
    for candidate in found:
        if request.at_least("1.12"):
            item: dict[str, Any] = {"allocations": {providers[p].uuid: {"resources": amounts}
                                                    for p, amounts in candidate.amounts.items()}}
        else:
            item = {"allocations": [{"resource_provider": {"uuid": providers[p].uuid}, "resources": amounts}
                                    for p, amounts in candidate.amounts.items()]}
        if mapped:
            item["mappings"] = {suffix: [providers[p].uuid for p in ps] for suffix, ps in candidate.mappings.items()}
        requests.append(item)
    return {"allocation_requests": requests, "provider_summaries": _summaries(request, index, query, found)}


def _summaries(request: Request, index: Index, query: Query, found: Sequence[Candidate]) -> dict[str, Any]:
    used = {p for candidate in found for p in candidate.amounts}
    shown = used if not query.nested else {
        p for root in {index.providers[p].root_id for p in used} for p in index.trees[root]}
    classes = None if request.at_least("1.27") else {n for g in query.groups.values() for n in g.resources}
    with_traits, with_tree = request.at_least("1.17"), request.at_least("1.29")
    out = {}
    for number in shown:
        provider = index.providers[number]
        item = _summary(provider, classes)
        if with_traits:
            item["traits"] = sorted(provider.traits)
        if with_tree:
            item["parent_provider_uuid"] = index.parent_uuid(provider)
            item["root_provider_uuid"] = index.providers[provider.root_id].uuid
        out[provider.uuid] = item
    return out


def _summary(provider: Provider, classes: set[str] | None) -> dict[str, Any]:
    return {"resources": {name: {"capacity": inv.capacity, "used": inv.used} for name, inv in provider.inv.items()
                          if classes is None or name in classes}}
