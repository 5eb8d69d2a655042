"""Security group rules and anti-spoofing as lines of nft.

Values from outside (addresses, ports, protocols) are parsed here and printed again, so nothing that is not what
it claims to be reaches the script; what cannot be parsed raises ValueError, and its port stays closed.
"""

import ipaddress
from collections.abc import Iterable, Mapping

from services.network.objects.port import EGRESS, INGRESS, Port, SecurityRule

# Names that the networking API accepts, as IANA numbers.
PROTOCOLS = {
    "ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "icmp": 1, "icmpv6": 58, "ipv6-icmp": 58, "icmp6": 58,
    "igmp": 2, "ip": 0, "ipip": 4, "ipv6-encap": 41, "ipv6-frag": 44, "ipv6-nonxt": 59, "ipv6-opts": 60,
    "ipv6-route": 43, "ospf": 89, "pgm": 113, "rsvp": 46, "sctp": 132, "tcp": 6, "udp": 17, "udplite": 136,
    "vrrp": 112,
}
WITH_PORTS = {6: "tcp", 17: "udp", 132: "sctp", 33: "dccp", 136: "udplite"}
ICMP, ICMPV6 = 1, 58
# What a guest needs to speak at all, whatever its groups say: DHCP, neighbour discovery, multicast listening.
ALWAYS_EGRESS = (
    "meta nfproto ipv4 udp sport 68 udp dport 67",
    "meta nfproto ipv6 udp sport 546 udp dport 547",
    "icmpv6 type { 130, 131, 132, 133, 135, 136, 143 }",
)
ALWAYS_INGRESS = (
    "meta nfproto ipv4 udp sport 67 udp dport 68",
    "meta nfproto ipv6 udp sport 547 udp dport 546",
    "icmpv6 type { 130, 131, 132, 134, 135, 136 }",
)
Wide = Mapping[str, tuple[list[str], list[str]]]
"""Address set -> its IPv4 and IPv6 CIDRs: those cannot be in the nft set and stand in the rules themselves."""
Members = dict[int, tuple[dict[str, str], list[str]]]
"""IP version -> (single addresses as the keys of an nft set, CIDRs); never changed once it is made."""


def set_name(set_id: str, version: int) -> str:
    """The nft set with the single addresses of a group: `g4-ID`, `g6-ID`."""
    return f"g{version}-{''.join(c for c in set_id if c.isalnum() or c == '-')}"


def split_members(members: Iterable[str], version: int) -> tuple[dict[str, str], list[str]]:
    """(single addresses as keys, CIDRs) of the members of one IP version, normalised; no CIDR overlaps another."""
    networks = {ipaddress.ip_network(member, strict=False) for member in members}
    mine = [network for network in networks if network.version == version]
    hosts = sorted(str(n.network_address) for n in mine if n.prefixlen == n.max_prefixlen)
    wide = [n for n in mine if n.prefixlen < n.max_prefixlen]
    return dict.fromkeys(hosts, ""), [str(n) for n in ipaddress.collapse_addresses(wide)]  # type: ignore[type-var]


def follow_members(known: Members, before: Iterable[str], members: Iterable[str]) -> Members:
    """As `split_members` of both versions, from what it said `before`: only addresses that came or went are parsed."""
    old, new = set(before), set(members)
    changed = old ^ new
    if any("/" in member for member in changed):  # one address may be spelled in two ways then
        return {version: split_members(new, version) for version in (4, 6)}
    found = {}
    for version, (hosts, wide) in known.items():
        mine = {member for member in changed if (":" in member) == (version == 6)}
        if mine:
            hosts = dict(hosts)
            for member in mine & old:
                hosts.pop(str(ipaddress.ip_address(member)), None)
            hosts.update((str(ipaddress.ip_address(member)), "") for member in mine & new)
        found[version] = (hosts, wide)
    return found


def direction_lines(port: Port, direction: str, wide: Wide) -> list[str]:
    """The chain of all rules of `port` in one direction; it ends by dropping what no rule allowed.

    A stateful port's chain sees what belongs to no known connection, and its ingress is the last word. A stateless port's
    chain sees every packet, and what it lets through goes on to the other end's chain.
    """
    verdict = "accept" if direction == INGRESS and port.stateful else "return"
    always = ALWAYS_EGRESS if direction == EGRESS else ALWAYS_INGRESS
    lines = ["ct state invalid drop"] if port.stateful else []
    lines += [f"{match} {verdict}" for match in always]
    own = {line for rule in port.rules if rule.direction == direction for line in _rule_lines(rule, verdict, wide)}
    return [*lines, *sorted(own), "drop"]


def _rule_lines(rule: SecurityRule, verdict: str, wide: Wide) -> list[str]:
    if rule.direction not in (INGRESS, EGRESS):
        raise ValueError(f"direction {rule.direction!r}")
    version = 6 if rule.ethertype.lower() == "ipv6" else 4
    match = _protocol_match(rule, version)
    ends = _remote_matches(rule, version, wide)
    return [" ".join(filter(None, (f"meta nfproto ipv{version}", end, match, verdict))) for end in ends]


