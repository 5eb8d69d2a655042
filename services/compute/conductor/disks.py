"""The volumes of a server: made, attached for its host, and given back."""

from typing import Any

from common import errors
from common.clients.base import RemoteError
from common.db import services as service_rows
from common.saga import Failure, Run, Wait
from services.compute.db import hosts, models, server_parts
from services.compute.domain import attachments

CREATE_TIMEOUT_S = 600.0


def connector(run: Run, host: str, disk: Any) -> dict[str, Any]:
    """How a host presents itself to block storage, as its agent told, and where the server is to have the volume (which people
    see at the volume); errors.Transient while the agent has not."""
    with run.deps.database.read() as session:
        rows = service_rows.list_all(session, models.Service, binary=hosts.COMPUTE, host=host)
        device = attachments.device_of(disk, server_parts.disks(session, [run.resource_id]).get(run.resource_id, []))
    found = (rows[0].info or {}).get("connector") if rows else None
    if not found:
        raise errors.Transient(f"the agent on {host} has not said yet how it connects to volumes")
    return {**found, "mountpoint": device} if device else dict(found)


def rows(run: Run) -> list[Any]:
    """The server's block devices that are volumes."""
    with run.deps.database.read() as session:
        found = server_parts.disks(session, [run.resource_id]).get(run.resource_id, [])
    return [d for d in found if d.destination == "volume"]


def prepare(run: Run, server: Any) -> Wait | None:
    """Make the volumes that were asked for, wait until they are there, attach them all for the server's host."""
    for disk in rows(run):
        volume_id = disk.volume_id or _create(run, server, disk)
        if disk.attachment_id and disk.connection_info:
            continue
        volume = run.deps.volume.volume(volume_id)
        if volume["status"] in ("creating", "downloading"):
            if run.step_age_s > CREATE_TIMEOUT_S:
                raise Failure(f"volume {volume_id} is still {volume['status']}")
            return Wait(1.0)
        if volume["status"].startswith("error"):
            raise Failure(f"volume {volume_id} went to {volume['status']}", public="Block Device Mapping is Invalid.")
        attach(run, server.host, disk, volume_id)
    return None


def attach(run: Run, host: str, disk: Any, volume_id: str) -> None:
    """Reserve (unless done) and connect one volume for `host`; its connection is written down."""
    storage, attachment_id = run.deps.volume, disk.attachment_id
    try:
        if attachment_id is None:
            attachment_id = storage.create_attachment(volume_id, run.resource_id)["id"]
            run.deps.database.transaction(server_parts.change_disk, disk.id, attachment_id=attachment_id)
        found = storage.update_attachment(attachment_id, connector(run, host, disk))
    except RemoteError as e:
        raise Failure(str(e), public=f"Volume {volume_id} could not be attached: {e.message}") from e
    run.deps.database.transaction(server_parts.change_disk, disk.id, connection_info=found["connection_info"])


def _create(run: Run, server: Any, disk: Any) -> str:
    """Make the volume of a block device; a repeated try finds the one it made by its name."""
    name = f"{server.id}-blank-vol" if disk.source == "blank" else ""
    marker = {"altostack_block_device": disk.id}
    storage = run.deps.volume.as_user(run.context)
    known = [] if run.fresh else run.deps.volume.volumes(all_tenants=1, metadata=repr(marker))
    try:
        volume = known[0] if known else storage.create_volume({
            "size": disk.volume_size, "name": name, "volume_type": disk.volume_type, "metadata": marker,
            "imageRef": disk.image_id if disk.source == "image" else None,
            "snapshot_id": disk.snapshot_id if disk.source == "snapshot" else None})
    except RemoteError as e:
        raise Failure(str(e), public=e.message) from e
    run.deps.database.transaction(server_parts.change_disk, disk.id, volume_id=volume["id"])
    run.data.setdefault("made_volumes", []).append(volume["id"])
    return str(volume["id"])


