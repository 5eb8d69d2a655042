"""The agent's work: fetch jobs, do each once, report; keep exports as they should be; remove what was deleted.

A volume is worked on by one thread at a time. A deletion does not wait behind a long copy: it ends the copy.
"""

import logging
import threading
from typing import Any

from common import clock, context, errors, heartbeat
from common.reconcile import Loop
from common.worker import Worker
from services.volume.agent.verbs import VERBS, Backend, Job
from services.volume.drivers.base import BackendError

LOG = logging.getLogger(__name__)
_TRIES_MAX = 5
_ORPHAN_PASS_S = 600.0
_ASK_MAX = 500


class Reconciler:
    """Works for one back end."""

    def __init__(self, backend: Backend, conductor: Any, threads: int = 4) -> None:
        self.backend, self.conductor = backend, conductor
        self.loop = Loop(f"volumes {backend.host}", self.work, threads=threads, batch_max=1)
        self._lock = threading.Lock()
        self._busy: dict[str, str] = {}
        self._results: dict[str, Job] = {}
        self._tries: dict[str, int] = {}
        self._passed_at = -_ORPHAN_PASS_S

    def attach(self, worker: Worker) -> None:
        """Run in `worker`'s threads: jobs, full passes, heartbeats."""
        self.loop.attach(worker)
        conf = worker.conf.worker
        heartbeat.through(worker, self.conductor, self.beat, f"heartbeat {self.backend.host}")
        worker.every(f"pass {self.backend.host}", conf.reconcile_s, self.full_pass)

    # jobs

    def poke(self, volume_ids: list[str]) -> None:
        """There is work on these volumes; a deletion interrupts what runs on them."""
        with self._lock:
            running = [v for v in volume_ids if self._busy.get(v) not in (None, "delete_volume")]
        self.loop.poke(volume_ids)
        if not running:
            return
        for job in self.conductor.work(context.internal(), self.backend.host, running):
            if job["verb"] == "delete_volume":
                self._interrupt(job)

    def _interrupt(self, job: Job) -> None:
        """End a copy into or from a volume that is being deleted; the job itself comes afterwards."""
        try:
            self.backend.driver.delete_volume(job["volume_id"])
        except BackendError as e:
            LOG.info("volume %s is deleted later: %s", job["volume_id"], e)

    def work(self, volume_ids: list[str]) -> None:
        """Do every open job of these volumes, oldest first, and report; errors.Transient to be called again."""
        for job in self.conductor.work(context.internal(), self.backend.host, volume_ids):
            result = self._results.get(job["id"]) or self._do(job)
            self._results[job["id"]] = result
            self.conductor.report(context.internal(), self.backend.host, [result])
            self._results.pop(job["id"], None)
            self._tries.pop(job["id"], None)

    def _do(self, job: Job) -> Job:
        with self._lock:
            self._busy[job["volume_id"]] = job["verb"]
        try:
            verb = VERBS.get(job["verb"])
            if verb is None:
                raise BackendError(f"this agent does not know {job['verb']}")
            verb(self.backend, job)
            LOG.info("%s of volume %s is done", job["verb"], job["volume_id"])
            return {"id": job["id"], "result": {}, "error": None}
        except errors.Transient as e:
            self._tries[job["id"]] = self._tries.get(job["id"], 0) + 1
            if self._tries[job["id"]] < _TRIES_MAX:
                raise
            return {"id": job["id"], "result": None, "error": str(e)}
        except (BackendError, errors.ApiError) as e:
            LOG.warning("%s of volume %s failed: %s", job["verb"], job["volume_id"], e)
            return {"id": job["id"], "result": None, "error": str(e)}
        except Exception as e:  # process edge: a job must get an answer, or its saga waits for nothing
            LOG.exception("%s of volume %s failed", job["verb"], job["volume_id"])
            return {"id": job["id"], "result": None, "error": f"{type(e).__name__}: {e}"}
        finally:
            with self._lock:
                self._busy.pop(job["volume_id"], None)

    # passes

    def beat(self, conductor: Any) -> None:
        """Tell that this back end lives, and what it has."""
        stats = self.backend.driver.stats()
        pools = [{"name": f"{self.backend.host}#{stats.volume_backend_name}", "capabilities": stats.capabilities()}]
        conductor.heartbeat(
            context.internal(),
            self.backend.host,
            {"version": heartbeat.version(), "availability_zone": self.backend.zone, "pools": pools},
        )

    def full_pass(self) -> None:
        """Look for work that no poke told of; make exports right; now and then remove what was deleted."""
        open_jobs = self.conductor.work(context.internal(), self.backend.host, None)
        self.loop.poke(dict.fromkeys(j["volume_id"] for j in open_jobs))
        wanted = self.conductor.exports(context.internal(), self.backend.host)
        for volume_id in self.backend.driver.reconcile_exports(wanted):
            LOG.info("the exports of volume %s were restored", volume_id)
        if clock.monotonic() - self._passed_at >= _ORPHAN_PASS_S:
            self._passed_at = clock.monotonic()
            self.remove_orphans({j["volume_id"] for j in open_jobs})

    def remove_orphans(self, busy: set[str]) -> None:
        """Remove volumes and snapshots that are known to have been deleted; what nobody knows stays."""
        driver = self.backend.driver
        stored = [(v.volume_id, True) for v in driver.list_volumes()] + [(s.snapshot_id, False) for s in driver.list_snapshots()]
        for start in range(0, len(stored), _ASK_MAX):
            part = dict(stored[start : start + _ASK_MAX])
            for thing_id in self.conductor.gone(context.internal(), self.backend.host, list(part)):
                if thing_id in busy:
                    continue
                try:
                    if part[thing_id]:
                        driver.disconnect(thing_id)
                        driver.delete_volume(thing_id)
                    else:
                        driver.delete_snapshot(thing_id)
                    LOG.warning("removed %s, which was left from before", thing_id)
                except BackendError as e:
                    LOG.warning("%s was deleted but is still here: %s", thing_id, e)
