"""Snapshots, their metadata and their actions."""

from typing import Any

from common import errors
from common.http.request import Request, boolean
from services.volume.api import base
from services.volume.api.views import snapshots as view
from services.volume.db import snapshots, volumes
from services.volume.db.models import Snapshot
from services.volume.domain import faults
from services.volume.domain import snapshots as domain

_FILTERS = {
    "name": "name",
    "display_name": "name",
    "status": "status",
    "volume_id": "volume_id",
    "metadata": "metadata",
    "availability_zone": "availability_zone",
    "id": "id",
    "user_id": "user_id",
    "description": "description",
}
_LIKE = ("name", "display_name", "description", "status", "user_id", "volume_id")
SORT_KEYS = (
    "id",
    "name",
    "display_name",
    "created_at",
    "updated_at",
    "status",
    "volume_id",
    "volume_size",
    "user_id",
    "project_id",
    "description",
)


def index(request: Request) -> dict[str, Any]:
    """200: snapshots without their project and progress."""
    return _list(request, view.summary, "snapshots")


def detail(request: Request) -> dict[str, Any]:
    """200: snapshots with details."""
    return _list(request, view.detail, "snapshots/detail")


def _list(request: Request, show: Any, path: str) -> dict[str, Any]:
    page, offset = base.page(request, keys=SORT_KEYS)
    found = base.filters(request, _FILTERS, like=_LIKE, times=True)
    if "metadata" in found and not request.at_least("3.22"):
        found.pop("metadata")
    project = base.scope(request)
    with request.app.db.read() as session:
        rows = snapshots.listing(session, page, filters=found, project_id=project, offset=offset)
        body: dict[str, Any] = {}
        if request.at_least("3.45") and request.first("with_count") and boolean(request.first("with_count"), "with_count"):
            body["count"] = snapshots.count(session, filters=found, project_id=project)
    body["snapshots"] = [show(request, row) for row in rows]
    return base.with_next(request, body, "snapshots", path, page, [r.id for r in rows])


def show(request: Request, snapshot_id: str) -> dict[str, Any]:
    """200; 404."""
    return {"snapshot": view.detail(request, base.snapshot(request, snapshot_id))}


def create(request: Request) -> dict[str, Any]:
    """202; 400 when the volume's state forbids it, 404, 413 over quota. From 3.66 a volume in use needs no `force`."""
    body = request.body["snapshot"]
    with request.app.db.read() as session:
        row = volumes.get(session, body["volume_id"] or "")
    if row is None or not base.may_see(request, row):
        raise faults.missing("volume", body["volume_id"])
    request.authorize(base.target(row))
    force = request.at_least("3.66")
    if "force" in body:
        if force and not boolean(body["force"], "force"):
            raise faults.invalid_input(
                "Since microversion 3.66 the 'force' option is invalid for this request. For backward "
                "compatibility, however, when the 'force' flag is passed with a value evaluating to True, it is "
                "silently ignored."
            )
        force = force or boolean(body["force"], "force")
    made = domain.create(
        request.app,
        request.context,
        row,
        name=_named(body, "name"),
        description=_named(body, "description"),
        metadata=body.get("metadata") or {},
        force=force,
    )
    return {"snapshot": view.summary(request, made)}


def _named(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name, body.get(f"display_{name}"))
    return value.strip() if isinstance(value, str) else value


def update(request: Request, snapshot_id: str) -> dict[str, Any]:
    """200; 404."""
    row, body = base.snapshot(request, snapshot_id), request.body["snapshot"]
    values = {n: _named(body, n) for n in ("name", "description") if n in body or f"display_{n}" in body}

    def change(session: Any) -> Snapshot | None:
        snapshots.change(session, row.id, None, **values)
        return snapshots.get(session, row.id)

    changed = request.app.db.transaction(change)
    if changed is None:
        raise faults.missing("snapshot", snapshot_id)
    return {"snapshot": view.summary(request, changed)}


def delete(request: Request, snapshot_id: str) -> None:
    """202; 404."""
    domain.delete(request.app, request.context, base.snapshot(request, snapshot_id))


# metadata


def _items(row: Snapshot) -> dict[str, str]:
    return {item.key: item.value for item in row.items}


def _set(request: Request, snapshot_id: str, items: dict[str, str], *, replace: bool) -> dict[str, str]:
    def change(session: Any) -> dict[str, str]:
        snapshots.set_metadata(session, snapshot_id, items, replace=replace)
        session.expire_all()
        found = snapshots.get(session, snapshot_id)
        return _items(found) if found else {}

    return request.app.db.transaction(change)  # type: ignore[no-any-return]


def metadata_index(request: Request, snapshot_id: str) -> dict[str, Any]:
    """200; 404."""
    return {"metadata": _items(base.snapshot(request, snapshot_id))}


def metadata_create(request: Request, snapshot_id: str) -> dict[str, Any]:
    """200: add items."""
    return {"metadata": _set(request, base.snapshot(request, snapshot_id).id, request.body["metadata"], replace=False)}


def metadata_replace(request: Request, snapshot_id: str) -> dict[str, Any]:
    """200: replace all items."""
    return {"metadata": _set(request, base.snapshot(request, snapshot_id).id, request.body["metadata"], replace=True)}


def metadata_show(request: Request, snapshot_id: str, key: str) -> dict[str, Any]:
    """200; 404 when there is no such item."""
    found = _items(base.snapshot(request, snapshot_id))
    if key not in found:
        raise errors.NotFound(f"Snapshot {snapshot_id} has no metadata with key {key}.")
    return {"meta": {key: found[key]}}


def metadata_update(request: Request, snapshot_id: str, key: str) -> dict[str, Any]:
    """200; 400 when the body is about another item."""
    row = base.snapshot(request, snapshot_id)
    if key not in request.body["meta"]:
        raise errors.BadRequest("Request body and URI mismatch")
    return {"meta": {key: _set(request, row.id, request.body["meta"], replace=False)[key]}}


def metadata_delete(request: Request, snapshot_id: str, key: str) -> Any:
    """200; 404 when there is no such item."""
    row = base.snapshot(request, snapshot_id)
    if not request.app.db.transaction(snapshots.delete_metadata, row.id, key):
        raise errors.NotFound(f"Snapshot {snapshot_id} has no metadata with key {key}.")
    return base.empty()


# actions


def reset_status(request: Request, snapshot_id: str) -> None:
    """202; operators only."""
    row = base.snapshot(request, snapshot_id)
    request.app.db.transaction(snapshots.change, row.id, None, status=request.body["status"])


def force_delete(request: Request, snapshot_id: str) -> None:
    """202; operators only: delete in whatever state."""
    domain.delete(request.app, request.context, base.snapshot(request, snapshot_id), force=True)


def update_status(request: Request, snapshot_id: str) -> None:
    """202; 400 for a status that does not follow from the present one."""
    row, status = base.snapshot(request, snapshot_id), request.body["status"]
    follows = {"creating": ("creating", "available", "error"), "deleting": ("deleting", "error_deleting")}
    if status not in follows.get(row.status, ()):
        raise errors.BadRequest(f"Provided snapshot status {status} not allowed for snapshot with status {row.status}.")
    values = {"status": status}
    if request.body.get("progress"):
        values["progress"] = request.body["progress"]
    request.app.db.transaction(snapshots.change, row.id, [row.status], **values)
