"""Regions, services and endpoints."""

from typing import Any

from common.http.request import Request
from services.identity.api import listing
from services.identity.api.views import catalog as view
from services.identity.db import catalog as catalog_db
from services.identity.db.models import CatalogService, Endpoint, Region
from services.identity.domain import catalog_entries as entries
from services.identity.domain import faults


def regions(request: Request) -> dict[str, Any]:
    """200 with regions."""
    found, more = request.app.read(catalog_db.listing, Region, listing.read(request, ("parent_region_id",)))
    return listing.answer(request, "regions", [view.region(request, r) for r in found], more)


def create_region(request: Request) -> tuple[dict[str, Any], int]:
    """201."""
    return {"region": view.region(request, request.app.change(entries.create_region, request.body["region"]))}, 201


def put_region(request: Request, region_id: str) -> tuple[dict[str, Any], int]:
    """201 with a region of that id; 400 when the body has another."""
    values = dict(request.body["region"])
    if values.setdefault("id", region_id) != region_id:
        raise faults.invalid(f"Conflicting region IDs specified: \"{region_id}\" != \"{values['id']}\"")
    return {"region": view.region(request, request.app.change(entries.create_region, values))}, 201


def show_region(request: Request, region_id: str) -> dict[str, Any]:
    """200."""
    return {"region": view.region(request, request.app.read(entries.region, region_id))}


def update_region(request: Request, region_id: str) -> dict[str, Any]:
    """200."""
    return {"region": view.region(request, request.app.change(entries.update_region, region_id, request.body["region"]))}


def delete_region(request: Request, region_id: str) -> None:
    """204; 403 while endpoints lie in it."""
    request.app.change(entries.delete_region, region_id)


def services(request: Request) -> dict[str, Any]:
    """200 with services."""
    found, more = request.app.read(catalog_db.listing, CatalogService, listing.read(request, ("name", "type")))
    return listing.answer(request, "services", [view.service(request, s) for s in found], more)


def create_service(request: Request) -> tuple[dict[str, Any], int]:
    """201."""
    return {"service": view.service(request, request.app.change(entries.create_service, request.body["service"]))}, 201


def show_service(request: Request, service_id: str) -> dict[str, Any]:
    """200."""
    return {"service": view.service(request, request.app.read(entries.service, service_id))}


def update_service(request: Request, service_id: str) -> dict[str, Any]:
    """200."""
    row = request.app.change(entries.update_service, service_id, request.body["service"])
    return {"service": view.service(request, row)}


def delete_service(request: Request, service_id: str) -> None:
    """204."""
    request.app.change(entries.delete_service, service_id)


def endpoints(request: Request) -> dict[str, Any]:
    """200 with endpoints."""
    listing.one_of(request, "interface", ("admin", "internal", "public"))
    query = listing.read(request, ("interface", "service_id", "region_id", "enabled"))
    found, more = request.app.read(catalog_db.listing, Endpoint, query)
    return listing.answer(request, "endpoints", [view.endpoint(request, e) for e in found], more)


def create_endpoint(request: Request) -> tuple[dict[str, Any], int]:
    """201."""
    row = request.app.change(entries.create_endpoint, request.body["endpoint"])
    return {"endpoint": view.endpoint(request, row)}, 201


def show_endpoint(request: Request, endpoint_id: str) -> dict[str, Any]:
    """200."""
    return {"endpoint": view.endpoint(request, request.app.read(entries.endpoint, endpoint_id))}


def update_endpoint(request: Request, endpoint_id: str) -> dict[str, Any]:
    """200."""
    row = request.app.change(entries.update_endpoint, endpoint_id, request.body["endpoint"])
    return {"endpoint": view.endpoint(request, row)}


def delete_endpoint(request: Request, endpoint_id: str) -> None:
    """204."""
    request.app.change(entries.delete_endpoint, endpoint_id)
