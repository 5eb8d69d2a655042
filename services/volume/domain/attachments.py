"""Uses of volumes: reserving, connecting, completing and ending them, and the older actions that do the same.

The row comes first, the export follows, its connection information last: whoever dies between leaves a row that the
next request, or the agent's pass over all exports, makes whole. A row that goes takes its export with it at the latest
with that pass.
"""

import logging
from typing import Any

from common import clock, errors, ids
from common.context import RequestContext
from common.db.session import Session
from services.volume.db import attachments, volumes
from services.volume.db.models import Attachment, Volume
from services.volume.domain import faults
from services.volume.domain.deps import Deps

LOG = logging.getLogger(__name__)
CONNECTED = "connected"
_CONNECTABLE = ("reserved", "attaching", "in-use", "available", "detaching", "downloading")


def backend(host: str | None) -> str:
    """host@backend of a volume's pool; 400 when the volume has none yet."""
    if not host:
        raise faults.invalid_volume("the volume is not on any back end")
    return host.split("#")[0]


def real(rows: Any) -> list[Attachment]:
    """Attachments but those that only stand for an export of the older actions."""
    return [a for a in rows if a.attach_status != CONNECTED]


def reserve(deps: Deps, volume_id: str, server_id: str | None, mode: str | None) -> Attachment:
    """Reserve a volume for a server. 400 when it is not free (a second time for the same server, it is)."""

    def make(session: Session) -> Attachment:
        row = volumes.lock(session, volume_id)
        others = real(attachments.of_volume(session, volume_id))
        free = row.status in ("available", "downloading") or (
            row.multiattach and row.status in ("in-use", "reserved", "attaching")
        )
        again = (
            server_id is not None
            and row.status in ("in-use", "reserved", "attaching")
            and any(a.instance_uuid == server_id for a in others)
        )
        if not (free or again):
            raise faults.invalid_volume(
                f"Volume {row.id} status must be available or downloading to reserve, but the current status is {row.status}."
            )
        if free and row.status != "in-use":
            volumes.change(session, row.id, [row.status], status="reserved")
        volumes.change(
            session,
            row.id,
            None,
            attach_status="reserved" if not any(a.attach_status == "attached" for a in others) else "attached",
        )
        return attachments.insert(
            session,
            id=ids.uuid(),
            volume_id=row.id,
            instance_uuid=server_id,
            attach_status="reserved",
            attach_mode=mode or "null",
        )

    try:
        return deps.db.transaction(make)
    except errors.Stale:
        raise faults.missing("volume", volume_id) from None


def connect(deps: Deps, context: RequestContext, attachment_id: str, connector: dict[str, Any]) -> Attachment:
    """Export the volume to the connector's host; the attachment with its connection information."""

    def prepare(session: Session) -> tuple[Attachment, Volume]:
        found = attachments.get(session, attachment_id)
        if found is None:
            raise faults.missing("attachment", attachment_id)
        attachment, row = found
        if row.status not in _CONNECTABLE:
            raise faults.invalid_volume(
                f"Volume {row.id} status must be reserved, attaching or in-use to connect, but the current status "
                f"is {row.status}."
            )
        if (
            any(
                a.instance_uuid != attachment.instance_uuid and a.id != attachment.id and a.connector
                for a in real(attachments.of_volume(session, row.id))
            )
            and not row.multiattach
        ):
            raise faults.invalid_volume(f"duplicate connectors detected on volume {row.id}")
        mode = _mode(row, attachment, connector)
        attachments.change(
            session,
            attachment_id,
            connector=connector,
            attached_host=connector.get("host"),
            attach_mode=mode,
            mountpoint=connector.get("mountpoint"),
        )
        return attachment, row

    attachment, row = deps.db.transaction(prepare)
    info = grant(deps, context, row, attachment_id, connector, read_only=_mode(row, attachment, connector) == "ro")

    def finish(session: Session) -> Attachment:
        status = "attached" if attachment.attach_status == "attached" else "attaching"
        attachments.change(session, attachment_id, connection_info=info, attach_status=status)
        volumes.change(session, row.id, ["reserved", "available"], status="attaching", attach_status="attaching")
        found = attachments.get(session, attachment_id)
        if found is None:
            raise faults.missing("attachment", attachment_id)
        session.refresh(found[0])
        return found[0]

    return deps.db.transaction(finish)


