"""Arithmetic of addresses: pools, free ranges, EUI-64, cutting subnets out of prefixes. Pure: no I/O.

Addresses are given out at random within the pools, so that callers at work together seldom choose the
same one, and `offsets` (an address's distance from its subnet's first) are what the database stores and compares.
"""

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from netaddr import IPSet

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
OFFSET_MAX = 1 << 62
"""Offsets from here on do not fit a signed 64-bit column and are not handed out automatically."""
AUTO_MODES = ("slaac", "dhcpv6-stateless")


def network(cidr: str) -> Network:
    """The network of `cidr`, host bits dropped; ValueError when it is none."""
    return ipaddress.ip_network(cidr, strict=False)


def offset(cidr: str, ip: str) -> int | None:
    """Distance of `ip` from the first address of `cidr`; None when it is OFFSET_MAX or more."""
    distance = int(ipaddress.ip_address(ip)) - int(network(cidr).network_address)
    return distance if 0 <= distance < OFFSET_MAX else None


def address(cidr: str, distance: int) -> str:
    """The address `distance` after the first of `cidr`."""
    return str(network(cidr).network_address + distance)


def contains(cidr: str, ip: str) -> bool:
    """Whether `ip` lies in `cidr`; False for the other IP version."""
    return ipaddress.ip_address(ip) in network(cidr)


def usable(cidr: str, ip: str, *, gateway: bool = False) -> bool:
    """Whether a port may have `ip` in `cidr`: no network or broadcast address (a /31, /32, /127, /128 has none).

    A `gateway` may be the subnet-router anycast address of an IPv6 network.
    """
    net, it = network(cidr), ipaddress.ip_address(ip)
    if it not in net:
        return False
    if net.prefixlen >= net.max_prefixlen - 1:
        return True
    if net.version == 6:
        return gateway or it != net.network_address
    return it not in (net.network_address, net.broadcast_address)


def first_host(cidr: str) -> str:
    """The usual gateway: the first address that a port may have."""
    net = network(cidr)
    return str(net.network_address + (0 if net.prefixlen >= net.max_prefixlen - 1 else 1))


def default_pools(cidr: str, gateway: str | None) -> list[dict[str, str]]:
    """Every usable address but the gateway, as [{"start", "end"}]."""
    net = network(cidr)
    first, last = int(net.network_address), int(net.broadcast_address)
    if net.prefixlen < net.max_prefixlen - 1:
        first += 1
        last -= 1 if net.version == 4 else 0
    make = ipaddress.IPv4Address if net.version == 4 else ipaddress.IPv6Address
    ranges = [(first, last)]
    if gateway is not None and first <= (middle := int(ipaddress.ip_address(gateway))) <= last:
        ranges = [(first, middle - 1), (middle + 1, last)]
    return [{"start": str(make(a)), "end": str(make(b))} for a, b in ranges if a <= b]


def check_pools(cidr: str, pools: Sequence[dict[str, str]]) -> tuple[str, str] | None:
    """What is wrong with `pools` as (error kind, text), or None."""
    net = network(cidr)
    seen: list[tuple[int, int, dict[str, str]]] = []
    for pool in pools:
        try:
            start, end = ipaddress.ip_address(pool["start"]), ipaddress.ip_address(pool["end"])
        except (ValueError, KeyError):
            return "InvalidAllocationPool", f"The allocation pool {show_pool(pool)} is not valid."
        if start.version != net.version or end.version != net.version or end < start:  # type: ignore[operator]
            return "InvalidAllocationPool", f"The allocation pool {show_pool(pool)} is not valid."
        if not (usable(cidr, str(start)) and usable(cidr, str(end))):
            return "OutOfBoundsAllocationPool", f"The allocation pool {show_pool(pool)} spans beyond the subnet cidr {cidr}."
        seen.append((int(start), int(end), pool))
    seen.sort(key=lambda item: item[:2])
    for left, right in zip(seen, seen[1:], strict=False):
        if left[1] >= right[0]:
            return "OverlappingAllocationPools", (f"Found overlapping allocation pools: {show_pool(left[2])} "
                                                  f"{show_pool(right[2])} for subnet {cidr}.")
    return None


