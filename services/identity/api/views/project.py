"""Projects and domains as the API shows them."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

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


def _json(text: str | None) -> dict[str, Any]:
    """The object that a JSON column holds as text; mostly it is empty."""
    return {} if text in _EMPTY else orjson.loads(text or "{}")


_EMPTY = ("{}", None, "null")


def many(base_url: str, rows: Sequence[Any], tags: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Projects from plain rows of db.project.listing_rows; the URL's beginning is made once for all."""
    start = f"{base_url}/v3/projects/"
    return [{
        **_json(extra), "id": id_, "name": name, "domain_id": None if is_domain else domain_id, "description": description,
        "enabled": enabled, "parent_id": None if is_domain else parent_id, "is_domain": is_domain,
        "tags": tags.get(id_, ()), "options": _json(options), "links": {"self": start + id_},
    } for id_, name, domain_id, parent_id, is_domain, enabled, description, options, extra in rows]


def show_domain(request: Request, row: Project, tags: Sequence[str]) -> dict[str, Any]:
    """One domain."""
    return {
        **(row.extra or {}), "id": row.id, "name": row.name, "description": row.description, "enabled": row.enabled,
        "tags": list(tags), "options": row.options or {}, "links": self_link(request, "domains", row.id),
    }
