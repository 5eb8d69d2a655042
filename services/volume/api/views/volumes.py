"""Volumes and attachments as the API shows them."""

from typing import Any

from common.clock import iso_micro
from common.http.request import Request
from services.volume.api.base import links
from services.volume.db.models import Attachment, Volume
from services.volume.domain.attachments import CONNECTED


def summary(request: Request, row: Volume) -> dict[str, Any]:
    """A volume in a list without details."""
    return {"id": row.id, "name": row.name, "links": links(request, "volumes", row.id)}


def detail(request: Request, row: Volume) -> dict[str, Any]:
    """A volume with details."""
    admin = request.context.has_admin_role
    shown: dict[str, Any] = {
        "id": row.id,
        "status": row.status,
        "size": row.size,
        "availability_zone": row.availability_zone,
        "created_at": iso_micro(row.created_at),
        "updated_at": iso_micro(row.updated_at),
        "name": row.name,
        "description": row.description,
        "volume_type": row.volume_type.name,
        "snapshot_id": row.snapshot_id,
        "source_volid": row.source_volid,
        "metadata": _metadata(row),
        "links": links(request, "volumes", row.id),
        "user_id": row.user_id,
        "bootable": str(row.bootable).lower(),
        "encrypted": False,
        "replication_status": None,
        "consistencygroup_id": None,
        "multiattach": row.multiattach,
        "migration_status": row.migration_status if admin else None,
        "attachments": [_attachment(a, admin) for a in row.attachments if a.attach_status == "attached"],
    }
    _newer(request, row, shown, admin)
    return shown


def whole(request: Request, row: Volume) -> dict[str, Any]:
    """A volume with details and what extensions add: how it is shown and listed, but not how it is answered when made."""
    shown = detail(request, row)
    if request.allowed("volume_extension:volume_host_attribute", _target(row)):
        shown["os-vol-host-attr:host"] = row.host
    if request.allowed("volume_extension:volume_tenant_attribute", _target(row)):
        shown["os-vol-tenant-attr:tenant_id"] = row.project_id
    if request.allowed("volume_extension:volume_mig_status_attribute", _target(row)):
        shown["os-vol-mig-status-attr:migstat"] = row.migration_status
        shown["os-vol-mig-status-attr:name_id"] = None
    if row.image_metadata and request.allowed("volume_extension:volume_image_metadata:show", _target(row)):
        shown["volume_image_metadata"] = row.image_metadata
    return shown


def _newer(request: Request, row: Volume, shown: dict[str, Any], admin: bool) -> None:
    if request.at_least("3.13"):
        shown["group_id"] = None
    if request.at_least("3.21") and admin:
        shown["provider_id"] = None
    if request.at_least("3.48"):
        shown["shared_targets"] = None if request.at_least("3.69") else False
        shown["service_uuid"] = None
    if request.at_least("3.61") and admin:
        shown["cluster_name"] = None
    if request.at_least("3.63"):
        shown["volume_type_id"] = row.volume_type_id
    if request.at_least("3.65"):
        shown["consumes_quota"] = True


def _target(row: Volume) -> dict[str, Any]:
    return {"project_id": row.project_id, "user_id": row.user_id}


def _metadata(row: Volume) -> dict[str, str]:
    found = {item.key: item.value for item in row.items}
    if row.readonly is not None:
        found["readonly"] = str(row.readonly)
    attached = [a for a in row.attachments if a.attach_status == "attached"]
    if attached and attached[0].attach_mode in ("rw", "ro"):
        found["attached_mode"] = attached[0].attach_mode
    return found


def _attachment(row: Attachment, admin: bool) -> dict[str, Any]:
    return {
        "id": row.volume_id,
        "attachment_id": row.id,
        "volume_id": row.volume_id,
        "server_id": row.instance_uuid,
        "host_name": row.attached_host if admin else None,
        "device": row.mountpoint,
        "attached_at": iso_micro(row.attach_time),
    }


def shown_attachments(rows: Any) -> list[Attachment]:
    """The attachments that the API knows of."""
    return [a for a in rows if a.attach_status != CONNECTED]


def attachment_summary(row: Attachment) -> dict[str, Any]:
    """An attachment in a list without details."""
    return {"id": row.id, "status": row.attach_status, "instance": row.instance_uuid, "volume_id": row.volume_id}


def attachment_detail(row: Attachment) -> dict[str, Any]:
    """An attachment with its connection information."""
    return {
        **attachment_summary(row),
        "attached_at": iso_micro(row.attach_time) or "",
        "detached_at": iso_micro(row.detach_time) or "",
        "attach_mode": row.attach_mode,
        "connection_info": row.connection_info or {},
    }
