"""Metadata of volumes, and what they remember of their image."""

from typing import Any

from common import errors
from common.http.request import Request
from services.volume.api import base
from services.volume.db import volumes
from services.volume.db.models import Volume
from services.volume.domain import faults


def _items(row: Volume) -> dict[str, str]:
    return {item.key: item.value for item in row.items}


def _set(request: Request, row: Volume, items: dict[str, str], *, replace: bool) -> dict[str, str]:
    if row.status in ("maintenance", "uploading"):
        raise faults.invalid_volume(f"The volume is in state {row.status}: its metadata cannot be changed.")

    def change(session: Any) -> dict[str, str]:
        volumes.set_metadata(session, row.id, items, replace=replace)
        session.expire_all()
        found = volumes.get(session, row.id)
        return _items(found) if found else {}

    return request.app.db.transaction(change)  # type: ignore[no-any-return]


def index(request: Request, volume_id: str) -> dict[str, Any]:
    """200; 404. From 3.15 with an ETag."""
    return {"metadata": _items(base.volume(request, volume_id))}


def create(request: Request, volume_id: str) -> dict[str, Any]:
    """200: add items."""
    return {"metadata": _set(request, base.volume(request, volume_id), request.body["metadata"], replace=False)}


def replace(request: Request, volume_id: str) -> dict[str, Any]:
    """200: replace all items."""
    return {"metadata": _set(request, base.volume(request, volume_id), request.body["metadata"], replace=True)}


def show(request: Request, volume_id: str, key: str) -> dict[str, Any]:
    """200; 404 when there is no such item."""
    found = _items(base.volume(request, volume_id))
    if key not in found:
        raise errors.NotFound(f"Volume {volume_id} has no metadata with key {key}.")
    return {"meta": {key: found[key]}}


def update(request: Request, volume_id: str, key: str) -> dict[str, Any]:
    """200; 400 when the body is about another item."""
    row = base.volume(request, volume_id)
    if key not in request.body["meta"]:
        raise errors.BadRequest("Request body and URI mismatch")
    return {"meta": {key: _set(request, row, request.body["meta"], replace=False)[key]}}


def delete(request: Request, volume_id: str, key: str) -> Any:
    """200; 404 when there is no such item."""
    row = base.volume(request, volume_id)
    if not request.app.db.transaction(volumes.delete_metadata, row.id, key):
        raise errors.NotFound(f"Volume {volume_id} has no metadata with key {key}.")
    return base.empty()


def set_image(request: Request, volume_id: str) -> dict[str, Any]:
    """200: add items to what the volume remembers of its image."""
    row = base.volume(request, volume_id)

    def change(session: Any) -> dict[str, str]:
        found = volumes.lock(session, row.id)
        items = {**(found.image_metadata or {}), **request.body["metadata"]}
        volumes.change(session, row.id, None, image_metadata=items)
        return items

    return {"metadata": request.app.db.transaction(change)}


def show_image(request: Request, volume_id: str) -> dict[str, Any]:
    """200: what the volume remembers of its image."""
    return {"metadata": base.volume(request, volume_id).image_metadata or {}}


def unset_image(request: Request, volume_id: str) -> Any:
    """200; 404 when there is no such item."""
    row = base.volume(request, volume_id)
    key = request.body["key"]

    def change(session: Any) -> bool:
        items = dict(volumes.lock(session, row.id).image_metadata or {})
        if items.pop(key, None) is None:
            return False
        volumes.change(session, row.id, None, image_metadata=items)
        return True

    if not request.app.db.transaction(change):
        raise errors.NotFound(f"Volume {volume_id} has no metadata with key {key}.")
    return base.empty()
