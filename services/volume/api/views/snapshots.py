"""Snapshots as the API shows them."""

from typing import Any

from common.clock import iso_micro
from common.http.request import Request
from services.volume.db.models import Snapshot


def summary(request: Request, row: Snapshot) -> dict[str, Any]:
    """A snapshot in a list without details."""
    shown: dict[str, Any] = {
        "id": row.id,
        "created_at": iso_micro(row.created_at),
        "updated_at": iso_micro(row.updated_at),
        "name": row.name,
        "description": row.description,
        "volume_id": row.volume_id,
        "status": row.status,
        "size": row.volume_size,
        "metadata": {item.key: item.value for item in row.items},
    }
    if request.at_least("3.14"):
        shown["group_snapshot_id"] = None
    if request.at_least("3.41"):
        shown["user_id"] = row.user_id
    if request.at_least("3.65"):
        shown["consumes_quota"] = True
    return shown


def detail(request: Request, row: Snapshot) -> dict[str, Any]:
    """A snapshot with details."""
    shown = summary(request, row)
    if request.allowed("volume_extension:extended_snapshot_attributes", {"project_id": row.project_id, "user_id": row.user_id}):
        shown["os-extended-snapshot-attributes:project_id"] = row.project_id
        shown["os-extended-snapshot-attributes:progress"] = row.progress
    return shown
