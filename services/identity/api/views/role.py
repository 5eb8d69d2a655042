"""Roles and implications as the API shows them."""

from collections.abc import Sequence
from typing import Any

from common.http.request import Request
from services.identity.api.listing import self_link
from services.identity.db.models import NO_DOMAIN, Role


def show(request: Request, row: Role) -> dict[str, Any]:
    """One role."""
    return {
        **(row.extra or {}), "id": row.id, "name": row.name, "description": row.description,
        "domain_id": None if row.domain_id == NO_DOMAIN else row.domain_id, "options": row.options or {},
        "links": self_link(request, "roles", row.id),
    }


def brief(request: Request, row: Role) -> dict[str, Any]:
    """A role within an implication."""
    out: dict[str, Any] = {"id": row.id, "name": row.name, "links": self_link(request, "roles", row.id)}
    return out


def inference(request: Request, prior: Role, implied: Sequence[Role]) -> dict[str, Any]:
    """A prior role and all it implies."""
    return {"prior_role": brief(request, prior), "implies": [brief(request, r) for r in implied]}
