"""Regions, services and endpoints as the API shows them."""

from typing import Any

from common.http.request import Request
from services.identity.api.listing import self_link
from services.identity.db.models import CatalogService, Endpoint, Region


def region(request: Request, row: Region) -> dict[str, Any]:
    """One region."""
    return {**(row.extra or {}), "id": row.id, "description": row.description, "parent_region_id": row.parent_region_id,
            "links": self_link(request, "regions", row.id)}


def service(request: Request, row: CatalogService) -> dict[str, Any]:
    """One service."""
    return {**(row.extra or {}), "id": row.id, "type": row.type, "enabled": row.enabled, "name": row.name or "",
            "links": self_link(request, "services", row.id)}


def endpoint(request: Request, row: Endpoint) -> dict[str, Any]:
    """One endpoint."""
    return {**(row.extra or {}), "id": row.id, "interface": row.interface, "service_id": row.service_id,
            "region_id": row.region_id, "region": row.region_id, "url": row.url, "enabled": row.enabled,
            "links": self_link(request, "endpoints", row.id)}
