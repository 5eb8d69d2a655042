"""Each filter and weigher by itself."""

import random

import pytest

from common import config
from services.scheduler.config import SERVICE
from services.scheduler.domain.index import Inv, Provider
from services.scheduler.domain.scheduling import matching
from services.scheduler.domain.scheduling.decide import Crowd, run_filters
from services.scheduler.domain.scheduling.filters import FILTERS, IDLE, KIND_FACTS, OF_KINDS
from services.scheduler.domain.scheduling.states import Host, Spec
from services.scheduler.domain.scheduling.weighers import WEIGHERS, Scales


def host(name="h", ram=1024, **facts):
    provider = Provider(1, name, name, 0, 1, 0, 0, None, 1)
    provider.inv = {"MEMORY_MB": Inv(ram, ram, 0, 1, ram, 1), "VCPU": Inv(4, 16, 2, 1, 4, 1),
                    "DISK_GB": Inv(10, 10, 0, 1, 10, 1)}
    return Host(provider, {"host": name, "node": name, "enabled": True, "up": True, "availability_zone": "nova",
                           "aggregates": [], "hypervisor_type": "QEMU", "cpu_arch": "x86_64",
                           "hypervisor_version": 7002000, **facts})


@pytest.fixture(scope="module")
def options():
    conf = config.load(SERVICE, "scheduler", files=[], overrides={
        "filter_scheduler.isolated_images": ["im"], "filter_scheduler.isolated_hosts": ["iso"],
        "filter_scheduler.max_instances_per_host": 3, "filter_scheduler.max_io_ops_per_host": 2})
    return conf.filter_scheduler


def aggregate(**metadata):
    return {"aggregates": [{"uuid": "a", "name": "a", "metadata": metadata}]}


def specs(**extra):
    return {"flavor": {"name": "small", "extra_specs": extra}}


def image(**properties):
    return {"image": {"id": "i", "properties": properties}}


