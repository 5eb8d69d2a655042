"""`POST /volumes/{id}/action`: using volumes, growing and changing them, and what operators do."""

from typing import Any

from common import errors
from common.clock import iso_micro
from common.http.request import Request, boolean
from services.volume.api import base
from services.volume.db import snapshots, volumes
from services.volume.domain import attachments, faults, legacy
from services.volume.domain import volumes as domain


def reserve(request: Request, volume_id: str) -> None:
    """202; 400 unless it is available."""
    legacy.reserve(request.app, base.volume(request, volume_id).id)


def unreserve(request: Request, volume_id: str) -> None:
    """202."""
    legacy.unreserve(request.app, base.volume(request, volume_id).id)


def begin_detaching(request: Request, volume_id: str) -> None:
    """202; 400 unless it is attached."""
    legacy.begin_detaching(request.app, base.volume(request, volume_id).id)


def roll_detaching(request: Request, volume_id: str) -> None:
    """202."""
    legacy.roll_detaching(request.app, base.volume(request, volume_id).id)


def attach(request: Request, volume_id: str) -> None:
    """202; 400 unless it is free."""
    row, body = base.volume(request, volume_id), request.body
    if body.get("instance_uuid") and body.get("host_name"):
        raise errors.BadRequest("Invalid request to attach volume to an instance and host simultaneously")
    legacy.attach(
        request.app,
        row.id,
        server_id=body.get("instance_uuid"),
        host=body.get("host_name"),
        mountpoint=body["mountpoint"],
        mode=body.get("mode"),
    )


def detach(request: Request, volume_id: str) -> None:
    """202; 400 unless it is attached, 409 when a server uses it through compute."""
    row = base.volume(request, volume_id)
    named = (request.body or {}).get("attachment_id")
    for one in attachments.real(row.attachments):
        if named in (None, one.id):
            base.refuse_detach(request, one)
    legacy.detach(request.app, request.context, row.id, named)


def force_detach(request: Request, volume_id: str) -> None:
    """202; operators only."""
    row = base.volume(request, volume_id)
    legacy.detach(request.app, request.context, row.id, request.body.get("attachment_id"), force=True)
    if request.body.get("connector"):
        legacy.terminate_connection(request.app, request.context, row.id, request.body["connector"])


def initialize_connection(request: Request, volume_id: str) -> dict[str, Any]:
    """200: how the connector's host reaches the volume."""
    row = base.volume(request, volume_id)
    return {"connection_info": legacy.initialize_connection(request.app, request.context, row.id, request.body["connector"])}


def terminate_connection(request: Request, volume_id: str) -> None:
    """202."""
    row = base.volume(request, volume_id)
    legacy.terminate_connection(request.app, request.context, row.id, request.body.get("connector"))


def extend(request: Request, volume_id: str) -> None:
    """202; 400 for a smaller size or a wrong state, 413 over quota. In use from 3.42."""
    row = base.volume(request, volume_id)
    online = request.at_least("3.42")
    if online and row.status == "in-use":
        request.authorize(base.target(row), "volume:extend_attached_volume")
    domain.extend(request.app, request.context, row, int(request.body["new_size"]), online=online)


def retype(request: Request, volume_id: str) -> None:
    """202; 400 for an unknown type or a wrong state."""
    row = base.volume(request, volume_id)
    domain.retype(request.app, request.context, row, request.body["new_type"], request.body.get("migration_policy") or "never")


def revert(request: Request, volume_id: str) -> None:
    """202; 400 unless it is the latest snapshot, 404. From 3.40."""
    row = base.volume(request, volume_id)
    with request.app.db.read() as session:
        snapshot = snapshots.get(session, request.body["snapshot_id"])
    if snapshot is None or snapshot.volume_id != row.id:
        raise faults.missing("snapshot", request.body["snapshot_id"])
    domain.revert(request.app, request.context, row, snapshot)


def reimage(request: Request, volume_id: str) -> None:
    """202; 400 for an image that does not fit or a wrong state. From 3.68."""
    row = base.volume(request, volume_id)
    reserved = boolean(request.body.get("reimage_reserved", False), "reimage_reserved")
    if reserved:
        request.authorize(base.target(row), "volume:reimage_reserved")
    domain.reimage(request.app, request.context, row, request.body["image_id"], reserved=reserved)


