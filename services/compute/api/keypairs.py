"""Handlers of key pairs."""

from typing import Any

from common.http.request import Request
from services.compute.api.base import next_links, page_limit
from services.compute.db import keypairs as rows
from services.compute.domain import keypairs as domain


def view(request: Request, row: Any, **more: Any) -> dict[str, Any]:
    """A key pair."""
    made = {"name": row.name, "public_key": row.public_key, "fingerprint": row.fingerprint, **more}
    if request.at_least("2.2"):
        made["type"] = row.type
    return made


def _user(request: Request, wanted: str | None) -> str:
    """Whose key pairs: the caller's, or since 2.10 another user's for operators."""
    user_id = wanted if wanted and request.at_least("2.10") else str(request.context.user_id)
    request.authorize({"user_id": user_id, "project_id": request.context.project_id})
    return user_id


def index(request: Request) -> dict[str, Any]:
    """200; 400 for an unknown marker."""
    user_id = _user(request, request.first("user_id"))
    limit = page_limit(request) if request.at_least("2.35") else None
    marker = request.first("marker") if limit is not None else None
    with request.app.db.read() as session:
        found = rows.page(session, user_id, limit=limit, marker=marker)
    made: dict[str, Any] = {"keypairs": [{"keypair": view(request, r)} for r in found]}
    link = next_links(request, "os-keypairs", found, limit, found[-1].name if found else "")
    return {**made, "keypairs_links": link} if link else made


def show(request: Request, name: str) -> dict[str, Any]:
    """200; 404."""
    user_id = _user(request, request.first("user_id"))
    with request.app.db.read() as session:
        row = rows.get(session, user_id, name)
    return {"keypair": view(request, row, user_id=row.user_id, id=row.id, created_at=row.created_at.isoformat(), deleted=False,
                            deleted_at=None, updated_at=row.updated_at.isoformat() if row.updated_at else None)}


def create(request: Request) -> Any:
    """200, since 2.2 201, with the private key if it was made here; 400, 403 over quota, 409."""
    body = request.body["keypair"]
    user_id = _user(request, body.get("user_id"))
    row, private = domain.create(request.app, request.context, user_id=user_id, name=body["name"], kind=body.get("type", "ssh"),
                                 public_key=body.get("public_key"), dots=request.at_least("2.92"))
    made = view(request, row, user_id=row.user_id)
    if private is not None:
        made["private_key"] = private
    return {"keypair": made}, 201 if request.at_least("2.2") else 200


def delete(request: Request, name: str) -> Any:
    """202, since 2.2 204; 404."""
    user_id = _user(request, request.first("user_id"))
    request.app.db.transaction(rows.delete, user_id, name)
    return None, 204 if request.at_least("2.2") else 202
