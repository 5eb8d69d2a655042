"""Ending tracked connections: a rule that is taken away must also stop what it had already let in."""

import dataclasses
import ipaddress
from collections.abc import Iterable

from services.network.drivers.host import Host
from services.network.drivers.nft_rules import ICMP, ICMPV6, protocol_number
from services.network.objects.port import INGRESS, Port, SecurityRule

# More than this many at once: one flush of the zone is cheaper, and equally safe.
REQUESTS_MAX = 64
PROTOCOL_NAMES = {1: "icmp", 6: "tcp", 17: "udp", 33: "dccp", 47: "gre", 58: "icmpv6", 132: "sctp", 136: "udplite"}


@dataclasses.dataclass(frozen=True)
class Flow:
    """Which connections to end: all given parts must match; addresses are those of the first packet."""

    zone: int
    version: int
    source: str | None = None
    destination: str | None = None
    protocol: str | None = None

    def arguments(self) -> list[str]:
        """The `conntrack` command line."""
        args = ["conntrack", "-D", "-w", str(self.zone), "-f", "ipv6" if self.version == 6 else "ipv4"]
        for flag, value in (("-s", self.source), ("-d", self.destination), ("-p", self.protocol)):
            args += [flag, value] if value else []
        return args


def of_address(address: str, zone: int) -> set[Flow]:
    """All connections from or to an address or CIDR."""
    network = ipaddress.ip_network(address, strict=False)
    text = str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)
    return {Flow(zone, network.version, source=text), Flow(zone, network.version, destination=text)}


def lost(old: Port, new: Port | None, zone: int) -> set[Flow]:
    """The connections that `old` was allowed and `new` is not (None: the port is gone, or shut)."""
    old_ips = {fixed.ip for fixed in old.fixed_ips}
    if new is None or not new.admin_state_up or (new.port_security_enabled and not old.port_security_enabled):
        return {flow for ip in old_ips for flow in of_address(ip, zone)}
    gone = old_ips - {fixed.ip for fixed in new.fixed_ips}
    found = {flow for ip in gone for flow in of_address(ip, zone)}
    if new.port_security_enabled:
        for rule in set(old.rules) - set(new.rules):
            for ip in old_ips - gone:
                found |= _of_rule(rule, ip, zone)
    return found


def delete(host: Host, flows: Iterable[Flow]) -> None:
    """End them; that none matches is no error."""
    flows = list(flows)
    if len(flows) > REQUESTS_MAX:
        flows = [Flow(zone, version) for zone, version in {(f.zone, f.version) for f in flows}]
    for flow in flows:
        host.change(flow.arguments(), check=False)


def _of_rule(rule: SecurityRule, ip: str, zone: int) -> set[Flow]:
    version = 6 if ":" in ip else 4
    if (6 if rule.ethertype.lower() == "ipv6" else 4) != version:
        return set()
    number = protocol_number(rule.protocol, version)
    protocol = PROTOCOL_NAMES.get(number) if number is not None else None
    if number in (ICMP, ICMPV6):
        protocol = PROTOCOL_NAMES[ICMPV6 if version == 6 else ICMP]
    if rule.direction == INGRESS:
        return {Flow(zone, version, destination=ip, protocol=protocol)}
    return {Flow(zone, version, source=ip, protocol=protocol)}