def set_bootable(request: Request, volume_id: str) -> Any:
    """200."""
    row = base.volume(request, volume_id)
    request.app.db.transaction(volumes.change, row.id, None, bootable=boolean(request.body["bootable"], "bootable"))
    return base.empty()


def update_readonly(request: Request, volume_id: str) -> None:
    """202; 400 unless it is available."""
    row = base.volume(request, volume_id)
    readonly = boolean(request.body["readonly"], "readonly")
    if not request.app.db.transaction(volumes.change, row.id, ["available"], readonly=readonly):
        raise faults.invalid_volume(
            f"Volume {row.id} status must be available to update readonly flag, but current status is: {row.status}."
        )


def upload_image(request: Request, volume_id: str) -> dict[str, Any]:
    """202: the image that will be filled; 400 in a wrong state."""
    row, body = base.volume(request, volume_id), request.body
    container, disk = body.get("container_format") or "bare", body.get("disk_format") or "raw"
    if container == "compressed" and not request.at_least("3.1"):
        raise errors.BadRequest("Container format 'compressed' is not supported.")
    wanted: dict[str, Any] = {"name": body["image_name"], "disk_format": disk, "container_format": container}
    visibility, protected = body.get("visibility", "private"), boolean(body.get("protected", False), "protected")
    if request.at_least("3.1"):
        if visibility == "public":
            request.authorize(base.target(row), "volume_extension:volume_actions:upload_public")
        wanted |= {"visibility": visibility, "protected": protected}
    wanted |= {k: v for k, v in (row.image_metadata or {}).items() if k in ("min_disk", "min_ram") and str(v).isdigit()}
    for key in ("min_disk", "min_ram"):
        if key in wanted:
            wanted[key] = int(wanted[key])
    extra = {
        k: v
        for k, v in (row.image_metadata or {}).items()
        if k
        not in (
            "min_disk",
            "min_ram",
            "disk_format",
            "container_format",
            "checksum",
            "size",
            "image_id",
            "image_name",
            "signature_verified",
        )
        and k not in wanted
    }
    image = domain.upload(
        request.app, request.context, row, {**extra, **wanted}, forced=boolean(body.get("force", False), "force")
    )
    shown: dict[str, Any] = {
        "id": row.id,
        "updated_at": iso_micro(row.updated_at),
        "status": "uploading",
        "display_description": row.description,
        "size": row.size,
        "image_id": image["id"],
        "container_format": container,
        "disk_format": disk,
        "image_name": body["image_name"],
        "volume_type": {
            "id": row.volume_type.id,
            "name": row.volume_type.name,
            "description": row.volume_type.description,
            "is_public": row.volume_type.is_public,
            "qos_specs_id": row.volume_type.qos_specs_id,
            "created_at": iso_micro(row.volume_type.created_at),
            "updated_at": iso_micro(row.volume_type.updated_at),
            "deleted": False,
            "deleted_at": None,
            "extra_specs": {},
        },
    }
    if request.at_least("3.1"):
        shown |= {"visibility": visibility, "protected": protected}
    return {"os-volume_upload_image": shown}


def reset_status(request: Request, volume_id: str) -> None:
    """202; operators only: say what state a volume is in."""
    row, body = base.volume(request, volume_id), request.body
    values = {k: body[k] for k in ("status", "attach_status") if body.get(k)}
    if "migration_status" in body:
        values["migration_status"] = None if body["migration_status"] in (None, "none") else body["migration_status"]
    if not values:
        raise errors.BadRequest("Must specify 'status', 'attach_status' or 'migration_status' for update.")
    request.app.db.transaction(volumes.change, row.id, None, **values)


def migration_completed(request: Request, volume_id: str) -> dict[str, str]:
    """200: which volume a server keeps, of one that it had and one that took its place; 400 where a migration was to be, 404."""
    old, body = base.volume(request, volume_id), request.body
    with request.app.db.read() as session:
        new = volumes.get(session, body["new_volume"])
    if new is None:
        raise faults.missing("volume", body["new_volume"])
    failed = boolean(body.get("error") or False, "error")
    return {"save_volume_id": legacy.complete_swap(request.app, request.context, old, new, failed=failed)}


def force_delete(request: Request, volume_id: str) -> None:
    """202; operators only: delete in whatever state."""
    domain.delete(request.app, request.context, base.volume(request, volume_id), force=True)
