"""Layer 2 with Linux bridges: one bridge per network, its uplink, and the taps in it.

The hypervisor makes the taps of guests and puts them into their bridge; this driver sees to it that they stay there. It
owns the bridge, the tunnel device, and the link to the physical network, all marked with our alias, and removes only what
carries it.
"""

from common import process
from services.network.drivers import vxlan
from services.network.drivers.base import Applied, DriverConfig, DriverError
from services.network.drivers.host import Host
from services.network.drivers.links import Link, quiet, read_links
from services.network.objects.host_state import HostState
from services.network.objects.port import Port
from services.network.objects.segment import FLAT, VLAN, VXLAN, Segment

# Above so many unknown taps, one listing of all devices is cheaper than asking for each.
SINGLE_READS_MAX = 3
OWN_PREFIXES = ("brq", "vxlan-", "phy", "vln")


class LinuxBridge:
    """See `base.Layer2`."""

    def __init__(self, host: Host, config: DriverConfig) -> None:
        self._host, self._config = host, config
        self._vxlan = vxlan.Vxlan(host, config)
        self._links: dict[str, Link] | None = None
        self._segments: dict[str, Segment] = {}
        self._stale: set[str] = set()

    def forget_device(self, name: str) -> None:
        """A device came or went: read it again before the next decision about it."""
        self._stale.add(name)

    def apply(self, desired: HostState, *, full: bool = False) -> Applied:
        """See `base.Capability`."""
        result = Applied()
        if full or self._links is None:
            self._stale.clear()
            self._links, self._segments = read_links(self._host), {}
            self._vxlan.forget()
            full = True
        for segment in desired.segments:
            if self._segments.get(segment.network_id) != segment:
                self._guard(result, f"network:{segment.network_id}", lambda s=segment: self._ensure_segment(s))
        self._guard(result, "tunnels", lambda: self._populate(desired))
        self._plug(desired, result)
        gone = [s for network_id, s in self._segments.items() if network_id not in desired.segments_by_network]
        if full or gone:
            self._guard(result, "cleanup", lambda: self._clean(desired, gone))
        return result

    def _guard(self, result: Applied, unit: str, work: object) -> None:
        try:
            result.changes += work()  # type: ignore[operator]
        except (process.CommandError, DriverError, OSError) as e:
            result.errors[unit] = str(e)
            self._links = None  # what was half done is read again in the next pass

    # -- networks

    def _ensure_segment(self, segment: Segment) -> int:
        links = self._known()
        lines = []
        bridge = links.get(segment.bridge)
        if bridge is None:
            lines += [
                f"link add dev {segment.bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
                quiet(segment.bridge),
            ]
        elif not bridge.ours:
            lines.append(quiet(segment.bridge))
        if bridge is None or not bridge.up or bridge.mtu != segment.mtu:
            lines.append(f"link set dev {segment.bridge} mtu {segment.mtu} up")
        lines += self._uplink_lines(segment, links)
        if lines:
            self._host.ip(lines)
            self._refresh([segment.bridge, *self._uplinks(segment)])
        self._segments[segment.network_id] = segment
        return len(lines)

    def _uplink_lines(self, segment: Segment, links: dict[str, Link]) -> list[str]:
        if segment.kind == VXLAN:
            return self._vxlan.device_lines(segment, links)
        if segment.kind not in (FLAT, VLAN):
            raise DriverError(f"networks of type {segment.kind} are not supported by this host")
        mapped = self._config.physical_networks.get(segment.physical_network or "")
        if mapped is None:
            raise DriverError(f"the physical network {segment.physical_network} is not mapped on this host")
        if mapped not in links:
            raise DriverError(f"the device {mapped} of physical network {segment.physical_network} does not exist")
        lines, lower = [], mapped
        if links[mapped].kind == "bridge":
            inner, outer = f"phy{segment.network_id[:11]}", f"phx{segment.network_id[:11]}"
            lower = inner
            if inner not in links:
                lines += [f"link add dev {inner} type veth peer name {outer}", quiet(inner), quiet(outer)]
            if outer not in links or links[outer].master != mapped or links[outer].mtu != segment.mtu:
                lines.append(f"link set dev {outer} mtu {segment.mtu} master {mapped} up")
        if segment.kind == VLAN:
            name = f"vln{segment.network_id[:11]}"
            if name not in links:
                lines += [f"link set dev {lower} up",
                          f"link add link {lower} name {name} type vlan id {segment.segmentation_id}", quiet(name)]
            lower = name
        found = links.get(lower)
        if found is None or found.master != segment.bridge or not found.up:
            lines.append(f"link set dev {lower} master {segment.bridge} up")
        return lines

    def _uplinks(self, segment: Segment) -> list[str]:
        if segment.kind == VXLAN:
            return [vxlan.device(segment)]
        short, mapped = segment.network_id[:11], self._config.physical_networks.get(segment.physical_network or "")
        return [f"phy{short}", f"phx{short}", f"vln{short}", *([mapped] if mapped else [])]

    def _populate(self, desired: HostState) -> int:
        links = self._known()
        names = {vxlan.device(s) for s in desired.segments if s.kind == VXLAN}
        return self._vxlan.populate(desired, names & links.keys())

    # -- taps

    def _plug(self, desired: HostState, result: Applied) -> None:
        links = self._known()
        ports = desired.all_ports.values()
        unknown = {p.tap for p in ports if p.tap not in links and not p.is_service}
        self._refresh(sorted(unknown | self._stale))
        self._stale.clear()
        links = self._known()
        lines, plugged = [], []
        for port in ports:
            segment, link = self._segments.get(port.network_id), links.get(port.tap)
            if link is None or _unfinished(link):
                if not port.is_service:
                    result.missing.add(port.port_id)
            elif segment is None:
                result.errors.setdefault(f"port:{port.port_id}", f"the network {port.network_id} is not on this host")
            else:
                lines += _tap_lines(port, segment, link)
                plugged.append((port, segment, link))
        if lines:
            try:
                self._host.ip(lines)
            except process.CommandError:
                lines = self._plug_one_by_one(plugged, result)
        for port, segment, link in plugged:
            if f"port:{port.port_id}" not in result.errors:
                link.master, link.up, link.mtu = segment.bridge, True, segment.mtu
                if port.admin_state_up:
                    result.wired.add(port.port_id)
        result.changes += len(lines)

    def _plug_one_by_one(self, plugged: list[tuple[Port, Segment, Link]], result: Applied) -> list[str]:
        """A tap vanished in the middle of a batch: only its own port must suffer."""
        done = []
        for port, segment, link in plugged:
            lines = _tap_lines(port, segment, link)
            try:
                self._host.ip(lines)
                done += lines
            except process.CommandError as e:
                result.errors[f"port:{port.port_id}"] = str(e)
                self._stale.add(port.tap)
        return done

    # -- what this driver knows of the host

    def _known(self) -> dict[str, Link]:
        if self._links is None:
            self._links = read_links(self._host)
        return self._links

    def _refresh(self, names: list[str]) -> None:
        if not names:
            return
        if len(names) > SINGLE_READS_MAX:
            self._links = read_links(self._host)
            return
        links = self._known()
        for name in names:
            links.pop(name, None)
            found = read_links(self._host, only=name)
            if name in found:
                links[name] = found[name]

    def _clean(self, desired: HostState, gone: list[Segment]) -> int:
        """Remove our bridges and uplinks that no desired network needs; a bridge with a foreign tap in it stays."""
        links = self._links = read_links(self._host)
        keep = {s.bridge for s in desired.segments}
        for segment in desired.segments:
            keep |= set(self._uplinks(segment))
        lines = []
        for name, link in sorted(links.items(), key=lambda item: not item[0].startswith("vln")):
            if name in keep or not link.ours or not name.startswith(OWN_PREFIXES):
                continue
            if link.kind == "bridge" and any(m.master == name and not _removable(m) for m in links.values()):
                continue
            lines.append(f"link del dev {name}")
            self._vxlan.removed(name)
        for name in self._config.physical_networks.values():
            master = links[name].master if name in links else None
            if name not in keep and master and master.startswith("brq") and links[master].ours:
                lines.insert(0, f"link set dev {name} nomaster")
        self._host.ip(lines)
        for segment in gone:
            self._segments.pop(segment.network_id, None)
        if lines:
            self._links = None
        return len(lines)


def _removable(link: Link) -> bool:
    return link.ours or not link.name.startswith("tap")


def _unfinished(link: Link) -> bool:
    """Whether a hypervisor is still making a tap. It puts it into its bridge itself, and fails when we were faster."""
    return link.kind == "tun" and link.master is None and not link.up


def _tap_lines(port: Port, segment: Segment, link: Link) -> list[str]:
    lines = []
    if not link.ours and link.master != segment.bridge:
        # The alias stays away from a hypervisor's device: it is not ours to remove.
        lines.append(f"link set dev {port.tap} addrgenmode none")
    if link.master != segment.bridge or not link.up or link.mtu != segment.mtu:
        lines.append(f"link set dev {port.tap} mtu {segment.mtu} master {segment.bridge} up")
    return lines

