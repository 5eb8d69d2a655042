"""Everything that one host should look like: what an agent builds and the drivers realise."""

import dataclasses
import functools
from collections.abc import Mapping

from common.wire import Wire
from services.network.objects.dhcp import Dhcp
from services.network.objects.port import AddressSet, Port
from services.network.objects.router import Router
from services.network.objects.segment import Neighbour, Segment, TunnelPeers


@dataclasses.dataclass
class Changed:
    """What may differ between a state and the one before: ids of ports, of networks (tunnel peers, all neighbours), of
    address sets; and, by network and MAC, what single neighbours are now (None: gone)."""

    ports: set[str] = dataclasses.field(default_factory=set)
    networks: set[str] = dataclasses.field(default_factory=set)
    sets: set[str] = dataclasses.field(default_factory=set)
    neighbours: dict[str, dict[str, Neighbour | None]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class HostState(Wire):
    """The desired state of one host.

    It is immutable: an agent makes the next one with `dataclasses.replace`, reusing the objects that did not change,
    which is what lets the drivers see the difference cheaply. `ports` holds guests' ports; the ports of `dhcps` and
    `routers` may be listed there too, or not.

    `changed` says what may differ from the last state that all drivers took in without a fault (None: everything may), so
    that a driver which took that one in need not compare the rest.
    """

    segments: tuple[Segment, ...] = ()
    ports: tuple[Port, ...] = ()
    peers: tuple[TunnelPeers, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    address_sets: tuple[AddressSet, ...] = ()
    dhcps: tuple[Dhcp, ...] = ()
    routers: tuple[Router, ...] = ()
    changed: Changed | None = dataclasses.field(default=None, compare=False)

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
