"""Binding a port to a host: whether the host can realise it, and what its hypervisor needs to know.

A port has at most one active binding, which its own row holds. Beside it there may be inactive ones (`port_bindings`): hosts
that it may move to, which wire it before its guest comes. Activating one makes the other inactive.
"""

from collections.abc import Mapping
from typing import Any

from common import errors
from services.network.db import agents as db_agents
from services.network.db import models, rows
from services.network.db.rows import Session
from services.network.domain import faults
from services.network.domain.work import Work

UNBOUND, FAILED, BRIDGE = "unbound", "binding_failed", "bridge"
ACTIVE, INACTIVE = "ACTIVE", "INACTIVE"
_SUPPORTED = ("normal",)


def apply(work: Work, row: Any, network: Any, values: Mapping[str, Any]) -> None:
    """Take over the `binding:*` values of a request and bind (or unbind) the port accordingly."""
    if "binding:vnic_type" in values:
        row.vnic_type = values["binding:vnic_type"]
    if "binding:profile" in values:
        row.binding_profile = values["binding:profile"] or {}
    if "binding:host_id" in values:
        host = values["binding:host_id"] or ""
        if host != row.binding_host or row.vif_type == FAILED:
            bind(work, row, network, host)


def bind(work: Work, row: Any, network: Any, host: str) -> None:
    """Bind to `host`; the VIF type says whether that worked: `bridge`, or `binding_failed`; an empty host unbinds."""
    row.binding_host = host
    row.status = "DOWN"
    row.vif_type, row.vif_details = _vif(work, network, host, row.vnic_type)


def moved(work: Work, row: Any) -> None:
    """The active binding is another now: an inactive one to that host is no more, and the port's memberships follow."""
    rows.remove_where(work.session, models.PortBinding, models.PortBinding.port_id == row.id,
                      models.PortBinding.host == row.binding_host)
    rows.change(work.session, models.PortGroup, [models.PortGroup.port_id == row.id], host=row.binding_host)


def _vif(work: Work, network: Any, host: str, vnic_type: str) -> tuple[str, dict[str, Any]]:
    """(VIF type, details) of a port of the network on that host."""
    if not host:
        return UNBOUND, {}
    agent = work.once(("l2", host), lambda: db_agents.of_role(work.session, host, "l2"))
    alive = agent is not None and db_agents.is_alive(agent, work.conf.network.agent_down_s)
    mapped = network.physical_network is None or (agent is not None and network.physical_network in agent.physical_networks)
    if not alive or not mapped or vnic_type not in _SUPPORTED:
        return FAILED, {}
    return BRIDGE, {"connectivity": "l2", "port_filter": True, "bridge_name": f"brq{network.id[:11]}",
                    "bound_drivers": {"0": "linuxbridge"}}


# the bindings of a port, one by one

def every(session: Session, port: Any) -> list[dict[str, Any]]:
    """All bindings of a port as the API shows them, the active one first."""
    found = [_active(port)] if port.binding_host else []
    others = rows.plain(session, models.PortBinding, models.PortBinding.port_id == port.id)
    return found + [_inactive(b) for b in sorted(others, key=lambda b: str(b.host))]


def one(session: Session, port: Any, host: str) -> dict[str, Any]:
    """One binding; 404 PortBindingNotFound."""
    return next((b for b in every(session, port) if b["host"] == host), None) or _missing(port, host)


def add(work: Work, port: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """A further binding, inactive when the port has an active one. 409 when it is there; 500 when the host cannot do it."""
    host, network = values["host"], rows.look(work.session, models.Network, port.network_id)
    if any(b["host"] == host for b in every(work.session, port)):
        raise faults.conflict("PortBindingAlreadyExists", f"Binding for port {port.id} on host {host} already exists.")
    vnic_type, profile = values.get("vnic_type") or "normal", values.get("profile") or {}
    vif_type, details = _vif(work, network, host, vnic_type)
    if vif_type != BRIDGE:
        raise errors.ApiError(f"Binding for port {port.id} on host {host} could not be created or updated.", status=500,
                              kind="PortBindingError")
    if not port.binding_host:
        port.vnic_type, port.binding_profile = vnic_type, profile
        bind(work, port, network, host)
        _follow(work, port)
        return _active(port)
    row = rows.add(work.session, models.PortBinding(
        port_id=port.id, host=host, network_id=port.network_id, vnic_type=vnic_type, profile=profile, vif_type=vif_type,
        vif_details=details))
    work.changes.port(port, host)
    return _inactive(row)


def change(work: Work, port: Any, host: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Another profile or VNIC type; 404."""
    row = rows.get(work.session, models.PortBinding, (port.id, host), lock=True)
    network = rows.look(work.session, models.Network, port.network_id)
    if row is None:
        if port.binding_host != host:
            _missing(port, host)
        apply(work, port, network, {f"binding:{k}": v for k, v in values.items()})
        rows.touch(port)
        return _active(port)
    row.vnic_type, row.profile = values.get("vnic_type", row.vnic_type), values.get("profile", row.profile) or {}
    row.vif_type, row.vif_details = _vif(work, network, host, row.vnic_type)
    return _inactive(row)


def activate(work: Work, port: Any, host: str) -> dict[str, Any]:
    """Move a port to a host that it has a binding to; the one that was active becomes inactive. 404; 409 when it is active."""
    if port.binding_host == host:
        raise faults.conflict("PortBindingAlreadyActive", f"Binding for port {port.id} on host {host} is already active.")
    row = rows.get(work.session, models.PortBinding, (port.id, host), lock=True)
    if row is None:
        _missing(port, host)
    assert row is not None
    before = port.binding_host
    vnic_type, profile = row.vnic_type, row.profile
    if before:
        row = rows.add(work.session, models.PortBinding(
            port_id=port.id, host=before, network_id=port.network_id, vnic_type=port.vnic_type,
            profile=port.binding_profile, vif_type=port.vif_type, vif_details=port.vif_details))
    network = rows.look(work.session, models.Network, port.network_id)
    port.vnic_type, port.binding_profile = vnic_type, profile
    bind(work, port, network, host)
    _follow(work, port, before)
    return _active(port)


def remove(work: Work, port: Any, host: str) -> None:
    """Take a binding away; without its active one a port is unbound. 404."""
    if port.binding_host == host:
        port.vnic_type, port.binding_profile = "normal", {}
        bind(work, port, rows.look(work.session, models.Network, port.network_id), "")
        _follow(work, port, host)
        return
    row = rows.get(work.session, models.PortBinding, (port.id, host), lock=True)
    if row is None:
        _missing(port, host)
    rows.remove(work.session, row)
    work.changes.port(port, host)


def _follow(work: Work, port: Any, before: str | None = None) -> None:
    moved(work, port)
    rows.touch(port)
    work.changes.port(port, before)


def _missing(port: Any, host: str) -> Any:
    raise faults.not_found_text("PortBindingNotFound", f"Binding for port {port.id} for host {host} could not be found.")


def _active(port: Any) -> dict[str, Any]:
    return {"host": port.binding_host, "vif_type": port.vif_type, "vnic_type": port.vnic_type, "status": ACTIVE,
            "profile": port.binding_profile, "vif_details": port.vif_details, "project_id": port.project_id}


def _inactive(row: Any) -> dict[str, Any]:
    return {"host": row.host, "vif_type": row.vif_type, "vnic_type": row.vnic_type, "status": INACTIVE,
            "profile": row.profile, "vif_details": row.vif_details}
