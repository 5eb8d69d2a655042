"""VXLAN tunnels without learning: where each MAC address lives is told, never guessed from traffic.

Entries of the forwarding database are unicast (one remote host per MAC) plus the all-zero
address, which lists the hosts that get broadcast, multicast and unknown frames.
"""

from services.network.drivers.base import DriverConfig
from services.network.drivers.host import Host
from services.network.drivers.links import Link, quiet
from services.network.objects.host_state import HostState
from services.network.objects.segment import VXLAN, Segment

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
        key = (desired.neighbours, desired.peers, desired.segments, frozenset(present))
        if self._fdb is not None and key == self._seen:
            return 0
        if self._fdb is None:
            self._fdb = self._read()
        lines = []
        wanted = self._wanted(desired)
        for name in sorted(present):
            lines += _diff(name, self._fdb.get(name, {}), wanted.get(name, {}))
        if lines:
            self._fdb = None
            self._host.bridge(lines)
        self._fdb, self._seen = {name: wanted.get(name, {}) for name in present}, key
        return len(lines)

    def _wanted(self, desired: HostState) -> Fdb:
        names = {s.network_id: device(s) for s in desired.segments if s.kind == VXLAN}
        wanted: Fdb = {name: {} for name in names.values()}
        mine = self._config.local_ip
        for peers in desired.peers:
            if peers.network_id in names:
                wanted[names[peers.network_id]].setdefault(FLOOD, set()).update(h for h in peers.hosts if h != mine)
        for neighbour in desired.neighbours:
            if neighbour.network_id in names and neighbour.host != mine:
                entries = wanted[names[neighbour.network_id]]
                entries.setdefault(FLOOD, set()).add(neighbour.host)
                entries[neighbour.mac.lower()] = {neighbour.host}
        return wanted

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
