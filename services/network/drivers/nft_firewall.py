"""Security groups, stateful and stateless, and anti-spoofing for all ports of a host, as one nftables ruleset.

How a frame travels: bridge prerouting drops what its tap may not send and writes the number of the sender's egress rules
into the upper half of the packet's mark; bridge forward (before br_netfilter) writes the number of the receiver's
ingress rules into the lower half; the inet forward chain, through which br_netfilter sends bridged IP packets, jumps to
the rule chains of stateless ports, whatever the packet belongs to, then accepts what belongs to a known connection, and jumps
to the rule chains of stateful ports otherwise. Connection tracking cannot be used in a
bridge table on all kernels, hence the detour. Each network has its own conntrack zone, as addresses may overlap.

Ports with equal rules share a chain. A tap that we do not know may neither send nor receive.
"""

import dataclasses
from collections.abc import Iterable, Mapping

from common import process
from services.network.drivers import conntrack, nft_rules
from services.network.drivers.base import Applied, DriverError
from services.network.drivers.host import Host
from services.network.drivers.nft_model import TABLE, Collection, Ruleset, chain_name, difference, parse, quoted
from services.network.objects.host_state import HostState
from services.network.objects.port import EGRESS, INGRESS, AddressSet, Port, SecurityRule

FAMILIES = ("bridge", "inet")
NUMBER_MAX = 0xFFFF
OURS = ("tap*", "vxlan-*", "phy*", "vln*")


STATELESS = "_stateless"
_Key = tuple[tuple[SecurityRule, ...], bool]  # rules, stateful
_Chain = tuple[str, tuple[str, ...]]  # name, lines
_Bodies = tuple[_Chain, ...]  # egress, ingress
_Members = nft_rules.Members


@dataclasses.dataclass(frozen=True)
class _Rendered:
    """The chains of one port."""

    port: Port
    guard: _Chain
    egress: _Chain
    ingress: _Chain


