"""What the conductor answers over RPC (services.network.rpc.conductor)."""

import logging
from typing import Any

from oslo_config import cfg

from common.context import RequestContext
from common.db import services as service_rows
from common.db.session import Database
from services.network.conductor.poker import Poker
from services.network.conductor.state import Gatherer
from services.network.db import models, rows
from services.network.db import state as db
from services.network.domain import agents, events
from services.network.domain.work import Work, run

LOG = logging.getLogger(__name__)


class ConductorService:
    """Implements the NetworkConductor interface."""

    def __init__(self, conf: cfg.ConfigOpts, database: Database, poker: Poker) -> None:
        self.conf, self.db, self.poker = conf, database, poker

    def heartbeat(self, ctxt: RequestContext, host: str, version: str, started_at: str, tunnel_ip: str | None,
                  physical_networks: list[str], roles: list[str], configurations: dict[str, Any]) -> dict[str, Any]:
        """An agent is alive; a new one is told its whole state, and may get what had no host until now."""
        self.db.transaction(service_rows.beat, models.Service, daemon="network-agent", binary="neutron-linuxbridge-agent",
                            host=host, version=version)
        news = run(self.db, self.conf, ctxt, self.poker.add, agents.heartbeat, host, started_at=started_at,
                   tunnel_ip=tunnel_ip, physical_networks=physical_networks, roles=roles, configurations=configurations)
        if news:
            LOG.info("the agent on %s (%s) is here: %s", host, version, ", ".join(roles))
            self.poker.place_pending()
        return {"resync": news}

    def get_host_state(self, ctxt: RequestContext, host: str, port_ids: list[str] | None = None,
                       network_ids: list[str] | None = None, router_ids: list[str] | None = None,
                       set_ids: list[str] | None = None, set_members: dict[str, list[str]] | None = None,
                       known_sets: list[str] | None = None, known_hosts: list[str] | None = None) -> dict[str, Any]:
        """What the host should look like."""
        with self.db.read() as session:
            gatherer = Gatherer(session, self.conf, host, known_sets or (), known_hosts or ())
            if not (port_ids or network_ids or router_ids or set_ids or set_members):
                return gatherer.everything()
            return gatherer.some(port_ids or [], network_ids or [], router_ids or [], set_ids or [], set_members or {})

    def report(self, ctxt: RequestContext, host: str, ports_up: list[str], ports_down: list[str], networks_ready: list[str],
               routers_ready: list[str], errors: dict[str, str]) -> None:
        """What the agent has realised: port and floating IP states follow, and compute hears of its ports."""
        if ports_up or ports_down or routers_ready:
            run(self.db, self.conf, ctxt, self.poker.add, _report, host, ports_up, ports_down, routers_ready)
        for unit, text in errors.items():
            LOG.warning("host %s: %s: %s", host, unit, text)

    def changed(self, ctxt: RequestContext, changes: dict[str, Any]) -> None:
        """From the API: agents are to be poked."""
        self.poker.add(ctxt, changes)


def _report(work: Work, host: str, up: list[str], down: list[str], routers: list[str]) -> None:
    port = models.Port
    ready = db.set_status(work.session, port, up, "ACTIVE", port.binding_host == host, port.admin_state_up.is_(True))
    lost = db.set_status(work.session, port, down, "DOWN", port.binding_host == host)
    for row in rows.by_ids(work.session, port, {*ready, *db.bindings_to(work.session, host, up)}):
        events.plugged(work, row)
    for row in rows.by_ids(work.session, port, lost):
        events.unplugged(work, row)
    if routers:
        floating = models.FloatingIp
        mine = rows.find(work.session, floating, floating.router_id.in_(routers), floating.status != "ACTIVE")
        db.set_status(work.session, floating, [f.id for f in mine], "ACTIVE", floating.router_id.isnot(None))
