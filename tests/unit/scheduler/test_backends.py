"""Choosing storage pools."""

import pytest

from services.scheduler.domain.backends import free_gb, select

FILTERS = ["AvailabilityZoneFilter", "CapacityFilter", "CapabilitiesFilter"]


def pool(name="h@b#p", free=100, total=100, zone="nova", up=True, **capabilities):
    return {"name": name, "up": up, "availability_zone": zone,
            "capabilities": {"free_capacity_gb": free, "total_capacity_gb": total, **capabilities}}


def choose(*pools, **request):
    return select([{"volume_id": "v", "size_gb": 10, "pools": list(pools), **request}], FILTERS, ["CapacityWeigher"])[0]


def test_the_emptiest_pool_is_chosen():
    assert choose(pool("a@x#1", free=50), pool("b@x#1", free=90)) == {"host": "b@x#1"}


def test_a_batch_spreads():
    request = {"volume_id": "v", "size_gb": 30, "pools": [pool("a@x#1"), pool("b@x#1")]}
    chosen = [a["host"] for a in select([request] * 4, FILTERS, ["CapacityWeigher"])]
    assert sorted(chosen) == ["a@x#1", "a@x#1", "b@x#1", "b@x#1"]


@pytest.mark.parametrize(("pools", "request_", "culprit"), [
    ([pool(free=5)], {}, "CapacityFilter"), ([pool(up=False)], {}, "up"),
    ([pool()], {"availability_zone": "b"}, "AvailabilityZoneFilter"),
    ([pool()], {"volume_type": {"extra_specs": {"volume_backend_name": "x"}}}, "CapabilitiesFilter"),
    ([pool()], {"ignore_hosts": ["h@b"]}, "ignore_hosts"), ([pool()], {"host": "x@b#p"}, "host"),
    ([pool()], {"same_host": ["x@b#p"]}, "SameBackendFilter"), ([pool()], {"different_host": ["h@b#p"]}, "DifferentBackend"),
])
def test_a_refusal_names_the_filter(pools, request_, culprit):
    answer = choose(*pools, **request_)
    assert f"{culprit}" in answer["error"] and "removed 1 (0 left)" in answer["error"]
    assert culprit not in answer["public_error"] and answer["filtered"][-1][1] == 0


def test_capabilities():
    wanted = {"extra_specs": {"volume_backend_name": "lvm", "capabilities:multiattach": "<is> True", "other:x": "1"}}
    assert "host" in choose(pool(volume_backend_name="lvm", multiattach=True), volume_type=wanted)
    assert "error" in choose(pool(volume_backend_name="lvm", multiattach=False), volume_type=wanted)


@pytest.mark.parametrize(("made", "free"), [
    (pool(free=50, reserved_percentage=10), 40), (pool(free="infinite", total="infinite"), float("inf")),
    (pool(free=1, thin_provisioning_support=True, max_over_subscription_ratio=2, provisioned_capacity_gb=150), 50),
])
def test_free_space(made, free):
    assert free_gb(made) == free
