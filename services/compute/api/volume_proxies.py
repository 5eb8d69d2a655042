"""Handlers of volumes and snapshots, which block storage owns, for clients older than 2.36."""

from collections.abc import Mapping
from typing import Any

from common import errors
from common.http.request import Request
from services.compute.domain.deps import remote


def _client(request: Request) -> Any:
    return request.app.volume.as_user(request.context)


def _attachments(volume: Mapping[str, Any]) -> list[dict[str, Any]]:
    made = [
        {"id": volume["id"], "volumeId": volume["id"], "serverId": a["server_id"], "device": a.get("device")}
        for a in volume.get("attachments") or ()
    ]
    return made or [{}]


def _volume(volume: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": volume["id"],
        "status": volume.get("status"),
        "size": volume.get("size"),
        "displayName": volume.get("name"),
        "availabilityZone": volume.get("availability_zone"),
        "createdAt": volume.get("created_at"),
        "displayDescription": volume.get("description"),
        "volumeType": volume.get("volume_type"),
        "snapshotId": volume.get("snapshot_id"),
        "metadata": volume.get("metadata") or {},
        "attachments": _attachments(volume),
    }


def _slice(request: Request, found: list[Any]) -> list[Any]:
    offset, limit = int(request.first("offset") or 0), request.first("limit")
    return found[offset : offset + int(limit)] if limit else found[offset:]


def volumes(request: Request) -> dict[str, Any]:
    """200."""
    return {"volumes": [_volume(v) for v in _slice(request, remote(lambda: _client(request).volumes()))]}


def volume(request: Request, volume_id: str) -> dict[str, Any]:
    """200; 404."""
    return {"volume": _volume(remote(lambda: _client(request).volume(volume_id), on_404=_missing(volume_id)))}


def _missing(volume_id: str) -> errors.NotFound:
    return errors.NotFound(f"Volume {volume_id} could not be found.")


def create_volume(request: Request) -> Any:
    """200 and a Location; 400, 403 over quota, 404."""
    body = request.body["volume"]
    names = {
        "display_name": "name",
        "display_description": "description",
        "size": "size",
        "volume_type": "volume_type",
        "metadata": "metadata",
        "snapshot_id": "snapshot_id",
        "availability_zone": "availability_zone",
    }
    values = {field: body[name] for name, field in names.items() if name in body}
    made = _volume(
        remote(lambda: _client(request).create_volume(values), on_413=errors.Forbidden("Maximum number of volumes exceeded"))
    )
    return {"volume": made}, 200, {"Location": f"{request.base_url}/v2.1/os-volumes/{made['id']}"}


def delete_volume(request: Request, volume_id: str) -> None:
    """202; 400, 404."""
    remote(lambda: _client(request).delete_volume(volume_id, missing_ok=False), on_404=_missing(volume_id))


def _snapshot(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": item["id"],
        "volumeId": item.get("volume_id"),
        "status": item.get("status"),
        "size": item.get("size"),
        "createdAt": item.get("created_at"),
        "displayName": item.get("name"),
        "displayDescription": item.get("description"),
    }


def snapshots(request: Request) -> dict[str, Any]:
    """200."""
    return {"snapshots": [_snapshot(s) for s in _slice(request, remote(lambda: _client(request).snapshots()))]}


def snapshot(request: Request, snapshot_id: str) -> dict[str, Any]:
    """200; 404."""
    missing = errors.NotFound(f"Snapshot {snapshot_id} could not be found.")
    return {"snapshot": _snapshot(remote(lambda: _client(request).snapshot(snapshot_id), on_404=missing))}


def create_snapshot(request: Request) -> dict[str, Any]:
    """200; 403 over quota, 404."""
    body = request.body["snapshot"]
    force = str(body.get("force", False)).lower() in ("1", "t", "true", "on", "y", "yes")
    made = remote(
        lambda: _client(request).create_snapshot(
            {
                "volume_id": body["volume_id"],
                "name": body.get("display_name"),
                "description": body.get("display_description"),
                "force": force,
            }
        )
    )
    return {"snapshot": _snapshot(made)}


def delete_snapshot(request: Request, snapshot_id: str) -> None:
    """202; 404."""
    missing = errors.NotFound(f"Snapshot {snapshot_id} could not be found.")
    remote(lambda: _client(request).delete_snapshot(snapshot_id, missing_ok=False), on_404=missing)
