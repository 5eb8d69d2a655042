"""Regions, services, endpoints and which of them a project sees."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from services.identity.db import rows
from services.identity.db.models import (
    CatalogService,
    Endpoint,
    EndpointGroup,
    PolicyAssociation,
    ProjectEndpoint,
    ProjectEndpointGroup,
    Region,
)


def region(session: orm.Session, region_id: str) -> Region | None:
    """The region of that id."""
    return session.get(Region, region_id)


def service(session: orm.Session, service_id: str) -> CatalogService | None:
    """The service of that id."""
    return session.get(CatalogService, service_id)


def endpoint(session: orm.Session, endpoint_id: str) -> Endpoint | None:
    """The endpoint of that id."""
    return session.get(Endpoint, endpoint_id)


def listing(session: orm.Session, model: Any, query: rows.Query, *where: Any) -> tuple[Sequence[Any], bool]:
    """Rows of Region, CatalogService, Endpoint or EndpointGroup that meet `query`."""
    return rows.listing(session, model, query, *where)


def enabled(session: orm.Session) -> list[tuple[CatalogService, Endpoint | None]]:
    """Every enabled service with each of its enabled endpoints (None where it has none), in a fixed order."""
    statement = sa.select(CatalogService, Endpoint).outerjoin(
        Endpoint, sa.and_(Endpoint.service_id == CatalogService.id, Endpoint.enabled)
    ).where(CatalogService.enabled).order_by(CatalogService.type, CatalogService.id, Endpoint.id)
    return [(row[0], row[1]) for row in session.execute(statement)]


def filtered_to(session: orm.Session, project_id: str) -> tuple[set[str], list[EndpointGroup]]:
    """Ids of the endpoints, and the endpoint groups, that a project was given."""
    ids = set(session.scalars(sa.select(ProjectEndpoint.endpoint_id).where(ProjectEndpoint.project_id == project_id)))
    statement = sa.select(EndpointGroup).join(
        ProjectEndpointGroup, ProjectEndpointGroup.endpoint_group_id == EndpointGroup.id
    ).where(ProjectEndpointGroup.project_id == project_id)
    return ids, list(session.scalars(statement))


def region_descendants(session: orm.Session, region_id: str) -> list[str]:
    """Ids of the regions below, nearest first."""
    tree = sa.select(Region.id).where(Region.parent_region_id == region_id).cte("tree", recursive=True)
    tree = tree.union_all(sa.select(Region.id).where(Region.parent_region_id == tree.c.id))
    return list(session.scalars(sa.select(tree.c.id)))


def delete_endpoints(session: orm.Session, ids: Sequence[str]) -> None:
    """Delete endpoints and what names them."""
    session.execute(sa.delete(ProjectEndpoint).where(ProjectEndpoint.endpoint_id.in_(list(ids))))
    session.execute(sa.delete(PolicyAssociation).where(PolicyAssociation.endpoint_id.in_(list(ids))))
    session.execute(sa.delete(Endpoint).where(Endpoint.id.in_(list(ids))))


def delete_service(session: orm.Session, service_id: str) -> None:
    """Delete a service, its endpoints and its policy associations."""
    ids = list(session.scalars(sa.select(Endpoint.id).where(Endpoint.service_id == service_id)))
    delete_endpoints(session, ids)
    session.execute(sa.delete(PolicyAssociation).where(PolicyAssociation.service_id == service_id))
    session.execute(sa.delete(CatalogService).where(CatalogService.id == service_id))


def region_in_use(session: orm.Session, region_id: str) -> bool:
    """Whether an endpoint lies in a region."""
    return bool(session.scalar(sa.select(sa.exists().where(Endpoint.region_id == region_id))))


def delete_region(session: orm.Session, region_id: str) -> None:
    """Delete a region."""
    session.execute(sa.delete(PolicyAssociation).where(PolicyAssociation.region_id == region_id))
    session.execute(sa.delete(Region).where(Region.id == region_id))


def has_regions_below(session: orm.Session, region_id: str) -> bool:
    """Whether a region is another's parent."""
    return bool(session.scalar(sa.select(sa.exists().where(Region.parent_region_id == region_id))))


def every_endpoint(session: orm.Session) -> list[tuple[CatalogService, Endpoint]]:
    """Every endpoint with its service, disabled ones included."""
    statement = sa.select(CatalogService, Endpoint).join(Endpoint, Endpoint.service_id == CatalogService.id)
    return [(row[0], row[1]) for row in session.execute(statement.order_by(Endpoint.id))]
