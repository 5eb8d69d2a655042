"""Joining a router to subnets and parting them again."""

from collections.abc import Mapping
from typing import Any

from services.network.db import models, rows
from services.network.db import ports as db_ports
from services.network.db import routers as db
from services.network.domain import bindings, faults, ports, routers, subnets
from services.network.domain.work import Work


def add(work: Work, row: Any, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Join by subnet or by port. 400 for nonsense or overlaps, 404, 409 PortInUse."""
    subnet_id, port_id = sent.get("subnet_id"), sent.get("port_id")
    if bool(subnet_id) == bool(port_id):
        raise faults.invalid("Bad router request: " + ("Cannot specify both subnet-id and port-id." if subnet_id else
                             "Either subnet_id or port_id must be specified."), "BadRequest")
    port, used = (_by_port(work, row, str(port_id)) if port_id else _by_subnet(work, row, str(subnet_id)))
    row.set_aside = False
    rows.touch(row)
    work.changes.routers.add(row.id)
    work.changes.networks.add(port.network_id)
    return _answer(row, port, used)


def remove(work: Work, row: Any, sent: Mapping[str, Any]) -> dict[str, Any]:
    """Part by subnet, by port or by both. 404 when they are not joined; 409 while something needs the interface."""
    subnet_id, port_id = sent.get("subnet_id"), sent.get("port_id")
    if not subnet_id and not port_id:
        raise faults.invalid("Bad router request: Either subnet_id or port_id must be specified.", "BadRequest")
    port = _find(work, row, subnet_id, port_id)
    have = db_ports.addresses(work.session, [port.id]).get(port.id, [])
    if port_id and subnet_id and subnet_id not in {a.subnet_id for a in have}:
        raise faults.conflict("SubnetMismatchForPort", f"Subnet on port {port_id} does not match the requested subnet "
                                                       f"{subnet_id}.")
    gone = [a for a in have if port_id or a.subnet_id == subnet_id]
    _check_unused(work, row, port, [a.subnet_id for a in gone])
    rows.touch(row)
    work.changes.routers.add(row.id)
    work.changes.networks.add(port.network_id)
    if len(gone) < len(have):
        for item in gone:
            work.session.delete(item)
        work.changes.port(port)
    else:
        routers.check_route_hops(work, row, port.id)
        ports.remove(work, port)
    return _answer(row, port, [a.subnet_id for a in gone])


def _answer(row: Any, port: Any, subnet_ids: list[str]) -> dict[str, Any]:
    return {"id": row.id, "tenant_id": row.project_id, "project_id": row.project_id, "port_id": port.id,
            "network_id": port.network_id, "subnet_id": subnet_ids[0] if subnet_ids else None, "subnet_ids": subnet_ids,
            "tags": []}


def _by_subnet(work: Work, row: Any, subnet_id: str) -> tuple[Any, list[str]]:
    subnet = subnets.visible(work, subnet_id)
    if not subnet.gateway_ip:
        raise faults.invalid("Bad router request: Subnet for router interface must have a gateway IP.", "BadRequest")
    _may_join(work, subnet.network_id)
    routers.check_overlap(work, row, [subnet])
    if subnet.ip_version == 6:
        for port in db.interface_ports(work.session, row.id):
            if port.network_id == subnet.network_id and any(
                    ":" in a.ip_address for a in db_ports.addresses(work.session, [port.id]).get(port.id, [])):
                ports.add_addresses(work, port, [{"subnet_id": subnet.id, "ip_address": subnet.gateway_ip}])
                return port, [subnet.id]
    network = rows.look(work.session, models.Network, subnet.network_id)
    port = ports.make_internal(
        work, network, routers.INTERFACE, row.id, [{"subnet_id": subnet.id, "ip_address": subnet.gateway_ip}],
        project_id=row.project_id, host=row.agent_host or "")
    rows.add(work.session, models.RouterPort(port_id=port.id, router_id=row.id, kind="interface"))
    return port, [subnet.id]


def _by_port(work: Work, row: Any, port_id: str) -> tuple[Any, list[str]]:
    port = ports.visible(work, port_id, lock=True)
    if port.device_id:
        raise faults.conflict("PortInUse", f"Unable to complete operation on port {port.id} for network "
                                           f"{port.network_id}. Port already has an attached device {port.device_id}.")
    have = db_ports.addresses(work.session, [port.id]).get(port.id, [])
    if not have:
        raise faults.invalid("Bad router request: Router port must have at least one fixed IP.", "BadRequest")
    if len({a.subnet_id for a in have if ":" not in a.ip_address}) > 1:
        raise faults.invalid("Bad router request: Cannot have multiple IPv4 subnets on router port.", "BadRequest")
    _may_join(work, port.network_id)
    mine = rows.by_ids(work.session, models.Subnet, [a.subnet_id for a in have])
    routers.check_overlap(work, row, mine)
    network = rows.look(work.session, models.Network, port.network_id)
    port.device_id, port.device_owner = row.id, routers.INTERFACE
    port.port_security_enabled = False
    groups = db_ports.groups(work.session, [port.id]).get(port.id, [])
    work.changes.members_of(groups, [*(a.ip_address for a in have), *(p["ip_address"] for p in port.allowed_address_pairs)])
    port.allowed_address_pairs = []
    rows.remove_where(work.session, models.PortGroup, models.PortGroup.port_id == port.id)
    if row.agent_host:
        bindings.bind(work, port, network, row.agent_host)
    rows.touch(port)
    rows.add(work.session, models.RouterPort(port_id=port.id, router_id=row.id, kind="interface"))
    work.changes.port(port)
    return port, [a.subnet_id for a in have]


def _may_join(work: Work, network_id: str) -> None:
    """Only who owns a network, or an operator, or anybody for a shared one, may route to it."""
    from services.network.db import networks as db_networks

    network = rows.look(work.session, models.Network, network_id)
    assert network is not None
    own = work.is_admin or network.project_id == work.context.project_id
    if not own and not db_networks.may_use(work.session, network, work.context.project_id, [db_networks.SHARED]):
        raise faults.invalid("Bad router request: the network may only be used for gateways.", "BadRequest")


def _find(work: Work, row: Any, subnet_id: str | None, port_id: str | None) -> Any:
    for port in db.interface_ports(work.session, row.id):
        if port_id == port.id:
            return port
        if not port_id and any(a.subnet_id == subnet_id for a in db_ports.addresses(work.session, [port.id]).get(port.id, [])):
            return port
    if port_id:
        raise faults.not_found("RouterInterfaceNotFound", f"Router {row.id} does not have an interface with id", port_id)
    subnets.visible(work, str(subnet_id))
    raise faults.not_found("RouterInterfaceNotFoundForSubnet", f"Router {row.id} has no interface on subnet", str(subnet_id))


def _check_unused(work: Work, row: Any, port: Any, subnet_ids: list[str]) -> None:
    """409 while a floating IP reaches its port through these subnets by this router."""
    if db.floating_through(work.session, row.id, subnet_ids):
        raise faults.conflict("RouterInterfaceInUseByFloatingIP",
                              f"Router interface for subnet {subnet_ids[0]} on router {row.id} cannot be deleted, as it is "
                              "required by one or more floating IPs.")