CASES = [
    ("ComputeFilter", {}, {}, True), ("ComputeFilter", {"up": False}, {}, False),
    ("ComputeFilter", {"enabled": False}, {}, False),
    ("AvailabilityZoneFilter", {}, {"availability_zone": "nova"}, True),
    ("AvailabilityZoneFilter", {"availability_zone": None}, {"availability_zone": "nova"}, True),
    ("AvailabilityZoneFilter", {}, {"availability_zone": "b"}, False),
    ("ImagePropertiesFilter", {}, image(hw_architecture="amd64"), True),
    ("ImagePropertiesFilter", {}, image(hw_architecture="aarch64"), False),
    ("ImagePropertiesFilter", {}, image(img_hv_type="kvm"), True),
    ("ImagePropertiesFilter", {}, image(img_hv_type="xen"), False),
    ("ImagePropertiesFilter", {}, image(img_hv_requested_version=">=6.0,<8"), True),
    ("ImagePropertiesFilter", {}, image(img_hv_requested_version=">=8"), False),
    ("ComputeCapabilitiesFilter", {}, specs(**{"capabilities:hypervisor_type": "QEMU"}), True),
    ("ComputeCapabilitiesFilter", {}, specs(**{"capabilities:hypervisor_type": "s== kvm"}), False),
    ("ComputeCapabilitiesFilter", {}, specs(**{"capabilities:free_ram_mb": ">= 512"}), True),
    ("ComputeCapabilitiesFilter", {}, specs(**{"hw:cpu_policy": "dedicated"}), True),
    ("ComputeCapabilitiesFilter", {}, specs(nothing="1"), False),
    ("ServerGroupAntiAffinityFilter", {}, {"group": {"policy": "anti-affinity", "hosts": ["h"]}}, False),
    ("ServerGroupAntiAffinityFilter", {}, {"group": {"policy": "anti-affinity", "hosts": ["x"]}}, True),
    ("ServerGroupAntiAffinityFilter", {},
     {"group": {"policy": "anti-affinity", "hosts": ["h"], "rules": {"max_server_per_host": 2}}}, True),
    ("ServerGroupAffinityFilter", {}, {"group": {"policy": "affinity", "hosts": ["x"]}}, False),
    ("ServerGroupAffinityFilter", {}, {"group": {"policy": "affinity", "hosts": []}}, True),
    ("SameHostFilter", {}, {"hints": {"same_host": ["h"]}}, True),
    ("SameHostFilter", {"servers": ["s1"]}, {"hints": {"same_host": "s1"}}, True),
    ("SameHostFilter", {}, {"hints": {"same_host": ["s1"]}, "hint_hosts": {"same_host": ["h"]}}, True),
    ("SameHostFilter", {}, {"hints": {"same_host": ["s1"]}}, False),
    ("DifferentHostFilter", {}, {"hints": {"different_host": ["h"]}}, False),
    ("DifferentHostFilter", {}, {"hints": {"different_host": ["s1"]}, "hint_hosts": {"different_host": ["x"]}}, True),
    ("SimpleCIDRAffinityFilter", {"host_ip": "10.0.0.9"}, {"hints": {"build_near_host_ip": "10.0.0.1"}}, True),
    ("SimpleCIDRAffinityFilter", {"host_ip": "10.0.0.9"}, {"hints": {"build_near_host_ip": "10.0.0.1", "cidr": "/30"}}, False),
    ("JsonFilter", {}, {"hints": {"query": '["and", [">=", "$free_ram_mb", 1024], ["=", "$host", "h"]]'}}, True),
    ("JsonFilter", {}, {"hints": {"query": '["not", ["in", "$host", "h", "g"]]'}}, False),
    ("JsonFilter", {}, {"hints": {"query": "[nonsense"}}, False),
    ("AggregateInstanceExtraSpecsFilter", aggregate(ssd="true"), specs(**{"aggregate_instance_extra_specs:ssd": "true"}), True),
    ("AggregateInstanceExtraSpecsFilter", {}, specs(**{"aggregate_instance_extra_specs:ssd": "true"}), False),
    ("AggregateImagePropertiesIsolation", aggregate(os="windows"), image(os="linux"), False),
    ("AggregateImagePropertiesIsolation", aggregate(os="windows"), image(os="windows"), True),
    ("AggregateMultiTenancyIsolation", aggregate(filter_tenant_id="p1, p2"), {"project_id": "p2"}, True),
    ("AggregateMultiTenancyIsolation", aggregate(filter_tenant_id="p1"), {"project_id": "p2"}, False),
    ("AggregateTypeAffinityFilter", aggregate(instance_type="big"), specs(), False),
    ("IsolatedHostsFilter", {}, {"image": {"id": "im"}}, False), ("IsolatedHostsFilter", {}, {"image": {"id": "x"}}, True),
    ("NumInstancesFilter", {"instances": 2}, {}, True), ("NumInstancesFilter", {"instances": 3}, {}, False),
    ("AggregateNumInstancesFilter", {"instances": 3, **aggregate(max_instances_per_host="9")}, {}, True),
    ("IoOpsFilter", {"io_ops": 1}, {}, True), ("IoOpsFilter", {"io_ops": 2}, {}, False), ("AllHostsFilter", {}, {}, True),
]


@pytest.mark.parametrize(("name", "facts", "request_", "passes"), CASES)
def test_filter(options, name, facts, request_, passes):
    assert FILTERS[name](host(**facts), Spec.of(request_), options) is passes


@pytest.mark.parametrize(("name", "facts", "request_", "passes"), [c for c in CASES if c[0] in OF_KINDS])
def test_a_filter_of_kinds_looks_at_nothing_else(options, name, facts, request_, passes):
    whole = host(**facts)
    alike = Host(None, {k: whole.facts[k] for k in KIND_FACTS if k in whole.facts})
    assert FILTERS[name](alike, Spec.of(request_), options) is passes


