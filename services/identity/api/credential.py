"""Credentials: secrets of users, kept encrypted."""

from typing import Any

import orjson

from common import ids
from common.http.request import Request
from services.identity.api import listing
from services.identity.db import credential as credential_db
from services.identity.db import rows
from services.identity.db.models import Credential
from services.identity.domain import credential, faults
from services.identity.objects.token import Token

_OWN = frozenset("id user_id project_id type blob links".split())
_KEPT = ("trust_id", "app_cred_id", "access_token_id")


def view(request: Request, row: Credential) -> dict[str, Any]:
    """One credential, decrypted."""
    return {**(row.extra or {}), "id": row.id, "user_id": row.user_id, "project_id": row.project_id, "type": row.type,
            "blob": request.app.credential_keys.decrypt(row), "links": listing.self_link(request, "credentials", row.id)}


def target(user_id: str | None) -> dict[str, Any]:
    """What a rule may ask about a credential."""
    return {"target.credential.user_id": user_id}


def _authorized(request: Request, credential_id: str) -> Credential:
    row = request.app.read(credential_db.get, credential_id)
    request.authorize(target(row.user_id) if row is not None else {})
    if row is None:
        raise faults.not_found("credential", credential_id)
    return row


def index(request: Request) -> dict[str, Any]:
    """200 with credentials; only its own for a caller who may not see others'."""
    own = request.context.user_id
    everything = request.allowed("identity:list_credentials", {})
    request.authorize(target(own))
    query = listing.read(request, ("user_id", "type"), inexact=False)
    found, more = request.app.read(credential_db.listing, query, None if everything else own)
    return listing.answer(request, "credentials", [view(request, c) for c in found], more)


def create(request: Request) -> tuple[dict[str, Any], int]:
    """201; an `ec2` credential gets the hash of its access key as id, and what delegation its maker came with."""
    values = dict(request.body["credential"])
    request.authorize(target(values["user_id"]))
    blob = values["blob"] if isinstance(values["blob"], str) else orjson.dumps(values["blob"]).decode()
    credential_id = ids.hex_id()
    if values["type"] == "ec2":
        if not values.get("project_id"):
            raise faults.invalid("Invalid input for field 'project_id': an ec2 credential needs one.")
        fields = _ec2_blob(blob)
        credential_id = credential.ec2_id(str(fields["access"]))
        blob = orjson.dumps({**fields, **delegation(request.context.token)}).decode()  # type: ignore[attr-defined]
    row = request.app.change(store, request.app, Credential(
        id=credential_id, user_id=values["user_id"], project_id=values.get("project_id"), type=values["type"],
        extra={k: v for k, v in values.items() if k not in _OWN}), blob)
    return {"credential": view(request, row)}, 201


def store(session: Any, state: Any, row: Credential, blob: str) -> Credential:
    """Encrypt and insert a credential; Conflict when its id is taken, Forbidden when the user has too many."""
    limit = state.conf.credential.user_limit
    if limit >= 0 and credential_db.count(session, row.user_id) >= limit:
        raise faults.forbidden(f"Unable to create additional credentials, maximum of {limit} already exceeded for user")
    row.blob, row.key_hash = state.credential_keys.encrypt(blob)
    try:
        rows.add(session, row)
    except rows.Duplicate:
        raise faults.conflict("credential", f"Duplicate entry found with ID {row.id}") from None
    return row


def _ec2_blob(blob: str) -> dict[str, Any]:
    try:
        fields = orjson.loads(blob)
    except orjson.JSONDecodeError:
        raise faults.invalid("Invalid blob in credential") from None
    if not isinstance(fields, dict) or not isinstance(fields.get("access"), str) or not fields["access"]:
        raise faults.invalid("Invalid blob in credential")
    return {k: v for k, v in fields.items() if k not in ("trust_id", "app_cred_id", "access_token_id")}


def delegation(found: Token | None) -> dict[str, Any]:
    """What binds a credential to the delegation its maker's token stands on; empty for a token of its own right."""
    out: dict[str, Any] = {}
    if found is not None and found.payload.trust_id:
        out["trust_id"] = found.payload.trust_id
    if found is not None and found.payload.application_credential_id:
        out["app_cred_id"] = found.payload.application_credential_id
    return out


def show(request: Request, credential_id: str) -> dict[str, Any]:
    """200."""
    return {"credential": view(request, _authorized(request, credential_id))}


def update(request: Request, credential_id: str) -> dict[str, Any]:
    """200; what delegation an ec2 credential came from cannot be changed, nor can it be given to one who may not have it."""
    row = _authorized(request, credential_id)
    values = request.body["credential"]
    if values.get("user_id", row.user_id) != row.user_id:
        request.authorize(target(values["user_id"]))

    def work(session: Any) -> Credential:
        found = credential_db.get(session, credential_id)
        if found is None:
            raise faults.not_found("credential", credential_id)
        _change(request, found, values)
        session.flush()
        return found

    return {"credential": view(request, request.app.change(work))}


def _change(request: Request, row: Credential, values: dict[str, Any]) -> None:
    keys = request.app.credential_keys
    old = keys.decrypt(row)
    blob = values.get("blob", old)
    blob = blob if isinstance(blob, str) else orjson.dumps(blob).decode()
    if "ec2" in (row.type, values.get("type")):
        before, after = (orjson.loads(old) if row.type == "ec2" else {}), None
        try:
            after = orjson.loads(blob)
        except orjson.JSONDecodeError:
            pass
        if not isinstance(after, dict):
            raise faults.invalid("Invalid blob in credential")
        if any(before.get(k) != after.get(k) for k in _KEPT):
            raise faults.invalid("Update of `trust_id`, `app_cred_id` or `access_token_id` is not allowed.")
        if not values.get("project_id", row.project_id):
            raise faults.invalid("Invalid input for field 'project_id': an ec2 credential needs one.")
    row.blob, row.key_hash = keys.encrypt(blob)
    for name in ("user_id", "project_id", "type"):
        if name in values:
            setattr(row, name, values[name])
    row.extra = {**(row.extra or {}), **{k: v for k, v in values.items() if k not in _OWN}}


def delete(request: Request, credential_id: str) -> None:
    """204."""
    _authorized(request, credential_id)
    request.app.change(credential_db.delete, credential_id)
