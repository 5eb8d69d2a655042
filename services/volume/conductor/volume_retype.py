"""Changing a volume's type where it is: only a type that its pool can serve is taken on."""

from common.db.session import Session
from common.saga import Failure, Run, Saga, Step
from services.volume.conductor.ending import reason, tell
from services.volume.db import types, volumes


def check(run: Run) -> None:
    """Ask the scheduler whether the volume's own pool serves the new type."""
    with run.deps.database.read() as session:
        row = volumes.get(session, run.resource_id)
        kind = types.get(session, run.data["new_type_id"])
    if row is None or kind is None or not row.host:
        raise Failure("the volume or its new type is gone")
    pools = [p for p in run.deps.pools() if p["name"] == row.host]
    for pool in pools:
        # It has the volume already: capacity is no question.
        pool["capabilities"] |= {"free_capacity_gb": "infinite", "total_capacity_gb": "infinite"}
    request = {
        "volume_id": row.id,
        "size_gb": 0,
        "volume_type": {"name": kind.name, "extra_specs": kind.extra_specs or {}},
        "host": row.host,
        "pools": pools,
    }
    answer = run.deps.scheduler.select_backends(run.context, [request])[0]
    if "error" in answer:
        raise Failure(
            f"{answer['error']} The volume would have to move to another back end, which is not supported",
            public="No valid backend was found for the new type on the volume's own back end.",
        )


def done(session: Session, run: Run) -> None:
    """The volume has its new type."""
    kind = types.get(session, run.data["new_type_id"])
    if kind is not None:
        multi = str((kind.extra_specs or {}).get("multiattach", "")).lower() == "<is> true"
        volumes.change(session, run.resource_id, ["retyping"], volume_type_id=kind.id, multiattach=multi)
    volumes.restore_status(session, run.resource_id, ["retyping"], "available")


def failed(session: Session, run: Run, failure: Exception) -> None:
    """Everything is as before; the owner is told."""
    row = volumes.get(session, run.resource_id)
    if row is not None:
        volumes.restore_status(session, row.id, ["retyping"], "available")
        tell(session, run, "VOLUME_VOLUME_013_002", "VOLUME", row.project_id, f"retype: {reason(run, failure)}")


SAGA = Saga("volume_retype", (Step("check", check, patience_s=300),), on_done=done, on_failed=failed)
