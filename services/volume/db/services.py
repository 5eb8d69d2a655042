"""Queries of daemons and pools beyond those of common."""

from typing import Any

import sqlalchemy as sa

from common import clock
from common.db.session import Session
from services.volume.db.models import Service, Snapshot, Volume

AGENT = "cinder-volume"


def agent(session: Session, host: str) -> Service | None:
    """The row of the agent of back end `host` (host@backend)."""
    return session.scalars(sa.select(Service).where(Service.binary == AGENT, Service.host == host)).first()


def of_binary(session: Session, binary: str, host: str) -> Service | None:
    """The row of one daemon."""
    return session.scalars(sa.select(Service).where(Service.binary == binary, Service.host == host)).first()


def beat(session: Session, host: str, *, version: str, zone: str, pools: Any, daemon: str) -> None:
    """Note that an agent lives and what its pools are."""
    row = agent(session, host)
    info = {"pools": pools, "taken_at": clock.now().isoformat()}
    if row is None:
        session.add(Service(daemon=daemon, binary=AGENT, host=host, version=version, availability_zone=zone, info=info))
        session.flush()
        return
    session.execute(
        sa.update(Service)
        .where(Service.id == row.id)
        .values(last_seen_at=clock.now(), version=version, availability_zone=zone, info=info)
    )


def change(session: Session, service_id: int, **values: Any) -> None:
    """Change a daemon's row."""
    session.execute(sa.update(Service).where(Service.id == service_id).values(**values))


def held(session: Session, host: str) -> dict[str, dict[str, int]]:
    """What lies on back end `host`, by project: numbers and GiB of volumes and snapshots."""
    found: dict[str, dict[str, int]] = {}
    on_it = Volume.host.like(f"{host}#%")
    volumes = sa.select(Volume.project_id, sa.func.count(), sa.func.sum(Volume.size)).where(on_it).group_by(Volume.project_id)
    snapshots = (
        sa.select(Snapshot.project_id, sa.func.count(), sa.func.sum(Snapshot.volume_size))
        .join(Volume, Volume.id == Snapshot.volume_id)
        .where(on_it)
        .group_by(Snapshot.project_id)
    )
    for query, number, size in ((volumes, "volume_count", "total_volume_gb"), (snapshots, "snapshot_count", "total_snapshot_gb")):
        for project_id, count, gigabytes in session.execute(query):
            entry = found.setdefault(
                project_id, dict.fromkeys(("volume_count", "total_volume_gb", "snapshot_count", "total_snapshot_gb"), 0)
            )
            entry[number], entry[size] = int(count), int(gigabytes or 0)
    return found
