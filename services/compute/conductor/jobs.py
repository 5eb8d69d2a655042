"""Having an agent do something once: the step of a saga that waits for a host.

The job is a row (services.compute.db.jobs); the agent fetches it, works, and reports; the report wakes the saga.
"""

import functools
from typing import Any

from common import errors
from common.saga import Failure, Run, Wait
from services.compute.db import jobs

LOOK_AGAIN_S = 10.0


def run_job(run: Run, verb: str, host: str, args: dict[str, Any] | None = None, *, timeout_s: float = 600.0,
            name: str = "") -> Wait | dict[str, Any]:
    """The job's result, or a Wait that the step returns as its own.

    `name` tells jobs of one saga apart (default: the verb). Failure with the agent's words when it could not, when the
    host is down, or after `timeout_s`.
    """
    conductor = run.deps
    job_id = f"{run.id}/{name or verb}"
    job = None
    if not run.fresh:
        with conductor.database.read() as session:
            job = jobs.get(session, job_id)
    if job is None:
        run.write(jobs.ensure, job_id, server_id=run.resource_id, host=host, verb=verb, args=args)
        return Wait(LOOK_AGAIN_S, then=functools.partial(conductor.poke, host, [run.resource_id]))
    if job.state == "done":
        return dict(job.result or {})
    if job.state == "failed":
        raise Failure(f"{verb} on {host} failed: {job.error}", public=public(verb, job.error))
    if run.step_age_s > timeout_s:
        raise Failure(f"{verb} on {host}: no result within {timeout_s:.0f} s", public=f"{verb} timed out")
    if run.step_age_s > LOOK_AGAIN_S and not conductor.host_is_up(host):
        raise Failure(f"{verb}: the agent on {host} is down", public="The host of the server does not answer.")
    return Wait(LOOK_AGAIN_S, then=functools.partial(conductor.poke, host, [run.resource_id]))


def finish_job(run: Run, verb: str, host: str, args: dict[str, Any] | None = None) -> None:
    """A job inside an undo: errors.Transient until it is done. A host that died meanwhile is no obstacle, for its agent
    removes what nobody expects as soon as it is back."""
    try:
        found = run_job(run, verb, host, args, name=f"undo-{verb}", timeout_s=3600)
    except Failure:
        if run.deps.host_is_up(host):
            raise
        return
    if isinstance(found, Wait):
        run.deps.database.transaction(run.apply)
        run.writes.clear()
        if found.then is not None:
            found.then()
        raise errors.Transient(f"waiting for {verb} on {host}")


def drop_jobs(run: Run) -> None:
    """Take back what this saga asked of agents, done or not."""
    run.deps.database.transaction(jobs.drop_saga, run.id, undo=False)


def public(verb: str, error: str | None) -> str:
    """What a tenant may read of an agent's error: its first line, without paths."""
    first = (error or "unknown").strip().splitlines()[0]
    return " ".join(word for word in first.split() if "/" not in word)[:200]
