"""Telling compute what happened to a server's ports: written in the transaction, sent by the conductor until it is heard."""

from typing import Any

from common import ids
from services.network.db import models
from services.network.domain.work import Work


def _tell(work: Work, port: Any, name: str, tag: str | None, status: str = "completed") -> None:
    if not work.conf.network.notify_compute:
        return
    if port.device_owner.startswith("compute:") and ids.is_uuid(port.device_id):
        work.session.add(models.ServerEvent(server_id=port.device_id, name=name, tag=tag, status=status))
        work.changes.events = True


def plugged(work: Work, port: Any) -> None:
    """The port is wired: its server may run."""
    _tell(work, port, "network-vif-plugged", port.id)


def unplugged(work: Work, port: Any) -> None:
    """The port is no longer wired."""
    _tell(work, port, "network-vif-unplugged", port.id)


def changed(work: Work, port: Any) -> None:
    """The port's addresses or floating IPs changed: what compute shows of them is stale."""
    _tell(work, port, "network-changed", port.id)


def port_gone(work: Work, port: Any) -> None:
    """Somebody removed a server's port."""
    _tell(work, port, "network-vif-deleted", port.id)
