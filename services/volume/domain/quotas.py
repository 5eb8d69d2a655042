"""Limits of projects, and checking them.

Use is counted from the rows themselves under the project's lock, so it can never drift from the truth.
"""

from collections.abc import Mapping
from typing import Any

from common.db.session import Session
from services.volume.db import quotas, types, volumes
from services.volume.db.models import VolumeType
from services.volume.domain import faults

PLAIN = ("volumes", "snapshots", "gigabytes", "per_volume_gigabytes", "backups", "backup_gigabytes", "groups")
PER_TYPE = ("volumes", "snapshots", "gigabytes")


def defaults(session: Session, conf: Any, class_name: str = quotas.DEFAULT_CLASS) -> dict[str, int]:
    """The limits of a project without any of its own: for every resource and type."""
    found = {name: int(conf.quota[name]) for name in PLAIN}
    for type_name in types.names(session):
        found.update({f"{resource}_{type_name}": -1 for resource in PER_TYPE})
    found.update({k: v for k, v in quotas.of_class(session, class_name).items() if k in found})
    return found


def limits(session: Session, conf: Any, project_id: str) -> dict[str, int]:
    """The limits that hold for a project."""
    found = defaults(session, conf)
    found.update({k: v for k, v in quotas.of_project(session, project_id).items() if k in found})
    return found


def check(
    session: Session,
    conf: Any,
    project_id: str,
    kind: VolumeType,
    *,
    volumes_more: int = 0,
    snapshots_more: int = 0,
    gigabytes_more: int = 0,
    volume_size: int = 0,
) -> None:
    """Lock the project's use and refuse (413) what would go over a limit. Part of the transaction that adds the rows."""
    quotas.lock(session, project_id)
    allowed = limits(session, conf, project_id)
    most = allowed["per_volume_gigabytes"]
    if 0 <= most < volume_size:
        raise faults.over_quota(f"Requested volume size {volume_size}G is larger than maximum allowed limit {most}G.")
    used = volumes.usage(session, project_id)
    more = {"gigabytes": gigabytes_more, "volumes": volumes_more, "snapshots": snapshots_more}
    for resource, number in more.items():
        for name in (resource, f"{resource}_{kind.name}"):
            limit = allowed.get(name, -1)
            if number and 0 <= limit < used.get(name, 0) + number:
                _refuse(resource, name, limit, used.get(name, 0), number)


def _refuse(resource: str, name: str, limit: int, used: int, number: int) -> None:
    if resource == "gigabytes":
        quota = "" if name == resource else f" for quota '{name}'"
        raise faults.over_quota(
            f"Requested volume or snapshot exceeds allowed gigabytes quota{quota}. Requested {number}G, quota is "
            f"{limit}G and {used}G has been consumed."
        )
    if resource == "volumes":
        raise faults.over_quota(f"Maximum number of volumes allowed ({limit}) exceeded for quota '{name}'.")
    raise faults.over_quota(f"Maximum number of snapshots allowed ({limit}) exceeded")


def usage(session: Session, conf: Any, project_id: str) -> dict[str, dict[str, int]]:
    """{resource: {"limit", "in_use", "reserved", "allocated"}} of a project."""
    used = volumes.usage(session, project_id)
    return {
        name: {"limit": limit, "in_use": used.get(name, 0), "reserved": 0, "allocated": 0}
        for name, limit in limits(session, conf, project_id).items()
    }


def absolute(session: Session, conf: Any, project_id: str) -> Mapping[str, int]:
    """The absolute limits and uses of a project, as the limits API names them."""
    allowed, used = limits(session, conf, project_id), volumes.usage(session, project_id)
    return {
        "maxTotalVolumes": allowed["volumes"],
        "maxTotalSnapshots": allowed["snapshots"],
        "maxTotalVolumeGigabytes": allowed["gigabytes"],
        "maxTotalBackups": allowed["backups"],
        "maxTotalBackupGigabytes": allowed["backup_gigabytes"],
        "totalVolumesUsed": used["volumes"],
        "totalSnapshotsUsed": used["snapshots"],
        "totalGigabytesUsed": used["gigabytes"],
        "totalBackupsUsed": 0,
        "totalBackupGigabytesUsed": 0,
    }
