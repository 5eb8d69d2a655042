"""Handlers of images, which the image service owns, for clients older than 2.36 (metadata: 2.39)."""

from collections.abc import Mapping
from typing import Any

from common import errors
from common.http.request import Request
from services.compute.api.base import links, next_links
from services.compute.domain import quotas
from services.compute.domain.deps import remote
from services.compute.domain.server_create import image_copy

_STATUS = {
    "active": "ACTIVE",
    "queued": "SAVING",
    "saving": "SAVING",
    "importing": "SAVING",
    "uploading": "SAVING",
    "deleted": "DELETED",
    "pending_delete": "DELETED",
    "killed": "ERROR",
    "deactivated": "ACTIVE",
}
_PROGRESS = {"queued": 25, "saving": 50, "active": 100}


def _client(request: Request) -> Any:
    return request.app.image.as_user(request.context)


def _all_links(request: Request, image_id: str) -> list[dict[str, str]]:
    return [
        *links(request, "images", image_id),
        {"rel": "alternate", "type": "application/vnd.openstack.image", "href": request.app.image.link(image_id)},
    ]


def metadata_of(image: Mapping[str, Any]) -> dict[str, str]:
    """An image's properties as compute shows them."""
    return {k: str(v) for k, v in image_copy(image)["properties"].items()}


def view(request: Request, image: Mapping[str, Any]) -> dict[str, Any]:
    """An image with details."""
    meta = metadata_of(image)
    made: dict[str, Any] = {
        "id": image["id"],
        "name": image.get("name"),
        "minRam": image.get("min_ram") or 0,
        "minDisk": image.get("min_disk") or 0,
        "metadata": meta,
        "created": image.get("created_at"),
        "updated": image.get("updated_at"),
        "status": _STATUS.get(image.get("status", ""), "UNKNOWN"),
        "progress": _PROGRESS.get(image.get("status", ""), 0),
        "OS-EXT-IMG-SIZE:size": image.get("size"),
        "links": _all_links(request, image["id"]),
    }
    if meta.get("instance_uuid"):
        made["server"] = {"id": meta["instance_uuid"], "links": links(request, "servers", meta["instance_uuid"])}
    return made


_FILTERS = {
    "name": "name",
    "status": "status",
    "server": "instance_uuid",
    "type": "image_type",
    "minRam": "min_ram",
    "minDisk": "min_disk",
}


def _find(request: Request) -> list[dict[str, Any]]:
    wanted: dict[str, Any] = {"limit": request.first("limit"), "marker": request.first("marker")}
    for name, column in _FILTERS.items():
        text = request.first(name)
        if text is None:
            continue
        if name == "status":
            text = next((k for k, v in _STATUS.items() if v == text.upper()), text.lower())
        elif name == "server":
            text = text.rsplit("/", 1)[-1]
        wanted[column] = text
    if since := request.first("changes-since"):
        wanted["updated_at"] = f"gte:{since}"
    return list(remote(lambda: _client(request).find(**wanted)))


def _listed(request: Request, found: list[dict[str, Any]], made: list[dict[str, Any]], path: str) -> dict[str, Any]:
    limit = int(request.first("limit") or 0) or None
    link = next_links(request, path, found, limit, found[-1]["id"] if found else "")
    return {"images": made, "images_links": link} if link else {"images": made}


def index(request: Request) -> dict[str, Any]:
    """200."""
    found = _find(request)
    made = [{"id": i["id"], "name": i.get("name"), "links": _all_links(request, i["id"])} for i in found]
    return _listed(request, found, made, "images")


def detail(request: Request) -> dict[str, Any]:
    """200."""
    found = _find(request)
    return _listed(request, found, [view(request, i) for i in found], "images/detail")


def _show(request: Request, image_id: str) -> Any:
    return remote(lambda: _client(request).show(image_id), on_404=errors.NotFound("Image not found."))


def show(request: Request, image_id: str) -> dict[str, Any]:
    """200; 404."""
    return {"image": view(request, _show(request, image_id))}


def delete(request: Request, image_id: str) -> None:
    """204; 403, 404."""
    remote(lambda: _client(request).remove(image_id), on_404=errors.NotFound("Image not found."))


def metadata(request: Request, image_id: str) -> dict[str, Any]:
    """200; 404."""
    return {"metadata": metadata_of(_show(request, image_id))}


def metadata_item(request: Request, image_id: str, key: str) -> dict[str, Any]:
    """200; 404."""
    found = metadata_of(_show(request, image_id))
    if key not in found:
        raise errors.NotFound("Metadata item was not found")
    return {"meta": {key: found[key]}}


def _patch(request: Request, image_id: str, old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    with request.app.db.read() as session:
        limit = quotas.limits(session, request.app.conf, request.context.project_id or "")["metadata_items"]
    quotas.check_metadata(limit, new)
    patch = [
        {"op": "replace" if k in old else "add", "path": "/" + _escaped(k), "value": v} for k, v in new.items() if old.get(k) != v
    ]
    patch += [{"op": "remove", "path": "/" + _escaped(k)} for k in old if k not in new]
    return metadata_of(remote(lambda: _client(request).update(image_id, patch))) if patch else dict(new)


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def add_metadata(request: Request, image_id: str) -> dict[str, Any]:
    """200; 403, 404."""
    old = metadata_of(_show(request, image_id))
    return {"metadata": _patch(request, image_id, old, {**old, **request.body["metadata"]})}


def replace_metadata(request: Request, image_id: str) -> dict[str, Any]:
    """200; 403, 404."""
    return {"metadata": _patch(request, image_id, metadata_of(_show(request, image_id)), request.body["metadata"])}


def put_metadata_item(request: Request, image_id: str, key: str) -> dict[str, Any]:
    """200; 400 when the body names another key, 403, 404."""
    meta = request.body["meta"]
    if key not in meta:
        raise errors.BadRequest("Request body and URI mismatch")
    old = metadata_of(_show(request, image_id))
    _patch(request, image_id, old, {**old, **meta})
    return {"meta": meta}


def delete_metadata_item(request: Request, image_id: str, key: str) -> None:
    """204; 404."""
    old = metadata_of(_show(request, image_id))
    if key not in old:
        raise errors.NotFound("Invalid metadata key")
    _patch(request, image_id, old, {k: v for k, v in old.items() if k != key})
