"""Bodies and queries of servers, by microversion."""

from typing import Any

from common.http.validation import Schema
from services.compute.api.schemas.types import (
    ADDRESS,
    BOOLEAN,
    HOSTNAME,
    METADATA,
    NAME,
    NAME_OR_NONE,
    POSITIVE,
    SIZE_OR_NONE,
    TAG,
    TEXT,
    UUID,
    array,
    obj,
    query,
)

_ACCESS = {
    "accessIPv4": {"type": "string", "format": "ipv4"},
    "accessIPv6": {"type": "string", "format": "ipv6"},
    "OS-DCF:diskConfig": {"type": "string", "enum": ["AUTO", "MANUAL"]},
}
_PERSONALITY = array(obj({"path": {"type": "string"}, "contents": {"type": "string"}}))
_CERTS = {
    "type": ["array", "null"],
    "minItems": 1,
    "maxItems": 50,
    "uniqueItems": True,
    "items": {"type": "string", "minLength": 1, "maxLength": 255},
}
_ID_OR_EMPTY = {"type": "string", "anyOf": [UUID, {"type": "string", "maxLength": 0}]}
_LEGACY_DISK: dict[str, Any] = {
    "virtual_name": {"type": "string", "maxLength": 255},
    "volume_id": UUID,
    "snapshot_id": UUID,
    "volume_size": SIZE_OR_NONE,
    "device_name": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[a-zA-Z0-9._/-]*$"},
    "delete_on_termination": BOOLEAN,
    "no_device": {},
    "connection_info": {"type": "string"},
}
_DISK: dict[str, Any] = {
    **_LEGACY_DISK,
    "source_type": {"type": "string", "enum": ["volume", "image", "snapshot", "blank"]},
    "uuid": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[a-zA-Z0-9._-]*$"},
    "image_id": UUID,
    "destination_type": {"type": "string", "enum": ["local", "volume"]},
    "guest_format": {"type": "string", "maxLength": 255},
    "device_type": {"type": "string", "maxLength": 255},
    "disk_bus": {"type": "string", "maxLength": 255},
    "boot_index": {"type": ["integer", "string", "null"], "pattern": "^-?[0-9]+$"},
}
_ONE_OR_MORE_IDS = {"anyOf": [UUID, array(UUID)]}
HINTS = obj(
    {
        "group": _ONE_OR_MORE_IDS,
        "different_host": _ONE_OR_MORE_IDS,
        "same_host": _ONE_OR_MORE_IDS,
        "query": {"type": ["string", "object"]},
        "target_cell": NAME,
        "build_near_host_ip": ADDRESS,
        "cidr": {"type": "string", "pattern": "^/[0-9a-f.:]+$"},
    },
    extra=True,
)


def _networks(version: tuple[int, int]) -> dict[str, Any]:
    item: dict[str, Any] = {
        "fixed_ip": ADDRESS,
        "port": {"type": ["string", "null"], "format": "uuid"},
        "uuid": {"type": "string"} if version < (2, 37) else UUID,
    }
    if (2, 32) <= version < (2, 37) or version >= (2, 42):
        item["tag"] = TAG
    listed = array(obj(item))
    return listed if version < (2, 37) else {"anyOf": [listed, {"type": "string", "enum": ["none", "auto"]}]}


def _create(text: str) -> Schema:
    version = (2, int(text.split(".")[1]))
    disk = dict(_DISK)
    if version == (2, 32) or version >= (2, 42):
        disk["tag"] = TAG
    if version >= (2, 67):
        disk["volume_type"] = {"type": ["string", "null"], "minLength": 0, "maxLength": 255}
    server: dict[str, Any] = {
        "name": NAME,
        "imageRef": _ID_OR_EMPTY,
        "flavorRef": {"type": ["string", "integer"], "minLength": 1},
        "adminPass": {"type": "string"},
        "metadata": METADATA,
        "networks": _networks(version),
        **_ACCESS,
        "personality": _PERSONALITY,
        "availability_zone": NAME,
        "block_device_mapping": array(obj(_LEGACY_DISK)),
        "block_device_mapping_v2": array(obj(disk)),
        "config_drive": BOOLEAN,
        "key_name": NAME,
        "min_count": POSITIVE,
        "max_count": POSITIVE,
        "return_reservation_id": BOOLEAN,
        "security_groups": array(obj({"name": NAME})),
        "user_data": {"type": "string", "maxLength": 65535},
    }
    required: tuple[str, ...] = ("name", "flavorRef")
    if version >= (2, 19):
        server["description"] = TEXT
    if version >= (2, 37):
        required = ("name", "flavorRef", "networks")
    if version >= (2, 52):
        server["tags"] = array(TAG, maxItems=50)
    if version >= (2, 57):
        del server["personality"]
    if version >= (2, 63):
        server["trusted_image_certificates"] = _CERTS
    if version >= (2, 74):
        server.update(host=HOSTNAME, hypervisor_hostname=HOSTNAME)
    if version >= (2, 90):
        server["hostname"] = {**HOSTNAME, "maxLength": 63 if version < (2, 94) else 255}
    return Schema(
        obj({"server": obj(server, required), "os:scheduler_hints": HINTS, "OS-SCH-HNT:scheduler_hints": HINTS}, ("server",))
    )


