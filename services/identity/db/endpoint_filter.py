"""Which endpoints and endpoint groups a project was given."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import orm

from services.identity.db import rows
from services.identity.db.models import EndpointGroup, ProjectEndpoint, ProjectEndpointGroup


def group(session: orm.Session, group_id: str) -> EndpointGroup | None:
    """The endpoint group of that id."""
    return session.get(EndpointGroup, group_id)


def groups(session: orm.Session, query: rows.Query) -> tuple[Sequence[EndpointGroup], bool]:
    """Endpoint groups that meet `query`."""
    return rows.listing(session, EndpointGroup, query)


def delete_group(session: orm.Session, group_id: str) -> None:
    """Delete an endpoint group and take it from every project."""
    session.execute(sa.delete(ProjectEndpointGroup).where(ProjectEndpointGroup.endpoint_group_id == group_id))
    session.execute(sa.delete(EndpointGroup).where(EndpointGroup.id == group_id))


def has(session: orm.Session, project_id: str, endpoint_id: str) -> bool:
    """Whether a project was given an endpoint."""
    return session.get(ProjectEndpoint, (project_id, endpoint_id)) is not None


def give(session: orm.Session, project_id: str, endpoint_id: str) -> None:
    """Give a project an endpoint; harmless when it has it."""
    if not has(session, project_id, endpoint_id):
        rows.add(session, ProjectEndpoint(project_id=project_id, endpoint_id=endpoint_id))


def take(session: orm.Session, project_id: str, endpoint_id: str) -> bool:
    """Take an endpoint from a project; whether it had it."""
    return bool(session.execute(sa.delete(ProjectEndpoint).where(
        ProjectEndpoint.project_id == project_id, ProjectEndpoint.endpoint_id == endpoint_id)).rowcount)


def has_group(session: orm.Session, project_id: str, group_id: str) -> bool:
    """Whether a project was given an endpoint group."""
    return session.get(ProjectEndpointGroup, (project_id, group_id)) is not None


def give_group(session: orm.Session, project_id: str, group_id: str) -> None:
    """Give a project an endpoint group; harmless when it has it."""
    if not has_group(session, project_id, group_id):
        rows.add(session, ProjectEndpointGroup(project_id=project_id, endpoint_group_id=group_id))


def take_group(session: orm.Session, project_id: str, group_id: str) -> bool:
    """Take an endpoint group from a project; whether it had it."""
    return bool(session.execute(sa.delete(ProjectEndpointGroup).where(
        ProjectEndpointGroup.project_id == project_id, ProjectEndpointGroup.endpoint_group_id == group_id)).rowcount)


def projects_of(session: orm.Session, *, endpoint_id: str | None = None, group_id: str | None = None) -> list[str]:
    """Ids of the projects that were given an endpoint, or an endpoint group."""
    if endpoint_id is not None:
        return list(session.scalars(sa.select(ProjectEndpoint.project_id).where(
            ProjectEndpoint.endpoint_id == endpoint_id)))
    return list(session.scalars(sa.select(ProjectEndpointGroup.project_id).where(
        ProjectEndpointGroup.endpoint_group_id == group_id)))
