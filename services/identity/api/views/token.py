"""Tokens as the API shows them."""

import datetime
from typing import Any

from common import clock
from services.identity.objects.token import Token


def moment(seconds: float) -> str:
    """`2024-01-31T12:00:00.000000Z`, the fraction always nought as in upstream's Fernet tokens."""
    when = datetime.datetime.fromtimestamp(int(seconds), clock.UTC).replace(tzinfo=None)
    return when.isoformat(timespec="microseconds") + "Z"


def show(token: Token, catalog: list[dict[str, Any]] | None) -> dict[str, Any]:
    """`{"token": {…}}`; the catalog only where one is given (never for unscoped tokens)."""
    found = token.payload
    view: dict[str, Any] = {
        "methods": list(found.methods), "user": token.user, "audit_ids": list(found.audit_ids),
        "expires_at": moment(found.expires_at), "issued_at": moment(found.issued_at),
    }
    if found.kind != "unscoped":
        view["roles"] = token.role_details or [{"id": i, "name": n} for i, n in token.roles]
    if token.project is not None:
        view["project"] = token.project
        if token.trust is None:
            view["is_domain"] = False  # a project that acts as a domain is scoped to as a domain
    if token.domain is not None:
        view["domain"] = token.domain
    if token.system:
        view["system"] = {"all": True}
    if token.trust is not None:
        view["OS-TRUST:trust"] = token.trust
    if token.application_credential is not None:
        view["application_credential"] = token.application_credential
    if catalog is not None and found.kind != "unscoped":
        view["catalog"] = catalog
    return {"token": view}
