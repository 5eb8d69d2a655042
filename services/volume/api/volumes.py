"""Volumes: list, create, show, update, delete, summary."""

from typing import Any

from common import errors
from common.http.request import Request, boolean
from services.volume.api import base
from services.volume.api.views import volumes as view
from services.volume.db import volumes
from services.volume.db.models import Volume
from services.volume.domain import faults
from services.volume.domain import volumes as domain

_FILTERS = {
    "name": "name",
    "display_name": "name",
    "status": "status",
    "metadata": "metadata",
    "bootable": "bootable",
    "migration_status": "migration_status",
    "availability_zone": "availability_zone",
    "group_id": "group_id",
    "size": "size",
    "volume_type_id": "volume_type_id",
    "volume_type": "volume_type_id",
    "id": "id",
    "user_id": "user_id",
    "multiattach": "multiattach",
    "snapshot_id": "snapshot_id",
    "source_volid": "source_volid",
    "description": "description",
    "attach_status": "attach_status",
    "image_metadata": "image_metadata",
    "glance_metadata": "image_metadata",
}
_LIKE = ("name", "display_name", "description", "status", "availability_zone", "user_id")
SORT_KEYS = (
    "id",
    "status",
    "size",
    "availability_zone",
    "name",
    "bootable",
    "created_at",
    "display_name",
    "updated_at",
    "user_id",
    "project_id",
    "host",
    "volume_type_id",
    "description",
)


def index(request: Request) -> dict[str, Any]:
    """200: volumes without details."""
    return _list(request, view.summary, "volumes")


def detail(request: Request) -> dict[str, Any]:
    """200: volumes with details."""
    return _list(request, view.whole, "volumes/detail")


def _filters(request: Request) -> tuple[dict[str, Any], bool]:
    """(filters, whether anything can match)."""
    allowed = dict(_FILTERS)
    if request.context.has_admin_role:
        allowed["host"] = "host"
    found = base.filters(request, allowed, like=_LIKE, times=True)
    for name in ("bootable", "multiattach"):
        if name in found:
            found[name] = boolean(found[name], name)
    if "group_id" in found or "image_metadata" in found:
        if not request.at_least("3.4") and "image_metadata" in found:
            found.pop("image_metadata")
        if found.pop("group_id", None) is not None:
            return found, False
    if "status" in found and "," in found["status"]:
        found["status"] = [s.strip() for s in found["status"].split(",")]
    return found, True


def _list(request: Request, show: Any, path: str) -> dict[str, Any]:
    page, offset = base.page(request, keys=SORT_KEYS)
    found, possible = _filters(request)
    project = base.scope(request)
    wanted_metadata = base.mapping(found.pop("image_metadata")) if "image_metadata" in found else None
    with request.app.db.read() as session:
        rows = (
            volumes.listing(session, page, filters=found, project_id=project, offset=offset, whole=show is view.whole)
            if possible
            else []
        )
        body: dict[str, Any] = {}
        if request.at_least("3.45") and request.first("with_count") and boolean(request.first("with_count"), "with_count"):
            body["count"] = volumes.count(session, filters=found, project_id=project)[0] if possible else 0
    if wanted_metadata is not None:
        rows = [r for r in rows if all(str((r.image_metadata or {}).get(k)) == str(v) for k, v in wanted_metadata.items())]
    body["volumes"] = [show(request, row) for row in rows]
    return base.with_next(request, body, "volumes", path, page, [r.id for r in rows])


def summary(request: Request) -> dict[str, Any]:
    """200: how many volumes there are and their size; with metadata from 3.36."""
    project = base.scope(request)
    found, _ = _filters(request)
    with request.app.db.read() as session:
        number, size = volumes.count(session, filters=found, project_id=project)
        shown: dict[str, Any] = {"total_count": number, "total_size": size}
        if request.at_least("3.36"):
            shown["metadata"] = volumes.metadata_of(session, project)
    return {"volume-summary": shown}


