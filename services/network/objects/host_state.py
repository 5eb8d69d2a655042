"""Everything that one host should look like: what an agent builds and the drivers realise."""

import dataclasses
import functools
from collections.abc import Mapping

from common.wire import Wire
from services.network.objects.dhcp import Dhcp
from services.network.objects.port import AddressSet, Port
from services.network.objects.router import Router
from services.network.objects.segment import Neighbour, Segment, TunnelPeers


@dataclasses.dataclass(frozen=True)
class HostState(Wire):
    """The desired state of one host.

    It is immutable: an agent makes the next one with `dataclasses.replace`, reusing the objects that did not change,
    which is what lets the drivers see the difference cheaply. `ports` holds guests' ports; the ports of `dhcps` and
    `routers` may be listed there too, or not.
    """

    segments: tuple[Segment, ...] = ()
    ports: tuple[Port, ...] = ()
    peers: tuple[TunnelPeers, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    address_sets: tuple[AddressSet, ...] = ()
    dhcps: tuple[Dhcp, ...] = ()
    routers: tuple[Router, ...] = ()

    @functools.cached_property
    def all_ports(self) -> Mapping[str, Port]:
        """Port id -> port, with the ports of DHCP servers and of routers that are up."""
        found = {port.port_id: port for port in self.ports}
        found.update((dhcp.port.port_id, dhcp.port) for dhcp in self.dhcps)
        for router in self.routers:
            if router.admin_state_up:
                found.update((port.port_id, port) for port in router.ports)
        return found

    @functools.cached_property
    def segments_by_network(self) -> Mapping[str, Segment]:
        """Network id -> its segment."""
        return {segment.network_id: segment for segment in self.segments}
