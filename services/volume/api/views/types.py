"""Volume types, their encryption and quality of service as the API shows them."""

from typing import Any

from common.clock import iso_micro
from common.http.request import Request
from services.volume.api.base import links
from services.volume.db.models import QosSpecs, TypeEncryption, VolumeType

VISIBLE_SPECS = ("RESKEY:availability_zones", "multiattach", "replication_enabled")


def specs(request: Request, kind: VolumeType) -> dict[str, str]:
    """The extra specs that the caller may see."""
    found = dict(kind.extra_specs or {})
    if request.allowed("volume_extension:types_extra_specs:read_sensitive"):
        return found
    return {k: v for k, v in found.items() if k in VISIBLE_SPECS}


def one(request: Request, row: VolumeType) -> dict[str, Any]:
    """A type."""
    shown: dict[str, Any] = {"id": row.id, "name": row.name, "is_public": row.is_public, "description": row.description}
    if request.allowed("volume_extension:access_types_extra_specs"):
        shown["extra_specs"] = specs(request, row)
    if request.allowed("volume_extension:access_types_qos_specs_id"):
        shown["qos_specs_id"] = row.qos_specs_id
    if request.allowed("volume_extension:volume_type_access"):
        shown["os-volume-type-access:is_public"] = row.is_public
    return shown


def encryption(row: TypeEncryption) -> dict[str, Any]:
    """How a type is encrypted, with all that is stored."""
    return {
        "volume_type_id": row.volume_type_id,
        "encryption_id": row.encryption_id,
        "provider": row.provider,
        "cipher": row.cipher,
        "key_size": row.key_size,
        "control_location": row.control_location,
        "created_at": iso_micro(row.created_at),
        "updated_at": iso_micro(row.updated_at),
        "deleted": False,
        "deleted_at": None,
    }


def qos(request: Request, row: QosSpecs) -> dict[str, Any]:
    """Quality of service, with its links beside it."""
    return {"qos_specs": qos_summary(row), "links": links(request, "qos-specs", row.id)}


def qos_summary(row: QosSpecs) -> dict[str, Any]:
    """Quality of service."""
    return {"id": row.id, "name": row.name, "consumer": row.consumer, "specs": row.specs or {}}
