"""Floating IPs: outside addresses that stand for inside ones."""

from collections.abc import Sequence
from typing import Any

from services.network.db import models, rows
from services.network.db import ports as db_ports
from services.network.db import routers as db
from services.network.domain import events, faults, ipam, quotas
from services.network.domain.work import Work

OWNER = "network:floatingip"


def create(work: Work, values: dict[str, Any]) -> Any:
    """A new floating IP. 400 when the network is not external; 404, 409 for its port or address."""
    from services.network.domain import networks, ports

    network = networks.visible(work, values["floating_network_id"])
    if not network.external:
        raise faults.invalid(f"Bad floatingip request: Network {network.id} is not a valid external network.", "BadRequest")
    row = models.FloatingIp(project_id=values["project_id"], floating_network_id=network.id,
                            description=values.get("description", ""), dns_name=values.get("dns_name", ""),
                            dns_domain=values.get("dns_domain", ""), floating_ip_address="", floating_port_id="")
    from common import ids

    row.id = ids.uuid()
    wanted: list[dict[str, Any]] | None = None
    if values.get("floating_ip_address") or values.get("subnet_id"):
        item = {"ip_address": values.get("floating_ip_address"), "subnet_id": values.get("subnet_id")}
        wanted = [{k: v for k, v in item.items() if v}]
    port = ports.make_internal(work, network, OWNER, row.id, wanted)
    given = [a for a in db_ports.addresses(work.session, [port.id]).get(port.id, []) if ":" not in a.ip_address]
    if not given:
        raise faults.conflict("ExternalIpAddressExhausted", "Unable to find any IP address on external network "
                                                            f"{network.id}.")
    row.floating_ip_address, row.floating_port_id = given[0].ip_address, port.id
    if values.get("port_id"):
        _associate(work, row, values["port_id"], values.get("fixed_ip_address"))
    elif values.get("fixed_ip_address"):
        raise faults.invalid("fixed_ip_address cannot be specified without a port_id", "BadRequest")
    rows.add(work.session, row)
    quotas.claim(work, row.project_id, "floatingip")
    return row


def update(work: Work, row: Any, values: dict[str, Any]) -> Any:
    """Change or move a floating IP; a null port_id parts it from its port."""
    for name in ("description", "dns_name", "dns_domain"):
        if name in values:
            setattr(row, name, values[name])
    if "port_id" in values:
        if values["port_id"]:
            if row.fixed_port_id and row.fixed_port_id != values["port_id"]:
                _dissociate(work, row)
            _associate(work, row, values["port_id"], values.get("fixed_ip_address"))
        else:
            _dissociate(work, row)
    elif values.get("fixed_ip_address"):
        if not row.fixed_port_id:
            raise faults.invalid("fixed_ip_address cannot be specified without a port_id", "BadRequest")
        _associate(work, row, row.fixed_port_id, values["fixed_ip_address"])
    rows.touch(row)
    return row


def delete(work: Work, row: Any) -> None:
    """Remove a floating IP and give its address back. 409 while it forwards ports."""
    from services.network.domain import ports

    if rows.exists(work.session, models.PortForwarding.floating_ip_id == row.id):
        raise _forwards(row)
    _dissociate(work, row)
    port = rows.get(work.session, models.Port, row.floating_port_id)
    rows.remove(work.session, row)
    if port is not None:
        ports.remove(work, port)
    quotas.release(work, row.project_id, "floatingip")


def network_gone(work: Work, network: Any) -> None:
    """Remove the floating IPs of a network that is to go, unless one is in use."""
    found = rows.find(work.session, models.FloatingIp, models.FloatingIp.floating_network_id == network.id)
    if any(f.router_id for f in found):
        raise faults.network_in_use(network.id)
    for row in found:
        delete(work, row)


def port_gone(work: Work, port: Any) -> None:
    """Part every floating IP from a port that is removed."""
    from services.network.domain import port_forwardings

    for row in rows.find(work.session, models.FloatingIp, models.FloatingIp.fixed_port_id == port.id):
        _dissociate(work, row)
    port_forwardings.drop(work, port.id)
    work.session.flush()


def addresses_gone(work: Work, port: Any, addresses: Sequence[str]) -> None:
    """Part floating IPs from addresses that a port loses."""
    from services.network.domain import port_forwardings

    if addresses:
        for row in rows.find(work.session, models.FloatingIp, models.FloatingIp.fixed_port_id == port.id,
                             models.FloatingIp.fixed_ip_address.in_(list(addresses))):
            _dissociate(work, row)
        port_forwardings.drop(work, port.id, addresses)
        work.session.flush()


