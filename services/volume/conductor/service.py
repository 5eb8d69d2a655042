"""What the conductor answers over RPC (services.volume.rpc.conductor)."""

from typing import Any

from common import errors
from common.saga import Runner
from services.volume.conductor.deps import Conductor
from services.volume.db import attachments, jobs, messages, services, volumes


class ConductorService:
    """Implements the Conductor interface."""

    def __init__(self, conductor: Conductor, runner: Runner) -> None:
        self.conductor, self.runner, self.database = conductor, runner, conductor.database

    def run_sagas(self, ctxt: Any, saga_ids: list[str]) -> None:
        """Run these sagas soon."""
        self.runner.poke(saga_ids)

    def work(self, ctxt: Any, host: str, volume_ids: list[str] | None) -> list[dict[str, Any]]:
        """Open jobs on a back end."""
        with self.database.read() as session:
            return [
                {"id": j.id, "volume_id": j.volume_id, "resource_id": j.resource_id, "verb": j.verb, "args": j.args}
                for j in jobs.open_of(session, host, volume_ids)
            ]

    def report(self, ctxt: Any, host: str, results: list[dict[str, Any]]) -> None:
        """Close jobs and wake the sagas that wait for them."""

        def close(session: Any) -> list[str]:
            found = [jobs.finish(session, r["id"], host, r.get("result"), r.get("error")) for r in results]
            return [f for f in found if f is not None]

        self.runner.wake(self.database.transaction(close))

    def exports(self, ctxt: Any, host: str) -> dict[str, list[str]]:
        """Every export that should be on a back end."""
        with self.database.read() as session:
            return attachments.exports(session, host)

    def gone(self, ctxt: Any, host: str, ids: list[str]) -> list[str]:
        """Which of these were deleted."""
        with self.database.read() as session:
            return volumes.buried(session, ids)

    def heartbeat(self, ctxt: Any, host: str, beat: dict[str, Any]) -> None:
        """An agent lives."""
        self.database.transaction(
            services.beat,
            host,
            version=str(beat.get("version", "")),
            zone=beat["availability_zone"],
            pools=beat["pools"],
            daemon="volume-agent",
        )

    def image_access(self, ctxt: Any, host: str, job_id: str) -> dict[str, Any]:
        """Where the image of an open job is, and the tenant's own token; errors.Forbidden for any other job."""
        with self.database.read() as session:
            job = jobs.get(session, job_id)
            mine = job is not None and job.host == host and job.state == jobs.OPEN and "image_id" in job.args
            saga = jobs.saga_of(session, job) if job is not None and mine else None
        token = (saga.context or {}).get("auth_token") if saga is not None else None
        if job is None or not token:
            raise errors.Forbidden(f"no work on {host} needs an image now")
        return {"url": f"{self.conductor.image.base_url()}/v2/images/{job.args['image_id']}/file", "token": token}

    def purge(self) -> None:
        """Forget old messages, the ids of what was deleted long ago, and jobs of forgotten sagas."""
        self.database.transaction(messages.purge)
        self.database.transaction(volumes.forget_buried, self.conductor.conf.volume.tombstone_s)
        self.database.transaction(jobs.purge, 86400.0)
