"""Subnets: ranges of addresses of a network, with what guests are told about them."""

import ipaddress
from collections.abc import Sequence
from typing import Any

from services.network.db import models, rows
from services.network.db import networks as db_networks
from services.network.db import ports as db_ports
from services.network.domain import addresses, faults, ipam, networks, quotas, subnetpools
from services.network.domain.work import Work

_PLAIN = ("name", "description", "enable_dhcp", "dns_nameservers", "host_routes", "service_types", "ipv6_ra_mode",
          "ipv6_address_mode", "dns_publish_fixed_ip")


def create(work: Work, values: dict[str, Any]) -> Any:
    """A new subnet. 400 for values that do not fit together; 404 for its network or pool; 409 GatewayConflict…"""
    network = networks.visible(work, values["network_id"], lock=True)
    version = values["ip_version"]
    if version == 4 and (values.get("ipv6_ra_mode") or values.get("ipv6_address_mode")):
        raise faults.invalid("ipv6_ra_mode and ipv6_address_mode must be null when ip_version is 4")
    cidr, pool_id = _range(work, network, values)
    siblings = list(db_networks.subnets(work.session, network.id))
    _check_range(work, cidr, version, siblings, values)
    gateway = values["gateway_ip"] if "gateway_ip" in values else ipam.first_host(cidr)
    gateway = None if gateway is None else ipam.canonical(gateway)
    _check_gateway(cidr, gateway)
    pools = values.get("allocation_pools")
    pools = ipam.default_pools(cidr, gateway) if pools is None else _check_pools(cidr, pools, gateway)
    _check_lists(work, values)
    row = models.Subnet(project_id=values["project_id"], network_id=network.id, ip_version=version, cidr=cidr,
                        gateway_ip=gateway, allocation_pools=pools, subnetpool_id=pool_id,
                        **{k: values[k] for k in _PLAIN if k in values})
    rows.add(work.session, row)
    if version == 6 and ipam.is_auto(row):
        _address_hosts(work, row)
    rows.touch(network)
    work.changes.networks.add(network.id)
    quotas.claim(work, row.project_id, "subnet")
    return row


def update(work: Work, row: Any, values: dict[str, Any]) -> Any:
    """Change a subnet. 409 when its gateway is a router's, or a pool holds the gateway."""
    for name in ("ipv6_ra_mode", "ipv6_address_mode"):
        if name in values and values[name] != getattr(row, name):
            raise faults.bad(f"Cannot update read-only attribute {name}")
    _check_lists(work, values)
    gateway = row.gateway_ip
    if "gateway_ip" in values:
        gateway = None if values["gateway_ip"] is None else ipam.canonical(values["gateway_ip"])
        if gateway != row.gateway_ip:
            _gateway_free(work, row)
            _check_gateway(row.cidr, gateway)
    pools = row.allocation_pools
    if values.get("allocation_pools") is not None:
        pools = values["allocation_pools"]
    row.allocation_pools = _check_pools(row.cidr, pools, gateway)
    row.gateway_ip = gateway
    for name in _PLAIN:
        if name in values:
            setattr(row, name, values[name])
    rows.touch(row)
    work.changes.networks.add(row.network_id)
    _routers_of(work, row)
    return row


def delete(work: Work, row: Any) -> None:
    """Remove a subnet. 409 SubnetInUse while ports other than our DHCP's and self-addressed ones use it."""
    for port in db_ports.on_subnet(work.session, row.id):
        own = port.device_owner in db_ports.INTERNAL_OWNERS
        if not own and not (ipam.is_auto(row) and port.device_owner not in addresses.ROUTER_OWNERS):
            raise faults.subnet_in_use(row.id)
    remove(work, row)


def remove(work: Work, row: Any) -> None:
    """Remove a subnet of which it is known that nobody needs it."""
    from services.network.domain import ports

    for port in db_ports.on_subnet(work.session, row.id):
        left = [a for a in db_ports.addresses(work.session, [port.id]).get(port.id, []) if a.subnet_id != row.id]
        if not left and port.device_owner in db_ports.INTERNAL_OWNERS:
            ports.remove(work, port)
        else:
            rows.remove_where(work.session, models.IpAllocation, models.IpAllocation.subnet_id == row.id,
                              models.IpAllocation.port_id == port.id)
            rows.touch(port)
            work.changes.port(port)
    rows.remove(work.session, row)
    network = rows.get(work.session, models.Network, row.network_id)
    if network is not None:
        rows.touch(network)
    work.changes.networks.add(row.network_id)
    quotas.release(work, row.project_id, "subnet")


def visible(work: Work, subnet_id: str) -> Any:
    """A subnet of a network that the caller may see; 404 SubnetNotFound."""
    row = rows.get(work.session, models.Subnet, subnet_id)
    if row is None or not rows.find(work.session, models.Network, models.Network.id == row.network_id,
                                    *db_networks.visible(work.context, work.is_admin)):
        raise faults.not_found("SubnetNotFound", "Subnet", subnet_id)
    return row


