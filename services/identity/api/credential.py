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


def _delegated(request: Request) -> bool:
    found: Token | None = request.context.token  # type: ignore[attr-defined]
    return found is not None and found.delegated


def refuse_delegated(request: Request) -> None:
    """Forbidden for the token of a trust, an application credential or an access key: a secret may outlive it."""
    if _delegated(request):
        raise faults.forbidden("Delegated tokens cannot access credentials directly")


def _authorized(request: Request, credential_id: str) -> Credential:
    row = request.app.read(credential_db.get, credential_id)
    request.authorize(target(row.user_id) if row is not None else {})
    refuse_delegated(request)
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
    if _delegated(request):
        found, more = [], False  # of what it may not see one by one, it sees none
    return listing.answer(request, "credentials", [view(request, c) for c in found], more)


def create(request: Request) -> tuple[dict[str, Any], int]:
    """201; an `ec2` credential gets the hash of its access key as id."""
    values = dict(request.body["credential"])
    request.authorize(target(values["user_id"]))
    refuse_delegated(request)
    faults.require_short(values, user_id=64, project_id=64, type=255)
    blob, credential_id = values["blob"], ids.hex_id()
    if values["type"] == "ec2":
        if not values.get("project_id"):
            raise faults.invalid(f"Invalid input for field/attribute credential. Value: {values}. 'project_id' is a required "
                                 "property")
        fields = _ec2_blob(blob)
        credential_id = credential.ec2_id(str(fields["access"]))
        if any(k in fields for k in _KEPT):
            blob = orjson.dumps({k: v for k, v in fields.items() if k not in _KEPT}).decode()
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
    if not isinstance(fields, dict):
        raise faults.invalid("Invalid blob in credential")
    if not isinstance(fields.get("access"), str) or not fields["access"]:
        raise faults.malformed("Expecting to find access in credential.")
    return fields


def show(request: Request, credential_id: str) -> dict[str, Any]:
    """200."""
    return {"credential": view(request, _authorized(request, credential_id))}


def update(request: Request, credential_id: str) -> dict[str, Any]:
    """200; the blob alone can change, and of an ec2 credential not what delegation it came from."""
    _authorized(request, credential_id)
    blob = request.body["credential"]["blob"]

    def work(session: Any) -> Credential:
        found = credential_db.get(session, credential_id)
        if found is None:
            raise faults.not_found("credential", credential_id)
        if found.type == "ec2":
            _require_same_delegation(request.app.credential_keys.decrypt(found), blob)
        found.blob, found.key_hash = request.app.credential_keys.encrypt(blob)
        session.flush()
        return found

    return {"credential": view(request, request.app.change(work))}


def _require_same_delegation(old: str, new: str) -> None:
    before, after = orjson.loads(old), _ec2_blob(new)
    for name in (*_KEPT, "access_id"):
        if before.get(name) != after.get(name):
            raise faults.invalid(f"{name} can not be updated for credential")


def delete(request: Request, credential_id: str) -> None:
    """204."""
    _authorized(request, credential_id)
    request.app.change(credential_db.delete, credential_id)
