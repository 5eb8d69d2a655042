"""EC2 credentials of users, and tokens for signed requests."""

from typing import Any

import flask
import orjson

from common import ids
from common.http.request import Request
from common.http.validation import Schema
from services.identity.api import credential as credential_api
from services.identity.api import listing
from services.identity.api import token as token_api
from services.identity.api.schemas import credential as credential_schema
from services.identity.db import credential as credential_db
from services.identity.db.models import Credential
from services.identity.domain import credential, ec2, faults, project
from services.identity.domain import user as users


def view(request: Request, row: Credential) -> dict[str, Any]:
    """One EC2 credential."""
    fields = orjson.loads(request.app.credential_keys.decrypt(row))
    return {"user_id": row.user_id, "tenant_id": row.project_id, "access": fields["access"],
            "secret": fields.get("secret"), "trust_id": fields.get("trust_id"),
            "links": listing.self_link(request, "users", row.user_id, "credentials", "OS-EC2", fields["access"])}


def index(request: Request, user_id: str) -> dict[str, Any]:
    """200 with a user's EC2 credentials."""
    request.authorize({"user_id": user_id})
    credential_api.refuse_delegated(request)
    request.app.read(users.found, user_id)
    found = request.app.read(credential_db.of_user, user_id, "ec2")
    return listing.answer(request, "credentials", [view(request, c) for c in found])


def create(request: Request, user_id: str) -> tuple[dict[str, Any], int]:
    """201 with a new access key and its secret."""
    request.authorize(credential_api.target(user_id))
    credential_api.refuse_delegated(request)
    request.app.read(users.found, user_id)
    project_id = request.body.get("tenant_id")
    if not isinstance(project_id, str):
        raise faults.not_found("project", project_id)
    with request.app.db.read() as session:
        project.found(session, project_id)
    access, secret = ids.hex_id(), ids.hex_id()
    blob = {"access": access, "secret": secret, "trust_id": None}
    row = request.app.change(credential_api.store, request.app, Credential(
        id=credential.ec2_id(access), user_id=user_id, project_id=project_id, type="ec2", extra={}),
        orjson.dumps(blob).decode())
    return {"credential": view(request, row)}, 201


def _authorized(request: Request, credential_id: str) -> Credential:
    """The credential, once its owner's rule allows it, whatever user the path names; 404 for all when there is none."""
    found_id = credential.ec2_id(credential_id)
    row: Credential | None = request.app.read(credential_db.get, found_id)
    if row is None:
        raise faults.not_found("credential", found_id)
    request.authorize(credential_api.target(row.user_id))
    if row.type != "ec2":
        raise faults.unauthorized()
    credential_api.refuse_delegated(request)
    return row


def show(request: Request, user_id: str, credential_id: str) -> dict[str, Any]:
    """200."""
    return {"credential": view(request, _authorized(request, credential_id))}


def delete(request: Request, user_id: str, credential_id: str) -> None:
    """204."""
    row = _authorized(request, credential_id)
    request.app.change(credential_db.delete, row.id)


def _signed(request: Request, schema: Schema, *names: str) -> dict[str, Any]:
    """The signed request that a body describes under one of `names`; 401, as upstream has it, for one without an access key."""
    found = [request.body[name] for name in names if name in request.body]
    if not found:
        raise faults.invalid("request must include a request body")
    if not found[0]:
        raise faults.unauthorized()
    schema.validate(request.body)
    return dict(found[0])


def ec2_token(request: Request) -> flask.Response:
    """200 with a token for a signed EC2 request; only services and operators may ask."""
    given = _signed(request, credential_schema.EC2_TOKEN, "credentials", "ec2Credentials")
    return token_api.answer(request, *ec2.ec2_token(request.app.auth, given), 200)


def s3_token(request: Request) -> flask.Response:
    """200 with what a token for a signed S3 request would say, and no token; only services and operators may ask."""
    given = _signed(request, credential_schema.S3_TOKEN, "credentials")
    response = token_api.answer(request, *ec2.s3_token(request.app.auth, given), 200)
    del response.headers["X-Subject-Token"]
    return response