def move(run: Run, host: str) -> None:
    """Connect every volume for `host` instead of the host before; the server runs on neither. Repeating is harmless."""
    for disk in rows(run):
        if disk.attachment_id:
            found = _another(run, disk, host)
            _use(run, disk.id, found)
            run.deps.volume.delete_attachment(disk.attachment_id)


def attach_beside(run: Run, host: str) -> None:
    """Connect every volume for `host`, too; `data["attachments"]` keeps the connections until `switch` or `sweep`."""
    made: dict[str, dict[str, Any]] = {}
    for disk in rows(run):
        if disk.attachment_id:
            made[disk.id] = {"volume_id": disk.volume_id, **_another(run, disk, host)}
    run.data["attachments"] = made


def reserve(run: Run, disk: Any) -> None:
    """Keep a volume for the server by an attachment without a host, beside the one that it has until `sweep_one`."""
    if not run.fresh:
        sweep_one(run, disk)
    made = run.deps.volume.create_attachment(disk.volume_id, run.resource_id)
    _use(run, disk.id, {"attachment_id": made["id"], "connection_info": None})


def connections(run: Run) -> dict[str, Any]:
    """{volume id: its connection for the host that `attach_beside` named}."""
    return {item["volume_id"]: item["connection_info"] for item in run.data.get("attachments", {}).values()}


def switch(run: Run) -> None:
    """From now on the connections that `attach_beside` made are the server's."""
    for disk_id, found in run.data.get("attachments", {}).items():
        _use(run, disk_id, found)


def sweep(run: Run) -> None:
    """Give back every attachment of the server's volumes but the one its rows name."""
    for disk in rows(run):
        if disk.attachment_id:
            sweep_one(run, disk)


def _another(run: Run, disk: Any, host: str) -> dict[str, Any]:
    """One more attachment of a volume, connected for `host`; what an earlier try made is given back first."""
    if not run.fresh:
        sweep_one(run, disk)
    storage = run.deps.volume
    try:
        made = storage.create_attachment(disk.volume_id, run.resource_id)
        found = storage.update_attachment(made["id"], connector(run, host, disk))
    except RemoteError as e:
        raise Failure(str(e), public=f"Volume {disk.volume_id} could not be attached: {e.message}") from e
    return {"attachment_id": made["id"], "connection_info": found["connection_info"]}


def _use(run: Run, disk_id: str, found: dict[str, Any]) -> None:
    run.deps.database.transaction(server_parts.change_disk, disk_id, attachment_id=found["attachment_id"],
                                  connection_info=found["connection_info"])


def sweep_one(run: Run, disk: Any) -> None:
    """Give back every attachment of a volume to the server but the one its row names."""
    for found in run.deps.volume.attachments_of(disk.volume_id, run.resource_id):
        if found["id"] != disk.attachment_id:
            run.deps.volume.delete_attachment(found["id"])


def complete(run: Run) -> None:
    """Tell block storage that the guest has its volumes."""
    for disk in rows(run):
        if disk.attachment_id:
            run.deps.volume.complete_attachment(disk.attachment_id)


def release(run: Run, *, delete_made: bool) -> None:
    """Detach every volume; delete those that go with the server (`delete_made`: also those a failed boot made)."""
    made = set(run.data.get("made_volumes", ())) if delete_made else set()
    for disk in rows(run):
        if disk.attachment_id:
            run.deps.volume.delete_attachment(disk.attachment_id)
        if disk.volume_id and (disk.delete_on_termination or disk.volume_id in made):
            _delete(run, disk.volume_id)
        run.deps.database.transaction(_reset, disk.id, disk.volume_id if disk.source == "volume" else None)


def _delete(run: Run, volume_id: str) -> None:
    try:
        run.deps.volume.delete_volume(volume_id)
    except RemoteError as e:
        if e.status not in (400, 404):
            raise
        if e.status == 400:
            raise Failure(str(e)) from e


def _reset(session: Any, disk_id: str, volume_id: str | None) -> None:
    server_parts.change_disk(session, disk_id, attachment_id=None, connection_info=None, volume_id=volume_id)