def _mode(volume: Volume, attachment: Attachment, connector: dict[str, Any]) -> str:
    wanted = connector.get("mode") or (attachment.attach_mode if attachment.attach_mode in ("ro", "rw") else None)
    if volume.readonly:
        if wanted == "rw":
            raise faults.invalid_volume(f"Volume {volume.id} is read only and cannot be attached in rw mode")
        return "ro"
    return wanted or "rw"


def grant(
    deps: Deps, context: RequestContext, volume: Volume, key: str, connector: dict[str, Any], *, read_only: bool
) -> dict[str, Any]:
    """Have the agent export the volume: the connection information, flat and as `data` alike."""
    found = deps.agent.to(backend(volume.host)).connect(context, volume.id, key, connector, read_only)
    data = dict(found["data"]) | {
        "access_mode": "ro" if read_only else "rw",
        "encrypted": False,
        "qos_specs": None,
        "cacheable": False,
        "enforce_multipath": False,
    }
    flat = data | {
        "driver_volume_type": found["driver_volume_type"],
        "attachment_id": key,
        "volume_id": volume.id,
        "multiattach": volume.multiattach,
    }
    return flat | {"data": data}


def complete(deps: Deps, attachment_id: str) -> None:
    """The guest has the volume: it is in use."""

    def make(session: Session) -> None:
        found = attachments.get(session, attachment_id)
        if found is None:
            raise faults.missing("attachment", attachment_id)
        attachments.change(session, attachment_id, attach_status="attached", attach_time=clock.now())
        volumes.change(
            session,
            found[1].id,
            ["attaching", "reserved", "available", "in-use", "detaching"],
            status="in-use",
            attach_status="attached",
            previous_status=None,
        )

    deps.db.transaction(make)


def end(deps: Deps, context: RequestContext, attachment_id: str) -> list[Attachment]:
    """End a use of a volume; the attachments that are left."""
    with deps.db.read() as session:
        found = attachments.get(session, attachment_id)
    if found is None:
        raise faults.missing("attachment", attachment_id)
    attachment, volume = found
    if attachment.connector:
        withdraw(deps, context, volume, [attachment_id])

    def make(session: Session) -> list[Attachment]:
        try:
            row = volumes.lock(session, volume.id)
        except errors.Stale:
            return []
        attachments.delete(session, attachment_id)
        return settle(session, row)

    return deps.db.transaction(make)


def withdraw(deps: Deps, context: RequestContext, volume: Volume, keys: list[str]) -> None:
    """Take exports away; an agent that does not answer does so by itself when it is back."""
    if not volume.host:
        return
    try:
        deps.agent.to(backend(volume.host)).disconnect(context, volume.id, keys)
    except errors.Transient as e:
        LOG.warning("exports of volume %s are left for the agent's next pass: %s", volume.id, e)


def settle(session: Session, volume: Volume) -> list[Attachment]:
    """Give a volume the status that its remaining attachments mean; these attachments."""
    left = real(attachments.of_volume(session, volume.id))
    found = {a.attach_status for a in left}
    status, attach = "available", "detached"
    for one, volume_status in (("attached", "in-use"), ("attaching", "attaching"), ("reserved", "reserved")):
        if one in found:
            status, attach = volume_status, one
            break
    expected = ["in-use", "detaching", "attaching", "reserved", "available"]
    if volume.attach_status == "attached" and not left:
        expected.append("error")  # what an operator reset is whole again when nobody has it any more, as upstream
    if not volumes.change(session, volume.id, expected, status=status, attach_status=attach):
        volumes.change(session, volume.id, None, attach_status=attach)
        # An operation goes on; afterwards the volume is what its attachments mean.
        if volume.previous_status in ("available", "in-use"):
            volumes.change(session, volume.id, None, previous_status=status)
    return left