@pytest.mark.parametrize("seed", range(30))
def test_a_crowd_is_filtered_as_its_hosts_are_one_by_one(seed):
    dice = random.Random(seed)
    hosts = [host(f"h{n}", ram=dice.choice([64, 1024]), up=dice.random() < 0.9, availability_zone=dice.choice(["nova", "b"]),
                  cpu_arch=dice.choice(["x86_64", "aarch64"]), instances=dice.choice([0, 9]),
                  **dice.choice([{}, aggregate(ssd="true")])) for n in range(40)]
    names = dice.sample(sorted(FILTERS), 6)
    spec = Spec.of({"availability_zone": dice.choice([None, "nova"]), **dice.choice([{}, image(hw_architecture="amd64")]),
                    **dice.choice([{}, specs(ssd="true"), specs(**{"capabilities:free_ram_mb": ">= 512"})])})
    options = config.load(SERVICE, "scheduler", files=[], overrides={
        "filter_scheduler.enabled_filters": names, "filter_scheduler.max_instances_per_host": 3}).filter_scheduler
    left, steps = [h for h in hosts if h.host != "h7"], []
    steps.append(("ignore_hosts", len(left)))
    for name in names:
        if left:
            left = [h for h in left if FILTERS[name](h, spec, options)]
            steps.append((name, len(left)))
    facts = {h.provider.uuid: h.facts for h in hosts}
    kinds = {uuid: str([f.get(k) for k in KIND_FACTS]) for uuid, f in facts.items()}
    for ignored, expected in ((["h7"], steps), ([], None)):
        crowd = Crowd([h.provider for h in hosts], facts, kinds)
        done = run_filters(crowd, spec, options, ignored)
        assert len(crowd) == len(crowd.hosts()) and (expected is None or done == expected)
        assert {h.host for h in crowd.hosts()} - {"h7"} == {h.host for h in left}


def test_every_filter_has_a_case():
    aliases = {"AggregateIoOpsFilter"}
    assert set(FILTERS) - aliases == {name for name, *_ in CASES}


@pytest.mark.parametrize(("have", "wanted", "fits"), [
    ("2", ">= 1", True), ("2", "= 3", False), ("2", "== 2", True), ("2", "!= 2", False), ("a", "s< b", True),
    ("a,b", "<in> b", True), ("sse avx", "<all-in> sse avx", True), ("b", "<or> a <or> b", True), ("x", ">= 1", False),
    ("5", "<range-in> [ 1 5 ]", True), ("5", "<range-in> [ 1 5 )", False), ("a", "a", True), ("a", "b", False),
])
def test_extra_spec_operators(have, wanted, fits):
    assert matching.extra_spec(have, wanted) is fits


@pytest.mark.parametrize(("name", "better", "worse", "request_"), [
    ("RAMWeigher", {"ram": 2048}, {"ram": 1024}, {}), ("IoOpsWeigher", {"io_ops": 0}, {"io_ops": 5}, {}),
    ("BuildFailureWeigher", {}, {"failed_builds": 2}, {}),
    ("HypervisorVersionWeigher", {"hypervisor_version": 8000000}, {}, {}),
    ("ServerGroupSoftAffinityWeigher", {"name": "g"}, {}, {"group": {"policy": "soft-affinity", "hosts": ["g"]}}),
    ("ServerGroupSoftAntiAffinityWeigher", {}, {"name": "g"}, {"group": {"policy": "soft-anti-affinity", "hosts": ["g"]}}),
])
def test_weigher(options, name, better, worse, request_):
    good, bad, spec = host(**better), host(**worse), Spec.of(request_)
    scales = Scales([name], [good, bad], spec, options)
    assert scales.weight(good, spec) > scales.weight(bad, spec)


def test_an_aggregate_sets_a_multiplier(options):
    good, bad = host(ram=2048, **aggregate(ram_weight_multiplier="-5")), host(ram=1024)
    spec = Spec.of({})
    scales = Scales(["RAMWeigher"], [good, bad], spec, options)
    assert scales.weight(good, spec) == -5 and scales.weight(bad, spec) == 0


def test_all_multipliers_are_options(options):
    assert all(hasattr(options, w.option) for w in WEIGHERS.values())


@pytest.mark.parametrize("name", sorted(IDLE))
def test_a_filter_that_is_skipped_would_let_every_host_pass(name, options):
    spec = Spec.of({})
    assert IDLE[name](spec) and all(FILTERS[name](h, spec, options) for h in (host(), host(up=False, enabled=False), host(ram=0)))


def test_the_weights_of_a_start_are_those_of_each_host(options):
    hosts = [host("a", 100), host("b", 300, io_ops=2), host("c", 200, **aggregate(ram_weight_multiplier="2"))]
    for some in (hosts, hosts[:2]):
        spec = Spec.of({})
        scales = Scales(sorted(WEIGHERS), some, spec, options)
        assert scales.first == pytest.approx([scales.weight(h, spec) for h in some])
