"""What the conductor answers over RPC (services.compute.rpc.conductor)."""

import logging
from typing import Any

from common import errors
from common.db import sagas
from common.db.session import Session
from common.saga import Runner
from services.compute.conductor import followup, inventory, specs
from services.compute.conductor.deps import Conductor
from services.compute.conductor.jobs import BOOT
from services.compute.db import jobs, migrations, models, operations, server_batches, server_parts, servers
from services.compute.domain import states

LOG = logging.getLogger(__name__)
_BOOTED = {"power_state": states.RUNNING}  # what the end of a boot writes anyway
_FOLLOWS = {"stopped": (states.ACTIVE, states.STOPPED), "crashed": (states.ACTIVE, states.STOPPED),
            "running": (states.STOPPED, states.ACTIVE), "paused": (states.ACTIVE, states.PAUSED)}


class ConductorService:
    """Implements the Conductor interface."""

    def __init__(self, conductor: Conductor, runner: Runner) -> None:
        self.conductor, self.runner, self.database = conductor, runner, conductor.database

    def run_sagas(self, ctxt: Any, saga_ids: list[str]) -> None:
        """Run these sagas soon."""
        self.runner.poke(saga_ids)

    def wake(self, ctxt: Any, server_ids: list[str]) -> None:
        """Parked sagas of these servers look again."""
        self.runner.wake(server_ids)

    def work(self, ctxt: Any, host: str, server_ids: list[str]) -> list[dict[str, Any]]:
        """Specs and jobs of these servers on `host`."""
        with self.database.read() as session:
            return specs.work(session, host, server_ids)

    def expected(self, ctxt: Any, host: str) -> list[list[Any]]:
        """[[server id, wanted power, has open jobs, busy], …] of `host`, moves included."""
        with self.database.read() as session:
            rows = servers.on_host(session, host)
            todo = jobs.open_of(session, host, None)
            found = [[r.id, r.wanted_power, r.id in todo, r.task_state is not None] for r in rows]
            known = {r.id for r in rows}
            others = (set(todo) | migrations.touching(session, host)) - known
        return found + [[server_id, "", server_id in todo, True] for server_id in sorted(others)]

    def report(self, ctxt: Any, host: str, reports: list[dict[str, Any]]) -> None:
        """Write down what an agent found and did, and wake the sagas that wait for it."""
        self.runner.poke(self.database.transaction(self._write, host, reports))

    def _write(self, session: Session, host: str, reports: list[dict[str, Any]]) -> list[str]:
        rows = server_batches.states(session, [r["server_id"] for r in reports])
        changes: dict[Any, list[str]] = {}
        boots = {item["server_id"] for item in reports if item.get("jobs") and all(
            job["id"].endswith(f"/{BOOT}") and not job.get("error") for job in item["jobs"])}
        for item in reports:
            row, found = rows.get(item["server_id"]), item.get("report")
            if row is not None and row.host == host and found:
                changed = self._news(session, row, found)
                if changed and not (row.id in boots and changed == _BOOTED):
                    changes.setdefault((row.task_state, tuple(changed.items())), []).append(row.id)
        for (task_state, values), server_ids in changes.items():
            # whose task state another changed meanwhile is left to the next report
            server_batches.change_equally(session, server_ids, dict(values), task_state=task_state)
        done = [job for item in reports for job in item.get("jobs") or ()]
        if not done:
            return []
        jobs.finish_all(session, host, done)
        ended = {item["server_id"] for item in reports if item.get("jobs")}
        return operations.wake_boots(session, sorted(boots)) + operations.wake(session, sorted(ended - boots))

    @staticmethod
    def _news(session: Session, row: Any, found: dict[str, Any]) -> dict[str, Any]:
        """Columns to change for the real power state; a server that nobody is working on follows its guest."""
        power = states.POWER.get(found["power"], states.NOSTATE)
        changes: dict[str, Any] = {}
        if power != row.power_state:
            changes["power_state"] = power
        before, after = _FOLLOWS.get(found["power"], ("", ""))
        if row.task_state is None and row.vm_state == before and after:
            changes["vm_state"] = after
            changes["wanted_power"] = "stopped" if after == states.STOPPED else found["power"]
        if found.get("root_device") and found["root_device"] != row.root_device_name:
            changes["root_device_name"] = found["root_device"]
        devices = found.get("devices") or {}
        if devices:
            for disk in server_parts.disks(session, [row.id]).get(row.id, ()):
                if disk.volume_id in devices and disk.device_name != devices[disk.volume_id]:
                    server_parts.change_disk(session, disk.id, device_name=devices[disk.volume_id])
        return changes

    def heartbeat(self, ctxt: Any, host: str, beat: dict[str, Any]) -> dict[str, Any]:
        """An agent lives, and perhaps its nodes changed."""
        return {"resync": inventory.beat(self.conductor, host, beat)}

    def image_access(self, ctxt: Any, host: str, server_id: str, image_id: str) -> dict[str, Any]:
        """Where and with whose token the agent may read (or write) an image: the tenant's own, from the saga in hand.

        errors.Forbidden when no saga of the server is running: no agent gets a token at other times.
        """
        with self.database.read() as session:
            row = next(iter(servers.get_many(session, [server_id])), None)
            running = sagas.active(session, models.Saga, server_id) if row is not None else ()
            here = row is not None and (row.host == host or server_id in jobs.open_of(session, host, [server_id]))
        token = next((s.context.get("auth_token") for s in running if (s.context or {}).get("auth_token")), None)
        if not here or token is None:
            raise errors.Forbidden(f"no work on server {server_id} needs image {image_id} on {host} now")
        return {"url": f"{self.conductor.image.base_url()}/v2/images/{image_id}/file", "token": token}

    def move_progress(self, ctxt: Any, host: str, server_id: str, counters: dict[str, int]) -> dict[str, Any]:
        """How a live migration from `host` goes; what is to be done about it."""
        return dict(self.database.transaction(followup.progress, host, server_id, counters))

    def move_switching(self, ctxt: Any, host: str, server_id: str) -> None:
        """The guest is about to run on its destination."""
        followup.switching(self.conductor, host, server_id)

    def evacuated(self, ctxt: Any, host: str, server_ids: list[str]) -> list[str]:
        """Which of these servers were evacuated from `host`."""
        with self.database.read() as session:
            return followup.evacuated(session, host, server_ids)

    def cleaned(self, ctxt: Any, host: str, server_ids: list[str]) -> None:
        """`host` has removed these evacuated servers."""
        followup.cleaned(self.conductor, host, server_ids)
