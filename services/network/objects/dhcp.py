"""What the DHCP server of one network must answer."""

import dataclasses

from common.wire import Wire
from services.network.objects.port import Port

SLAAC, STATELESS, STATEFUL = "slaac", "dhcpv6-stateless", "dhcpv6-stateful"


@dataclasses.dataclass(frozen=True, slots=True)
class HostRoute(Wire):
    """A static route given to guests: `destination` a CIDR, `nexthop` an address."""

    destination: str
    nexthop: str


@dataclasses.dataclass(frozen=True, slots=True)
class DhcpSubnet(Wire):
    """One subnet. Without a `gateway_ip`, or with `isolated`, metadata is reached through the DHCP port.

    `ra_mode` and `address_mode` are slaac, dhcpv6-stateless, dhcpv6-stateful or None, for IPv6 only.
    """

    subnet_id: str
    cidr: str
    gateway_ip: str | None = None
    enable_dhcp: bool = True
    dns_servers: tuple[str, ...] = ()
    host_routes: tuple[HostRoute, ...] = ()
    ra_mode: str | None = None
    address_mode: str | None = None
    isolated: bool = False

    @property
    def version(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.cidr else 4


@dataclasses.dataclass(frozen=True, slots=True)
class DhcpOption(Wire):
    """An extra DHCP option of a port: `name` as dnsmasq or a number as text; `version` 4 or 6."""

    name: str
    value: str
    version: int = 4


@dataclasses.dataclass(frozen=True, slots=True)
class DhcpHost(Wire):
    """A port of the network, on whatever host: its addresses, its name, its extra options.

    `device_id` and `project_id` let the metadata proxy name the instance behind an address.
    """

    port_id: str
    mac: str
    ips: tuple[str, ...] = ()
    subnet_ids: tuple[str, ...] = ()
    hostname: str = ""
    options: tuple[DhcpOption, ...] = ()
    device_id: str = ""
    project_id: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Dhcp(Wire):
    """The DHCP service of one network on this host. `port` is its own port (owner `network:dhcp`)."""

    network_id: str
    port: Port
    subnets: tuple[DhcpSubnet, ...] = ()
    hosts: tuple[DhcpHost, ...] = ()
    mtu: int = 1500
    dns_domain: str = "openstacklocal"
    metadata: bool = True