def _range(work: Work, network: Any, values: dict[str, Any]) -> tuple[str, str | None]:
    """(CIDR, subnet pool id) of a new subnet."""
    cidr, pool_id = values.get("cidr"), values.get("subnetpool_id")
    if values.get("use_default_subnetpool"):
        if pool_id:
            raise faults.bad("subnetpool_id and use_default_subnetpool cannot both be specified")
        pool_id = subnetpools.default(work, values["ip_version"]).id
    if pool_id is None:
        if values.get("prefixlen"):
            raise faults.bad("prefixlen needs a subnetpool_id")
        if not cidr:
            raise faults.bad("a subnetpool must be specified in the absence of a cidr")
        return ipam.canonical_cidr(cidr), None
    if cidr and values.get("prefixlen"):
        raise faults.bad("cidr and prefixlen must not be supplied together")
    return subnetpools.cut(work, pool_id, network, values, cidr), pool_id


def _check_range(work: Work, cidr: str, version: int, siblings: Sequence[Any], values: dict[str, Any]) -> None:
    net = ipam.network(cidr)
    if net.version != version:
        raise faults.invalid(f"cidr '{cidr}' does not match the ip_version '{version}'")
    if net.is_multicast or net.is_loopback or (net.prefixlen == 0):
        raise faults.invalid(f"'{cidr}' is not a valid IP subnet for a network")
    if net.is_link_local and version == 6:
        raise faults.invalid(f"'{cidr}' is a link-local prefix")
    if any(ipam.overlap(cidr, s.cidr) for s in siblings):
        other = next(s for s in siblings if ipam.overlap(cidr, s.cidr))
        raise faults.invalid(f"Requested subnet with cidr: {cidr} for network: {values['network_id']} overlaps with "
                             f"another subnet: {other.cidr}")
    ra, mode = values.get("ipv6_ra_mode"), values.get("ipv6_address_mode")
    if ra and mode and ra != mode:
        raise faults.invalid(f"ipv6_ra_mode set to '{ra}' with ipv6_address_mode set to '{mode}' is not valid. If both "
                             "attributes are set, they must be the same value")
    if (ra or mode) and not values.get("enable_dhcp", True):
        raise faults.invalid("ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False")
    if (mode in ipam.AUTO_MODES or ra in ipam.AUTO_MODES) and net.prefixlen != 64:
        raise faults.invalid(f"Invalid CIDR {cidr} for IPv6 address mode. OpenStack uses the EUI-64 address format, which "
                             "requires the prefix to be /64")


def _check_gateway(cidr: str, gateway: str | None) -> None:
    if gateway is None:
        return
    it = ipaddress.ip_address(gateway)
    if it.version != ipam.network(cidr).version:
        raise faults.invalid(f"gateway_ip '{gateway}' does not match the IP version of cidr {cidr}")
    if ipam.contains(cidr, gateway) and not ipam.usable(cidr, gateway, gateway=True):
        raise faults.invalid(f"Gateway {gateway} is not valid on subnet {cidr}")


def _check_pools(cidr: str, pools: list[dict[str, str]], gateway: str | None) -> list[dict[str, str]]:
    wrong = ipam.check_pools(cidr, pools)
    if wrong is not None:
        kind, text = wrong
        raise (faults.conflict(kind, text) if kind == "OverlappingAllocationPools" else faults.invalid(text, kind))
    if gateway is not None and ipam.contains(cidr, gateway):
        for pool in pools:
            if ipam.in_pools([pool], gateway):
                raise faults.conflict("GatewayConflictWithAllocationPools",
                                      f"Gateway ip {gateway} conflicts with allocation pool {ipam.show_pool(pool)}.")
    return [{"start": ipam.canonical(p["start"]), "end": ipam.canonical(p["end"])} for p in pools]


def _check_lists(work: Work, values: dict[str, Any]) -> None:
    conf = work.conf.network
    if len(values.get("dns_nameservers") or ()) > conf.dns_nameservers_max:
        raise faults.conflict("DNSNameServersExhausted", "Unable to complete operation. The number of DNS nameservers "
                                                         f"exceeds the limit {conf.dns_nameservers_max}.")
    if len(values.get("host_routes") or ()) > conf.host_routes_max:
        raise faults.conflict("HostRoutesExhausted", "Unable to complete operation. The number of host routes exceeds "
                                                     f"the limit {conf.host_routes_max}.")


def _address_hosts(work: Work, row: Any) -> None:
    """Hosts of the network make an address of a new automatic subnet themselves: note it for every port."""
    for port in db_ports.in_network(work.session, row.network_id):
        if port.device_owner in (*addresses.ROUTER_OWNERS, "network:router_gateway"):
            continue
        ip = ipam.eui64(row.cidr, port.mac_address)
        rows.add(work.session, models.IpAllocation(
            subnet_id=row.id, ip_address=ip, network_id=row.network_id, port_id=port.id,
            offset=ipam.offset(row.cidr, ip), position=100))
        work.changes.port(port)


def _gateway_free(work: Work, row: Any) -> None:
    """409 GatewayIpInUse when a router holds the present gateway address."""
    if row.gateway_ip is None:
        return
    held = db_ports.holder(work.session, row.id, row.gateway_ip)
    if held is not None:
        raise faults.conflict("GatewayIpInUse", f"Current gateway ip {row.gateway_ip} already in use by port "
                                                f"{held.port_id}. Unable to update.")


def _routers_of(work: Work, row: Any) -> None:
    for port in db_ports.on_subnet(work.session, row.id, limit=None) if row.gateway_ip else ():
        if port.device_owner.startswith("network:router"):
            work.changes.routers.add(port.device_id)
