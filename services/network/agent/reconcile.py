"""The agent's loop: collect pokes, ask the conductor once, apply, report.

One thread does all of it, so that the drivers need no locks; pokes that come while a pass runs make one next pass.
"""

import logging
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from common import clock, context, errors, heartbeat
from common.worker import Complaint, Worker, guarded
from services.network.agent.mirror import Mirror
from services.network.drivers.base import Applied
from services.network.drivers.stack import HostStack

LOG = logging.getLogger(__name__)
KINDS = ("port_ids", "network_ids", "router_ids", "set_ids")
RETRY_S = 2.0


class Reconciler:
    """Keeps one host's network equal to what the conductor says."""

    def __init__(self, host: str, conductor: Any, stack: HostStack, *, facts: dict[str, Any], full_pass_s: float,
                 window_s: float = 0.02) -> None:
        self.host, self.conductor, self.stack, self.facts = host, conductor, stack, facts
        self.full_pass_s, self.window_s = full_pass_s, window_s
        self.mirror = Mirror()
        self.started_at = clock.iso(clock.now())
        self._wake = threading.Event()
        self._lock = threading.Lock()
        self._asked: dict[str, set[str]] = {k: set() for k in KINDS}
        self._members: dict[str, set[str]] = {}
        self._resync = True
        self._read_host = True
        self._up: set[str] = set()
        self._told_networks: dict[str, Any] = {}
        self._told_routers: dict[str, Any] = {}
        self._told_errors: dict[str, str] = {}
        self._stopping = threading.Event()

    def attach(self, worker: Worker) -> None:
        """Run in `worker`'s threads."""
        self._stopping = worker.stopping
        worker.on_start(lambda: self.stack.links.start(self.link_changed))
        worker.loop("reconcile", self.run)
        heartbeat.through(worker, self.conductor, self.beat)
        worker.every("full-pass", self.full_pass_s, self.resync, at_once=False)
        worker.on_stop(self._stop)

    def _stop(self) -> None:
        self._wake.set()
        self.stack.close()

    # what is told

    def poke(self, set_members: Mapping[str, Iterable[str]] | None = None, **ids: Iterable[str]) -> None:
        """Look again at these ids (keys as KINDS), and at these members of address sets."""
        with self._lock:
            for set_id, addresses in (set_members or {}).items():
                self._members.setdefault(set_id, set()).update(addresses)
            for kind, values in ids.items():
                self._asked[kind].update(values)
        self._wake.set()

    def resync(self) -> None:
        """Ask for everything and read the host again."""
        with self._lock:
            self._resync = self._read_host = True
        self._wake.set()

    def link_changed(self, name: str, present: bool) -> None:
        """The link monitor saw a tap come or go; an empty name: it lost events."""
        if name:
            self.stack.layer2.forget_device(name)
        else:
            with self._lock:
                self._read_host = True
        self._wake.set()

    def beat(self, conductor: Any) -> None:
        """Tell the conductor that the host lives; it says whether it lost track of it."""
        answer = conductor.heartbeat(context.internal(), host=self.host, version=heartbeat.version(),
                                     started_at=self.started_at, **self.facts)
        if answer.get("resync"):
            with self._lock:
                self._resync = True
            self._wake.set()

    # the loop

    def run(self) -> None:
        """Work until the agent stops."""
        rested_s = 0.0
        complaint = Complaint("reconcile")
        while not self._stopping.is_set():
            self._wake.wait(self.full_pass_s)
            if self._stopping.is_set():
                return
            clock.sleep(max(0.0, rested_s - clock.monotonic()))  # pokes come in bursts: what follows the first is one pass
            self._wake.clear()
            guarded("reconcile", self.one_pass, complaint)
            rested_s = clock.monotonic() + self.window_s

    def one_pass(self) -> None:
        """Ask, apply, report. What fails is asked for again."""
        with self._lock:
            asked = {k: sorted(v) for k, v in self._asked.items()}
            resync, read_host = self._resync, self._read_host
            members = {i: sorted(ips) for i, ips in self._members.items()}
            self._asked, self._members, self._resync, self._read_host = {k: set() for k in KINDS}, {}, False, False
        try:
            self._ask(asked, members, resync)
            if not self.mirror.known:
                raise errors.Transient("the conductor has not said yet what this host should be")
            done = self.stack.apply(self.mirror.state(), full=read_host)
            if not done.errors:
                self.mirror.settled()
            self._report(done)
        except BaseException:
            with self._lock:
                self._resync = self._resync or resync
                self._read_host = self._read_host or read_host
            self.poke(members, **asked)
            clock.wait(self._stopping, RETRY_S)
            self._wake.set()
            raise
        if done.errors:
            LOG.warning("%d units could not be realised: %s", len(done.errors), "; ".join(
                f"{unit}: {why}" for unit, why in sorted(done.errors.items())[:5]))
            clock.wait(self._stopping, RETRY_S)
            self._wake.set()

    def _ask(self, asked: dict[str, list[str]], members: dict[str, list[str]], resync: bool) -> None:
        if resync:
            self._merge_all(self.conductor.get_host_state(context.internal(), host=self.host))
            return
        members = {i: ips for i, ips in members.items() if i in self.mirror.members}
        if not any(asked.values()) and not members:
            return
        wanted: dict[str, Any] = {k: v for k, v in asked.items() if v}
        if members:
            wanted["set_members"] = members
        if asked["port_ids"] and self.mirror.members:
            wanted["known_sets"] = sorted(self.mirror.members)
        if asked["router_ids"]:
            wanted["known_hosts"] = self.mirror.hosts_known(asked["router_ids"])
        answer = self.conductor.get_host_state(context.internal(), host=self.host, **wanted)
        # a port may have been taken down and bound here again within one poke: tell of it anew
        self._up -= {p["port_id"] for p in answer["ports"]}
        if answer.get("full"):
            self._merge_all(answer)
            return
        new = self.mirror.merge(answer, asked["network_ids"], asked["port_ids"])
        if new:
            more = self.conductor.get_host_state(context.internal(), host=self.host, network_ids=sorted(new))
            self.mirror.merge(more, new)

    def _merge_all(self, answer: Mapping[str, Any]) -> None:
        """Take a full answer in, with what counts as wired: nobody answered a report that was lost."""
        self.mirror.merge(answer)
        if "up" in answer:
            self._up = set(answer["up"]) | {p for p in self._up if p in self.mirror.ports and self.mirror.ports[p].pending}

    def _report(self, done: Applied) -> None:
        """Tell the conductor what changed since the last report, and only that."""
        up = done.wired
        down = sorted((self._up - up) & self.mirror.ports.keys())  # what is not here any more, nobody need be told of
        networks = {n: d for n, d in self.mirror.dhcps.items() if f"network:{n}" not in done.errors}
        routers = {r: d for r, d in self.mirror.routers.items() if f"router:{r}" not in done.errors}
        ready = [n for n, d in networks.items() if self._told_networks.get(n) is not d]
        routed = [r for r, d in routers.items() if self._told_routers.get(r) is not d]
        changed = done.errors != self._told_errors
        if up - self._up or down or ready or routed or changed:
            told: dict[str, Any] = {"host": self.host, "ports_up": sorted(up - self._up), "networks_ready": ready,
                                    "routers_ready": routed, "errors": done.errors}
            if down or any(i in self.mirror.ports and self.mirror.ports[i].pending for i in told["ports_up"]):
                self.conductor.report(context.internal(), ports_down=down, **told)
            else:
                self.conductor.report_up(context.internal(), **told)
        self._up, self._told_networks, self._told_routers, self._told_errors = up, networks, routers, dict(done.errors)
