"""Agents: hearing from them, and deciding which host serves which network's DHCP and which router."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from common import clock, ids
from services.network.db import agents as db
from services.network.db import models, rows
from services.network.db import networks as db_networks
from services.network.db import routers as db_routers
from services.network.domain import bindings, faults, ports
from services.network.domain.work import Work

ROLES: dict[str, tuple[str, str, str]] = {
    "l2": ("Linux bridge agent", "neutron-linuxbridge-agent", "N/A"),
    "dhcp": ("DHCP agent", "neutron-dhcp-agent", "dhcp_agent"),
    "l3": ("L3 agent", "neutron-l3-agent", "l3_agent"),
    "metadata": ("Metadata agent", "neutron-metadata-agent", "N/A"),
}
"""role -> (agent type, binary, topic) as clients know them."""
_NAMESPACE = uuid.NAMESPACE_DNS


def heartbeat(work: Work, host: str, *, started_at: str, tunnel_ip: str | None, physical_networks: Sequence[str],
              roles: Sequence[str], configurations: Mapping[str, Any]) -> bool:
    """An agent is alive. True when it is new, was believed dead, or was restarted: it must be told its whole state."""
    news = False
    known = {a.role: a for a in rows.find(work.session, models.Agent, models.Agent.host == host)}
    started = clock.parse(started_at)
    for role in roles:
        kind, binary, topic = ROLES[role]
        row = known.get(role)
        if row is None:
            row = models.Agent(agent_type=kind, binary=binary, topic=topic, host=host, role=role, started_at=started)
            work.session.add(row)
            news = True
        elif not db.is_alive(row, work.conf.network.agent_down_s) or row.started_at != started:
            news = True
        row.started_at, row.heartbeat_at = started, clock.now()
        row.tunnel_ip, row.physical_networks = tunnel_ip, list(physical_networks)
        row.configurations = dict(configurations.get(role, {}))
        if role == "l2":
            row.configurations.update({"tunneling_ip": tunnel_ip, "tunnel_types": ["vxlan"] if tunnel_ip else []})
    return news


def update(work: Work, row: Any, values: Mapping[str, Any]) -> Any:
    """Switch an agent on or off, or describe it."""
    for name in ("admin_state_up", "description"):
        if name in values:
            setattr(row, name, values[name])
    return row


def host_network(work: Work, agent: Any, network_id: str) -> None:
    """Let an agent serve a network's DHCP: make its port. 404; 409 when it does so already."""
    network = rows.get(work.session, models.Network, network_id, lock=True)
    if network is None:
        raise faults.not_found("NetworkNotFound", "Network", network_id)
    if rows.get(work.session, models.DhcpBinding, (network_id, agent.host)) is not None:
        raise faults.conflict("NetworkHostedByDHCPAgent", f"The network {network_id} has been already hosted by the DHCP "
                                                          f"Agent {agent.id}.")
    rows.add(work.session, models.DhcpBinding(network_id=network_id, host=agent.host))
    ensure_dhcp_port(work, network, agent.host)
    work.changes.networks.add(network_id)


def ensure_dhcp_port(work: Work, network: Any, host: str) -> None:
    """Give the DHCP server of `network` on `host` a port with an address in every subnet that has DHCP."""
    binding = rows.get(work.session, models.DhcpBinding, (network.id, host), lock=True)
    if binding is None:
        return
    wanted = [s for s in db_networks.subnets(work.session, network.id) if s.enable_dhcp]
    port = rows.get(work.session, models.Port, binding.port_id) if binding.port_id else None
    if port is None:
        if not wanted:
            return
        port = ports.make_internal(work, network, "network:dhcp", f"dhcp{uuid.uuid5(_NAMESPACE, host)}-{network.id}",
                                   [{"subnet_id": s.id} for s in wanted], project_id=network.project_id, host=host)
        binding.port_id = port.id
        return
    have = {a.subnet_id for a in rows.find(work.session, models.IpAllocation, models.IpAllocation.port_id == port.id)}
    missing = [s for s in wanted if s.id not in have]
    if missing:
        ports.add_addresses(work, port, [{"subnet_id": s.id} for s in missing])
    unwanted = have - {s.id for s in wanted}
    if unwanted:
        rows.remove_where(work.session, models.IpAllocation, models.IpAllocation.port_id == port.id,
                          models.IpAllocation.subnet_id.in_(unwanted))
        work.changes.port(port)


def unhost_network(work: Work, host: str, network_id: str) -> None:
    """Take a network's DHCP from a host. 409 when it does not serve it."""
    binding = rows.get(work.session, models.DhcpBinding, (network_id, host), lock=True)
    if binding is None:
        raise faults.conflict("NetworkNotHostedByDhcpAgent", f"The network {network_id} is not hosted by the DHCP agent on "
                                                             f"{host}.")
    port = rows.get(work.session, models.Port, binding.port_id) if binding.port_id else None
    rows.remove(work.session, binding)
    if port is not None:
        ports.remove(work, port)
    work.changes.lost(host, network_id=network_id)


def host_router(work: Work, agent: Any, router_id: str) -> None:
    """Let an agent run a router. 404; 409 when another runs it."""
    router = rows.get(work.session, models.Router, router_id, lock=True)
    if router is None:
        raise faults.not_found("RouterNotFound", "Router", router_id)
    if router.agent_host and router.agent_host != agent.host:
        raise faults.conflict("RouterHostedByL3Agent", f"The router {router_id} has been already hosted by the L3 Agent "
                                                       f"on {router.agent_host}.")
    move_router(work, router, agent.host)


def unhost_router(work: Work, host: str, router_id: str) -> None:
    """Take a router from a host: it runs nowhere until it is given to an agent or changed. 409 when it does not run there."""
    router = rows.get(work.session, models.Router, router_id, lock=True)
    if router is None or router.agent_host != host:
        raise faults.conflict("RouterNotHostedByL3Agent", f"The router {router_id} is not hosted by L3 agent on {host}.")
    move_router(work, router, None)
    router.set_aside = True


def move_router(work: Work, router: Any, host: str | None) -> None:
    """Bind a router and its ports to `host` (None: nowhere)."""
    if router.agent_host and router.agent_host != host:
        work.changes.lost(router.agent_host, router_id=router.id)
    router.agent_host, router.set_aside = host, False
    for link in db_routers.links(work.session, router.id):
        port = rows.get(work.session, models.Port, link.port_id)
        network = rows.look(work.session, models.Network, port.network_id) if port is not None else None
        if port is not None and network is not None:
            before = port.binding_host
            bindings.bind(work, port, network, host or "")
            work.changes.port(port, before or None)
    work.changes.routers.add(router.id)


def choose(found: Sequence[Any], load: Mapping[str, int], hints: Sequence[str] = ()) -> Any | None:
    """The least loaded agent (in one of the zones `hints`, if any); equals at random."""
    fitting = [a for a in found if not hints or a.availability_zone in hints]
    if not fitting:
        return None
    least = min(load.get(a.host, 0) for a in fitting)
    return ids.choice([a for a in fitting if load.get(a.host, 0) == least])
