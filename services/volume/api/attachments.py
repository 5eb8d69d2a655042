"""Attachments (3.27): how compute uses volumes."""

from typing import Any

from common.http.request import Request
from services.volume.api import base
from services.volume.api.views import volumes as view
from services.volume.db import attachments, volumes
from services.volume.db.models import Attachment, Volume
from services.volume.domain import attachments as domain
from services.volume.domain import faults

_FILTERS = {
    "status": "attach_status",
    "volume_id": "volume_id",
    "instance_id": "instance_uuid",
    "attach_status": "attach_status",
    "id": "id",
    "attached_host": "attached_host",
    "attach_mode": "attach_mode",
}


def _found(request: Request, attachment_id: str) -> tuple[Attachment, Volume]:
    with request.app.db.read() as session:
        found = attachments.get(session, attachment_id)
    if found is None or found[0].attach_status == domain.CONNECTED or not base.may_see(request, found[1]):
        raise faults.missing("attachment", attachment_id)
    request.authorize(base.target(found[1]))
    return found


def index(request: Request) -> dict[str, Any]:
    """200: attachments without details."""
    return _list(request, view.attachment_summary, "attachments")


def detail(request: Request) -> dict[str, Any]:
    """200: attachments with details."""
    return _list(request, view.attachment_detail, "attachments/detail")


def _list(request: Request, show: Any, path: str) -> dict[str, Any]:
    page, _ = base.page(request)
    found = base.filters(request, _FILTERS, like=())
    with request.app.db.read() as session:
        rows = view.shown_attachments(attachments.listing(session, page, filters=found, project_id=base.scope(request)))
    return base.with_next(request, {"attachments": [show(r) for r in rows]}, "attachments", path, page, [r.id for r in rows])


def show(request: Request, attachment_id: str) -> dict[str, Any]:
    """200; 404."""
    return {"attachment": view.attachment_detail(_found(request, attachment_id)[0])}


def create(request: Request) -> dict[str, Any]:
    """200: reserve a volume, and connect it when a connector is given. 400 unless it is free, 404."""
    body = request.body["attachment"]
    with request.app.db.read() as session:
        row = volumes.get(session, body["volume_uuid"])
    if row is None or not base.may_see(request, row):
        raise faults.missing("volume", body["volume_uuid"])
    request.authorize(base.target(row))
    if row.bootable and row.multiattach and domain.real(row.attachments):
        request.authorize(base.target(row), "volume:multiattach_bootable_volume")
    made = domain.reserve(request.app, row.id, body.get("instance_uuid"), body.get("mode"))
    if body.get("connector"):
        made = domain.connect(request.app, request.context, made.id, body["connector"])
    return {"attachment": view.attachment_detail(made)}


def update(request: Request, attachment_id: str) -> dict[str, Any]:
    """200: connect to the connector's host; 400 for a connector or state that does not fit, 404."""
    row, _ = _found(request, attachment_id)
    made = domain.connect(request.app, request.context, row.id, request.body["attachment"]["connector"])
    return {"attachment": view.attachment_detail(made)}


def delete(request: Request, attachment_id: str) -> dict[str, Any]:
    """200: the attachments that are left; 404, 409 when a server uses the volume and it is not compute that asks."""
    row, _ = _found(request, attachment_id)
    base.refuse_detach(request, row)
    left = domain.end(request.app, request.context, row.id)
    return {"attachments": [view.attachment_detail(a) for a in left]}


def complete(request: Request, attachment_id: str) -> None:
    """204: the guest has the volume. From 3.44."""
    domain.complete(request.app, _found(request, attachment_id)[0].id)
