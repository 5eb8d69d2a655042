"""Availability zones: those of the agents that were ever heard of, and the default."""

from typing import Any

from common.db import services as service_rows
from common.db.session import Session
from services.volume.db.models import Service
from services.volume.db.services import AGENT
from services.volume.domain import faults


def zones(session: Session, conf: Any) -> dict[str, bool]:
    """{zone: whether any agent in it is enabled}; the default zone is always there."""
    found: dict[str, bool] = {conf.volume.default_availability_zone: True}
    for row in service_rows.list_all(session, Service, binary=AGENT):
        name = row.availability_zone or conf.volume.default_availability_zone
        found[name] = found.get(name, False) or not row.disabled
    return found


def choose(session: Session, conf: Any, wanted: str | None) -> str:
    """The zone of a new volume; 400 for one that is not there."""
    if not wanted:
        return str(conf.volume.default_availability_zone)
    if wanted in zones(session, conf):
        return wanted
    if conf.volume.allow_availability_zone_fallback:
        return str(conf.volume.default_availability_zone)
    raise faults.invalid_input(f"Availability zone '{wanted}' is invalid.")
