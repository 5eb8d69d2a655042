"""Transfers of volumes between projects, under their old path and, since 3.55, their new one."""

from typing import Any

from common import errors
from common.clock import iso_micro
from common.http.request import Request, boolean
from services.volume.api import base
from services.volume.db import transfers, volumes
from services.volume.db.models import Transfer
from services.volume.domain import faults
from services.volume.domain import transfers as domain


def _summary(request: Request, row: Transfer) -> dict[str, Any]:
    return {
        "id": row.id,
        "volume_id": row.volume_id,
        "name": row.name,
        "links": base.links(request, "os-volume-transfer", row.id),
    }


def _detail(request: Request, row: Transfer) -> dict[str, Any]:
    shown = {**_summary(request, row), "created_at": iso_micro(row.created_at)}
    if request.at_least("3.55"):
        shown["no_snapshots"] = row.no_snapshots
    if request.at_least("3.57"):
        shown |= {"source_project_id": row.source_project_id, "destination_project_id": None, "accepted": False}
    return shown


def _transfer(request: Request, transfer_id: str) -> Transfer:
    with request.app.db.read() as session:
        row = transfers.get(session, transfer_id)
    if row is None or (row.source_project_id != request.context.project_id and not request.context.has_admin_role):
        raise faults.missing("transfer", transfer_id)
    request.authorize({"project_id": row.source_project_id})
    return row


def index(request: Request) -> dict[str, Any]:
    """200: offers without details."""
    return _list(request, _summary)


def detail(request: Request) -> dict[str, Any]:
    """200: offers with details."""
    return _list(request, _detail)


def _list(request: Request, show: Any) -> dict[str, Any]:
    page, offset = base.page(request)
    found = base.filters(request, {"name": "name", "id": "id", "volume_id": "volume_id"})
    with request.app.db.read() as session:
        rows = transfers.listing(session, page, filters=found, project_id=base.scope(request), offset=offset)
    return {"transfers": [show(request, r) for r in rows]}


def show(request: Request, transfer_id: str) -> dict[str, Any]:
    """200; 404."""
    return {"transfer": _detail(request, _transfer(request, transfer_id))}


def create(request: Request) -> dict[str, Any]:
    """202: the offer with its key, told only here; 400 unless the volume is available, 404."""
    body = request.body["transfer"]
    with request.app.db.read() as session:
        row = volumes.get(session, body["volume_id"])
    if row is None or not base.may_see(request, row):
        raise faults.missing("volume", body["volume_id"])
    request.authorize(base.target(row))
    name = body.get("name")
    made, key = domain.offer(
        request.app, row, name.strip() if name else name, boolean(body.get("no_snapshots", False), "no_snapshots")
    )
    return {"transfer": {**_detail(request, made), "auth_key": key}}


def accept(request: Request, transfer_id: str) -> dict[str, Any]:
    """202; 400 for a wrong key, 404, 413 over quota."""
    if not request.context.project_id:
        raise errors.BadRequest("A transfer is accepted with a token of a project.")
    row = domain.accept(request.app, request.context, transfer_id, request.body["accept"]["auth_key"])
    return {"transfer": _summary(request, row)}


def delete(request: Request, transfer_id: str) -> None:
    """202; 404."""
    domain.withdraw(request.app, _transfer(request, transfer_id))
