"""Start, stop, reboot, pause, unpause, suspend, resume: one job, then the state that it leads to."""

from common.db.session import Session
from common.saga import Run, Saga, Step, Wait
from services.compute.conductor import ending, jobs
from services.compute.db import servers
from services.compute.domain import states

_TARGETS = {
    "start": ("running", states.ACTIVE), "stop": ("stopped", states.STOPPED), "pause": ("paused", states.PAUSED),
    "unpause": ("running", states.ACTIVE), "suspend": ("suspended", states.SUSPENDED), "resume": ("running", states.ACTIVE),
    "reboot_soft": ("running", states.ACTIVE), "reboot_hard": ("running", states.ACTIVE),
}
_REBOOT_STARTED = {"reboot_soft": states.REBOOT_STARTED, "reboot_hard": states.REBOOT_STARTED_HARD}


def act(run: Run) -> Wait | None:
    """Have the agent do it."""
    server, action = ending.server(run), run.data["action"]
    wanted, _ = _TARGETS[action]
    if server.wanted_power != wanted or (action in _REBOOT_STARTED and server.task_state != _REBOOT_STARTED[action]):
        ending.change(run, wanted_power=wanted, **({"task_state": _REBOOT_STARTED[action]} if action in _REBOOT_STARTED else {}))
    if action in _REBOOT_STARTED:
        found = jobs.run_job(run, "reboot", server.host, {"hard": action == "reboot_hard"})
    else:
        found = jobs.run_job(run, "power", server.host, {"power": wanted, "timeout_s": run.data.get("timeout_s")})
    return found if isinstance(found, Wait) else None


def done(session: Session, run: Run) -> None:
    """The state that the action leads to."""
    power, vm_state = _TARGETS[run.data["action"]]
    ending.succeed(session, run, f"compute_{run.data['action']}_instance", vm_state=vm_state, power_state=states.POWER[power])


def failed(session: Session, run: Run, error: Exception) -> None:
    """The server is as it was; a reboot that failed leaves it in ERROR, as upstream does."""
    action = run.data["action"]
    broken = action == "reboot_hard"
    ending.fail(session, run, f"compute_{action}_instance", error, vm_state=states.ERROR if broken else None)
    found = servers.get_many(session, [run.resource_id])
    if found and not broken:
        powers = {states.ACTIVE: "running", states.STOPPED: "stopped", states.PAUSED: "paused", states.SUSPENDED: "suspended"}
        servers.change(session, run.resource_id, {"wanted_power": powers.get(run.data["vm_state"], found[0].wanted_power)})


SAGA = Saga("server_power", (Step("act", act),), on_done=done, on_failed=failed)
