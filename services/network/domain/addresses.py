"""Giving addresses to ports: choosing subnets, checking what was asked for, taking free ones."""

from collections.abc import Sequence
from typing import Any

from common import ids
from services.network.db import models, rows
from services.network.db import networks as db_networks
from services.network.db import ports as db
from services.network.domain import faults, ipam
from services.network.domain.work import Work

ROUTER_OWNERS = ("network:router_interface", "network:router_interface_distributed", "network:ha_router_replicated_interface")
_CANDIDATES = 16


def of_new(work: Work, port: Any, asked: Sequence[dict[str, Any]] | None) -> list[Any]:
    """As `assign` for one of the ports that a request makes, to be written by the caller: what they share is read once."""
    subnets = work.once(("subnets", port.network_id), lambda: db_networks.plain_subnets(work.session, port.network_id))
    return _assign(work, port, subnets, asked, 0)


def assign(work: Work, port: Any, asked: Sequence[dict[str, Any]] | None, start: int = 0) -> list[Any]:
    """Give `port` the addresses `asked` for, or (None) one of each IP version; the new IpAllocations.

    400 when an address or subnet does not fit the network; 409 when an address is taken or none is left.
    """
    made = _assign(work, port, list(db_networks.subnets(work.session, port.network_id)), asked, start)
    work.session.add_all(made)
    work.flush()
    return made


def _assign(work: Work, port: Any, subnets: list[Any], asked: Sequence[dict[str, Any]] | None, start: int) -> list[Any]:
    if asked is None:
        wanted = _automatic(work, port, subnets)
    else:
        wanted = [_resolve(work, port, subnets, item) for item in asked]
        wanted += _slaac(port, subnets, wanted)
    if len(wanted) + start > work.conf.network.fixed_ips_per_port_max:
        raise faults.invalid("Exceeded maximum amount of fixed ips per port")
    made: list[Any] = []
    for position, (subnet, ip) in enumerate(wanted, start):
        if ip and ipam.is_auto(subnet) and db.holder(work.session, subnet.id, ip) is not None:
            raise faults.address_in_use(ip, subnet.id)
        ip = ip or take(work, subnet)
        if any(m.subnet_id == subnet.id and m.ip_address == ip for m in made):
            raise faults.invalid(f"Duplicated IP address {ip} in the request", "InvalidInput")
        offset = ipam.offset(subnet.cidr, ip)
        _taken_now(work, subnet).add(offset)
        made.append(models.IpAllocation(subnet_id=subnet.id, ip_address=ip, network_id=port.network_id, port_id=port.id,
                                        offset=offset, position=position))
    return made


def take(work: Work, subnet: Any) -> str:
    """A free address of the subnet's pools; 409 IpAddressGenerationFailure when there is none.

    Another transaction may take the same one: the primary key decides, and the loser tries again.
    """
    ip = free(work, subnet)
    if ip is None:
        raise faults.no_addresses(subnet.network_id)
    return ip


def free(work: Work, subnet: Any) -> str | None:
    """A free address of the subnet's pools, or None."""
    spans = ipam.ranges(subnet.cidr, subnet.allocation_pools)
    if not spans:
        return None
    for _ in range(2):
        chosen = ipam.candidates(spans, _CANDIDATES, ids.randint)
        gone = db.taken(work.session, subnet.id, chosen) | _taken_now(work, subnet)
        left = [offset for offset in chosen if offset not in gone]
        if left:
            return ipam.address(subnet.cidr, left[0])
    work.flush()
    gap = db.first_gap(work.session, subnet.id, spans)
    return None if gap is None else ipam.address(subnet.cidr, gap)


def _taken_now(work: Work, subnet: Any) -> set[int | None]:
    """Offsets that this transaction took."""
    return work.once(("taken", subnet.id), lambda: set[int | None]())


def fits(subnet: Any, device_owner: str) -> bool:
    """Whether the subnet's service types let a port with this owner have an address without asking for one."""
    return not subnet.service_types or any(device_owner.startswith(t) for t in subnet.service_types)