def show_pool(pool: dict[str, str]) -> str:
    """`10.0.0.2-10.0.0.9`."""
    return f"{pool.get('start')}-{pool.get('end')}"


def in_pools(pools: Iterable[dict[str, str]], ip: str) -> bool:
    """Whether `ip` lies in one of `pools`."""
    it = int(ipaddress.ip_address(ip))
    return any(int(ipaddress.ip_address(p["start"])) <= it <= int(ipaddress.ip_address(p["end"])) for p in pools)


def ranges(cidr: str, pools: Iterable[dict[str, str]]) -> list[tuple[int, int]]:
    """`pools` as (first, last) offsets, those beyond OFFSET_MAX cut off."""
    base = int(network(cidr).network_address)
    found = []
    for pool in pools:
        first = int(ipaddress.ip_address(pool["start"])) - base
        last = min(int(ipaddress.ip_address(pool["end"])) - base, OFFSET_MAX - 1)
        if first <= last:
            found.append((first, last))
    return sorted(found)


def candidates(spans: Sequence[tuple[int, int]], count: int, randint: Callable[[int, int], int]) -> list[int]:
    """At most `count` different offsets at random from `spans` (all of them when there are no more)."""
    total = sum(last - first + 1 for first, last in spans)
    if total <= count:
        return [n for first, last in spans for n in range(first, last + 1)]
    chosen: dict[int, None] = {}
    for _ in range(count * 2):
        at = randint(0, total - 1)
        for first, last in spans:
            if at <= last - first:
                chosen[first + at] = None
                break
            at -= last - first + 1
        if len(chosen) == count:
            break
    return list(chosen)


def eui64(cidr: str, mac: str) -> str:
    """The address that a host with `mac` gives itself in the /64 `cidr` (RFC 4291, appendix A)."""
    octets = [int(part, 16) for part in mac.split(":")]
    octets[0] ^= 2
    identifier = 0
    for octet in [*octets[:3], 0xFF, 0xFE, *octets[3:]]:
        identifier = identifier << 8 | octet
    return str(network(cidr).network_address + identifier)


def is_auto(subnet: Any) -> bool:
    """Whether hosts of an IPv6 subnet make their address themselves."""
    return subnet.ipv6_address_mode in AUTO_MODES


def overlap(one: str, other: str) -> bool:
    """Whether two CIDRs share an address."""
    left, right = network(one), network(other)
    return left.version == right.version and left.overlaps(right)


def compact(prefixes: Iterable[str]) -> list[str]:
    """The same addresses in the fewest CIDRs, in order."""
    return [str(c) for c in IPSet(list(prefixes)).iter_cidrs()]


def free_prefix(prefixes: Iterable[str], used: Iterable[str], prefixlen: int) -> str | None:
    """The first subnet of `prefixlen` bits in `prefixes` that touches none of `used`; None when none is left."""
    free = IPSet(list(prefixes)) - IPSet(list(used))
    best = [c for c in free.iter_cidrs() if c.prefixlen <= prefixlen]
    if not best:
        return None
    chosen = max(best, key=lambda c: (c.prefixlen, -int(c.ip)))
    return f"{chosen.ip}/{prefixlen}"


def covered(prefixes: Iterable[str], cidr: str) -> bool:
    """Whether `cidr` lies wholly in `prefixes`."""
    return IPSet([cidr]).issubset(IPSet(list(prefixes)))


def touches(prefixes: Iterable[str], others: Iterable[str]) -> bool:
    """Whether the two sets of CIDRs share an address."""
    return not IPSet(list(prefixes)).isdisjoint(IPSet(list(others)))


def canonical(ip: str) -> str:
    """An address in its shortest form; ValueError when it is none."""
    return str(ipaddress.ip_address(ip))


def canonical_cidr(text: str) -> str:
    """A CIDR (or address) as network/prefix with host bits dropped."""
    return str(network(text))
