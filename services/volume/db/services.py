"""Queries of daemons and pools beyond those of common."""

from typing import Any

import sqlalchemy as sa

from common import clock
from common.db.session import Session
from services.volume.db.models import Service

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
    session.execute(sa.update(Service).where(Service.id == row.id).values(
        last_seen_at=clock.now(), version=version, availability_zone=zone, info=info))


def change(session: Session, service_id: int, **values: Any) -> None:
    """Change a daemon's row."""
    session.execute(sa.update(Service).where(Service.id == service_id).values(**values))
