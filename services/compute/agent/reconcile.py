"""The agent's loop: asked or not, look at servers and make them what they should be.

A poke names servers; the conductor gives their specs and jobs; jobs are done one after the other, each server by one
thread at a time. The full pass compares what is on the host with what is expected, and removes what nobody expects.
"""

import functools
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from common import clock, context, errors, heartbeat
from common.reconcile import Loop
from common.worker import Worker
from services.compute.agent.moves import MOVES
from services.compute.agent.verbs import VERBS, Host
from services.compute.agent.working import Done, on
from services.compute.drivers.base import DriverError, Housekeeping
from services.compute.objects.report import ServerReport
from services.compute.objects.server import ImageSpec, ServerSpec

LOG = logging.getLogger(__name__)
REPORT_TRIES_MAX = 30
_VOLATILE = ("uptime", "memory_mb_used", "disk_gb_used", "disk_available_least", "running_servers")
_VERBS = {**VERBS, **MOVES}
_HOPELESS = (errors.ApiError, ValueError, KeyError, TypeError, AttributeError)


class Reconciler:
    """Keeps the servers of one host."""

    def __init__(self, host: Host, conductor: Any, *, threads: int, orphan_grace_s: float = 60.0) -> None:
        self.host, self.conductor, self.orphan_grace_s = host, conductor, orphan_grace_s
        self.loop = Loop("servers", self.work, threads=2, batch_max=200)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="server")
        self._orphans: dict[str, float] = {}
        self._beaten: dict[str, Any] = {}
        self._told: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._in_hand: dict[str, bool] = {}
        self._done = Done()
        self._outbox: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def attach(self, worker: Worker) -> None:
        """Run in `worker`: pokes, full passes, heartbeats."""
        conf = worker.conf.worker
        self.loop.attach(worker)
        worker.loop("reports", self.send)
        self.host.driver.lifecycle.listen(self.power_changed)
        heartbeat.through(worker, self.conductor, self.beat)
        worker.every("full-pass", conf.reconcile_s, self.full_pass)
        if self.host.driver.housekeeping is not None:
            worker.every("housekeeping", 3600, self.host.driver.housekeeping.sweep, at_once=False)
        worker.on_stop(self._stop)

    def _stop(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._outbox.put(None)

    # what the conductor wants

    def work(self, server_ids: list[str]) -> None:
        """Start on the jobs of these servers; what is in hand already is looked at again when it is done."""
        with self._lock:
            free = [s for s in server_ids if s not in self._in_hand]
            self._in_hand.update({s: True for s in server_ids if s in self._in_hand})
        if not free:
            return
        for item in self.conductor.work(context.internal(), self.host.name, free):
            if item["jobs"]:
                with self._lock:
                    self._in_hand[item["server_id"]] = False
                self._pool.submit(self._one, item)

    def _one(self, item: dict[str, Any]) -> None:
        """One server's jobs, their report, and another look when somebody poked meanwhile or something must be tried again."""
        server_id = item["server_id"]
        retry = True
        try:
            report, retry = self._jobs(item)
            self._done.add(job["id"] for job in report["jobs"])
            self._outbox.put(report)
        except Exception:  # process edge: a server's thread; the server is looked at again
            LOG.exception("work on %s failed", server_id)
        finally:
            with self._lock:
                again = self._in_hand.pop(server_id, False)
            if retry:
                self.loop.poke_later([server_id])
            elif again:
                self.loop.poke([server_id])

    def send(self) -> None:
        """Report what is done, many results in one message; returns at the agent's end."""
        while True:
            batch = [self._outbox.get()]
            while batch[-1] is not None and len(batch) < 200 and not self._outbox.empty():
                batch.append(self._outbox.get())
            self._report([r for r in batch if r is not None and (r["jobs"] or r["report"])])
            if batch[-1] is None:
                return

    def _jobs(self, item: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """Do one server's jobs in their order: (report for the conductor, whether one must be tried again)."""
        server_id, spec_data = item["server_id"], item["spec"]
        spec = ServerSpec.from_dict(spec_data) if spec_data else None
        report: dict[str, Any] = {"server_id": server_id, "report": None, "jobs": []}
        for job in item["jobs"]:
            if job["id"] in self._done:
                continue
            try:
                with on(server_id):
                    state, result = _VERBS[job["verb"]](self.host, server_id, spec, job["args"] or {})
                report["jobs"].append({"id": job["id"], "result": result, "error": None})
                if state is not None:
                    report["report"] = state.to_dict()
            except errors.Transient as e:
                LOG.warning("%s of %s is tried again: %s", job["verb"], server_id, e)
                return report, True
            except (DriverError, OSError) as e:
                LOG.warning("%s of %s failed: %s", job["verb"], server_id, e)
                report["jobs"].append({"id": job["id"], "result": None, "error": str(e) or type(e).__name__})
            except _HOPELESS as e:
                LOG.exception("%s of %s failed", job["verb"], server_id)
                report["jobs"].append({"id": job["id"], "result": None, "error": str(e) or type(e).__name__})
        return report, False

    def _report(self, reports: Sequence[dict[str, Any]]) -> None:
        """Tell the conductor; again and again while it does not answer, for results must not be lost."""
        if not reports:
            return
        done = [job["id"] for report in reports for job in report["jobs"]]
        for attempt in range(REPORT_TRIES_MAX):
            try:
                self.conductor.report(context.internal(), self.host.name, list(reports))
                self._done.told(done)
                return
            except errors.Transient as e:
                LOG.warning("the conductor does not answer (try %d): %s", attempt + 1, e)
                clock.sleep(min(10.0, 0.5 * 2**attempt))
        self._done.lost(done)

    def prefetch(self, images: Sequence[ImageSpec], url: str, token: str) -> None:
        """Have images on this host before a server needs them; returns at once."""
        housekeeping = self.host.driver.housekeeping
        if housekeeping is None:
            LOG.warning("this hypervisor keeps no images for later")
            return
        for image in images:
            fetch = functools.partial(self._prefetch, housekeeping, image, url, token)
            self._pool.submit(guard, f"fetching image {image.id}", fetch)

    def _prefetch(self, housekeeping: Housekeeping, image: ImageSpec, url: str, token: str) -> None:
        with self.host.images.lent(url, token):
            housekeeping.prefetch(image)
        LOG.info("image %s is ready for later boots", image.id)

    # what is on the host

    def full_pass(self) -> None:
        """Compare host and expectation: open jobs, servers that are off though wanted on (and the reverse), orphans."""
        expected = {row[0]: row for row in self.conductor.expected(context.internal(), self.host.name)}
        present = {s.uuid: s for s in self.host.driver.lifecycle.servers()}
        self.loop.poke([server_id for server_id, row in expected.items() if row[2]])
        drifted = [s for s, row in expected.items() if not row[2] and not row[3] and s in present and present[s].power != row[1]]
        self._report([{"server_id": s, "report": ServerReport(s, present[s].power, present[s].node).to_dict(), "jobs": []}
                      for s in drifted])
        self._remove_orphans(set(present) - set(expected))

    def _remove_orphans(self, unknown: set[str]) -> None:
        """Remove what nobody expects, when it was so at an earlier pass already; what was evacuated from here, at once."""
        now = clock.monotonic()
        unknown -= self._remove_evacuated(unknown - set(self._orphans))
        self._orphans = {s: self._orphans.get(s, now) for s in unknown}
        for server_id, since in list(self._orphans.items()):
            if now - since < self.orphan_grace_s:
                continue
            if self._wanted(server_id):
                continue
            LOG.warning("removing server %s, which nobody expects here", server_id)
            guard(f"removing {server_id}", functools.partial(self.host.driver.lifecycle.forget, server_id))

    def _remove_evacuated(self, found: set[str]) -> set[str]:
        """Which of `found` were moved away while this host was thought lost, and are gone from it now."""
        moved = self.conductor.evacuated(context.internal(), self.host.name, sorted(found)) if found else []
        for server_id in moved:
            LOG.warning("removing server %s, which was evacuated from this host", server_id)
            self.host.driver.lifecycle.forget(server_id)
        if moved:
            self.conductor.cleaned(context.internal(), self.host.name, moved)
        return set(moved)

    def _wanted(self, server_id: str) -> bool:
        found = self.conductor.work(context.internal(), self.host.name, [server_id])
        return any(item["spec"] or item["keep"] or item["jobs"] for item in found)

    def power_changed(self, server_id: str, _power: str) -> None:
        """The driver says that a guest changed; look before believing it, in a thread of ours. What our own job did is its
        report's to tell."""
        with self._lock:
            if server_id in self._in_hand:
                return
        self._pool.submit(guard, f"power of {server_id}", lambda: self._tell_power(server_id))

    def _tell_power(self, server_id: str) -> None:
        clock.sleep(0.5)  # a reboot passes through `stopped`
        found = self.host.driver.lifecycle.report(server_id)
        if found.power != "absent":
            self._report([{"server_id": server_id, "report": found.to_dict(), "jobs": []}])

    # signs of life

    def beat(self, conductor: Any) -> None:
        """Tell the conductor that the host lives, and of its nodes what changed since it last answered.

        What changes all the time (usage, uptime) is told once a minute at most. A host whose compute service was deleted
        while it ran registers itself anew.
        """
        registered = bool(self._beaten)
        if self._tell_nodes(conductor) and registered:
            LOG.warning("the compute service of %s was deleted; it registers itself again", self.host.name)
            self._beaten, self._told = {}, {}
            self._tell_nodes(conductor)

    def _tell_nodes(self, conductor: Any) -> bool:
        """One heartbeat; whether nothing was known of this host before it."""
        minute = int(clock.monotonic() // 60)
        news = []
        for name in self.host.driver.inventory.nodes():
            found = self.host.driver.inventory.node(name).to_dict()
            seen = {k: (minute if k in _VOLATILE else v) for k, v in found.items()}
            if self._beaten.get(name) != seen and self._told.get(name) != found:
                news.append((name, seen, found))
        unknown = False
        for start in range(0, len(news) or 1, 100):
            part = news[start:start + 100]
            connector = self.host.driver.inventory.connector(part[0][0]) if part else None
            answer = conductor.heartbeat(context.internal(), self.host.name, {
                "version": heartbeat.version(), "nodes": [n[2] for n in part], "connector": connector})
            unknown = unknown or bool(answer and answer["resync"])  # conductors of an earlier version say nothing
            for name, seen, found in part:
                self._beaten[name], self._told[name] = seen, found
        return unknown


def guard(what: str, work: Callable[[], Any]) -> None:
    """Call `work`; what the hypervisor, the conductor or the image service refuse is logged."""
    try:
        work()
    except (DriverError, errors.ApiError, errors.Transient, OSError) as e:
        LOG.warning("%s: %s", what, e)
