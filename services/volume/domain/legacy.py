"""Using volumes by actions, as clients did before there were attachments."""

from typing import Any

from common import clock, errors, ids
from common.context import RequestContext
from common.db.session import Session
from services.volume.db import attachments, volumes
from services.volume.db.models import Attachment, Volume
from services.volume.domain import faults
from services.volume.domain.attachments import CONNECTED, backend, grant, real, settle, withdraw
from services.volume.domain.deps import Deps


def _locked(session: Session, volume_id: str) -> Volume:
    try:
        return volumes.lock(session, volume_id)
    except errors.Stale:
        raise faults.missing("volume", volume_id) from None


def reserve(deps: Deps, volume_id: str) -> None:
    """available -> attaching (in use too, with multiattach)."""

    def make(session: Session) -> None:
        row = _locked(session, volume_id)
        if row.status != "available" and not (row.multiattach and row.status == "in-use"):
            raise faults.invalid_volume(
                f"Volume status must be available{' or in-use' if row.multiattach else ''} to reserve, but the "
                f"status is {row.status}."
            )
        volumes.change(session, row.id, [row.status], status="attaching", previous_status=row.status)

    deps.db.transaction(make)


def unreserve(deps: Deps, volume_id: str) -> None:
    """attaching -> what it was before."""

    def make(session: Session) -> None:
        row = _locked(session, volume_id)
        if row.status == "attaching":
            settle(session, row)

    deps.db.transaction(make)


def begin_detaching(deps: Deps, volume_id: str) -> None:
    """in-use -> detaching."""

    def make(session: Session) -> None:
        row = _locked(session, volume_id)
        if row.status != "in-use" or row.attach_status != "attached":
            raise faults.invalid_volume(
                "Unable to detach volume. Volume status must be 'in-use' and attach_status must be 'attached' to detach."
            )
        volumes.change(session, row.id, ["in-use"], status="detaching")

    deps.db.transaction(make)


def roll_detaching(deps: Deps, volume_id: str) -> None:
    """detaching -> in-use."""
    deps.db.transaction(volumes.change, volume_id, ["detaching"], status="in-use")


def attach(deps: Deps, volume_id: str, *, server_id: str | None, host: str | None, mountpoint: str, mode: str | None) -> None:
    """available or attaching -> in-use, with an attachment for the server or host."""

    def make(session: Session) -> None:
        row = _locked(session, volume_id)
        have = [a for a in real(attachments.of_volume(session, row.id)) if a.attach_status == "attached"]
        if any(a.instance_uuid == server_id and a.attached_host == host for a in have):
            return
        if row.status not in ("available", "attaching") and not (row.multiattach and row.status == "in-use"):
            raise faults.invalid_volume(
                f"volume must be available, attaching or in use with multiattach to attach, but its status is {row.status}"
            )
        if row.readonly and mode == "rw":
            raise faults.invalid_volume(f"Volume {row.id} is read only and cannot be attached in rw mode")
        attachments.insert(
            session,
            id=ids.uuid(),
            volume_id=row.id,
            instance_uuid=server_id,
            attached_host=host,
            mountpoint=mountpoint,
            attach_status="attached",
            attach_time=clock.now(),
            legacy=True,
            attach_mode=mode or ("ro" if row.readonly else "rw"),
        )
        volumes.change(session, row.id, [row.status], status="in-use", attach_status="attached", previous_status=None)

    deps.db.transaction(make)


def detach(deps: Deps, context: RequestContext, volume_id: str, attachment_id: str | None, *, force: bool = False) -> None:
    """End one attachment (the only one, unless named); the volume becomes what the others mean. Nothing, where there is none."""
    with deps.db.read() as session:
        volume = volumes.get(session, volume_id)
        have = real(attachments.of_volume(session, volume_id))
    if volume is None:
        raise faults.missing("volume", volume_id)
    if not force and volume.status not in ("in-use", "detaching", "attaching", "available"):
        raise faults.invalid_volume(
            "Unable to detach volume. Volume status must be 'in-use' and attach_status must be 'attached' to detach."
        )
    if attachment_id is not None:
        chosen = [a for a in have if a.id == attachment_id]
        if not chosen:
            raise faults.invalid_volume(f"Volume attachment not found with attachment id {attachment_id}")
    elif len(have) > 1:
        raise faults.invalid_volume("Detach volume failed: More than one attachment, but no attachment_id provided.")
    else:
        chosen = have
    keys = [a.id for a in chosen if a.connector]
    if keys:
        withdraw(deps, context, volume, keys)

    def make(session: Session) -> None:
        row = _locked(session, volume_id)
        for one in chosen:
            attachments.delete(session, one.id)
        settle(session, row)

    deps.db.transaction(make)


def complete_swap(deps: Deps, context: RequestContext, old: Volume, new: Volume, *, failed: bool) -> str:
    """The id of the volume that servers have after compute gave them `new` in the place of `old`, whose attachments follow.

    errors.BadRequest for volumes that are said to migrate: nothing here migrates volumes, so there is nothing to complete.
    """
    if old.migration_status or new.migration_status:
        which = "Destination" if old.migration_status else "Source"
        raise faults.invalid_volume(f"{which} volume not mid-migration.")
    if not failed:
        for one in real(old.attachments):
            detach(deps, context, old.id, one.id)
            attach(deps, new.id, server_id=one.instance_uuid, host=one.attached_host, mountpoint=one.mountpoint or "", mode="rw")
    return str(new.id)


def initialize_connection(deps: Deps, context: RequestContext, volume_id: str, connector: dict[str, Any]) -> dict[str, Any]:
    """Export the volume to the connector's host; {"driver_volume_type", "data"}. The same host gets the same export again."""

    def prepare(session: Session) -> tuple[Volume, Attachment]:
        row = _locked(session, volume_id)
        if not row.host or row.status in ("creating", "downloading", "deleting", "error", "error_deleting"):
            raise faults.invalid_volume(f"a connection cannot be made while the status is {row.status}")
        have = [
            a
            for a in attachments.of_volume(session, row.id)
            if a.attach_status == CONNECTED and (a.connector or {}).get("host") == connector.get("host")
        ]
        if have:
            attachments.change(session, have[0].id, connector=connector)
            return row, have[0]
        return row, attachments.insert(
            session,
            id=ids.uuid(),
            volume_id=row.id,
            attach_status=CONNECTED,
            legacy=True,
            connector=connector,
            attached_host=connector.get("host"),
            attach_mode="null",
        )

    row, attachment = deps.db.transaction(prepare)
    read_only = bool(row.readonly) or connector.get("mode") == "ro"
    info = grant(deps, context, row, attachment.id, connector, read_only=read_only)
    deps.db.transaction(attachments.change, attachment.id, connection_info=info)
    return {"driver_volume_type": info["driver_volume_type"], "data": info["data"]}


def terminate_connection(deps: Deps, context: RequestContext, volume_id: str, connector: dict[str, Any] | None) -> None:
    """Take the connector's host's access away (without one: everybody's that was given by initialize_connection)."""
    with deps.db.read() as session:
        volume = volumes.get(session, volume_id)
        have = [
            a
            for a in attachments.of_volume(session, volume_id)
            if a.attach_status == CONNECTED
            and (not connector or not connector.get("host") or (a.connector or {}).get("host") == connector["host"])
        ]
    if volume is None:
        raise faults.missing("volume", volume_id)
    backend(volume.host)
    if not have:
        return
    withdraw(deps, context, volume, [a.id for a in have])

    def make(session: Session) -> None:
        for one in have:
            attachments.delete(session, one.id)

    deps.db.transaction(make)