class NftFirewall:
    """See `base.Firewall`. It needs br_netfilter; without it every guest port stays closed."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._loaded: Ruleset | None = None
        self._ports: Mapping[str, Port] = {}
        self._sets: Mapping[str, AddressSet] = {}
        self._last: HostState | None = None
        self._rendered: dict[str, _Rendered] = {}
        self._members: dict[str, tuple[AddressSet, _Members]] = {}
        # The CIDRs of the address sets stand in the chains that use them, so chains are rendered anew when they change.
        self._wide: dict[str, tuple[list[str], list[str]]] = {}

    def prepare(self) -> None:
        """See `base.Firewall`."""
        self._require_br_netfilter()
        if self._loaded is None:
            self._loaded = self._read()
        if not any(family == "bridge" for family, _ in self._loaded.chains):
            self._load(self._desired(HostState(), Applied()))

    def apply(self, desired: HostState, *, full: bool = False) -> Applied:
        """See `base.Capability`."""
        result = Applied()
        if not full and self._last is not None and _nothing_of_ours(desired, self._last):
            result.wired = {p.port_id for p in desired.all_ports.values() if p.admin_state_up}
            return result
        self._require_br_netfilter()
        if full or self._loaded is None:
            self._loaded = self._read()
        before = self._loaded
        wanted = self._desired(desired, result)
        try:
            result.changes = self._load(wanted)
        except process.CommandError:
            # Somebody else changed our tables: look at what is there, and try once more.
            before = self._loaded = self._read()
            wanted = self._desired(desired, result)
            result.changes = self._load(wanted)
        if result.changes:
            self._cut(desired, before, wanted)
        self._ports = {i: p for i, p in desired.all_ports.items() if f"port:{i}" not in result.errors}
        self._sets = {s.set_id: s for s in desired.address_sets}
        self._last = None if result.errors else desired
        result.wired = {i for i, p in self._ports.items() if p.admin_state_up}
        return result

    # -- loading

    def _require_br_netfilter(self) -> None:
        def present() -> bool:
            try:
                with open("/proc/sys/net/bridge/bridge-nf-call-iptables"):
                    return True
            except OSError:
                return False

        if not self._host.enter(present):
            process.execute(["modprobe", "br_netfilter"])
            if not self._host.enter(present):
                raise DriverError("the kernel module br_netfilter is absent: security groups cannot be enforced, "
                                  "so all guest ports stay closed (load it, or use a kernel that has it)")
        self._host.sysctl({"net/bridge/bridge-nf-call-iptables": "1", "net/bridge/bridge-nf-call-ip6tables": "1"})

    def _read(self) -> Ruleset:
        return parse(self._host.query(["nft", "-j", "list", "table", family, TABLE], check=False)
                     for family in FAMILIES)

    def _load(self, wanted: Ruleset) -> int:
        assert self._loaded is not None
        script = difference(self._loaded, wanted)
        if script:
            self._host.nft(script)
        self._loaded = wanted
        return script.count("\n")

    # -- the ruleset

    def _desired(self, desired: HostState, result: Applied) -> Ruleset:
        rules = Ruleset()
        sets = {s.set_id: s for s in desired.address_sets}
        self._declare(rules, desired, sets, result)
        taken = {EGRESS: _numbers(self._loaded, EGRESS, 16), INGRESS: _numbers(self._loaded, INGRESS, 0)}
        maps = rules.collections
        rendered: dict[str, _Rendered] = {}
        bodies: dict[_Key, _Bodies] = {}
        for port in desired.all_ports.values():
            if not port.admin_state_up:
                continue
            tap = quoted(port.tap)
            if port.is_service or not port.port_security_enabled:
                maps["bridge", "inbound"].elements[tap] = maps["bridge", "outbound"].elements[tap] = "accept"
                continue
            try:
                chains = rendered[port.port_id] = self._render(port, bodies)
            except ValueError as e:
                result.errors[f"port:{port.port_id}"] = f"closed, as its rules cannot be understood: {e}"
                continue
            egress = _pick(chains.egress[0], taken[EGRESS])
            ingress = _pick(chains.ingress[0], taken[INGRESS])
            for direction, (name, body), mark in ((EGRESS, chains.egress, egress << 16), (INGRESS, chains.ingress, ingress)):
                rules.chains["inet", name] = body
                maps["inet", direction if port.stateful else direction + STATELESS].elements[str(mark)] = f"jump {name}"
            rules.chains["bridge", chains.guard[0]] = chains.guard[1]
            maps["bridge", "inbound"].elements[tap] = f"jump {chains.guard[0]}"
            maps["bridge", "sender"].elements[tap] = str(egress << 16)
            receiver = f"o-{ingress}-v1"
            rules.chains["bridge", receiver] = (f"meta mark set meta mark & 0xffff0000 | 0x{ingress:x} accept",)
            maps["bridge", "outbound"].elements[tap] = f"jump {receiver}"
        self._rendered = rendered
        return rules

    def _render(self, port: Port, bodies: "dict[_Key, _Bodies]") -> "_Rendered":
        """The chains of a port; those of the last pass when it did not change. `bodies` are those of this pass."""
        known = self._rendered.get(port.port_id)
        if known and (known.port is port or known.port == port):
            return known
        key = (port.rules, port.stateful)
        if key not in bodies:
            lines = (tuple(nft_rules.direction_lines(port, d, self._wide)) for d in (EGRESS, INGRESS))
            bodies[key] = tuple((chain_name(stem, body), body) for stem, body in zip("ei", lines, strict=True))
        guard = tuple(nft_rules.spoof_lines(port))
        egress, ingress = bodies[key]
        return _Rendered(port, (chain_name(f"p-{port.port_id[:11]}", guard), guard), egress, ingress)

    def _split(self, entry: AddressSet) -> "_Members":
        known = self._members.get(entry.set_id)
        if known is None:
            return {v: nft_rules.split_members(entry.members, v) for v in (4, 6)}
        if known[0] is entry or known[0].members == entry.members:
            return known[1]
        return nft_rules.follow_members(known[1], known[0].members, entry.members)

    def _declare(self, rules: Ruleset, desired: HostState, sets: Mapping[str, AddressSet], result: Applied) -> None:
        maps = rules.collections
        for name in ("inbound", "outbound"):
            maps["bridge", name] = Collection("type ifname : verdict", is_map=True)
        maps["bridge", "sender"] = Collection("type ifname : mark", is_map=True)
        for name in (EGRESS, INGRESS, EGRESS + STATELESS, INGRESS + STATELESS):
            maps["inet", name] = Collection("type mark : verdict", is_map=True)
        taken = dict(_zones(self._loaded))
        zones = {quoted(s.bridge): _pick(quoted(s.bridge), taken) for s in desired.segments}
        maps["inet", "zones"] = Collection(
            "typeof iifname : ct zone", {bridge: str(zone) for bridge, zone in zones.items()}, is_map=True)
        used = {r.remote_set for p in desired.all_ports.values() for r in p.rules if r.remote_set}
        members: dict[str, tuple[AddressSet, _Members]] = {}
        for set_id in sorted(used | sets.keys()):
            found: _Members = {4: ({}, []), 6: ({}, [])}
            if set_id in sets:
                try:
                    found = self._split(sets[set_id])
                    members[set_id] = (sets[set_id], found)
                except ValueError as e:
                    result.errors[f"set:{set_id}"] = str(e)
            for version, kind in ((4, "ipv4_addr"), (6, "ipv6_addr")):
                maps["inet", nft_rules.set_name(set_id, version)] = Collection(f"type {kind}", found[version][0])
        wide = {i: (m[4][1], m[6][1]) for i, (_, m) in members.items() if m[4][1] or m[6][1]}
        if wide != self._wide:
            self._rendered, self._wide = {}, wide
        self._members = members
        _add_base_chains(rules)

    # -- connections that lost their permission

    def _cut(self, desired: HostState, before: Ruleset, wanted: Ruleset) -> None:
        """End the tracked connections that only rules allowed which are gone now."""
        zones = _zones(before) | _zones(wanted)
        requests: set[conntrack.Flow] = set()
        current = desired.all_ports
        brq = {i: quoted(f"brq{p.network_id[:11]}") for i, p in {**self._ports, **current}.items()}
        for port_id, old in self._ports.items():
            zone, port = zones.get(brq[port_id]), current.get(port_id)
            if zone is None or old is port or old.is_service:
                continue
            requests |= conntrack.lost(old, port, zone)
        if not self._ports:
            requests |= _changed_unseen(before, wanted, current.values(), zones)
        requests |= self._left_members(desired, zones)
        conntrack.delete(self._host, requests)

    def _left_members(self, desired: HostState, zones: Mapping[str, int]) -> set[conntrack.Flow]:
        found = set()
        new = {s.set_id: s for s in desired.address_sets}
        for set_id, old in self._sets.items():
            if set_id in new and (old is new[set_id] or old.members == new[set_id].members):
                continue
            gone = set(old.members) - set(new[set_id].members if set_id in new else ())
            networks = {p.network_id for p in desired.all_ports.values() if any(r.remote_set == set_id for r in p.rules)}
            for member in gone:
                for network_id in networks:
                    zone = zones.get(quoted(f"brq{network_id[:11]}"))
                    if zone is not None:
                        found |= conntrack.of_address(member, zone)
        return found


def _nothing_of_ours(desired: HostState, last: HostState) -> bool:
    """Whether the two states ask the same of the firewall."""
    changed = desired.changed
    if changed is not None and not (changed.ports or changed.networks or changed.sets):
        return desired.all_ports == last.all_ports
    return desired == last


def _add_base_chains(rules: Ruleset) -> None:
    clear = [f'iifname "{name}" meta mark set 0' for name in OURS]
    rules.add_chain("bridge", "prerouting", [
        *clear, "meta mark set iifname map @sender", "iifname vmap @inbound", 'iifname "tap*" drop',
    ], "type filter hook prerouting priority -250; policy accept")
    rules.add_chain("bridge", "forward", ["oifname vmap @outbound", 'oifname "tap*" drop'],
                    "type filter hook forward priority -10; policy accept")
    rules.add_chain("bridge", "input", ['iifname "tap*" drop', 'iifname "vxlan-*" drop'],
                    "type filter hook input priority -10; policy accept")
    rules.add_chain("bridge", "output", ['oifname "tap*" drop', 'oifname "vxlan-*" drop'],
                    "type filter hook output priority -10; policy accept")
    rules.add_chain("inet", "zone", ["ct zone set iifname map @zones"],
                    "type filter hook prerouting priority -300; policy accept")
    rules.add_chain("inet", "forward", [
        'iifname != "brq*" accept',
        "meta mark & 0xffff0000 vmap @egress_stateless", "meta mark & 0x0000ffff vmap @ingress_stateless",
        "ct state established,related accept",
        "meta mark & 0xffff0000 vmap @egress", "meta mark & 0x0000ffff vmap @ingress",
    ], "type filter hook forward priority 0; policy accept")


def _zones(ruleset: Ruleset | None) -> dict[str, int]:
    found = ruleset.collections.get(("inet", "zones")) if ruleset else None
    return {bridge: int(zone) for bridge, zone in found.elements.items()} if found else {}


def _numbers(ruleset: Ruleset | None, name: str, shift: int) -> dict[str, int]:
    """Chain name -> the number it has in the loaded ruleset, so that numbers survive a restart."""
    if ruleset is None:
        return {}
    return {verdict.removeprefix("jump "): mark >> shift for mark, verdict in _jumps(ruleset, name).items()}


def _jumps(ruleset: Ruleset, name: str) -> dict[int, str]:
    """Mark -> jump of one direction, stateful and stateless."""
    found = [ruleset.collections.get(("inet", n)) for n in (name, name + STATELESS)]
    return {int(mark): verdict for one in found if one for mark, verdict in one.elements.items()}


def _pick(name: str, taken: dict[str, int]) -> int:
    """The number of `name`: the one it has, or the lowest free one (DriverError when all are taken)."""
    if name not in taken:
        used = set(taken.values())
        number = next((n for n in range(1, NUMBER_MAX + 1) if n not in used), None)
        if number is None:
            raise DriverError(f"more than {NUMBER_MAX} different rule sets or networks on one host")
        taken[name] = number
    return taken[name]


def _changed_unseen(
    before: Ruleset, wanted: Ruleset, ports: Iterable[Port], zones: Mapping[str, int]
) -> set[conntrack.Flow]:
    """Ports whose rules changed while this process was not there to see which: all their connections."""
    found: set[conntrack.Flow] = set()
    old, new = (_rule_chains(r) for r in (before, wanted))
    for port in ports:
        tap, zone = quoted(port.tap), zones.get(quoted(f"brq{port.network_id[:11]}"))
        if zone is not None and tap in old and old[tap] != new.get(tap):
            for fixed in port.fixed_ips:
                found |= conntrack.of_address(fixed.ip, zone)
    return found


def _rule_chains(ruleset: Ruleset) -> dict[str, tuple[str, str, str]]:
    """Tap -> what decides about its traffic: egress chain, ingress chain, guard."""
    maps = ruleset.collections
    if ("bridge", "sender") not in maps:
        return {}
    egress, ingress = _jumps(ruleset, EGRESS), _jumps(ruleset, INGRESS)
    found = {}
    for tap, mark in maps["bridge", "sender"].elements.items():
        out = maps["bridge", "outbound"].elements.get(tap, "")
        number = int(out.split("-")[1]) if out.startswith("jump o-") else 0
        found[tap] = (egress.get(int(mark), ""), ingress.get(number, ""), "")
    return found
