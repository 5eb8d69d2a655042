"""Projects and domains as the API shows them."""

from collections.abc import Sequence
from typing import Any

from common.http.request import Request
from services.identity.api.listing import self_link
from services.identity.db.models import Project


def show(request: Request, row: Project, tags: Sequence[str]) -> dict[str, Any]:
    """One project."""
    return {
        **(row.extra or {}), "id": row.id, "name": row.name, "domain_id": None if row.is_domain else row.domain_id,
        "description": row.description, "enabled": row.enabled, "parent_id": None if row.is_domain else row.parent_id,
        "is_domain": row.is_domain, "tags": list(tags), "options": row.options or {},
        "links": self_link(request, "projects", row.id),
    }


def show_domain(request: Request, row: Project, tags: Sequence[str]) -> dict[str, Any]:
    """One domain."""
    return {
        **(row.extra or {}), "id": row.id, "name": row.name, "description": row.description, "enabled": row.enabled,
        "tags": list(tags), "options": row.options or {}, "links": self_link(request, "domains", row.id),
    }
