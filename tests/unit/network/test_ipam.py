"""Arithmetic of addresses."""

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from common import ids
from services.network.domain import ipam

CIDRS = st.builds(lambda n, length: str(ipaddress.ip_network((n << (32 - length) & 0xFFFFFFFF, length))),
                  st.integers(0, 2**32 - 1), st.integers(8, 32))
SIX = st.builds(lambda n, length: str(ipaddress.ip_network((n >> (128 - length) << (128 - length), length))),
                st.integers(1 << 125, 2**126), st.integers(32, 128))


@given(st.one_of(CIDRS, SIX), st.booleans())
def test_default_pools_fit_their_subnet_and_leave_out_the_gateway(cidr, gateway):
    it = ipam.first_host(cidr) if gateway else None
    pools = ipam.default_pools(cidr, it)
    assert ipam.check_pools(cidr, pools) is None
    assert it is None or not ipam.in_pools(pools, it)


@given(CIDRS, st.data())
def test_offsets_come_back_as_addresses(cidr, data):
    net = ipaddress.ip_network(cidr)
    ip = str(net[data.draw(st.integers(0, net.num_addresses - 1))])
    offset = ipam.offset(cidr, ip)
    assert offset is not None and ipam.address(cidr, offset) == ip


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=5), st.integers(1, 20))
def test_candidates_lie_in_the_spans_once_each(pairs, count):
    spans, at = [], 0
    for gap, size in pairs:
        spans.append((at + gap, at + gap + size))
        at += gap + size + 1
    allowed = {n for first, last in spans for n in range(first, last + 1)}
    found = ipam.candidates(spans, count, ids.randint) if spans else []
    assert len(set(found)) == len(found) and set(found) <= allowed
    if len(allowed) <= count:
        assert set(found) == allowed


@given(st.lists(st.integers(8, 28), max_size=12))
def test_cut_prefixes_never_overlap(lengths):
    pool, used = ["10.0.0.0/8"], []
    for length in lengths:
        found = ipam.free_prefix(pool, used, length)
        if found is None:
            continue
        assert ipam.covered(pool, found) and not ipam.touches([found], used)
        used.append(found)


def test_eui64_flips_the_universal_bit():
    assert ipam.eui64("2001:db8::/64", "fa:16:3e:00:00:01") == "2001:db8::f816:3eff:fe00:1"


def test_pools_that_overlap_are_named():
    pools = [{"start": "10.0.0.2", "end": "10.0.0.9"}, {"start": "10.0.0.9", "end": "10.0.0.20"}]
    kind, text = ipam.check_pools("10.0.0.0/24", pools)
    assert kind == "OverlappingAllocationPools" and "10.0.0.2-10.0.0.9" in text


def test_usable_addresses():
    assert not ipam.usable("10.0.0.0/24", "10.0.0.0") and not ipam.usable("10.0.0.0/24", "10.0.0.255")
    assert ipam.usable("10.0.0.0/31", "10.0.0.0") and ipam.usable("fd00::/64", "fd00::", gateway=True)