def _remote_matches(rule: SecurityRule, version: int, wide: Wide) -> list[str]:
    family = "ip" if version == 4 else "ip6"
    side = f"{family} {'saddr' if rule.direction == INGRESS else 'daddr'}"
    if rule.remote_set is not None:
        cidrs = wide[rule.remote_set][version == 6] if rule.remote_set in wide else []
        found = [f"{side} @{set_name(rule.remote_set, version)}"]
        return found + ([f"{side} {{ {', '.join(cidrs)} }}"] if cidrs else [])
    if rule.remote_ip_prefix:
        prefix = ipaddress.ip_network(rule.remote_ip_prefix, strict=False)
        if prefix.version != version:
            raise ValueError(f"the prefix {prefix} is not {rule.ethertype}")
        return [f"{side} {prefix}"] if prefix.prefixlen else [""]
    return [""]


def protocol_number(protocol: str | None, version: int) -> int | None:
    """The IANA number of a rule's protocol (None: any); ICMP means ICMPv6 in an IPv6 rule."""
    if protocol is None or protocol == "" or str(protocol).lower() == "any":
        return None
    text = str(protocol).lower()
    number = int(text) if text.isdigit() else PROTOCOLS.get(text)
    if number is None or number > 255:
        raise ValueError(f"unknown protocol {protocol!r}")
    return ICMPV6 if version == 6 and number == ICMP else (number or None)


def _protocol_match(rule: SecurityRule, version: int) -> str:
    number = protocol_number(rule.protocol, version)
    if number is None:
        return ""
    low, high = rule.port_range_min, rule.port_range_max
    if number in (ICMP, ICMPV6):
        name = "icmp" if number == ICMP else "icmpv6"
        if low is None:
            return f"meta l4proto {number}"
        return f"{name} type {int(low)}" + (f" {name} code {int(high)}" if high is not None else "")
    if number in WITH_PORTS and (low is not None or high is not None):
        first = int(low if low is not None else 1)
        last = int(high if high is not None else 65535)
        if not 0 <= first <= last <= 65535:
            raise ValueError(f"port range {first}-{last}")
        ports = str(first) if first == last else f"{first}-{last}"
        return f"meta l4proto {number} th dport {ports}"
    return f"meta l4proto {number}"


def spoof_lines(port: Port) -> list[str]:
    """What a secured port may send: frames from its own addresses only, and never as DHCP server or router."""
    pairs = _sources(port)
    every = ", ".join(sorted(pairs))
    lines = [f"ether saddr != {{ {every} }} drop"]
    for mac, ips in sorted(pairs.items()):
        four = [str(i) for i in ipaddress.collapse_addresses(i for i in ips if i.version == 4)]
        if four:
            listed = ", ".join(["0.0.0.0", *four]) if "0.0.0.0/0" not in four else "0.0.0.0/0"
            lines.append(f"ether saddr {mac} arp saddr ether {mac} arp saddr ip {{ {listed} }} accept")
    lines += [
        "ether type ip udp sport 67 udp dport 68 drop",
        "ether type ip ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept",
    ]
    lines += [
        "ether type ip6 udp sport 547 udp dport 546 drop",
        "icmpv6 type { 134, 137 } drop",
        "ip6 saddr :: icmpv6 type { 131, 135, 143 } accept",
    ]
    for mac, ips in sorted(pairs.items()):
        four = [str(i) for i in ipaddress.collapse_addresses(i for i in ips if i.version == 4)]
        own = ipaddress.IPv6Network(link_local(mac))
        six = [str(i) for i in ipaddress.collapse_addresses([*(i for i in ips if isinstance(i, ipaddress.IPv6Network)), own])]
        if four:
            lines.append(f"ether saddr {mac} ip saddr {{ {', '.join(four)} }} accept")
        # A neighbour advertisement names its target at bytes 8 to 24 of the ICMPv6 message.
        known = [i for i in six if i.endswith("/128")]
        for target in known if len(known) == len(six) else []:
            number = int(ipaddress.ip_network(target).network_address)
            lines.append(f"ether saddr {mac} ip6 saddr {{ {', '.join(six)} }} icmpv6 type 136 @th,64,128 0x{number:032x} accept")
        if len(known) == len(six):
            lines.append("icmpv6 type 136 drop")
        lines.append(f"ether saddr {mac} ip6 saddr {{ {', '.join(six)} }} accept")
    return [*lines, "drop"]


def link_local(mac: str) -> str:
    """The link-local IPv6 address that a host makes from its MAC address (EUI-64)."""
    octets = [int(part, 16) for part in mac.split(":")]
    if len(octets) != 6:
        raise ValueError(f"MAC address {mac!r}")
    eui = bytes([octets[0] ^ 2, *octets[1:3], 0xFF, 0xFE, *octets[3:]])
    return str(ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + eui))


def _sources(port: Port) -> dict[str, list[ipaddress.IPv4Network | ipaddress.IPv6Network]]:
    own = _mac(port.mac)
    pairs: dict[str, list[ipaddress.IPv4Network | ipaddress.IPv6Network]] = {
        own: [ipaddress.ip_network(fixed.ip) for fixed in port.fixed_ips]
    }
    for pair in port.allowed_address_pairs:
        mac = _mac(pair.mac) if pair.mac else own
        pairs.setdefault(mac, []).append(ipaddress.ip_network(pair.ip, strict=False))
    return pairs


def _mac(text: str) -> str:
    octets = text.lower().split(":")
    if len(octets) != 6 or any(len(o) != 2 or int(o, 16) < 0 for o in octets):
        raise ValueError(f"MAC address {text!r}")
    return ":".join(octets)