def show(request: Request, volume_id: str) -> dict[str, Any]:
    """200; 404."""
    return {"volume": view.whole(request, base.volume(request, volume_id))}


def create(request: Request) -> Any:
    """202; 400 for sizes and sources that do not fit, 404 for what is named and not there, 413 over quota."""
    request.authorize()
    body = request.body["volume"]
    _refuse_unsupported(request, body)
    sources = [k for k in ("snapshot_id", "source_volid", "imageRef", "image_id", "backup_id") if body.get(k)]
    if len([s for s in sources if s not in ("imageRef", "image_id")]) + bool({"imageRef", "image_id"} & set(sources)) > 1:
        raise faults.invalid_input("A volume may be made from one of a snapshot, a volume, an image or a backup only.")
    image = body.get("imageRef") or body.get("image_id")
    if image is not None:
        request.authorize(None, "volume:create_from_image")
        image = _image_id(image)
    wanted = domain.NewVolume(
        size=_integer(body.get("size")),
        name=_named(body, "name"),
        description=_named(body, "description"),
        volume_type=body.get("volume_type"),
        availability_zone=body.get("availability_zone"),
        snapshot_id=body.get("snapshot_id"),
        source_volid=body.get("source_volid"),
        image_ref=image,
        metadata=body.get("metadata") or {},
        hints=request.body.get("OS-SCH-HNT:scheduler_hints") or body.get("OS-SCH-HNT:scheduler_hints") or {},
    )
    row = domain.create(request.app, request.context, wanted, see=lambda source: base.may_see(request, source))
    return {"volume": view.detail(request, row)}


def _refuse_unsupported(request: Request, body: dict[str, Any]) -> None:
    if body.get("backup_id"):
        raise errors.BadRequest("Volumes cannot be made from backups: there is no backup service.")
    if body.get("group_id") or body.get("consistencygroup_id"):
        raise errors.NotFound(f"Group {body.get('group_id') or body.get('consistencygroup_id')} could not be found.")
    if body.get("multiattach") is not None and boolean(body["multiattach"], "multiattach"):
        raise errors.BadRequest(
            "multiattach parameter has been removed. The default behavior is to use multiattach enabled volume "
            "types. Contact your administrator to create a multiattach enabled volume type and use it to create "
            "multiattach volumes."
        )


def _image_id(reference: str) -> str:
    found = str(reference).rstrip("/").rsplit("/", 1)[-1]
    if len(found) != 36:
        raise errors.BadRequest(f"Invalid image identifier or unable to access requested image: {reference}")
    return found


def _integer(value: Any) -> int | None:
    try:
        return None if value is None else int(value)
    except ValueError:
        raise faults.invalid_input(f"Volume size '{value}' must be an integer and greater than 0") from None


def _named(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name, body.get(f"display_{name}"))
    return value.strip() if isinstance(value, str) else value


def update(request: Request, volume_id: str) -> dict[str, Any]:
    """200; 404."""
    row = base.volume(request, volume_id)
    body = request.body["volume"]
    values: dict[str, Any] = {n: _named(body, n) for n in ("name", "description") if n in body or f"display_{n}" in body}

    def change(session: Any) -> Volume | None:
        if values:
            volumes.change(session, row.id, None, **values)
        if body.get("metadata") is not None:
            volumes.set_metadata(session, row.id, body["metadata"], replace=True)
        session.expire_all()
        return volumes.get(session, row.id)

    changed = request.app.db.transaction(change)
    if changed is None:
        raise faults.missing("volume", volume_id)
    return {"volume": view.detail(request, changed)}


def delete(request: Request, volume_id: str) -> None:
    """202; 400 when it is in use or has snapshots, 404."""
    row = base.volume(request, volume_id)
    cascade = boolean(request.first("cascade", "false"), "cascade")
    force = request.at_least("3.23") and boolean(request.first("force", "false"), "force")
    if force:
        request.authorize(base.target(row), "volume:force_delete")
    domain.delete(request.app, request.context, row, cascade=cascade, force=force)