def _automatic(work: Work, port: Any, subnets: Sequence[Any]) -> list[tuple[Any, str | None]]:
    """One address of each IP version from the first subnet that has a free one, and all self-made IPv6 ones."""
    fitting = [s for s in subnets if fits(s, port.device_owner)]
    special = [s for s in fitting if s.service_types]
    fitting = special or fitting
    if subnets and not fitting:
        raise faults.conflict("IpAddressGenerationFailureNoMatchingSubnet",
                              f"No valid service subnet for the given device owner on network {port.network_id}.")
    wanted: list[tuple[Any, str | None]] = []
    for version in (4, 6):
        managed = [s for s in fitting if s.ip_version == version and not ipam.is_auto(s)]
        for subnet in managed:
            ip = free(work, subnet)
            if ip is not None:
                wanted.append((subnet, ip))
                break
        else:
            if managed:
                raise faults.no_addresses(port.network_id)
    return wanted + _slaac(port, fitting, wanted)


def _slaac(port: Any, subnets: Sequence[Any], have: Sequence[tuple[Any, str | None]]) -> list[tuple[Any, str | None]]:
    """The addresses that the port's host makes itself; a router's interface is given its own by the router."""
    if port.device_owner in ROUTER_OWNERS or port.device_owner == "network:router_gateway":
        return []
    known = {s.id for s, _ in have}
    return [(s, ipam.eui64(s.cidr, port.mac_address)) for s in subnets if ipam.is_auto(s) and s.id not in known]


def _resolve(work: Work, port: Any, subnets: Sequence[Any], item: dict[str, Any]) -> tuple[Any, str | None]:
    """The subnet and address (None: any) of one entry of `fixed_ips`."""
    ip, subnet_id = item.get("ip_address"), item.get("subnet_id")
    if ip:
        ip = ipam.canonical(ip)
    subnet = None
    if subnet_id:
        subnet = next((s for s in subnets if s.id == subnet_id), None)
        if subnet is None:
            _wrong_subnet(work, port, subnet_id)
    elif ip:
        subnet = next((s for s in subnets if ipam.contains(s.cidr, ip)), None)
        if subnet is None:
            raise faults.invalid(f"IP address {ip} is not a valid IP for any of the subnets on the specified network.",
                                 "InvalidIpForNetwork")
    else:
        raise faults.invalid("IP allocation requires subnet_id or ip_address")
    if ip is None:
        if ipam.is_auto(subnet) and port.device_owner not in ROUTER_OWNERS:  # type: ignore[union-attr]
            return subnet, ipam.eui64(subnet.cidr, port.mac_address)  # type: ignore[union-attr]
        return subnet, None
    _check(work, port, subnet, ip)
    return subnet, ip


def _wrong_subnet(work: Work, port: Any, subnet_id: str) -> None:
    if rows.get(work.session, models.Subnet, subnet_id) is None:
        raise faults.not_found("SubnetNotFound", "Subnet", subnet_id)
    raise faults.invalid(f"Failed to create port on network {port.network_id}, because fixed_ips included invalid subnet "
                         f"{subnet_id}")


def _check(work: Work, port: Any, subnet: Any, ip: str) -> None:
    router = port.device_owner in (*ROUTER_OWNERS, "network:router_gateway")
    if not ipam.contains(subnet.cidr, ip) or not ipam.usable(subnet.cidr, ip, gateway=router):
        raise faults.invalid(f"IP address {ip} is not a valid IP for the specified subnet.", "InvalidIpForSubnet")
    if ipam.is_auto(subnet) and not router and ip != ipam.eui64(subnet.cidr, port.mac_address):
        raise faults.invalid(f"IPv6 address {ip} can not be directly assigned to a port on subnet {subnet.id} as the "
                             "subnet is configured for automatic addresses")
    if db.holder(work.session, subnet.id, ip) is not None:
        raise faults.address_in_use(ip, subnet.id)
