"""OS-EP-FILTER: showing a project some endpoints only."""

from typing import Any

from common import errors, ids
from common.http.request import Request
from services.identity.api import listing
from services.identity.api.views import catalog as catalog_view
from services.identity.api.views import project as project_view
from services.identity.db import catalog as catalog_db
from services.identity.db import endpoint_filter as filter_db
from services.identity.db import project as project_db
from services.identity.db import rows
from services.identity.db.models import EndpointGroup
from services.identity.domain import catalog, faults, project
from services.identity.domain import catalog_entries as entries


def _view(request: Request, row: EndpointGroup) -> dict[str, Any]:
    return {"id": row.id, "name": row.name, "description": row.description, "filters": row.filters or {},
            "links": listing.self_link(request, "OS-EP-FILTER", "endpoint_groups", row.id)}


def _found(session: Any, group_id: str) -> EndpointGroup:
    row = filter_db.group(session, group_id)
    if row is None:
        raise errors.NotFound(f"Could not find Endpoint Group: {group_id}.")
    return row


def groups(request: Request) -> dict[str, Any]:
    """200 with endpoint groups."""
    found, more = request.app.read(filter_db.groups, listing.read(request, ("name",)))
    return listing.answer(request, "endpoint_groups", [_view(request, g) for g in found], more)


def create_group(request: Request) -> tuple[dict[str, Any], int]:
    """201."""
    values = request.body["endpoint_group"]
    if not values["filters"]:
        raise faults.invalid("filters field is required and cannot be empty")
    _check_filters(values)
    row = request.app.change(rows.add, EndpointGroup(
        id=ids.hex_id(), name=values["name"], description=values.get("description"), filters=values["filters"]))
    return {"endpoint_group": _view(request, row)}, 201


def _check_filters(values: dict[str, Any]) -> None:
    if not set(values.get("filters", ())) <= {"service_id", "region_id", "interface"}:
        raise faults.malformed("Expecting to find service_id or region_id or interface in endpoint_group.")


def show_group(request: Request, endpoint_group_id: str) -> dict[str, Any]:
    """200."""
    return {"endpoint_group": _view(request, request.app.read(_found, endpoint_group_id))}


def update_group(request: Request, endpoint_group_id: str) -> dict[str, Any]:
    """200."""
    values = request.body["endpoint_group"]
    _check_filters(values)

    def work(session: Any) -> EndpointGroup:
        row = _found(session, endpoint_group_id)
        for name in ("name", "description", "filters"):
            if name in values:
                setattr(row, name, values[name])
        session.flush()
        return row

    return {"endpoint_group": _view(request, request.app.change(work))}


def delete_group(request: Request, endpoint_group_id: str) -> None:
    """204."""
    def work(session: Any) -> None:
        _found(session, endpoint_group_id)
        filter_db.delete_group(session, endpoint_group_id)

    request.app.change(work)


def group_endpoints(request: Request, endpoint_group_id: str) -> dict[str, Any]:
    """200 with the endpoints that meet a group's filters."""
    with request.app.db.read() as session:
        found = catalog.members(_found(session, endpoint_group_id), catalog_db.every_endpoint(session))
    return listing.answer(request, "endpoints", [catalog_view.endpoint(request, e) for e in found])


def group_projects(request: Request, endpoint_group_id: str) -> dict[str, Any]:
    """200 with the projects that were given a group."""
    with request.app.db.read() as session:
        ids_ = filter_db.projects_of(session, group_id=endpoint_group_id)
    return _projects(request, ids_)


def endpoint_projects(request: Request, endpoint_id: str) -> dict[str, Any]:
    """200 with the projects that were given an endpoint."""
    with request.app.db.read() as session:
        entries.endpoint(session, endpoint_id)
        ids_ = filter_db.projects_of(session, endpoint_id=endpoint_id)
    return _projects(request, ids_)


