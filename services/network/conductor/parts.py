"""Rows of the database as the objects that travel to hosts. Pure."""

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from services.network.objects.dhcp import DhcpHost, DhcpOption, DhcpSubnet, HostRoute
from services.network.objects.port import AddressPair, FixedIp, Port, SecurityRule
from services.network.objects.router import PortForwarding


def is_wanted(row: Any) -> bool:
    """Whether the port is to be realised: it was bound with success."""
    return bool(row.vif_type == "bridge")


def port(row: Any, addresses: Sequence[Any], rules: Sequence[SecurityRule], *, stateful: bool = True,
         pending: bool = False) -> Port:
    """A port with its expanded rules."""
    fixed = tuple(FixedIp(a.ip_address, a.subnet_id, int(a.cidr.rsplit("/", 1)[1])) for a in addresses)
    pairs = tuple(AddressPair(p["ip_address"], p.get("mac_address")) for p in row.allowed_address_pairs or ())
    return Port(port_id=row.id, network_id=row.network_id, mac=row.mac_address, fixed_ips=fixed, allowed_address_pairs=pairs,
                port_security_enabled=row.port_security_enabled, rules=tuple(dict.fromkeys(rules)),
                device_owner=row.device_owner, device_id=row.device_id, project_id=row.project_id,
                admin_state_up=row.admin_state_up, stateful=stateful, pending=pending)


def rule(row: Any) -> SecurityRule:
    """A security group rule."""
    return SecurityRule(direction=row.direction, ethertype=row.ethertype, protocol=row.protocol,
                        port_range_min=row.port_range_min, port_range_max=row.port_range_max,
                        remote_ip_prefix=row.remote_ip_prefix, remote_set=row.remote_group_id or row.remote_address_group_id)


def dhcp_host(row: Any, addresses: Sequence[Any]) -> DhcpHost:
    """A port as DHCP and the metadata proxy see it."""
    options = tuple(DhcpOption(o["opt_name"], str(o.get("opt_value") or ""), int(o.get("ip_version") or 4))
                    for o in row.extra_dhcp_opts or () if o.get("opt_value") is not None)
    return DhcpHost(port_id=row.id, mac=row.mac_address, ips=tuple(a.ip_address for a in addresses),
                    subnet_ids=tuple(a.subnet_id for a in addresses), hostname=row.dns_name, options=options,
                    device_id=row.device_id, project_id=row.project_id)


def dhcp_subnet(row: Any, routed: Container[str]) -> DhcpSubnet:
    """A subnet as DHCP sees it; isolated when no router touches it."""
    return DhcpSubnet(subnet_id=row.id, cidr=row.cidr, gateway_ip=row.gateway_ip, enable_dhcp=row.enable_dhcp,
                      dns_servers=tuple(row.dns_nameservers or ()), host_routes=routes(row.host_routes or ()),
                      ra_mode=row.ipv6_ra_mode, address_mode=row.ipv6_address_mode, isolated=row.id not in routed)


def forwardings(found: Iterable[Any]) -> tuple[PortForwarding, ...]:
    """Port forwardings of one floating IP."""
    return tuple(PortForwarding(f.protocol, f.external_port, f.internal_ip_address, f.internal_port) for f in found)


def routes(items: Iterable[Mapping[str, str]]) -> tuple[HostRoute, ...]:
    """Routes in their stored form as objects."""
    return tuple(HostRoute(i["destination"], i["nexthop"]) for i in items)
