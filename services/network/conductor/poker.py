"""Collecting what changed and poking the agents concerned: one message per host for many changes.

The first change is acted upon at once, those that follow are collected for some milliseconds; members of address sets, which may
be many, are collected longer. Conductors do so with their own doings and what APIs tell them, APIs with what needs no conductor.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any

from oslo_config import cfg

from common import clock, context, errors
from common.context import RequestContext
from common.db.session import Database
from common.worker import Complaint, Worker, guarded
from services.network.conductor import schedule
from services.network.db import agents as db_agents
from services.network.db import state as db
from services.network.domain.work import Work, run

LOG = logging.getLogger(__name__)
SETS_EVERY_S = 0.5
KINDS = ("port_ids", "network_ids", "router_ids", "set_ids")
Targets = dict[str, dict[str, set[str]]]


def for_conductors(changes: dict[str, Any]) -> bool:
    """Whether changes (as rpc.conductor.NetworkConductor.changed) need more than pokes: placing, or telling compute."""
    return any(changes.get(kind) for kind in ("networks", "routers", "hosts", "events"))


class Poker:
    """Turns changes into messages. `agents` is a client of rpc.agent.NetworkAgent; `events` is called when compute is to hear."""

    def __init__(self, conf: cfg.ConfigOpts, database: Database, agents: Any, events: Callable[[], None] = lambda: None) -> None:
        self.conf, self.db, self.agents, self.events = conf, database, agents, events
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._pending: dict[str, Any] = {}
        self._sets: set[str] = set()
        self._members: dict[str, set[str]] = {}
        self._sets_due = 0.0

    def attach(self, worker: Worker) -> None:
        """Run in a thread of `worker`."""
        complaint = Complaint("poke")

        def loop() -> None:
            rested_s = 0.0
            while not worker.stopping.is_set():
                self._wake.wait(SETS_EVERY_S if self._sets or self._members else None)
                clock.wait(worker.stopping, max(0.0, rested_s - clock.monotonic()))
                self._wake.clear()
                guarded("poke", self.flush, complaint)
                rested_s = clock.monotonic() + self.conf.network.poke_window_s
            guarded("poke", self.flush, complaint)

        worker.loop("poke", loop)
        worker.on_stop(self._wake.set)

    def add(self, ctxt: RequestContext, changes: dict[str, Any]) -> None:
        """Take changes in; the form is that of rpc.conductor.NetworkConductor.changed. Never blocks."""
        with self._lock:
            for port_id, (network, *hosts) in (changes.get("ports") or {}).items():
                known = self._pending.setdefault("ports", {}).get(port_id, [])[1:]
                self._pending["ports"][port_id] = [network, *dict.fromkeys([*known, *hosts])]
            for kind in ("networks", "routers", "groups"):
                self._pending.setdefault(kind, set()).update(changes.get(kind) or ())
            for host, lost in (changes.get("hosts") or {}).items():
                item = self._pending.setdefault("hosts", {}).setdefault(host, {"network_ids": set(), "router_ids": set()})
                for kind, ids in lost.items():
                    item[kind].update(ids)
            self._sets.update(changes.get("sets") or ())
            for group, addresses in (changes.get("members") or {}).items():
                self._members.setdefault(group, set()).update(addresses)
        self._wake.set()
        if changes.get("events"):
            self.events()

    def flush(self) -> None:
        """Schedule what is new, find the hosts concerned, poke them."""
        with self._lock:
            pending, self._pending = self._pending, {}
            sets: set[str] = set()
            members: dict[str, set[str]] = {}
            if (self._sets or self._members) and clock.monotonic() >= self._sets_due:
                sets, self._sets = self._sets, set()
                members, self._members = self._members, {}
                self._sets_due = clock.monotonic() + SETS_EVERY_S
        if not any(pending.values()) and not sets and not members:
            return
        self.place(pending.get("networks") or (), pending.get("routers") or ())
        try:
            targets, alive = self._targets(pending, sets, set(members))
        except errors.Transient:
            self.add(context.internal(), {"sets": sets, "members": members})
            self.add(context.internal(), {k: v for k, v in pending.items() if k != "hosts"})
            raise
        for host, ids in targets.items():
            if host in alive:
                self._send(host, ids, {i: members[i] for i in ids.pop("member_ids") if i not in ids["set_ids"]})

    def place(self, networks: Any, routers: Any) -> None:
        """Schedule these networks' DHCP and these routers; each in a transaction of its own."""
        for function, ids in ((schedule.network, networks), (schedule.router, routers)):
            for item in ids:
                try:
                    run(self.db, self.conf, context.internal(), self.add, function, item)
                except errors.ApiError as e:
                    LOG.warning("%s %s cannot be placed: %s", function.__name__, item, e.message)

    def place_pending(self) -> None:
        """The periodic look: what has no host, or a dead one."""
        networks, routers = run(self.db, self.conf, context.internal(), self.add, _pending)
        self.place(networks, routers)

    def _targets(self, pending: dict[str, Any], sets: set[str], members: set[str]) -> tuple[Targets, set[str]]:
        targets: Targets = {}

        def add(host: str | None, kind: str, ids: Any) -> None:
            if host:
                targets.setdefault(host, {k: set() for k in (*KINDS, "member_ids")})[kind].update(ids)

        ports, networks = pending.get("ports") or {}, set(pending.get("networks") or ())
        routers, groups = set(pending.get("routers") or ()), set(pending.get("groups") or ())
        with self.db.read() as session:
            touched = networks | {network for network, *_ in ports.values()}
            since = clock.after(-self.conf.network.agent_down_s)
            concerned = db.concerned_hosts(session, touched, since)
            for port_id, (network, *hosts) in ports.items():
                for target in {*hosts, *concerned.get(network, ())}:
                    add(target, "port_ids", [port_id])
            for network in networks:
                for target in concerned.get(network, ()):
                    add(target, "network_ids", [network])
            for router, host in db.router_hosts(session, routers).items():
                add(host, "router_ids", [router])
            for host, ids in db.ports_of_groups(session, groups).items():
                add(host, "port_ids", ids)
            for host, ids in db.hosts_using_sets(session, sets | members).items():
                add(host, "set_ids", ids & sets)
                add(host, "member_ids", ids & members)
            for host, lost in (pending.get("hosts") or {}).items():
                for kind, ids in lost.items():
                    add(host, kind, ids)
            known = set().union(*concerned.values())
            return targets, known | db_agents.alive(session, targets.keys() - known, since)

    def _send(self, host: str, ids: dict[str, set[str]], members: dict[str, set[str]]) -> None:
        more = {"set_members": {i: sorted(ips) for i, ips in members.items()}} if members else {}
        self.agents.to(host).reconcile(context.internal(), **{k: sorted(v) for k, v in ids.items()}, **more)


def _pending(work: Work) -> tuple[list[str], list[str]]:
    return schedule.pending(work)
