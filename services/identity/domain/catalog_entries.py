"""What may be done with regions, services and endpoints."""

from collections.abc import Mapping
from typing import Any

from common import errors, ids
from common.db.session import Session
from services.identity.db import catalog as catalog_db
from services.identity.db import rows
from services.identity.db.models import CatalogService, Endpoint, Region
from services.identity.domain import faults
from services.identity.domain.catalog import filled

_REGION = frozenset("id description parent_region_id links".split())
_SERVICE = frozenset("id type name enabled links".split())
_ENDPOINT = frozenset("id interface service_id region_id region url enabled links legacy_endpoint_id".split())


def _extra(values: Mapping[str, Any], own: frozenset[str]) -> dict[str, Any]:
    return {k: v for k, v in values.items() if k not in own}


def region(session: Session, region_id: str) -> Region:
    """The region; NotFound in upstream's words."""
    row = catalog_db.region(session, region_id)
    if row is None:
        raise faults.not_found("region", region_id)
    return row


def service(session: Session, service_id: str) -> CatalogService:
    """The service; NotFound in upstream's words."""
    row = catalog_db.service(session, service_id)
    if row is None:
        raise faults.not_found("service", service_id)
    return row


def endpoint(session: Session, endpoint_id: str) -> Endpoint:
    """The endpoint; NotFound in upstream's words."""
    row = catalog_db.endpoint(session, endpoint_id)
    if row is None:
        raise faults.not_found("endpoint", endpoint_id)
    return row


def create_region(session: Session, values: Mapping[str, Any]) -> Region:
    """A new region; Conflict when its id is taken, NotFound when its parent is not there."""
    if values.get("parent_region_id"):
        region(session, values["parent_region_id"])
    row = Region(id=values.get("id") or ids.hex_id(), description=values.get("description") or "",
                 parent_region_id=values.get("parent_region_id"), extra=_extra(values, _REGION))
    if catalog_db.region(session, row.id) is not None:
        raise faults.conflict("region", f"Duplicate ID, {row.id}.")
    return rows.add(session, row)


def update_region(session: Session, region_id: str, values: Mapping[str, Any]) -> Region:
    """Change a region; a circle of parents is refused."""
    row = region(session, region_id)
    faults.require_same_id(values, region_id)
    parent = values.get("parent_region_id")
    if parent:
        region(session, parent)
        if parent == region_id or parent in catalog_db.region_descendants(session, region_id):
            raise faults.invalid(
                f"The specified parent region {region_id} would create a circular region hierarchy.")
    for name in ("description", "parent_region_id"):
        if name in values:
            setattr(row, name, values[name] or ("" if name == "description" else None))
    row.extra = {**(row.extra or {}), **_extra(values, _REGION)}
    session.flush()
    return row


def delete_region(session: Session, region_id: str) -> None:
    """Delete a region with those below; Forbidden while endpoints lie in one."""
    region(session, region_id)
    doomed = [region_id, *catalog_db.region_descendants(session, region_id)]
    if any(catalog_db.region_in_use(session, r) for r in doomed):
        raise errors.Forbidden(
            f"Unable to delete region {region_id} because it or its child regions have associated endpoints.")
    for one in reversed(doomed):
        catalog_db.delete_region(session, one)


def create_service(session: Session, values: Mapping[str, Any]) -> CatalogService:
    """A new service."""
    return rows.add(session, CatalogService(
        id=ids.hex_id(), type=values["type"], name=values.get("name"),
        enabled=values.get("enabled", True), extra=_extra(values, _SERVICE)))


def update_service(session: Session, service_id: str, values: Mapping[str, Any]) -> CatalogService:
    """Change a service."""
    row = service(session, service_id)
    faults.require_same_id(values, service_id)
    for name in ("type", "name", "enabled"):
        if name in values:
            setattr(row, name, values[name])
    row.extra = {**(row.extra or {}), **_extra(values, _SERVICE)}
    session.flush()
    return row


def delete_service(session: Session, service_id: str) -> None:
    """Delete a service with its endpoints."""
    service(session, service_id)
    catalog_db.delete_service(session, service_id)


def create_endpoint(session: Session, values: Mapping[str, Any]) -> Endpoint:
    """A new endpoint; BadRequest when its service or region is not there, or its URL cannot be filled in."""
    _check_endpoint(session, values)
    if filled(values["url"], "user", "project") is None:
        raise faults.invalid(f"Cannot create an endpoint with an invalid URL: {values['url']}.")
    return rows.add(session, Endpoint(
        id=ids.hex_id(), interface=values["interface"], service_id=values["service_id"], region_id=_place(session, values),
        url=values["url"], enabled=values.get("enabled", True), extra=_extra(values, _ENDPOINT)))


def _place(session: Session, values: Mapping[str, Any]) -> str | None:
    """The region of an endpoint: `region_id`, or the older `region`, which is made where it is not there."""
    region_id: str | None = values.get("region_id") or values.get("region")
    if region_id and not values.get("region_id") and catalog_db.region(session, region_id) is None:
        rows.add(session, Region(id=region_id, description="", extra={}))
    return region_id


def _check_endpoint(session: Session, values: Mapping[str, Any]) -> None:
    if "service_id" in values and catalog_db.service(session, values["service_id"]) is None:
        raise faults.malformed("Expecting to find endpoint service_id in service table.")
    if values.get("region_id") is not None and catalog_db.region(session, values["region_id"]) is None:
        raise faults.malformed("Expecting to find endpoint region_id in region table.")
    faults.require_short(values, legacy_endpoint_id=64)
    if values.get("region_id") is None:
        faults.require_short({"id": values.get("region")}, id=255)


def update_endpoint(session: Session, endpoint_id: str, values: Mapping[str, Any]) -> Endpoint:
    """Change an endpoint; a URL that cannot be filled in is taken, as upstream takes it here, and left out of catalogs."""
    row = endpoint(session, endpoint_id)
    faults.require_same_id(values, endpoint_id)
    _check_endpoint(session, values)
    if values.get("region") is not None or "region_id" in values:
        row.region_id = _place(session, values)
    for name in ("interface", "service_id", "url", "enabled"):
        if name in values:
            setattr(row, name, values[name])
    row.extra = {**(row.extra or {}), **_extra(values, _ENDPOINT)}
    session.flush()
    return row


def delete_endpoint(session: Session, endpoint_id: str) -> None:
    """Delete an endpoint."""
    endpoint(session, endpoint_id)
    catalog_db.delete_endpoints(session, [endpoint_id])
