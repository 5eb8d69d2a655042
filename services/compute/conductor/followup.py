"""What agents tell about moves beside their jobs: how a live migration goes, and that a lost host is back and has cleaned up."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from common import errors
from common.clients.base import RemoteError
from common.db.session import Session
from services.compute.conductor import port_bindings
from services.compute.conductor.deps import Conductor
from services.compute.db import jobs, migrations

LOG = logging.getLogger(__name__)


def progress(session: Session, host: str, server_id: str, counters: Mapping[str, int]) -> dict[str, Any]:
    """Write a live migration's counters down: {"command"}, which is `abort` when nobody wants it any more."""
    row = migrations.newest(session, server_id, migrations.RUNNING)
    wanted = any(job.verb == "live_send" for job in jobs.open_of(session, host, [server_id]).get(server_id, ()))
    if row is None or not wanted:
        return {"command": "abort"}
    migrations.change(session, row.id, **{name: int(value) for name, value in counters.items() if name in migrations.COUNTERS})
    return {"command": row.command}


def switching(conductor: Conductor, host: str, server_id: str) -> None:
    """A guest stands still on `host`, in the last moments of its live migration: its ports go ahead. What fails here is made up
    for by the saga, as soon as the guest runs there."""
    with conductor.database.read() as session:
        row = migrations.newest(session, server_id, migrations.RUNNING)
        wanted = any(job.verb == "live_send" for job in jobs.open_of(session, host, [server_id]).get(server_id, ()))
    if row is None or not wanted or row.source_compute != host:
        return
    try:
        port_bindings.switch(conductor, server_id, row.dest_compute)
    except (RemoteError, errors.Transient) as e:
        LOG.warning("the ports of server %s follow later: %s", server_id, e)


def evacuated(session: Session, host: str, server_ids: Sequence[str]) -> list[str]:
    """Those of `server_ids` that were evacuated from `host` and must not stay there."""
    found = migrations.evacuated(session, server_ids)
    return sorted(s for s, rows in found.items() if any(r.source_compute == host for r in rows))


def cleaned(conductor: Conductor, host: str, server_ids: Sequence[str]) -> None:
    """`host` is back and has nothing of these evacuated servers any more: the moves are over, their claims given back."""

    def close(session: Session) -> list[str]:
        rows = [r for found in migrations.evacuated(session, server_ids).values() for r in found if r.source_compute == host]
        for row in rows:
            migrations.change(session, row.id, status="completed")
        return [r.uuid for r in rows]

    for uuid in conductor.database.transaction(close):
        try:
            conductor.placement.delete_allocations(uuid)
        except (RemoteError, errors.Transient) as e:
            LOG.warning("the claim of move %s is given back later: %s", uuid, e)
