"""A virtual router as its host must realise it."""

import dataclasses

from common.wire import Wire
from services.network.objects.dhcp import DhcpHost, HostRoute
from services.network.objects.port import Port


@dataclasses.dataclass(frozen=True, slots=True)
class RouterInterface(Wire):
    """An inside interface; its addresses are the port's fixed IPs.

    For IPv6 subnets `ra_mode` (see DhcpSubnet) makes the router advertise; `dns_servers` go into the advertisement.
    """

    port: Port
    mtu: int = 1500
    ra_mode: str | None = None
    dns_servers: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class RouterGateway(Wire):
    """The outside interface. `gateway_ips` are the next hops of the default routes, one per IP version at most."""

    port: Port
    gateway_ips: tuple[str, ...] = ()
    enable_snat: bool = True
    mtu: int = 1500


@dataclasses.dataclass(frozen=True, slots=True)
class PortForwarding(Wire):
    """One forwarded port of a floating IP: `protocol` tcp or udp."""

    protocol: str
    external_port: int
    internal_ip: str
    internal_port: int


@dataclasses.dataclass(frozen=True, slots=True)
class FloatingIp(Wire):
    """An outside address mapped to an inside one; `fixed_ip` is None when it only forwards ports."""

    floating_ip: str
    fixed_ip: str | None = None
    forwardings: tuple[PortForwarding, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Router(Wire):
    """One router on this host.

    `hosts` are the ports of its inside networks, for the metadata proxy alone: two routers that differ in them are equal.
    """

    router_id: str
    interfaces: tuple[RouterInterface, ...] = ()
    gateway: RouterGateway | None = None
    floating_ips: tuple[FloatingIp, ...] = ()
    routes: tuple[HostRoute, ...] = ()
    admin_state_up: bool = True
    metadata: bool = True
    hosts: tuple[DhcpHost, ...] = dataclasses.field(default=(), compare=False)
    project_id: str = ""

    @property
    def ports(self) -> tuple[Port, ...]:
        """Every port of the router, the gateway last."""
        inside = tuple(interface.port for interface in self.interfaces)
        return inside + ((self.gateway.port,) if self.gateway else ())
