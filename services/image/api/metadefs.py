"""Metadata definition namespaces and resource types."""

from typing import Any
from urllib.parse import urlencode

from common import errors
from common.http.request import Request
from services.image.api import access
from services.image.api.images import read_page
from services.image.api.schemas.image import has_wide
from services.image.api.state import State
from services.image.api.views import metadef as views
from services.image.db import metadefs as rows
from services.image.domain import metadefs

_SORT_KEYS = ("namespace", "display_name", "description", "visibility", "owner", "protected", "created_at", "updated_at", "id")


def target_of(row: Any) -> dict[str, Any]:
    """What policies are asked about a namespace."""
    return {"project_id": row.owner or "-", "owner": row.owner, "visibility": row.visibility, "member_id": "-"}


def read(request: Request, name: str, policy: str | None = None, missing: str = metadefs.NAMESPACE_NOT_FOUND) -> Any:
    """The namespace, after checking that the caller may see it and passes the route's policy; 404, 403."""
    state: State = request.app
    with state.db.read() as session:
        row = rows.namespace(session, name)
    if row is None or not request.allowed("get_metadef_namespace", target_of(row)):
        request.authorized = True
        raise metadefs.no_namespace(name, missing)
    request.authorize(target_of(row), policy)
    return row


def index(request: Request) -> Any:
    """200 with one page of namespaces; 400."""
    state: State = request.app
    request.authorize(access.own_target(request.context))
    page = read_page(request, _SORT_KEYS)
    kinds = [k for text in request.query.get("resource_types", []) for k in text.split(",") if k]
    visibility = request.first("visibility")
    if visibility not in (None, "public", "private"):
        raise errors.BadRequest(f"Invalid visibility value: {visibility}")
    with state.db.read() as session:
        try:
            found = rows.list_namespaces(session, access.viewer(request.context), page, visibility=visibility,
                                         resource_types=kinds)
        except errors.BadRequest:
            raise metadefs.no_namespace(str(page.marker), metadefs.NO_SUCH_NAMESPACE) from None
        links = rows.associations(session, [r.id for r in found])
    body: dict[str, Any] = {"namespaces": [views.namespace(r, links.get(r.id, ())) for r in found],
                            "first": _link(request, None), "schema": "/v2/schemas/metadefs/namespaces"}
    if page.limit and len(found) >= page.limit:
        body["next"] = _link(request, found[-1].namespace)
    return body


def _link(request: Request, marker: str | None) -> str:
    pairs = [(k, v) for k, vs in request.query.items() if k != "marker" for v in vs]
    pairs += [("marker", marker)] if marker else []
    return views.ROOT + (f"?{urlencode(pairs)}" if pairs else "")


def create(request: Request) -> Any:
    """201 with the namespace and what was made in it; 400, 403, 409 name taken."""
    state: State = request.app
    project = request.context.project_id or "-"
    owner = request.body.get("owner") or project
    request.authorize({**access.own_target(request.context), "project_id": owner})

    if has_wide(request.body["namespace"]):
        raise errors.BadRequest("Couldn't create metadata namespace: Namespace can't contain 4 byte unicode characters.")

    def work(session: Any) -> dict[str, Any]:
        row = metadefs.create_namespace(session, request.body, project)
        return _as_sent(_whole(session, row))

    view = state.db.transaction(work)
    return view, 201, {"Location": request.base_url + view["self"]}


def _as_sent(view: dict[str, Any]) -> dict[str, Any]:
    """A new namespace's document: what hangs on it is shown as it was sent."""
    for kind in ("objects", "resource_type_associations"):
        for item in view.get(kind, ()):
            for name in ("created_at", "updated_at", "self", "schema"):
                item.pop(name, None)
    return view


def _whole(session: Any, row: Any, resource_type: str | None = None) -> dict[str, Any]:
    """A namespace with all that is in it; with the prefix that holds for `resource_type`."""
    links = rows.associations(session, [row.id]).get(row.id, [])
    view = views.namespace(row)
    if links:
        view["resource_type_associations"] = [views.association(a, n) for a, n in links]
    prefix = next((a.prefix or "" for a, n in links if n == resource_type), "")
    objects = sorted(rows.list_kind(session, "object", row.id), key=lambda o: o.name)
    properties = rows.list_kind(session, "property", row.id)
    tags = rows.list_kind(session, "tag", row.id)
    if objects:
        view["objects"] = [views.item("object", o, row.namespace, prefix) for o in objects]
    if properties:
        view["properties"] = {prefix + p.name: p.body for p in properties}
    if tags:
        view["tags"] = [{"name": t.name} for t in tags]
    return view


def show(request: Request, namespace: str) -> Any:
    """200 with the namespace and all that is in it; 404."""
    row = read(request, namespace, missing=metadefs.NO_SUCH_NAMESPACE)
    with request.app.db.read() as session:
        return _whole(session, row, request.first("resource_type"))


def update(request: Request, namespace: str) -> Any:
    """200 with the namespace; 400, 403, 404, 409 new name taken."""
    read(request, namespace)
    row = request.app.db.transaction(metadefs.update_namespace, namespace, request.body, request.context.project_id or "-")
    return views.namespace(row)


def delete(request: Request, namespace: str) -> Any:
    """204; 403 protected, 404."""
    read(request, namespace)
    request.app.db.transaction(metadefs.delete_namespace, namespace)
    return None, 204


def resource_types(request: Request) -> Any:
    """200 with every resource type."""
    request.authorize(access.own_target(request.context))
    with request.app.db.read() as session:
        return {"resource_types": [views.resource_type(r) for r in rows.resource_types(session)]}


def associations(request: Request, namespace: str) -> Any:
    """200 with the resource types a namespace applies to; 404."""
    row = read(request, namespace)
    with request.app.db.read() as session:
        found = rows.associations(session, [row.id]).get(row.id, [])
    return {"resource_type_associations": [views.association(a, n) for a, n in found]}


def associate(request: Request, namespace: str) -> Any:
    """201 with the association; 400, 403, 404, 409."""
    row = read(request, namespace)
    made = request.app.db.transaction(metadefs.associate, row, request.body)
    return views.association(made, request.body["name"]), 201


def dissociate(request: Request, namespace: str, resource_type: str) -> Any:
    """204; 403, 404."""
    read(request, namespace)
    request.app.db.transaction(metadefs.dissociate, namespace, resource_type)
    return None, 204
