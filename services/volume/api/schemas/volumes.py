"""Bodies of volumes, their metadata and their actions."""

from typing import Any

from common.http.validation import Schema
from services.volume.api.schemas.base import (
    ANYTHING,
    BOOLEAN,
    CONNECTOR,
    DESCRIPTION,
    METADATA,
    NAME,
    OPTIONAL_UUID,
    UUID,
    value,
    wrapped,
)
from services.volume.domain.states import ATTACH_STATUSES, VOLUME_STATUSES

_SIZE = {"type": ["integer", "string", "null"], "pattern": "^[0-9]+$", "minimum": 1, "minLength": 1}
_NEW: dict[str, Any] = {
    "name": NAME,
    "display_name": NAME,
    "description": DESCRIPTION,
    "display_description": DESCRIPTION,
    "volume_type": {"type": ["string", "null"], "minLength": 0, "maxLength": 255},
    "metadata": METADATA,
    "snapshot_id": OPTIONAL_UUID,
    "source_volid": OPTIONAL_UUID,
    "consistencygroup_id": OPTIONAL_UUID,
    "size": _SIZE,
    "availability_zone": {"type": ["string", "null"], "minLength": 1, "maxLength": 255},
    "multiattach": BOOLEAN,
    "image_id": {"type": ["string", "null"]},
    "imageRef": {"type": ["string", "null"]},
    "group_id": OPTIONAL_UUID,
    "source_replica": {"type": "null"},
    "backup_id": OPTIONAL_UUID,
    "OS-SCH-HNT:scheduler_hints": {"type": ["object", "null"]},
}
CREATE = Schema(
    {
        "type": "object",
        "properties": {
            "volume": {"type": "object", "properties": _NEW, "additionalProperties": True},
            "OS-SCH-HNT:scheduler_hints": {"type": ["object", "null"]},
        },
        "required": ["volume"],
        "additionalProperties": False,
    }
)
UPDATE = wrapped(
    "volume",
    {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": False,
        "properties": {
            "name": NAME,
            "display_name": NAME,
            "description": DESCRIPTION,
            "display_description": DESCRIPTION,
            "metadata": METADATA,
        },
    },
)
SET_METADATA = Schema(
    {
        "type": "object",
        "properties": {"metadata": {**METADATA, "type": "object"}},
        "required": ["metadata"],
        "additionalProperties": False,
    }
)
SET_ITEM = Schema(
    {
        "type": "object",
        "properties": {"meta": {**METADATA, "type": "object", "minProperties": 1, "maxProperties": 1}},
        "required": ["meta"],
        "additionalProperties": False,
    }
)


RESERVE, UNRESERVE = ANYTHING, ANYTHING
BEGIN_DETACHING, ROLL_DETACHING = ANYTHING, ANYTHING
FORCE_DELETE = ANYTHING
ATTACH = value(
    {
        "instance_uuid": UUID,
        "host_name": {"type": "string", "maxLength": 255},
        "mountpoint": {"type": "string", "minLength": 1, "maxLength": 255},
        "mode": {"type": "string", "enum": ["rw", "ro"]},
        "mount_device": {"type": "string"},
    },
    required=("mountpoint",),
    anyOf=[{"required": ["instance_uuid"]}, {"required": ["host_name"]}],
)
DETACH = Schema({"type": ["object", "null"], "properties": {"attachment_id": OPTIONAL_UUID}})
FORCE_DETACH = Schema({"type": "object", "properties": {"attachment_id": OPTIONAL_UUID, "connector": CONNECTOR}})
INITIALIZE = Schema(
    {"type": "object", "properties": {"connector": {"type": "object"}}, "required": ["connector"], "additionalProperties": False}
)
TERMINATE = Schema(
    {"type": "object", "properties": {"connector": CONNECTOR}, "required": ["connector"], "additionalProperties": True}
)
EXTEND = value(
    {"new_size": {"type": ["integer", "string"], "pattern": "^[0-9]+$", "minimum": 1, "minLength": 1}}, required=("new_size",)
)
RETYPE = value(
    {
        "new_type": {"type": "string", "minLength": 1, "maxLength": 255},
        "migration_policy": {"type": ["string", "null"], "enum": ["on-demand", "never", None]},
    },
    required=("new_type",),
)
SET_BOOTABLE = value({"bootable": BOOLEAN}, required=("bootable",))
READONLY = value({"readonly": BOOLEAN}, required=("readonly",))
_UPLOAD: dict[str, Any] = {
    "image_name": {"type": "string", "minLength": 1, "maxLength": 255},
    "force": BOOLEAN,
    "disk_format": {"type": "string", "enum": ["raw", "vmdk", "vdi", "qcow2", "vhd", "vhdx", "ploop"]},
    "container_format": {"type": "string", "minLength": 0, "maxLength": 255},
}
UPLOAD = {
    "3.0": value(_UPLOAD, required=("image_name",), extra=True),
    "3.1": value(
        {
            **_UPLOAD,
            "visibility": {"type": "string", "enum": ["community", "public", "private", "shared"]},
            "protected": BOOLEAN,
        },
        required=("image_name",),
    ),
}
REIMAGE = value({"image_id": UUID, "reimage_reserved": BOOLEAN}, required=("image_id",))
REVERT = value({"snapshot_id": UUID}, required=("snapshot_id",))
RESET = Schema(
    {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": False,
        "properties": {
            "status": {"type": ["string", "null"], "enum": [*VOLUME_STATUSES, None]},
            "attach_status": {"type": ["string", "null"], "enum": [*ATTACH_STATUSES, None]},
            "migration_status": {"type": ["string", "null"]},
        },
    }
)
MIGRATE_COMPLETION = value(
    {"new_volume": UUID, "error": {"anyOf": [BOOLEAN, {"type": "null"}]}}, required=("new_volume",)
)
SET_IMAGE_METADATA = value(
    {"metadata": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 255}}}, required=("metadata",)
)
SHOW_IMAGE_METADATA = ANYTHING
UNSET_IMAGE_METADATA = value({"key": {"type": "string", "minLength": 1, "maxLength": 255}}, required=("key",))
