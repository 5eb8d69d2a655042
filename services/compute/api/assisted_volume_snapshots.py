"""Snapshots of attached volumes that block storage asks compute to take."""

import json
from typing import Any

from common import errors
from common.http.request import Request
from services.compute.domain import assisted_volume_snapshots


def create(request: Request) -> dict[str, Any]:
    """200; 400 for a volume that is not attached, or to several servers, or whose server is busy."""
    body = request.body["snapshot"]
    info = body["create_info"]
    assisted_volume_snapshots.create(request.app, request.context, body["volume_id"], info["snapshot_id"])
    return {"snapshot": {"id": info.get("id"), "volumeId": body["volume_id"]}}


def delete(request: Request, snapshot_id: str) -> None:
    """204; 400 as above, or for `delete_info` that is missing or names no volume."""
    try:
        info = json.loads(request.first("delete_info") or "")
        volume_id = info["volume_id"]
    except (KeyError, TypeError, ValueError) as e:
        raise errors.BadRequest(str(e)) from e
    merging = info.get("merge_target_file") is not None
    assisted_volume_snapshots.delete(request.app, request.context, volume_id, snapshot_id, merging)