def _dissociate(work: Work, row: Any) -> None:
    if row.fixed_port_id is None:
        return
    port = rows.get(work.session, models.Port, row.fixed_port_id)
    if row.router_id:
        work.changes.routers.add(row.router_id)
    row.fixed_port_id = row.fixed_ip_address = row.router_id = None
    row.status = "DOWN"
    rows.touch(row)
    if port is not None:
        events.changed(work, port)


def _associate(work: Work, row: Any, port_id: str, fixed_ip: str | None) -> None:
    """Map to an address of a port: the one asked for, or its only IPv4 address."""
    from services.network.domain import ports

    port = ports.visible(work, port_id)
    chosen, router = reach(work, row, port, fixed_ip)
    _check_forwardings(work, row, port, chosen.ip_address)
    other = rows.find(work.session, models.FloatingIp, models.FloatingIp.fixed_port_id == port.id,
                      models.FloatingIp.fixed_ip_address == chosen.ip_address,
                      models.FloatingIp.floating_network_id == row.floating_network_id)
    if any(o.id != row.id for o in other):
        raise faults.conflict("FloatingIPPortAlreadyAssociated",
                              f"Cannot associate floating IP {row.floating_ip_address} ({row.floating_port_id}) with port "
                              f"{port.id} using fixed IP {chosen.ip_address}, as that fixed IP already has a floating IP on "
                              f"external network {row.floating_network_id}.")
    same = (row.fixed_port_id, row.fixed_ip_address, row.router_id) == (port.id, chosen.ip_address, router.id)
    if row.router_id and row.router_id != router.id:
        work.changes.routers.add(row.router_id)
    row.fixed_port_id, row.fixed_ip_address, row.router_id = port.id, chosen.ip_address, router.id
    if not same:
        row.status = "DOWN"
        work.changes.routers.add(router.id)
        events.changed(work, port)


def reach(work: Work, row: Any, port: Any, fixed_ip: str | None) -> tuple[Any, Any]:
    """(the IPv4 address of a port that is asked for, or its only one; the router between it and the floating IP). 400, 404."""
    have = [a for a in db_ports.addresses(work.session, [port.id]).get(port.id, []) if ":" not in a.ip_address]
    chosen = _choose(port, have, fixed_ip)
    return chosen, _router(work, row, port, chosen)


def _check_forwardings(work: Work, row: Any, port: Any, ip: str) -> None:
    """409 when the floating IP forwards ports, or when ports are forwarded to that address."""
    forwarding = models.PortForwarding
    if rows.exists(work.session, forwarding.floating_ip_id == row.id):
        raise _forwards(row)
    if rows.exists(work.session, forwarding.internal_port_id == port.id, forwarding.internal_ip_address == ip):
        raise faults.conflict("PortHasPortForwarding", f"Cannot associate floating IP {row.floating_ip_address} ({row.id}) with "
                                                       f"port {port.id} using fixed IP {ip}, as that port already has a Port "
                                                       "Forwarding binding.")


def _forwards(row: Any) -> Exception:
    return faults.conflict("FipInUseByPortForwarding", f"Floating IP {row.id} in use by Port Forwarding resources.")


def _choose(port: Any, have: Sequence[Any], fixed_ip: str | None) -> Any:
    if fixed_ip:
        if ":" in fixed_ip:
            raise faults.invalid(f"Bad floatingip request: Cannot process floating IP association with {fixed_ip}, since "
                                 "that is not an IPv4 address.", "BadRequest")
        found = next((a for a in have if a.ip_address == ipam.canonical(fixed_ip)), None)
        if found is None:
            raise faults.invalid(f"Bad floatingip request: Port {port.id} does not have fixed ip {fixed_ip}.", "BadRequest")
        return found
    if not have:
        raise faults.invalid(f"Bad floatingip request: Cannot add floating IP to port {port.id} that has no fixed IPv4 "
                             "addresses.", "BadRequest")
    if len(have) > 1:
        raise faults.invalid(f"Bad floatingip request: Port {port.id} has multiple fixed IPv4 addresses. Must provide a "
                             "specific IPv4 address when assigning a floating IP.", "BadRequest")
    return have[0]


def _router(work: Work, row: Any, port: Any, chosen: Any) -> Any:
    found = db.candidates(work.session, chosen.subnet_id, row.floating_network_id)
    if not found:
        raise faults.not_found_text(
            "ExternalGatewayForFloatingIPNotFound",
            f"External network {row.floating_network_id} is not reachable from subnet {chosen.subnet_id}. Therefore, cannot "
            f"associate Port {port.id} with a Floating IP.")
    return max(found, key=lambda item: item[1])[0]


