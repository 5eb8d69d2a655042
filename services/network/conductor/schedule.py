"""Where DHCP servers and routers run: on a live, enabled agent, and on another one when that dies."""

import logging
from collections.abc import Sequence
from typing import Any

from services.network.db import agents as db_agents
from services.network.db import models, rows
from services.network.db import networks as db_networks
from services.network.db import routers as db_routers
from services.network.db import state as db
from services.network.domain import agents as domain
from services.network.domain.work import Work

LOG = logging.getLogger(__name__)
BATCH = 200


def network(work: Work, network_id: str) -> None:
    """Give a network with DHCP subnets as many DHCP servers as configured, with an address in each; none without.

    What an operator gave to an agent before it has such a subnet stays there.
    """
    row = rows.get(work.session, models.Network, network_id, lock=True)
    if row is None:
        return
    bindings = rows.find(work.session, models.DhcpBinding, models.DhcpBinding.network_id == network_id)
    if not any(s.enable_dhcp for s in db_networks.subnets(work.session, network_id)):
        for item in bindings:
            if item.port_id:
                domain.unhost_network(work, item.host, network_id)
        return
    alive = {a.host: a for a in db_agents.serving(work.session, "dhcp", work.conf.network.agent_down_s)}
    alive = {h: a for h, a in alive.items() if _reaches(a, row)} or alive
    kept = [b for b in bindings if b.host in alive]
    for item in kept:
        domain.ensure_dhcp_port(work, row, item.host)
    load, _ = db.loads(work.session)
    for _ in range(work.conf.network.dhcp_agents_per_network - len(kept)):
        spare = [a for h, a in alive.items() if h not in {b.host for b in bindings}]
        chosen = domain.choose(spare, load, row.availability_zone_hints or ())
        if chosen is None:
            return
        dead = next((b for b in bindings if b.host not in alive), None)
        if dead is not None:
            domain.unhost_network(work, dead.host, network_id)
        domain.host_network(work, chosen, network_id)
        bindings = rows.find(work.session, models.DhcpBinding, models.DhcpBinding.network_id == network_id)


def router(work: Work, router_id: str) -> None:
    """Give a router with ports a live host, unless it is set aside; one whose host is dead moves when there is another."""
    row = rows.get(work.session, models.Router, router_id, lock=True)
    if row is None or row.set_aside or not db_routers.links(work.session, router_id):
        return
    alive = {a.host: a for a in db_agents.serving(work.session, "l3", work.conf.network.agent_down_s)}
    if row.agent_host in alive:
        return
    fitting: Sequence[Any] = list(alive.values())
    outside = rows.get(work.session, models.Network, row.gw_network_id) if row.gw_network_id else None
    if outside is not None:
        fitting = [a for a in fitting if _reaches(a, outside)] or fitting
    chosen = domain.choose(fitting, db.loads(work.session)[1], row.availability_zone_hints or ())
    if chosen is not None:
        domain.move_router(work, row, chosen.host)


def _reaches(agent: Any, row: Any) -> bool:
    """Whether the agent's host is attached to the network's physical network, if it has one."""
    return row.physical_network is None or row.physical_network in (agent.physical_networks or ())


def pending(work: Work) -> tuple[list[str], list[str]]:
    """(networks, routers) that lack a host, or whose host is dead while another lives."""
    networks = db.unscheduled_networks(work.session, work.conf.network.dhcp_agents_per_network, BATCH)
    routers = db.unscheduled_routers(work.session, BATCH)
    down_s = work.conf.network.agent_down_s
    for role, model, column, found in (("dhcp", models.DhcpBinding, models.DhcpBinding.host, networks),
                                       ("l3", models.Router, models.Router.agent_host, routers)):
        alive = {a.host for a in db_agents.serving(work.session, role, down_s)}
        if not alive:
            found.clear()
            continue
        lost: Sequence[Any] = rows.find(work.session, model, column.notin_(alive), column.isnot(None), limit=BATCH)
        found.extend(getattr(r, "network_id", None) or r.id for r in lost)
    return list(dict.fromkeys(networks)), list(dict.fromkeys(routers))
