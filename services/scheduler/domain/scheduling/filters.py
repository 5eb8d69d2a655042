"""Filters: each says whether a host may take a server. Names and meanings are upstream's.

A filter is a function (host, spec, options) -> bool, found by its name in FILTERS.
Source: the compute service's administration guide, chapter on scheduling.
"""

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

from services.scheduler.domain.scheduling import matching
from services.scheduler.domain.scheduling.states import Host, Spec

Filter = Callable[[Host, Spec, Any], bool]


def all_hosts(host: Host, spec: Spec, options: Any) -> bool:
    """Every host."""
    return True


def compute(host: Host, spec: Spec, options: Any) -> bool:
    """Hosts whose service is enabled and up."""
    facts = host.facts
    return bool(facts.get("enabled", True) and facts.get("up", True))


def availability_zone(host: Host, spec: Spec, options: Any) -> bool:
    """Hosts of the zone that was asked for."""
    wanted = spec.request.get("availability_zone")
    return not wanted or wanted == (host.facts.get("availability_zone") or options.default_availability_zone)


def image_properties(host: Host, spec: Spec, options: Any) -> bool:
    """Hosts with the architecture, hypervisor type and version that the image asks for."""
    wanted = spec.image_properties
    if not wanted:
        return True
    arch = wanted.get("hw_architecture") or wanted.get("architecture")
    kind = wanted.get("img_hv_type") or wanted.get("hypervisor_type")
    mode = wanted.get("hw_vm_mode") or wanted.get("vm_mode")
    have = str(host.facts.get("hypervisor_type") or "").lower()
    if arch and host.facts.get("cpu_arch") and matching.architecture(arch) != matching.architecture(host.facts["cpu_arch"]):
        return False
    if kind and have and str(kind).lower() not in matching.hypervisor_names(have):
        return False
    modes = host.facts.get("vm_modes")
    if mode and modes and mode not in modes:
        return False
    version = wanted.get("img_hv_requested_version") or wanted.get("hypervisor_version_requires")
    return not version or matching.version_fits(host.facts.get("hypervisor_version"), str(version))


def compute_capabilities(host: Host, spec: Spec, options: Any) -> bool:
    """Hosts whose facts fulfil the flavor's `capabilities:` (or unscoped) extra specs."""
    for key, wanted in spec.extra_specs.items():
        scope, colon, rest = key.partition(":")
        if colon and scope != "capabilities":
            continue
        path = (rest if colon else key).split(":")
        have: Any = {**host.facts, "free_ram_mb": host.free("MEMORY_MB"), "vcpus_total": host.total("VCPU"),
                     "num_instances": host.instances, "num_io_ops": host.facts.get("io_ops"),
                     **(host.facts.get("capabilities") or {})}
        for part in path:
            have = have.get(part) if isinstance(have, Mapping) else None
        if have is None or not matching.extra_spec(str(have), str(wanted)):
            return False
    return True


def server_group_anti_affinity(host: Host, spec: Spec, options: Any) -> bool:
    """No host with max_server_per_host (default 1) members of an anti-affinity group."""
    if spec.group_policy != "anti-affinity":
        return True
    most = int(spec.group_rules.get("max_server_per_host") or 1)
    return spec.group_hosts.count(host.host) < most


def server_group_affinity(host: Host, spec: Spec, options: Any) -> bool:
    """Only hosts that an affinity group is on already, if it is on any."""
    return spec.group_policy != "affinity" or not spec.group_hosts or host.host in spec.group_hosts


def same_host(host: Host, spec: Spec, options: Any) -> bool:
    """Hosts of the servers that the hint same_host names."""
    wanted = spec.hint("same_host")
    return not wanted or _has_any(host, spec, "same_host", wanted)


def different_host(host: Host, spec: Spec, options: Any) -> bool:
    """No host of the servers that the hint different_host names."""
    unwanted = spec.hint("different_host")
    return not unwanted or not _has_any(host, spec, "different_host", unwanted)


def _has_any(host: Host, spec: Spec, hint: str, servers: list[str]) -> bool:
    """Whether any of `servers` is on the host: by the hosts compute resolved them to, or the host's own list."""
    resolved = (spec.request.get("hint_hosts") or {}).get(hint)
    if resolved is not None:
        return host.host in resolved
    return host.host in servers or not set(servers).isdisjoint(host.facts.get("servers") or ())


def simple_cidr_affinity(host: Host, spec: Spec, options: Any) -> bool:
    """Hosts in the network around build_near_host_ip (hint `cidr`, default /24)."""
    near = spec.hint("build_near_host_ip")
    if not near:
        return True
    cidr = (spec.hint("cidr") or ["/24"])[0]
    address = host.facts.get("host_ip")
    if not address:
        return False
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(f"{near[0]}/{cidr.lstrip('/')}", strict=False)
    except ValueError:
        return False


def json_filter(host: Host, spec: Spec, options: Any) -> bool:
    """Hosts for which the expression of the hint `query` is true."""
    text = spec.hints.get("query")
    return not text or matching.json_query(text, host)


def aggregate_instance_extra_specs(host: Host, spec: Spec, options: Any) -> bool:
    """Hosts whose aggregates' metadata fulfil the `aggregate_instance_extra_specs:` (or unscoped) extra specs."""
    for key, wanted in spec.extra_specs.items():
        scope, colon, rest = key.partition(":")
        if colon and scope != "aggregate_instance_extra_specs":
            continue
        values = host.metadata(rest if colon else key)
        if not values or not any(matching.extra_spec(v, str(wanted)) for v in values):
            return False
    return True


