"""What the conductor said about this host, kept together, so that each pass has the whole state.

Answers are whole or additions (services.network.rpc.conductor.get_host_state says what comes when); this merges them, and
remembers what they touched, so that a pass costs what changed and not what there is.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from services.network.objects.dhcp import Dhcp, DhcpHost
from services.network.objects.host_state import Changed, HostState
from services.network.objects.port import AddressSet, Port
from services.network.objects.router import Router
from services.network.objects.segment import Neighbour, Segment, TunnelPeers


class Mirror:
    """The desired state of one host, piece by piece.

    The objects in `dhcps` and `routers` have no hosts: those are in `hosts`, by network and port, and join them in `state()`.
    """

    def __init__(self) -> None:
        self.known = False
        self._clear()

    def _clear(self) -> None:
        self.segments: dict[str, Segment] = {}
        self.ports: dict[str, Port] = {}
        self.peers: dict[str, TunnelPeers] = {}
        self.neighbours: dict[str, dict[str, Neighbour]] = {}
        self._places: dict[str, tuple[str, str]] = {}  # port elsewhere -> (network, MAC)
        self.members: dict[str, dict[str, None]] = {}
        self.dhcps: dict[str, Dhcp] = {}
        self.routers: dict[str, Router] = {}
        self.hosts: dict[str, dict[str, DhcpHost]] = {}
        self._uses: dict[str, int] = {}  # set id -> ports here whose rules name it
        self._made: dict[str, dict[str, Any]] = {"hosts": {}, "sets": {}, "dhcps": {}, "routers": {}}
        self._neighbours: tuple[Neighbour, ...] | None = None
        self._changed: Changed | None = None  # None: everything may have

    # what the drivers get

    def state(self) -> HostState:
        """Everything, as the drivers take it, and what was touched since `settled`."""
        if self._neighbours is None:
            self._neighbours = tuple(itertools.chain.from_iterable(n.values() for n in self.neighbours.values()))
        sets = self._made["sets"]
        for set_id, members in self.members.items():
            if set_id not in sets:
                sets[set_id] = AddressSet(set_id, tuple(members))
        return HostState(
            segments=tuple(self.segments.values()), ports=tuple(self.ports.values()), peers=tuple(self.peers.values()),
            neighbours=self._neighbours, address_sets=tuple(sets[i] for i in self.members),
            dhcps=tuple(self._with_hosts("dhcps", n, d, (n,)) for n, d in self.dhcps.items()),
            routers=tuple(self._with_hosts("routers", i, r, _near(r)) for i, r in self.routers.items()),
            changed=self._changed)

    def settled(self) -> None:
        """The drivers took in the last `state()` without a fault: what is touched counts from here."""
        self._changed = Changed()

    def _with_hosts(self, kind: str, key: str, bare: Any, networks: Iterable[str]) -> Any:
        """A DHCP server or router with the hosts of its networks; the same object as before unless one of them changed."""
        parts = [self._hosts_tuple(n) for n in networks]
        known = self._made[kind].get(key)
        if known is None or known[0] is not bare or len(known[1]) != len(parts) or any(
                a is not b for a, b in zip(known[1], parts, strict=True)):
            whole = dataclasses.replace(bare, hosts=parts[0] if len(parts) == 1 else tuple(itertools.chain(*parts)))
            known = self._made[kind][key] = (bare, parts, whole)
        return known[2]

    def _hosts_tuple(self, network_id: str) -> tuple[DhcpHost, ...]:
        made: dict[str, tuple[DhcpHost, ...]] = self._made["hosts"]
        if network_id not in made:
            made[network_id] = tuple(self.hosts.get(network_id, {}).values())
        return made[network_id]

    # what the conductor says

    def merge(self, answer: Mapping[str, Any], asked_networks: Iterable[str] = (), asked_ports: Iterable[str] = ()) -> set[str]:
        """Take an answer in; returns networks that are new here and must be asked for as a whole."""
        if answer.get("full"):
            self._clear()
            self.known = True
        new = {s["network_id"] for s in answer["segments"]} - set(self.segments) - set(asked_networks)
        self._networks(answer, set(asked_networks))
        self._ports(answer, set(asked_ports))
        for item in answer["neighbours"]:
            self._put_neighbour(Neighbour.from_dict(item))
        for item in answer["address_sets"]:
            self._set_members(item["set_id"], dict.fromkeys(item["members"]))
        for set_id, change in (answer.get("set_changes") or {}).items():
            if set_id in self.members:
                known = self.members[set_id]
                for ip in change["removed"]:
                    known.pop(ip, None)
                known.update(dict.fromkeys(change["added"]))
                self._set_members(set_id, known)
        for item in answer["routers"]:
            router = Router.from_dict(item)
            self.routers[router.router_id] = router
        self._hosts(answer)
        self._gone(answer.get("gone") or {})
        return set() if answer.get("full") else new

    def _networks(self, answer: Mapping[str, Any], asked: set[str]) -> None:
        for item in answer["segments"]:
            segment = Segment.from_dict(item)
            if self.segments.get(segment.network_id) != segment:
                self.segments[segment.network_id] = segment
                self._touch("networks", segment.network_id)
        for network_id in asked:
            self._drop_network_neighbours(network_id)
            if not any(d["network_id"] == network_id for d in answer["dhcps"]):
                self.dhcps.pop(network_id, None)
        for item in answer["peers"]:
            peers = TunnelPeers.from_dict(item)
            if self.peers.get(peers.network_id) != peers:
                self.peers[peers.network_id] = peers
                self._touch("networks", peers.network_id)
        for item in answer["dhcps"]:
            dhcp = Dhcp.from_dict(item)
            self.dhcps[dhcp.network_id] = dhcp

    def _ports(self, answer: Mapping[str, Any], asked: set[str]) -> None:
        for item in answer["ports"]:
            port = Port.from_dict(item)
            asked.discard(port.port_id)
            if self.ports.get(port.port_id) != port:
                self._replace_port(port.port_id, port)
            if not port.pending:
                self._drop_neighbour(port.network_id, port.mac)
        for port_id in asked & self.ports.keys():  # it is to be on another host now
            self._replace_port(port_id, None)

    def _replace_port(self, port_id: str, port: Port | None) -> None:
        old = self.ports.pop(port_id, None)
        if port is not None:
            self.ports[port_id] = port
            for set_id in _named_sets(port):
                self._uses[set_id] = self._uses.get(set_id, 0) + 1
        for set_id in _named_sets(old) if old else ():
            self._uses[set_id] -= 1
            if not self._uses[set_id]:  # nobody tells of a set that lost its last user on this host
                del self._uses[set_id]
                self._drop_set(set_id)
        self._touch("ports", port_id)

    def _set_members(self, set_id: str, members: dict[str, None]) -> None:
        self.members[set_id] = members
        self._made["sets"].pop(set_id, None)
        self._touch("sets", set_id)

    def _drop_set(self, set_id: str) -> None:
        if self.members.pop(set_id, None) is not None:
            self._made["sets"].pop(set_id, None)
            self._touch("sets", set_id)

    def _put_neighbour(self, neighbour: Neighbour) -> None:
        place = (neighbour.network_id, neighbour.mac)
        known = self._places.get(neighbour.port_id)
        if known is not None and known != place:
            self._drop_neighbour(*known)
        self._places[neighbour.port_id] = place
        by_mac = self.neighbours.setdefault(neighbour.network_id, {})
        if by_mac.get(neighbour.mac) != neighbour:
            by_mac[neighbour.mac] = neighbour
            self._touch_neighbour(neighbour.network_id, neighbour.mac, neighbour)

    def _drop_neighbour(self, network_id: str, mac: str) -> None:
        gone = self.neighbours.get(network_id, {}).pop(mac, None)
        if gone is not None:
            self._places.pop(gone.port_id, None)
            self._touch_neighbour(network_id, mac, None)

    def _drop_network_neighbours(self, network_id: str) -> None:
        for gone in self.neighbours.pop(network_id, {}).values():
            self._places.pop(gone.port_id, None)
            self._neighbours = None
        self._touch("networks", network_id)

    def _hosts(self, answer: Mapping[str, Any]) -> None:
        """Ports as DHCP servers and routers know them: all of a network (`all_hosts`), or those that changed (`hosts`)."""
        for network_id, items in (answer.get("all_hosts") or {}).items():
            self.hosts[network_id] = {i["port_id"]: DhcpHost.from_dict(i) for i in items}
            self._made["hosts"].pop(network_id, None)
        needed = self._served()
        for network_id, items in (answer.get("hosts") or {}).items():
            if network_id in needed:
                by_port = self.hosts.setdefault(network_id, {})
                for item in items:
                    by_port[item["port_id"]] = DhcpHost.from_dict(item)
                self._made["hosts"].pop(network_id, None)

    def hosts_known(self, router_ids: Iterable[str]) -> list[str]:
        """Networks inside these routers of which every port is known here."""
        near = {n for i in router_ids if i in self.routers for n in _near(self.routers[i])}
        return sorted(near & self.hosts.keys())

    def _served(self) -> set[str]:
        """Networks whose DHCP server, or a router of which, is here."""
        return {*self.dhcps, *(n for r in self.routers.values() for n in _near(r))}

    def _gone(self, gone: Mapping[str, list[str]]) -> None:
        for port_id in gone.get("port_ids") or ():
            self._forget_port(port_id)
        for network_id in gone.get("network_ids") or ():
            self._drop_network_neighbours(network_id)
            for table in (self.segments, self.peers, self.dhcps):
                table.pop(network_id, None)
            self._touch("networks", network_id)
        for router_id in gone.get("router_ids") or ():
            self.routers.pop(router_id, None)
        for set_id in gone.get("set_ids") or ():
            self._drop_set(set_id)
        for network_id in self.hosts.keys() - self._served() if any(gone.values()) else ():
            del self.hosts[network_id]
            self._made["hosts"].pop(network_id, None)

    def _forget_port(self, port_id: str) -> None:
        if port_id in self.ports:
            self._replace_port(port_id, None)
        if port_id in self._places:
            self._drop_neighbour(*self._places[port_id])
        for network_id, by_port in self.hosts.items():
            if by_port.pop(port_id, None) is not None:
                self._made["hosts"].pop(network_id, None)

    # what was touched

    def _touch(self, kind: str, key: str) -> None:
        if self._changed is not None:
            getattr(self._changed, kind).add(key)

    def _touch_neighbour(self, network_id: str, mac: str, neighbour: Neighbour | None) -> None:
        self._neighbours = None
        if self._changed is not None:
            self._changed.neighbours.setdefault(network_id, {})[mac] = neighbour


def _near(router: Router) -> list[str]:
    """The networks inside a router."""
    return list(dict.fromkeys(i.port.network_id for i in router.interfaces))


def _named_sets(port: Port) -> set[str]:
    return {rule.remote_set for rule in port.rules if rule.remote_set}
