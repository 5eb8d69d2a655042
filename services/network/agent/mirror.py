"""What the conductor said about this host, kept together, so that each pass has the whole state.

Answers are whole or additions (services.network.rpc.conductor.get_host_state says what comes when); this merges them.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from services.network.objects.dhcp import Dhcp, DhcpHost
from services.network.objects.host_state import HostState
from services.network.objects.port import AddressSet, Port
from services.network.objects.router import Router
from services.network.objects.segment import Neighbour, Segment, TunnelPeers


class Mirror:
    """The desired state of one host, piece by piece."""

    def __init__(self) -> None:
        self.known = False
        self._clear()

    def _clear(self) -> None:
        self.segments: dict[str, Segment] = {}
        self.ports: dict[str, Port] = {}
        self.peers: dict[str, TunnelPeers] = {}
        self.neighbours: dict[str, dict[str, Neighbour]] = {}
        self.sets: dict[str, AddressSet] = {}
        self.dhcps: dict[str, Dhcp] = {}
        self.routers: dict[str, Router] = {}

    def state(self) -> HostState:
        """Everything, as the drivers take it."""
        return HostState(
            segments=tuple(self.segments.values()), ports=tuple(self.ports.values()), peers=tuple(self.peers.values()),
            neighbours=tuple(n for by_mac in self.neighbours.values() for n in by_mac.values()),
            address_sets=tuple(self.sets.values()), dhcps=tuple(self.dhcps.values()), routers=tuple(self.routers.values()))

    def merge(self, answer: Mapping[str, Any], asked_networks: Iterable[str] = ()) -> set[str]:
        """Take an answer in; returns networks that are new here and must be asked for as a whole."""
        if answer.get("full"):
            self._clear()
            self.known = True
        new = {s["network_id"] for s in answer["segments"]} - set(self.segments) - set(asked_networks)
        self._networks(answer, set(asked_networks))
        for item in answer["ports"]:
            port = Port.from_dict(item)
            if self.ports.get(port.port_id) != port:
                self.ports[port.port_id] = port
            self._drop_neighbour(port.mac)
        for item in answer["neighbours"]:
            neighbour = Neighbour.from_dict(item)
            self.neighbours.setdefault(neighbour.network_id, {})[neighbour.mac] = neighbour
        for item in answer["address_sets"]:
            found = AddressSet.from_dict(item)
            self.sets[found.set_id] = found
        for item in answer["routers"]:
            router = Router.from_dict(item)
            self.routers[router.router_id] = router
        self._hosts(answer.get("hosts") or {})
        self._gone(answer.get("gone") or {})
        return set() if answer.get("full") else new

    def _networks(self, answer: Mapping[str, Any], asked: set[str]) -> None:
        for item in answer["segments"]:
            segment = Segment.from_dict(item)
            self.segments[segment.network_id] = segment
        for network_id in asked:
            self.neighbours.pop(network_id, None)
            if not any(d["network_id"] == network_id for d in answer["dhcps"]):
                self.dhcps.pop(network_id, None)
        for item in answer["peers"]:
            peers = TunnelPeers.from_dict(item)
            self.peers[peers.network_id] = peers
        for item in answer["dhcps"]:
            dhcp = Dhcp.from_dict(item)
            self.dhcps[dhcp.network_id] = dhcp

    def _drop_neighbour(self, mac: str) -> None:
        for by_mac in self.neighbours.values():
            by_mac.pop(mac, None)

    def _hosts(self, by_network: Mapping[str, list[dict[str, Any]]]) -> None:
        """Ports that came or changed, into the DHCP servers and routers of their networks."""
        for network_id, items in by_network.items():
            fresh = {h.port_id: h for h in (DhcpHost.from_dict(i) for i in items)}
            if network_id in self.dhcps:
                dhcp = self.dhcps[network_id]
                self.dhcps[network_id] = dataclasses.replace(dhcp, hosts=_upsert(dhcp.hosts, fresh))
            for router_id, router in self.routers.items():
                if any(i.port.network_id == network_id for i in router.interfaces):
                    self.routers[router_id] = dataclasses.replace(router, hosts=_upsert(router.hosts, fresh))

    def _gone(self, gone: Mapping[str, list[str]]) -> None:
        for port_id in gone.get("port_ids") or ():
            self._forget_port(port_id)
        if gone.get("port_ids"):  # nobody tells of a set that lost its last user on this host
            used = {rule.remote_set for port in self.ports.values() for rule in port.rules}
            self.sets = {set_id: found for set_id, found in self.sets.items() if set_id in used}
        for network_id in gone.get("network_ids") or ():
            for table in (self.segments, self.peers, self.neighbours, self.dhcps):
                table.pop(network_id, None)
        for router_id in gone.get("router_ids") or ():
            self.routers.pop(router_id, None)
        for set_id in gone.get("set_ids") or ():
            self.sets.pop(set_id, None)

    def _forget_port(self, port_id: str) -> None:
        port = self.ports.pop(port_id, None)
        for network_id, dhcp in list(self.dhcps.items()):
            left = tuple(h for h in dhcp.hosts if h.port_id != port_id)
            if len(left) != len(dhcp.hosts):
                for host in dhcp.hosts:
                    if host.port_id == port_id:
                        self.neighbours.get(network_id, {}).pop(host.mac, None)
                self.dhcps[network_id] = dataclasses.replace(dhcp, hosts=left)
        for router_id, router in list(self.routers.items()):
            left = tuple(h for h in router.hosts if h.port_id != port_id)
            if len(left) != len(router.hosts):
                self.routers[router_id] = dataclasses.replace(router, hosts=left)
        if port is not None:
            self._drop_neighbour(port.mac)


def _upsert(hosts: tuple[DhcpHost, ...], fresh: Mapping[str, DhcpHost]) -> tuple[DhcpHost, ...]:
    left = dict(fresh)
    kept = [left.pop(h.port_id, h) for h in hosts]
    return tuple(kept) + tuple(left.values())
