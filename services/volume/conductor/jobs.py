"""Having the agent of a back end do something once: the step of a saga that waits for storage.

The job is a row (services.volume.db.jobs); the agent fetches it, works, and reports; the report wakes the saga.
"""

from typing import Any

from common import errors
from common.saga import Failure, Run, Wait
from services.volume.db import jobs

LOOK_AGAIN_S = 10.0


def backend_of(host: str) -> str:
    """host@backend of a pool host@backend#pool."""
    return host.split("#")[0]


def run_job(
    run: Run, verb: str, host: str, volume_id: str, args: dict[str, Any] | None = None, *, name: str = ""
) -> Wait | dict[str, Any]:
    """The job's result, or a Wait that the step returns as its own.

    `name` tells jobs of one saga apart (default: the verb). Failure with the agent's words when it could not, when the
    agent is down, or after [volume] agent_timeout_s.
    """
    conductor, backend = run.deps, backend_of(host)
    job_id = f"{run.id}/{name or verb}"
    job = conductor.database.transaction(
        jobs.ensure, job_id, resource_id=run.resource_id, volume_id=volume_id, host=backend, verb=verb, args=args
    )
    if job.state == "done":
        return dict(job.result or {})
    if job.state == "failed":
        raise Failure(f"{verb} on {backend} failed: {job.error}", public=public(job.error))
    options = conductor.conf.volume
    if run.step_age_s > options.agent_timeout_s:
        raise Failure(
            f"{verb} on {backend}: no result within {options.agent_timeout_s:.0f} s",
            public="The back end did not finish in time.",
        )
    if run.step_age_s > options.agent_down_s and not conductor.is_up(backend):
        raise Failure(f"{verb}: the agent of {backend} is down", public="The storage back end does not answer.")
    conductor.poke(backend, [volume_id])
    return Wait(LOOK_AGAIN_S)


def undo_job(run: Run, verb: str, host: str, volume_id: str, args: dict[str, Any] | None = None) -> None:
    """A job inside an undo: errors.Transient until it is done. An agent that died meanwhile is no obstacle: what is left
    goes with the volume's deletion."""
    name = f"undo-{verb}"
    run.deps.database.transaction(jobs.drop_saga, run.id, keep=f"{run.id}/{name}")
    try:
        found = run_job(run, verb, host, volume_id, args, name=name)
    except Failure:
        if run.deps.is_up(backend_of(host)):
            raise
        return
    if isinstance(found, Wait):
        raise errors.Transient(f"waiting for {verb} on {host}")


def public(error: str | None) -> str:
    """What a tenant may read of an agent's error: its first line, without paths and addresses."""
    first = ((error or "unknown").strip().splitlines() or ["unknown"])[0]
    return " ".join(word for word in first.split() if "/" not in word)[:200]
