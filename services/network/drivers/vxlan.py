"""VXLAN tunnels without learning: where each MAC address lives is told, never guessed from traffic.

Entries of the forwarding database are unicast (one remote host per MAC) plus the all-zero
address, which lists the hosts that get broadcast, multicast and unknown frames.
"""

import collections
from collections.abc import Mapping

from services.network.drivers.base import DriverConfig
from services.network.drivers.host import Host
from services.network.drivers.links import Link, quiet
from services.network.objects.host_state import HostState
from services.network.objects.segment import VXLAN, Neighbour, Segment

FLOOD = "00:00:00:00:00:00"
Fdb = dict[str, dict[str, set[str]]]


def device(segment: Segment) -> str:
    """The tunnel device of a segment: `vxlan-` and the VNI."""
    return f"vxlan-{segment.segmentation_id}"


class Vxlan:
    """The tunnel devices and their forwarding entries on one host."""

    def __init__(self, host: Host, config: DriverConfig) -> None:
        self._host, self._config = host, config
        self._fdb: Fdb | None = None
        self._seen: tuple[object, ...] = ()
        self._counts: dict[str, collections.Counter[str]] = {}  # device -> how often a host is named, as peer or by a neighbour

    def forget(self) -> None:
        """Read the forwarding database again in the next `populate`."""
        self._fdb, self._seen = None, ()

    def device_lines(self, segment: Segment, links: dict[str, Link]) -> list[str]:
        """The `ip` lines that make the device of `segment` right, bridge membership included; none when it is."""
        name, found = device(segment), links.get(device(segment))
        lines = []
        if found and (found.data.get("id") != segment.segmentation_id or found.data.get("port") != self._config.vxlan_port
                      or found.data.get("local", found.data.get("local6")) != self._config.local_ip):
            lines.append(f"link del dev {name}")
            found = None
            if self._fdb:
                self._fdb.pop(name, None)
        if found is None:
            lines += [
                f"link add dev {name} type vxlan id {segment.segmentation_id} local {self._config.local_ip} "
                f"dstport {self._config.vxlan_port} nolearning",
                quiet(name),
            ]
        if found is None or found.master != segment.bridge or not found.up or found.mtu != segment.mtu:
            lines.append(f"link set dev {name} mtu {segment.mtu} master {segment.bridge} up")
        return lines

    def removed(self, name: str) -> None:
        """A tunnel device is gone, and its entries with it."""
        if self._fdb:
            self._fdb.pop(name, None)

    def populate(self, desired: HostState, present: set[str]) -> int:
        """Make the entries of the tunnel devices in `present` as desired; how many changed."""
        names = {s.network_id: device(s) for s in desired.segments if s.kind == VXLAN}
        key = (desired.peers, desired.segments, frozenset(present))
        if self._fdb is not None and desired.changed is not None and not desired.changed.networks and key == self._seen:
            return self._update(names, desired.changed.neighbours)
        if self._fdb is None:
            self._fdb = self._read()
        lines = []
        wanted, counts = self._wanted(desired, names)
        for name in sorted(present):
            lines += _diff(name, self._fdb.get(name, {}), wanted.get(name, {}))
        if lines:
            self._fdb = None
            self._host.bridge(lines)
        self._fdb, self._seen, self._counts = {name: wanted.get(name, {}) for name in present}, key, counts
        return len(lines)

    def _update(self, names: Mapping[str, str], changed: Mapping[str, Mapping[str, Neighbour | None]]) -> int:
        """Only the entries of these MACs, and of the hosts that they brought or took with them."""
        assert self._fdb is not None
        lines, new = [], {}
        for network_id, by_mac in changed.items():
            name = names.get(network_id, "")
            if name not in self._fdb:
                continue
            have, counts = self._fdb[name], self._counts[name].copy()
            want: dict[str, set[str]] = {}
            for mac, neighbour in by_mac.items():
                there = neighbour is not None and neighbour.host != self._config.local_ip
                want[mac.lower()] = {neighbour.host} if there else set()  # type: ignore[union-attr]
                counts.update(want[mac.lower()])
                counts.subtract(have.get(mac.lower(), ()))
            want[FLOOD] = {host for host, number in counts.items() if number > 0}
            lines += _diff(name, {mac: have.get(mac, set()) for mac in want}, want)
            new[name] = (want, +counts)
        if lines:
            before, self._fdb = self._fdb, None
            self._host.bridge(lines)
            self._fdb = before
        for name, (want, counts) in new.items():
            self._counts[name] = counts
            for mac, hosts in want.items():
                if hosts:
                    self._fdb[name][mac] = hosts
                else:
                    self._fdb[name].pop(mac, None)
        return len(lines)

    def _wanted(self, desired: HostState, names: Mapping[str, str]) -> tuple[Fdb, dict[str, collections.Counter[str]]]:
        wanted: Fdb = {name: {} for name in names.values()}
        counts: dict[str, collections.Counter[str]] = {name: collections.Counter() for name in names.values()}
        mine = self._config.local_ip
        for peers in desired.peers:
            if peers.network_id in names:
                counts[names[peers.network_id]].update(h for h in peers.hosts if h != mine)
        for neighbour in desired.neighbours:
            name = names.get(neighbour.network_id)
            if name is not None and neighbour.host != mine:
                counts[name][neighbour.host] += 1
                wanted[name][neighbour.mac.lower()] = {neighbour.host}
        for name, number in counts.items():
            if number:
                wanted[name][FLOOD] = set(number)
        return wanted, counts

    def _read(self) -> Fdb:
        found: Fdb = {}
        for row in self._host.query_json(["bridge", "-j", "fdb", "show"]):
            if "dst" in row and row.get("ifname", "").startswith("vxlan-"):
                found.setdefault(row["ifname"], {}).setdefault(row["mac"], set()).add(row["dst"])
        return found


def _diff(name: str, have: dict[str, set[str]], want: dict[str, set[str]]) -> list[str]:
    lines = []
    for mac in sorted(have.keys() | want.keys()):
        old, new = have.get(mac, set()), want.get(mac, set())
        if mac != FLOOD and old and new and old != new:
            lines.append(f"fdb replace {mac} dev {name} dst {next(iter(new))} self permanent")
            continue
        lines += [f"fdb append {mac} dev {name} dst {ip} self permanent" for ip in sorted(new - old)]
        lines += [f"fdb del {mac} dev {name} dst {ip} self" for ip in sorted(old - new)]
    return lines
