"""Having an agent do something once: the step of a saga that waits for a host.

The job is a row (services.compute.db.jobs); the agent fetches it, works, and reports; the report wakes the saga.
"""

import functools
from collections.abc import Sequence
from typing import Any

from common import errors
from common.saga import Failure, Run, Wait
from services.compute.db import jobs

LOOK_AGAIN_S = 10.0
BOOT = "boot"
"""The name of a boot's job: its saga goes on when the job is done and the ports are plugged, and need not look before."""


def run_job(run: Run, verb: str, host: str, args: dict[str, Any] | None = None, *, timeout_s: float = 600.0,
            name: str = "") -> Wait | dict[str, Any]:
    """The job's result, or a Wait that the step returns as its own.

    `name` tells jobs of one saga apart (default: the verb). Failure with the agent's words when it could not, when the
    host is down, or after `timeout_s`.
    """
    found = run_jobs([(run, host)], verb, args, timeout_s=timeout_s, name=name)[run.id]
    if isinstance(found, Exception):
        raise found
    return found


def run_jobs(wanted: Sequence[tuple[Run, str]], verb: str, args: dict[str, Any] | None = None, *, timeout_s: float = 600.0,
             name: str = "") -> dict[str, Wait | dict[str, Any] | Exception]:
    """As `run_job`, for (saga, host) of sagas that run together, by the sagas' ids: one poke for each host."""
    if not wanted:
        return {}
    conductor = wanted[0][0].deps
    tried = [f"{run.id}/{name or verb}" for run, _ in wanted if not run.fresh]
    known: dict[str, Any] = {}
    if tried:
        with conductor.database.read() as session:
            known = jobs.found(session, tried)
    pokes: dict[str, list[str]] = {}
    thens = {host: functools.partial(conductor.poke, host, pokes.setdefault(host, [])) for _, host in wanted}
    found: dict[str, Wait | dict[str, Any] | Exception] = {}
    for run, host in wanted:
        job_id = f"{run.id}/{name or verb}"
        how = _judged(run, verb, host, known.get(job_id), timeout_s)
        found[run.id] = Wait(LOOK_AGAIN_S, then=thens[host]) if how is None else how
        if job_id not in known:
            run.share(jobs.insert_all, {"id": job_id, "server_id": run.resource_id, "host": host, "verb": verb,
                                        "args": args or {}})
        if isinstance(found[run.id], Wait):
            pokes[host].append(run.resource_id)
    return found


def _judged(run: Run, verb: str, host: str, job: Any, timeout_s: float) -> dict[str, Any] | Exception | None:
    """The job's result, why it came to nothing, or None while it is to be waited for."""
    if job is None:
        return None
    if job.state == "done":
        return dict(job.result or {})
    if job.state == "failed":
        return Failure(f"{verb} on {host} failed: {job.error}", public=public(verb, job.error))
    if run.step_age_s > timeout_s:
        return Failure(f"{verb} on {host}: no result within {timeout_s:.0f} s", public=f"{verb} timed out")
    if run.step_age_s > LOOK_AGAIN_S and not run.deps.host_is_up(host):
        return Failure(f"{verb}: the agent on {host} is down", public="The host of the server does not answer.")
    return None


def finish_job(run: Run, verb: str, host: str, args: dict[str, Any] | None = None) -> dict[str, Any]:
    """A job inside an undo: errors.Transient until it is done, then its result. A host that died meanwhile is no obstacle
    (and gives an empty result), for its agent removes what nobody expects as soon as it is back."""
    try:
        found = run_job(run, verb, host, args, name=f"undo-{verb}", timeout_s=3600)
    except Failure:
        if run.deps.host_is_up(host):
            raise
        return {}
    if isinstance(found, Wait):
        run.deps.database.transaction(run.apply)
        run.writes.clear()
        if found.then is not None:
            found.then()
        raise errors.Transient(f"waiting for {verb} on {host}")
    return found


def drop_jobs(run: Run) -> None:
    """Take back what this saga asked of agents, done or not."""
    run.deps.database.transaction(jobs.drop_saga, run.id, undo=False)


def public(verb: str, error: str | None) -> str:
    """What a tenant may read of an agent's error: its first line, without paths."""
    first = (error or "unknown").strip().splitlines()[0]
    return " ".join(word for word in first.split() if "/" not in word)[:200]
