"""Unified limits: defaults registered per service, and limits of single projects and domains."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import orm

from services.identity.db import limit as limit_db


def by_project(session: orm.Session, project_ids: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Limits by project, as shown within a project."""
    out: dict[str, list[dict[str, Any]]] = {}
    for row, registered in limit_db.of_projects(session, project_ids):
        out.setdefault(row.project_id, []).append({
            "id": row.id, "resource_name": registered.resource_name, "resource_limit": row.resource_limit,
            "service_id": registered.service_id, "region_id": registered.region_id or None,
            "project_id": row.project_id, "domain_id": None, "description": row.description,
        })
    return out
