"""Weighers: each gives a host a number; more is better, times the weigher's multiplier.

Over the hosts of one decision every weigher's numbers are scaled to 0…1 first, as upstream does, so
that multipliers compare weighers with each other. Names and meanings are upstream's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.scheduler.domain.scheduling import matching
from services.scheduler.domain.scheduling.states import Host, Spec


@dataclass(frozen=True)
class Weigher:
    """`raw` gives a host's number; `option` (also a key of aggregates' metadata) names the multiplier."""

    raw: Callable[[Host, Spec], float]
    option: str


def _ram(host: Host, spec: Spec) -> float:
    return host.free("MEMORY_MB")


def _cpu(host: Host, spec: Spec) -> float:
    return host.free("VCPU")


def _disk(host: Host, spec: Spec) -> float:
    return host.free("DISK_GB")


def _io_ops(host: Host, spec: Spec) -> float:
    return float(host.facts.get("io_ops") or 0)


def _soft_affinity(host: Host, spec: Spec) -> float:
    return spec.group_hosts.count(host.host) if spec.group_policy == "soft-affinity" else 0


def _soft_anti_affinity(host: Host, spec: Spec) -> float:
    return -spec.group_hosts.count(host.host) if spec.group_policy == "soft-anti-affinity" else 0


def _build_failure(host: Host, spec: Spec) -> float:
    return -float(host.facts.get("failed_builds") or 0)


def _version(host: Host, spec: Spec) -> float:
    return matching.version_number(host.facts.get("hypervisor_version")) or 0


def _instances(host: Host, spec: Spec) -> float:
    return host.instances


def _image_locality(host: Host, spec: Spec) -> float:
    return 1.0 if spec.image.get("id") and spec.image["id"] in (host.facts.get("images") or ()) else 0.0


WEIGHERS: Mapping[str, Weigher] = {
    "RAMWeigher": Weigher(_ram, "ram_weight_multiplier"), "CPUWeigher": Weigher(_cpu, "cpu_weight_multiplier"),
    "DiskWeigher": Weigher(_disk, "disk_weight_multiplier"), "IoOpsWeigher": Weigher(_io_ops, "io_ops_weight_multiplier"),
    "ServerGroupSoftAffinityWeigher": Weigher(_soft_affinity, "soft_affinity_weight_multiplier"),
    "ServerGroupSoftAntiAffinityWeigher": Weigher(_soft_anti_affinity, "soft_anti_affinity_weight_multiplier"),
    "BuildFailureWeigher": Weigher(_build_failure, "build_failure_weight_multiplier"),
    "HypervisorVersionWeigher": Weigher(_version, "hypervisor_version_weight_multiplier"),
    "NumInstancesWeigher": Weigher(_instances, "num_instances_weight_multiplier"),
    "ImageLocalityWeigher": Weigher(_image_locality, "image_locality_weight_multiplier"),
}


class Scales:
    """The weighers of one decision with the range of each over its hosts; `weight` uses the range again later.

    `first` are the weights of `hosts` as they are now, in their order.
    """

    def __init__(self, names: Sequence[str], hosts: Sequence[Host], spec: Spec, options: Any) -> None:
        self.used: list[tuple[Weigher, float, float, float]] = []
        grouped = any(h.facts.get("aggregates") for h in hosts)
        first = [0.0] * len(hosts)
        for name in names:
            weigher = WEIGHERS[name]
            soft = name.startswith("ServerGroupSoft")
            if soft and not (spec.group_policy or "").startswith("soft-"):
                continue
            multiplier = float(getattr(options, weigher.option))
            if multiplier == 0 and not grouped:
                continue
            look = weigher.raw
            raw = [look(h, spec) for h in hosts]
            low, high = min(raw, default=0.0), max(raw, default=0.0)
            if high > low or soft:
                width = high - low if high > low else 1.0
                self.used.append((weigher, multiplier, low, width))
                if not grouped:
                    first = [sum_ + multiplier * (value - low) / width for sum_, value in zip(first, raw, strict=True)]
        self.first = [self.weight(h, spec) for h in hosts] if grouped else first

    def weight(self, host: Host, spec: Spec) -> float:
        """The host's weight; an aggregate's metadata may set a multiplier (the smallest one counts)."""
        total = 0.0
        plain = not host.facts.get("aggregates")
        for weigher, multiplier, low, width in self.used:
            if not plain:
                multiplier = _aggregate_multiplier(host, weigher.option, multiplier)
            total += multiplier * (weigher.raw(host, spec) - low) / width
        return total


def _aggregate_multiplier(host: Host, key: str, default: float) -> float:
    numbers = []
    for text in host.metadata(key):
        try:
            numbers.append(float(text))
        except ValueError:
            continue
    return min(numbers, default=default)
