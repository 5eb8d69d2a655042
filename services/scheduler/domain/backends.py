"""Choosing a storage pool for a volume. Pure: volume's conductor hands the pools over.

Filters and weigher have upstream's names and meanings; see the block storage administration guide.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from common import ids
from services.scheduler.domain.scheduling import matching

Pool = dict[str, Any]
Request = Mapping[str, Any]
PUBLIC = "No valid backend was found. No weighed backends available"


def _capabilities_of(pool: Pool) -> Mapping[str, Any]:
    found: Mapping[str, Any] = pool.get("capabilities") or {}
    return found


def _zone(pool: Pool, request: Request) -> bool:
    wanted = request.get("availability_zone")
    return not wanted or wanted == pool.get("availability_zone")


def free_gb(pool: Pool) -> float:
    """What may still be promised, GiB: reserve taken off, thin provisioning counted in; inf where unknown or endless."""
    have = _capabilities_of(pool)
    free, total = have.get("free_capacity_gb"), have.get("total_capacity_gb")
    if free in (None, "infinite", "unknown") or total in ("infinite", "unknown"):
        return float("inf")
    capacity = float(total if total is not None else free or 0)
    reserve = capacity * float(have.get("reserved_percentage") or 0) / 100
    if have.get("thin_provisioning_support") in (True, "True", "true") and have.get("provisioned_capacity_gb") is not None:
        ratio = float(have.get("max_over_subscription_ratio") or 1)
        return (capacity - reserve) * ratio - float(have["provisioned_capacity_gb"])
    return float(free or 0) - reserve


def _capacity(pool: Pool, request: Request) -> bool:
    return float(request.get("size_gb") or 0) <= free_gb(pool)


def _capabilities(pool: Pool, request: Request) -> bool:
    specs = (request.get("volume_type") or {}).get("extra_specs") or {}
    have = _capabilities_of(pool)
    for key, wanted in specs.items():
        scope, colon, rest = str(key).partition(":")
        if colon and scope != "capabilities":
            continue
        value: Any = have
        for part in (rest if colon else key).split(":"):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is None:
            return False
        texts = value if isinstance(value, list) else [value]
        if not any(_matches(str(t), str(wanted)) for t in texts):
            return False
    return True


def _matches(have: str, wanted: str) -> bool:
    words = wanted.split()
    if len(words) == 2 and words[0] == "<is>":
        return (words[1].lower() in ("true", "1", "yes")) == (have.lower() in ("true", "1", "yes"))
    return matching.extra_spec(have, wanted)


def _same(pool: Pool, request: Request) -> bool:
    wanted = request.get("same_host")
    return not wanted or any(_on(pool, name) for name in wanted)


def _different(pool: Pool, request: Request) -> bool:
    return not any(_on(pool, name) for name in request.get("different_host") or ())


def _on(pool: Pool, name: str) -> bool:
    """Whether `name` (host, host@backend or host@backend#pool) is this pool or has it."""
    full = str(pool["name"])
    return full == name or full.startswith((f"{name}@", f"{name}#"))


FILTERS: Mapping[str, Callable[[Pool, Request], bool]] = {
    "AvailabilityZoneFilter": _zone, "CapacityFilter": _capacity, "CapabilitiesFilter": _capabilities,
    "SameBackendFilter": _same, "DifferentBackendFilter": _different,
}
WEIGHERS: Mapping[str, tuple[Callable[[Pool], float], float]] = {
    "CapacityWeigher": (free_gb, 1.0),
    "AllocatedCapacityWeigher": (lambda p: float(_capabilities_of(p).get("allocated_capacity_gb") or 0), -1.0),
    "VolumeNumberWeigher": (lambda p: float(_capabilities_of(p).get("total_volumes") or 0), -1.0),
}


def select(requests: Sequence[Request], filters: Sequence[str], weighers: Sequence[str],
           capacity_multiplier: float = 1.0) -> list[dict[str, Any]]:
    """An answer for each request; what one takes is gone for the next."""
    taken: dict[str, float] = {}
    return [_select_one(request, filters, weighers, capacity_multiplier, taken) for request in requests]


def _select_one(request: Request, filters: Sequence[str], weighers: Sequence[str], multiplier: float,
                taken: dict[str, float]) -> dict[str, Any]:
    pools = [_reduced(p, taken.get(p["name"], 0.0)) for p in request.get("pools") or ()]
    steps = [("pools", len(pools))]
    always: list[tuple[str, Callable[[Pool], bool]]] = [
        ("up", lambda p: bool(p.get("up", True))),
        ("host", lambda p: not request.get("host") or _on(p, request["host"])),
        ("ignore_hosts", lambda p: not any(_on(p, n) for n in request.get("ignore_hosts") or ())),
    ]
    names = [*filters, *(n for n in ("SameBackendFilter", "DifferentBackendFilter") if n not in filters)]
    checks = [*always, *((n, lambda p, f=FILTERS[n]: f(p, request)) for n in names)]
    for name, check in checks:
        pools = [p for p in pools if check(p)]
        steps.append((name, len(pools)))
    if not pools:
        return {"error": _explain(request, steps), "public_error": PUBLIC, "filtered": [list(s) for s in steps]}
    best = max(ids.shuffled(pools), key=lambda p: _weight(p, pools, weighers, multiplier))
    taken[best["name"]] = taken.get(best["name"], 0.0) + float(request.get("size_gb") or 0)
    return {"host": best["name"]}


def _reduced(pool: Pool, gone: float) -> Pool:
    """The pool without what earlier requests of this message took."""
    if not gone:
        return pool
    have = dict(_capabilities_of(pool))
    if isinstance(have.get("free_capacity_gb"), int | float):
        have["free_capacity_gb"] -= gone
    for key in ("provisioned_capacity_gb", "allocated_capacity_gb"):
        if have.get(key) is not None:
            have[key] = float(have[key]) + gone
    return {**pool, "capabilities": have}


def _weight(pool: Pool, pools: Sequence[Pool], names: Sequence[str], capacity_multiplier: float) -> float:
    total = 0.0
    for name in names:
        raw, multiplier = WEIGHERS[name]
        values = [v for v in map(raw, pools) if v != float("inf")]
        low, high = min(values, default=0.0), max(values, default=0.0)
        mine = raw(pool)
        scaled = 1.1 if mine == float("inf") else (mine - low) / (high - low) if high > low else 0.0
        total += scaled * (capacity_multiplier if name == "CapacityWeigher" else multiplier)
    return total


def _explain(request: Request, steps: Sequence[tuple[str, int]]) -> str:
    text = f"No valid backend was found for {request.get('size_gb')} GiB. Of {steps[0][1]} pools"
    before = steps[0][1]
    parts = []
    for name, left in steps[1:]:
        if left < before:
            parts.append(f"{name} removed {before - left} ({left} left)")
        before = left
    return f"{text}, {'; '.join(parts)}." if parts else f"{text}, none is known."