CREATE = {
    v: _create(v) for v in ("2.1", "2.19", "2.32", "2.33", "2.37", "2.42", "2.52", "2.57", "2.63", "2.67", "2.74", "2.90", "2.94")
}


def _update(minor: int) -> Schema:
    server: dict[str, Any] = {"name": NAME, **_ACCESS}
    if minor >= 19:
        server["description"] = TEXT
    if minor >= 90:
        server["hostname"] = {**HOSTNAME, "maxLength": 63 if minor < 94 else 255}
    if minor >= 104:
        server["pinned_availability_zone"] = NAME_OR_NONE
    return Schema(obj({"server": obj(server)}, ("server",)))


UPDATE = {f"2.{n}": _update(n) for n in (1, 19, 90, 94, 104)}


def _rebuild(minor: int) -> Schema:
    server: dict[str, Any] = {
        "name": NAME,
        "imageRef": UUID,
        "adminPass": {"type": "string"},
        "metadata": METADATA,
        "preserve_ephemeral": BOOLEAN,
        **_ACCESS,
        "personality": _PERSONALITY,
    }
    if minor >= 19:
        server["description"] = TEXT
    if minor >= 54:
        server["key_name"] = NAME_OR_NONE
    if minor >= 57:
        del server["personality"]
        server["user_data"] = {"type": ["string", "null"], "maxLength": 65535}
    if minor >= 63:
        server["trusted_image_certificates"] = _CERTS
    if minor >= 90:
        server["hostname"] = {**HOSTNAME, "maxLength": 63 if minor < 94 else 255}
    return Schema(obj(server, ("imageRef",)))


REBUILD = {f"2.{n}": _rebuild(n) for n in (1, 19, 54, 57, 63, 90, 94)}

SORT_KEYS = {
    "access_ip_v4": "access_ip_v4",
    "access_ip_v6": "access_ip_v6",
    "auto_disk_config": "auto_disk_config",
    "availability_zone": "availability_zone",
    "config_drive": "config_drive",
    "created_at": "created_at",
    "display_description": "description",
    "display_name": "name",
    "host": "host",
    "hostname": "hostname",
    "image_ref": "image_id",
    "instance_type_id": "flavorid",
    "kernel_id": "kernel_id",
    "key_name": "key_name",
    "launch_index": "launch_index",
    "launched_at": "launched_at",
    "locked": "locked",
    "locked_by": "locked_by",
    "node": "node",
    "power_state": "power_state",
    "progress": "progress",
    "project_id": "project_id",
    "ramdisk_id": "ramdisk_id",
    "root_device_name": "root_device_name",
    "task_state": "task_state",
    "terminated_at": "terminated_at",
    "updated_at": "updated_at",
    "user_id": "user_id",
    "uuid": "id",
    "vm_state": "vm_state",
    "id": "id",
    "name": "name",
}
"""Sort keys of clients and the columns that they mean."""
_KNOWN = (
    "limit",
    "marker",
    "sort_key",
    "sort_dir",
    "user_id",
    "project_id",
    "tenant_id",
    "launch_index",
    "image_ref",
    "image",
    "kernel_id",
    "ramdisk_id",
    "hostname",
    "key_name",
    "power_state",
    "vm_state",
    "task_state",
    "host",
    "node",
    "flavor",
    "reservation_id",
    "launched_at",
    "terminated_at",
    "availability_zone",
    "name",
    "display_name",
    "description",
    "display_description",
    "locked_by",
    "uuid",
    "root_device_name",
    "config_drive",
    "access_ip_v4",
    "access_ip_v6",
    "auto_disk_config",
    "progress",
    "instance_type_id",
    "all_tenants",
    "all_projects",
    "deleted",
    "status",
    "changes-since",
    "ip",
    "ip6",
    "created_at",
    "not-tags",
    "not-tags-any",
    "tags",
    "tags-any",
    "changes-before",
    "locked",
    "soft_deleted",
    "locked_reason",
    "hidden",
    "block_device_mapping",
    "services",
    "metadata",
    "system_metadata",
    "security_groups",
    "info_cache",
    "pci_devices",
)
LIST = query(*_KNOWN, strict_from="2.75")
SHOW = query(strict_from="2.75")