def _projects(request: Request, ids_: list[str]) -> dict[str, Any]:
    with request.app.db.read() as session:
        found, _ = project_db.listing(session, rows.Query(), domains=False, ids=ids_)
        tags = project_db.tags(session, ids_)
    return listing.answer(request, "projects", [project_view.show(request, p, tags.get(p.id, [])) for p in found])


def _both(session: Any, group_id: str, project_id: str) -> EndpointGroup:
    project.found(session, project_id)
    return _found(session, group_id)


def show_group_in_project(request: Request, endpoint_group_id: str, project_id: str) -> dict[str, Any]:
    """200 when the project has the group, 404 when not."""
    with request.app.db.read() as session:
        row = _both(session, endpoint_group_id, project_id)
        if not filter_db.has_group(session, project_id, endpoint_group_id):
            raise errors.NotFound("Endpoint Group Project Association not found")
    link = listing.self_link(request, "OS-EP-FILTER", "endpoint_groups", row.id, "projects", project_id)
    return {"project_endpoint_group": {"endpoint_group_id": row.id, "project_id": project_id, "links": link}}


def give_group(request: Request, endpoint_group_id: str, project_id: str) -> None:
    """204; takes no body."""
    def work(session: Any) -> None:
        _both(session, endpoint_group_id, project_id)
        if filter_db.has_group(session, project_id, endpoint_group_id):
            raise faults.conflict("project_endpoint_group", "Duplicate entry")
        filter_db.give_group(session, project_id, endpoint_group_id)

    request.app.change(work)


def take_group(request: Request, endpoint_group_id: str, project_id: str) -> None:
    """204."""
    def work(session: Any) -> None:
        _both(session, endpoint_group_id, project_id)
        if not filter_db.take_group(session, project_id, endpoint_group_id):
            raise errors.NotFound("Endpoint Group Project Association not found")

    request.app.change(work)


def project_groups(request: Request, project_id: str) -> dict[str, Any]:
    """200 with the groups a project was given."""
    with request.app.db.read() as session:
        project.found(session, project_id)
        _, found = catalog_db.filtered_to(session, project_id)
    return listing.answer(request, "endpoint_groups", [_view(request, g) for g in found])


def project_endpoints(request: Request, project_id: str) -> dict[str, Any]:
    """200 with the endpoints a project was given, by groups too."""
    with request.app.db.read() as session:
        project.found(session, project_id)
        ids_, given = catalog_db.filtered_to(session, project_id)
        found = [e for s, e in catalog_db.every_endpoint(session)
                 if e.id in ids_ or any(catalog.in_group(g, s, e) for g in given)]
    return listing.answer(request, "endpoints", [catalog_view.endpoint(request, e) for e in found])


def _pair(session: Any, project_id: str, endpoint_id: str) -> None:
    entries.endpoint(session, endpoint_id)
    project.found(session, project_id)


def check(request: Request, project_id: str, endpoint_id: str) -> None:
    """204 when the project was given the endpoint, 404 when not."""
    with request.app.db.read() as session:
        _pair(session, project_id, endpoint_id)
        if not filter_db.has(session, project_id, endpoint_id):
            raise errors.NotFound(f"Endpoint {endpoint_id} not found in project {project_id}")


def give(request: Request, project_id: str, endpoint_id: str) -> None:
    """204; takes no body."""
    def work(session: Any) -> None:
        _pair(session, project_id, endpoint_id)
        if filter_db.has(session, project_id, endpoint_id):
            raise faults.conflict("project_endpoint", "Duplicate entry")
        filter_db.give(session, project_id, endpoint_id)

    request.app.change(work)


def take(request: Request, project_id: str, endpoint_id: str) -> None:
    """204."""
    def work(session: Any) -> None:
        if not filter_db.take(session, project_id, endpoint_id):
            raise errors.NotFound(f"Endpoint {endpoint_id} not found in project {project_id}")

    request.app.change(work)
