"""What makes a security group rule valid, and when two are the same. Pure."""

from collections.abc import Mapping
from typing import Any

from common import ids
from services.network.domain import faults, ipam

COMPARED = ("direction", "ethertype", "protocol", "port_range_min", "port_range_max", "remote_ip_prefix",
            "remote_group_id", "remote_address_group_id")
NUMBERS = {
    "ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "icmp": 1, "igmp": 2, "ipip": 4, "ipv6-encap": 41, "ipv6-frag": 44,
    "ipv6-icmp": 58, "icmpv6": 58, "ipv6-nonxt": 59, "ipv6-opts": 60, "ipv6-route": 43, "ospf": 89, "pgm": 113, "rsvp": 46,
    "sctp": 132, "tcp": 6, "udp": 17, "udplite": 136, "vrrp": 112, "hopopt": 0,
}
"""Protocol names and their numbers (IANA, Assigned Internet Protocol Numbers)."""
_ONLY_IPV6 = frozenset((41, 43, 44, 58, 59, 60))
WITH_PORTS = frozenset((6, 17, 33, 132, 136))


def check(values: Mapping[str, Any]) -> dict[str, Any]:
    """The rule's columns; 400 with upstream's names when they do not fit together."""
    item: dict[str, Any] = {name: values.get(name) for name in COMPARED}
    item["ethertype"] = _ethertype(item["ethertype"] or "IPv4")
    item["protocol"] = _protocol(item["protocol"])
    if item["ethertype"] == "IPv4" and number_of(item["protocol"]) in _ONLY_IPV6:
        raise faults.invalid(f"Invalid ethertype IPv4 for protocol {item['protocol']}.",
                             "SecurityGroupEthertypeConflictWithProtocol")
    if sum(item[n] is not None for n in ("remote_ip_prefix", "remote_group_id", "remote_address_group_id")) > 1:
        raise faults.invalid("Only remote_ip_prefix or remote_group_id or remote_address_group_id may be provided.",
                             "SecurityGroupMultipleRemoteEntites")
    if item["remote_ip_prefix"] is not None:
        item["remote_ip_prefix"] = _prefix(item["remote_ip_prefix"], item["ethertype"])
    _ports(item)
    return item


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two rules allow the same; protocols by number, 0.0.0.0/0 like no prefix."""
    return all(_comparable(n, one[n]) == _comparable(n, other[n]) for n in COMPARED)


def number_of(protocol: str | None) -> int | None:
    """The protocol's number; None for any."""
    if protocol is None or protocol == "any":
        return None
    return NUMBERS.get(protocol, int(protocol) if protocol.isdigit() else None)


def normalized(prefix: str | None) -> str | None:
    """The prefix as a network address with its length."""
    return None if prefix is None else ipam.canonical_cidr(prefix)


def _comparable(name: str, value: Any) -> Any:
    if name == "protocol":
        return number_of(value)
    if name == "remote_ip_prefix" and value is not None:
        cidr = ipam.canonical_cidr(value)
        return None if cidr in ("0.0.0.0/0", "::/0") else cidr
    return value


def _ethertype(value: str) -> str:
    for known in ("IPv4", "IPv6"):
        if value.lower() == known.lower():
            return known
    raise faults.invalid(f"Security group rule for ethertype '{value}' not supported. Allowed values are ['IPv4', 'IPv6'].",
                         "SecurityGroupRuleInvalidEtherType")


def _protocol(value: Any) -> str | None:
    if value is None or str(value).lower() in ("any", ""):
        return None
    word = str(value).lower()
    if word in NUMBERS:
        return word
    if (number := ids.number_in(word)) is not None and number <= 255:
        return word
    raise faults.invalid(f"Security group rule protocol {value} not supported. Only protocol values "
                         f"{sorted(NUMBERS)} and integer representations [0 to 255] are supported.",
                         "SecurityGroupRuleInvalidProtocol")


def _prefix(value: str, ethertype: str) -> str:
    try:
        net = ipam.network(value)
    except ValueError:
        raise faults.invalid(f"Invalid CIDR {value} given as IP prefix.", "InvalidCIDR") from None
    if net.version != (4 if ethertype == "IPv4" else 6):
        raise faults.invalid(f"Conflicting value ethertype {ethertype} for CIDR {value}", "SecurityGroupRuleParameterConflict")
    return value if "/" in value else str(net)


def _ports(item: dict[str, Any]) -> None:
    low, high = item["port_range_min"], item["port_range_max"]
    number = number_of(item["protocol"])
    if item["ethertype"] == "IPv4" and number == 58:
        raise faults.invalid("Invalid ethertype IPv4 for protocol ipv6-icmp.", "SecurityGroupEthertypeConflictWithProtocol")
    if number in (1, 58):
        _icmp(item, low, high)
        return
    if low is None and high is None:
        return
    if item["protocol"] is None:
        raise faults.invalid("Must also specify protocol if port range is given.", "SecurityGroupProtocolRequiredWithPorts")
    if number not in WITH_PORTS:
        raise faults.invalid(f"Invalid port for protocol {item['protocol']}: it has no ports.",
                             "SecurityGroupInvalidProtocolForPort")
    for port in (low, high):
        if port is not None and not 0 < port <= 65535:
            raise faults.invalid(f"Invalid value for port {port}", "SecurityGroupInvalidPortValue")
    if low is None or high is None or low > high:
        raise faults.invalid("For TCP/UDP protocols, port_range_min must be <= port_range_max",
                             "SecurityGroupInvalidPortRange")


def _icmp(item: dict[str, Any], kind: int | None, code: int | None) -> None:
    """For ICMP the range means type and code."""
    for name, value in (("port_range_min", kind), ("port_range_max", code)):
        if value is not None and not 0 <= value <= 255:
            field = "type" if name == "port_range_min" else "code"
            raise faults.invalid(f"Invalid value for ICMP {field} ({name}) {value}. It must be 0 to 255.",
                                 "SecurityGroupInvalidIcmpValue")
    if kind is None and code is not None:
        raise faults.invalid(f"ICMP code (port-range-max) {code} is provided but ICMP type (port-range-min) is missing.",
                             "SecurityGroupMissingIcmpType")