def aggregate_image_properties_isolation(host: Host, spec: Spec, options: Any) -> bool:
    """Hosts whose aggregates do not ask for other image properties than the image has."""
    namespace = options.aggregate_image_properties_isolation_namespace
    start = f"{namespace}{options.aggregate_image_properties_isolation_separator}" if namespace else ""
    keys = {k for a in host.facts.get("aggregates") or () for k in (a.get("metadata") or {}) if k.startswith(start)}
    for key in keys:
        have = spec.image_properties.get(key)
        if have is not None and str(have) not in host.metadata(key):
            return False
    return True


def aggregate_multi_tenancy_isolation(host: Host, spec: Spec, options: Any) -> bool:
    """Hosts whose aggregates name no tenants, or this one (metadata filter_tenant_id…)."""
    keys = {k for a in host.facts.get("aggregates") or () for k in (a.get("metadata") or {})
            if k.startswith("filter_tenant_id")}
    tenants = set().union(*(host.metadata(k) for k in keys))
    return not tenants or spec.request.get("project_id") in tenants


def aggregate_type_affinity(host: Host, spec: Spec, options: Any) -> bool:
    """Hosts whose aggregates name no flavors (metadata instance_type), or this one."""
    names = host.metadata("instance_type")
    return not names or (spec.request.get("flavor") or {}).get("name") in names


def isolated_hosts(host: Host, spec: Spec, options: Any) -> bool:
    """Isolated images on isolated hosts only, and (where restricted) nothing else there."""
    if not options.isolated_images and not options.isolated_hosts:
        return True
    image = spec.image.get("id") in options.isolated_images
    isolated = host.host in options.isolated_hosts
    if options.restrict_isolated_hosts_to_isolated_images:
        return image == isolated
    return not image or isolated


def num_instances(host: Host, spec: Spec, options: Any) -> bool:
    """Hosts with fewer than max_instances_per_host servers."""
    return host.instances < _aggregate_int(host, "max_instances_per_host", options.max_instances_per_host)


def io_ops(host: Host, spec: Spec, options: Any) -> bool:
    """Hosts with fewer than max_io_ops_per_host builds, resizes and the like in hand."""
    most = _aggregate_int(host, "max_io_ops_per_host", options.max_io_ops_per_host)
    return int(host.facts.get("io_ops") or 0) < most


def _aggregate_int(host: Host, key: str, default: int) -> int:
    """The smallest number that the host's aggregates give for `key`."""
    numbers = [int(v) for v in host.metadata(key) if v.isdigit()]
    return min(numbers, default=default)


FILTERS: Mapping[str, Filter] = {
    "AllHostsFilter": all_hosts, "ComputeFilter": compute, "AvailabilityZoneFilter": availability_zone,
    "ImagePropertiesFilter": image_properties, "ComputeCapabilitiesFilter": compute_capabilities,
    "ServerGroupAntiAffinityFilter": server_group_anti_affinity, "ServerGroupAffinityFilter": server_group_affinity,
    "SameHostFilter": same_host, "DifferentHostFilter": different_host, "SimpleCIDRAffinityFilter": simple_cidr_affinity,
    "JsonFilter": json_filter, "AggregateInstanceExtraSpecsFilter": aggregate_instance_extra_specs,
    "AggregateImagePropertiesIsolation": aggregate_image_properties_isolation,
    "AggregateMultiTenancyIsolation": aggregate_multi_tenancy_isolation, "AggregateTypeAffinityFilter": aggregate_type_affinity,
    "IsolatedHostsFilter": isolated_hosts, "NumInstancesFilter": num_instances, "AggregateNumInstancesFilter": num_instances,
    "IoOpsFilter": io_ops, "AggregateIoOpsFilter": io_ops,
}

KIND_FACTS = ("enabled", "up", "availability_zone", "cpu_arch", "hypervisor_type", "hypervisor_version", "vm_modes", "aggregates")
OF_KINDS = frozenset((
    "ComputeFilter", "AvailabilityZoneFilter", "ImagePropertiesFilter", "AggregateInstanceExtraSpecsFilter",
    "AggregateImagePropertiesIsolation", "AggregateMultiTenancyIsolation", "AggregateTypeAffinityFilter"))
"""Filters that look at no other facts of a host than KIND_FACTS: one host is asked for all that are alike in these."""

IDLE: Mapping[str, Callable[[Spec], bool]] = {
    "AllHostsFilter": lambda spec: True,
    "AvailabilityZoneFilter": lambda spec: not spec.request.get("availability_zone"),
    "ImagePropertiesFilter": lambda spec: not spec.image_properties,
    "ComputeCapabilitiesFilter": lambda spec: not spec.extra_specs,
    "ServerGroupAntiAffinityFilter": lambda spec: spec.group_policy != "anti-affinity",
    "ServerGroupAffinityFilter": lambda spec: spec.group_policy != "affinity",
    "SameHostFilter": lambda spec: not spec.hint("same_host"),
    "DifferentHostFilter": lambda spec: not spec.hint("different_host"),
    "SimpleCIDRAffinityFilter": lambda spec: not spec.hint("build_near_host_ip"),
}
"""Filters that let every host of some requests pass: for those no host need be asked."""
