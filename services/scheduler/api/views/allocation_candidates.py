"""How allocation candidates are printed."""

from collections.abc import Sequence
from typing import Any

import orjson

from common.http.request import Request
from services.scheduler.domain.candidates import Candidate, Way, Whole
from services.scheduler.domain.index import Index, Provider
from services.scheduler.objects.query import Query


def candidates(request: Request, index: Index, query: Query, found: Sequence[Way]) -> dict[str, Any]:
    """Allocation requests, and summaries of every provider in their trees. The caller holds index.lock."""
    summaries = _summaries(request, index, query, found)
    if request.at_least("1.34") and found and isinstance(found[0], Whole):
        return {"allocation_requests": _print_whole(index, found), "provider_summaries": summaries}
    named = {p for candidate in found for ps in candidate.mappings.values() for p in ps}  # some give nothing
    uuids = {p: index.providers[p].uuid for p in named.union(*(candidate.amounts for candidate in found))}
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
    return {"allocation_requests": requests, "provider_summaries": summaries}


def _print_whole(index: Index, found: Sequence[Way]) -> orjson.Fragment:
    """Candidates that differ in nothing but the provider, of which there may be ten thousand: the same text with another uuid
    each."""
    resources = orjson.dumps(found[0].amounts[found[0].root]).decode()
    uuids = [index.providers[candidate.root].uuid for candidate in found]
    texts = [f'{{"allocations":{{"{u}":{{"resources":{resources}}}}},"mappings":{{"":["{u}"]}}}}' for u in uuids]
    return orjson.Fragment(f"[{','.join(texts)}]")


def _summaries(request: Request, index: Index, query: Query, found: Sequence[Way]) -> Any:
    used = {p for candidate in found for p in (candidate.amounts if isinstance(candidate, Candidate) else (candidate.root,))}
    shown = used if index.flat or not query.nested else {
        p for root in {index.providers[p].root_id for p in used} for p in index.trees[root]}
    providers = [index.providers[number] for number in shown]
    if request.at_least("1.29"):
        return orjson.Fragment(b"{" + b",".join([provider.printed or _print(index, provider) for provider in providers]) + b"}")
    classes = None if request.at_least("1.27") else {n for g in query.groups.values() for n in g.resources}
    traits = request.at_least("1.17")
    return {provider.uuid: _summary(provider, classes) | ({"traits": sorted(provider.traits)} if traits else {})
            for provider in providers}


def _print(index: Index, provider: Provider) -> bytes:
    """The whole summary after its key, kept with the provider until it changes: clients ask for a thousand, again and again."""
    provider.printed = orjson.dumps({provider.uuid: {
        **_summary(provider, None), "traits": sorted(provider.traits), "parent_provider_uuid": index.parent_uuid(provider),
        "root_provider_uuid": index.providers[provider.root_id].uuid}})[1:-1]
    return provider.printed


def _summary(provider: Provider, classes: set[str] | None) -> dict[str, Any]:
    return {"resources": {name: {"capacity": inv.capacity, "used": inv.used} for name, inv in provider.inv.items()
                          if classes is None or name in classes}}
