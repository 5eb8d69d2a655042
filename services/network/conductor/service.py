"""What the conductor answers over RPC (services.network.rpc.conductor)."""

import logging
from typing import Any

from oslo_config import cfg

from common.context import RequestContext
from common.db import services as service_rows
from common.db.session import Database
from services.network.conductor.notify import LEASE_S, Notifier
from services.network.conductor.poker import Poker
from services.network.conductor.state import Gatherer
from services.network.db import models, rows
from services.network.db import state as db
from services.network.domain import agents, events
from services.network.domain.work import Work, run

LOG = logging.getLogger(__name__)


class ConductorService:
    """Implements the NetworkConductor interface."""

    def __init__(self, conf: cfg.ConfigOpts, database: Database, poker: Poker, notifier: Notifier) -> None:
        self.conf, self.db, self.poker, self.notifier = conf, database, poker, notifier

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
            self.notifier.send(run(self.db, self.conf, ctxt, self.poker.add, _report, host, ports_up, ports_down, routers_ready))
        for unit, text in errors.items():
            LOG.warning("host %s: %s: %s", host, unit, text)

    def report_up(self, ctxt: RequestContext, host: str, ports_up: list[str], networks_ready: list[str], routers_ready: list[str],
                  errors: dict[str, str]) -> None:
        """As `report`, with nothing that is down."""
        self.report(ctxt, host, ports_up, [], networks_ready, routers_ready, errors)

    def changed(self, ctxt: RequestContext, changes: dict[str, Any]) -> None:
        """From the API: agents are to be poked."""
        self.poker.add(ctxt, changes)


def _report(work: Work, host: str, up: list[str], down: list[str], routers: list[str]) -> list[Any]:
    """Note what is wired and what is no more; the events that compute is to hear from this conductor."""
    wired, lost = db.port_states(work.session, up), db.port_states(work.session, down)
    ready = [p for p in wired if p.binding_host == host and p.admin_state_up and p.status != "ACTIVE"]
    gone = [p for p in lost if p.binding_host == host and p.status != "DOWN"]
    db.set_port_status(work.session, host, [p.id for p in ready], "ACTIVE")
    db.set_port_status(work.session, host, [p.id for p in gone], "DOWN")
    elsewhere = [p.id for p in wired if p.binding_host != host]
    to_be = db.bindings_to(work.session, host, elsewhere) if elsewhere else {}
    told: list[Any] = []
    for row in [*ready, *(p for p in wired if p.id in to_be)]:
        told += events.plugged(work, row, lease_s=LEASE_S)
    for row in gone:
        told += events.unplugged(work, row, lease_s=LEASE_S)
    if routers:
        floating = models.FloatingIp
        mine = rows.find(work.session, floating, floating.router_id.in_(routers), floating.status != "ACTIVE")
        db.set_status(work.session, floating, [f.id for f in mine], "ACTIVE", floating.router_id.isnot(None))
    return told
