"""Binding a port to a host: whether the host can realise it, and what its hypervisor needs to know."""

from collections.abc import Mapping
from typing import Any

from services.network.db import agents as db_agents
from services.network.domain.work import Work

UNBOUND, FAILED, BRIDGE = "unbound", "binding_failed", "bridge"
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
    row.binding_host, row.vif_details = host, {}
    row.status = "DOWN"
    if not host:
        row.vif_type = UNBOUND
        return
    agent = work.once(("l2", host), lambda: db_agents.of_role(work.session, host, "l2"))
    alive = agent is not None and db_agents.is_alive(agent, work.conf.network.agent_down_s)
    mapped = network.physical_network is None or (agent is not None and network.physical_network in agent.physical_networks)
    if not alive or not mapped or row.vnic_type not in _SUPPORTED:
        row.vif_type = FAILED
        return
    row.vif_type = BRIDGE
    row.vif_details = {"connectivity": "l2", "port_filter": True, "bridge_name": f"brq{network.id[:11]}",
                       "bound_drivers": {"0": "linuxbridge"}}
