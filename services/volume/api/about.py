"""What the API tells about itself: versions, extensions, zones, filters; and the encryption of volumes."""

from typing import Any

from common import errors
from common.http.request import Request
from services.volume.api import base
from services.volume.domain import zones

_UPDATED = "2026-04-01T00:00:00Z"
EXTENSIONS = {
    "os-availability-zone": "AvailabilityZones",
    "os-extended-snapshot-attributes": "ExtendedSnapshotAttributes",
    "os-hosts": "Hosts",
    "os-quota-class-sets": "QuotaClasses",
    "os-quota-sets": "Quotas",
    "OS-SCH-HNT": "SchedulerHints",
    "os-services": "Services",
    "os-snapshot-actions": "SnapshotActions",
    "os-types-extra-specs": "TypesExtraSpecs",
    "os-types-manage": "TypesManage",
    "os-used-limits": "UsedLimits",
    "os-volume-actions": "VolumeActions",
    "os-volume-encryption-metadata": "VolumeEncryptionMetadata",
    "os-vol-host-attr": "VolumeHostAttribute",
    "os-vol-image-meta": "VolumeImageMetadata",
    "os-vol-mig-status-attr": "VolumeMigStatusAttribute",
    "os-vol-tenant-attr": "VolumeTenantAttribute",
    "os-volume-transfer": "VolumeTransfer",
    "os-volume-type-access": "VolumeTypeAccess",
    "encryption": "VolumeTypeEncryption",
    "qos-specs": "Qos_specs_manage",
    "scheduler-stats": "Scheduler_stats",
    "os-admin-actions": "AdminActions",
    "capabilities": "Capabilities",
}


def _version(request: Request) -> dict[str, Any]:
    return {
        "id": "v3.0",
        "status": "CURRENT",
        "version": base.NEWEST,
        "min_version": "3.0",
        "updated": _UPDATED,
        "links": [
            {"rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/"},
            {"rel": "self", "href": f"{request.base_url}/v3/"},
        ],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.volume+json;version=3"}],
    }


def versions(request: Request) -> Any:
    """300: the versions there are."""
    return {"versions": [_version(request)]}, 300


def version(request: Request) -> dict[str, Any]:
    """200: version 3."""
    return {"versions": [_version(request)]}


def extensions(request: Request) -> dict[str, Any]:
    """200."""
    return {"extensions": [_extension(alias) for alias in EXTENSIONS]}


def extension(request: Request, alias: str) -> dict[str, Any]:
    """200; 404."""
    if alias not in EXTENSIONS:
        raise errors.NotFound("The resource could not be found.")
    return {"extension": _extension(alias)}


def _extension(alias: str) -> dict[str, Any]:
    name = EXTENSIONS[alias]
    return {"alias": alias, "name": name, "description": f"{name} support.", "updated": "2013-01-01T00:00:00+00:00", "links": []}


def availability_zones(request: Request) -> dict[str, Any]:
    """200."""
    with request.app.db.read() as session:
        found = zones.zones(session, request.app.conf)
    return {"availabilityZoneInfo": [{"zoneName": n, "zoneState": {"available": up}} for n, up in sorted(found.items())]}


_FILTERS = {
    "volume": [
        "name",
        "status",
        "metadata",
        "bootable",
        "migration_status",
        "availability_zone",
        "group_id",
        "size",
        "created_at",
        "updated_at",
    ],
    "snapshot": ["name", "status", "volume_id", "metadata", "availability_zone", "user_id", "created_at", "updated_at"],
    "attachment": ["volume_id", "instance_id", "status", "attach_status"],
    "message": ["resource_uuid", "resource_type", "event_id", "request_id", "message_level"],
    "pool": ["name"],
    "volume_type": ["is_public", "name", "extra_specs"],
}


def resource_filters(request: Request) -> dict[str, Any]:
    """200: by what lists may be filtered (3.33)."""
    wanted = request.first("resource")
    return {"resource_filters": [{"resource": r, "filters": f} for r, f in _FILTERS.items() if wanted in (None, r)]}


def encryption(request: Request, volume_id: str) -> dict[str, Any]:
    """200: how a volume is encrypted: it is not; 404."""
    base.volume(request, volume_id)
    return {"encryption_key_id": None}


def encryption_value(request: Request, volume_id: str, key: str) -> Any:
    """200: one value of how a volume is encrypted; 404."""
    found = encryption(request, volume_id)
    if key not in found:
        raise errors.NotFound("The resource could not be found.")
    return {key: found[key]}
