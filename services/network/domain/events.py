"""Telling compute what happened to a server's ports: written in the transaction, sent by the conductor until it is heard.

A conductor that writes an event may hold it from the start (`lease_s`) and send it without looking for it.
"""

from typing import Any

from common import clock, ids
from services.network.db import models, rows
from services.network.domain.work import Work


def _tell(work: Work, port: Any, name: str, tag: str | None, lease_s: float = 0.0) -> list[Any]:
    if not (work.conf.network.notify_compute and port.device_owner.startswith("compute:") and ids.is_uuid(port.device_id)):
        return []
    row = rows.filled(models.ServerEvent(id=ids.rising(), server_id=port.device_id, name=name, tag=tag,
                                         due_at=clock.after(lease_s), attempts=int(lease_s > 0)))
    work.pending.append(row)
    if not lease_s:
        work.changes.events = True
    return [row]


def plugged(work: Work, port: Any, *, lease_s: float = 0.0) -> list[Any]:
    """The port is wired: its server may run. The events: the caller sends those that it holds for `lease_s` seconds."""
    return _tell(work, port, "network-vif-plugged", port.id, lease_s)


def unplugged(work: Work, port: Any, *, lease_s: float = 0.0) -> list[Any]:
    """The port is no longer wired; as `plugged`."""
    return _tell(work, port, "network-vif-unplugged", port.id, lease_s)


def changed(work: Work, port: Any) -> None:
    """The port's addresses or floating IPs changed: what compute shows of them is stale."""
    _tell(work, port, "network-changed", port.id)


def port_gone(work: Work, port: Any) -> None:
    """Somebody removed a server's port."""
    _tell(work, port, "network-vif-deleted", port.id)
