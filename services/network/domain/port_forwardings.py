"""Port forwardings: single ports of a floating IP that lead to ports of servers behind one router."""

from collections.abc import Mapping
from typing import Any

from services.network.db import models, rows
from services.network.db.rows import Session
from services.network.domain import faults, floating_ips, ports
from services.network.domain.work import Work

Forwarding = models.PortForwarding
_FIELDS = ("protocol", "external_port", "internal_port_id", "internal_ip_address", "internal_port", "description")


def create(work: Work, fip: Any, values: Mapping[str, Any]) -> Any:
    """A new forwarding. 400 when there is the same, or it leads through another router; 404; 409 when the floating IP stands
    for one address, or another stands for the port's."""
    if fip.fixed_port_id:
        raise faults.conflict("FloatingIPPortAlreadyAssociated",
                              f"Cannot associate floating IP {fip.floating_ip_address} ({fip.id}) with port {fip.fixed_port_id} "
                              f"using fixed IP {fip.fixed_ip_address}, as that fixed IP already has a floating IP on external "
                              f"network {fip.floating_network_id}.")
    row = Forwarding(project_id=fip.project_id, floating_ip_id=fip.id)
    _take(work, fip, row, {"description": "", **values})
    return rows.add(work.session, row)


def update(work: Work, fip: Any, row: Any, values: Mapping[str, Any]) -> Any:
    """Change a forwarding; errors as `create`."""
    known = {name: getattr(row, name) for name in _FIELDS}
    if "internal_port_id" in values:  # another port has other addresses
        known.pop("internal_ip_address")
    _take(work, fip, row, {**known, **values})
    rows.touch(row)
    work.session.flush()
    return row


def delete(work: Work, fip: Any, row: Any) -> None:
    """Remove a forwarding; the last one parts the floating IP from its router."""
    rows.remove(work.session, row)
    _follow(work, fip)


def find(session: Session, fip: Any, id: str) -> Any:
    """One forwarding of the floating IP; 404 PortForwardingNotFound."""
    found = rows.find(session, Forwarding, Forwarding.id == id, Forwarding.floating_ip_id == fip.id)
    if not found:
        raise faults.not_found("PortForwardingNotFound", "Port Forwarding", id)
    return found[0]


def _take(work: Work, fip: Any, row: Any, values: Mapping[str, Any]) -> None:
    port = ports.visible(work, values["internal_port_id"])
    chosen, router = floating_ips.reach(work, fip, port, values.get("internal_ip_address"))
    bound = rows.find(work.session, models.FloatingIp, models.FloatingIp.fixed_port_id == port.id,
                      models.FloatingIp.fixed_ip_address == chosen.ip_address)
    if bound:
        raise faults.conflict("PortHasBindingFloatingIP",
                              f"Cannot create port forwarding to floating IP {fip.floating_ip_address} ({fip.id}) with port "
                              f"{port.id} using fixed IP {chosen.ip_address}, as that port already has a binding floating IP.")
    if fip.router_id and fip.router_id != router.id:
        raise faults.invalid(f"Bad port_forwarding request: the floating IP is used by router {fip.router_id} already.",
                             "BadRequest")
    values = {**values, "internal_ip_address": chosen.ip_address}
    outside = (Forwarding.floating_ip_id == fip.id, Forwarding.external_port == values["external_port"])
    inside = (Forwarding.internal_port_id == port.id, Forwarding.internal_ip_address == chosen.ip_address,
              Forwarding.internal_port == values["internal_port"])
    for conditions in (outside, inside):
        same = rows.find(work.session, Forwarding, Forwarding.protocol == values["protocol"], *conditions)
        if any(f.id != row.id for f in same):
            shown = {name: values[name] for name in _FIELDS if name != "description"}
            raise faults.invalid("Bad port_forwarding request: A duplicate port forwarding entry with same attributes already "
                                 f"exists, conflicting values are {shown}.", "BadRequest")
    for name in _FIELDS:
        setattr(row, name, values[name])
    if fip.router_id != router.id:
        fip.router_id, fip.status = router.id, "DOWN"
        rows.touch(fip)
    work.changes.routers.add(router.id)


def _follow(work: Work, fip: Any) -> None:
    """After a forwarding went: the router is to look again, and the floating IP leaves it with its last one."""
    if fip.router_id:
        work.changes.routers.add(fip.router_id)
    if not fip.fixed_port_id and not rows.exists(work.session, Forwarding.floating_ip_id == fip.id):
        fip.router_id, fip.status = None, "DOWN"
        rows.touch(fip)


def drop(work: Work, port_id: str, addresses: Any = None) -> None:
    """A port goes, or loses `addresses`: so do the forwardings to it."""
    conditions = [Forwarding.internal_port_id == port_id]
    if addresses is not None:
        conditions.append(Forwarding.internal_ip_address.in_(list(addresses)))
    for row in rows.find(work.session, Forwarding, *conditions):
        fip = rows.get(work.session, models.FloatingIp, row.floating_ip_id)
        rows.remove(work.session, row)
        _follow(work, fip)
