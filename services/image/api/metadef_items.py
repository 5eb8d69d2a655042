"""What is in a metadata definition namespace: objects, properties, tags."""

from typing import Any

from common import errors
from common.http.paging import Page
from common.http.request import Request
from services.image.api.images import page_limit
from services.image.api.metadefs import read
from services.image.api.state import State
from services.image.api.views import metadef as views
from services.image.db import metadefs as rows
from services.image.domain import metadefs


def _kind(request: Request) -> str:
    """object, property or tag, from the path."""
    words = request.raw.path.strip("/").split("/")
    return {"objects": "object", "properties": "property", "tags": "tag"}[words[4]]


def _read(request: Request, namespace: str) -> tuple[Any, str]:
    """(the namespace, the kind of thing that the path is of); 404 in the words upstream has for that kind, 403."""
    kind = _kind(request)
    missing = metadefs.NO_SUCH_NAMESPACE if kind == "object" else metadefs.NAMESPACE_NOT_FOUND
    return read(request, namespace, missing=missing), kind


def _page(request: Request) -> Page:
    text, most = request.first("limit"), request.app.conf.api.max_page_size
    way = request.first("sort_dir") or "desc"
    key = request.first("sort_key") or "created_at"
    if key not in ("created_at", "updated_at", "name", "id"):
        raise errors.BadRequest(f"Invalid sort key: {key}")
    if way not in ("asc", "desc"):
        raise errors.BadRequest(f"Invalid sort direction: {way}")
    return Page(page_limit(text, most) if text else None, request.first("marker") or None, ((key, way),))


def index(request: Request, namespace: str) -> Any:
    """200; 404. Properties come as an object by name, the others as a list."""
    state: State = request.app
    row, kind = _read(request, namespace)
    with state.db.read() as session:
        if kind == "property":
            found = rows.list_kind(session, kind, row.id)
            return {"properties": {p.name: p.body for p in found}}
        if kind == "object":
            _check_object_query(request)
            found = sorted(rows.list_kind(session, kind, row.id), key=lambda o: o.name)
            return {"objects": [views.item(kind, o, namespace) for o in found], "schema": "v2/schemas/metadefs/objects"}
        page = _page(request)
        try:
            found = rows.list_kind(session, kind, row.id, page)
        except errors.BadRequest:
            raise errors.NotFound(f"Could not find {metadefs.WORDS[kind]} {page.marker}") from None
    return {"tags": [{"name": r.name} for r in found]}


def _check_object_query(request: Request) -> None:
    """400 for paging that makes no sense; otherwise a list of objects is whole, and by name, as upstream's is."""
    text, way = request.first("limit"), request.first("sort_dir")
    if text and not page_limit(text, request.app.conf.api.max_page_size):
        raise errors.BadRequest("limit param must be positive")
    if way not in (None, "asc", "desc"):
        raise errors.BadRequest(f"Invalid sort direction: {way}")


def _as_sent(view: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """An object that was written, without those of its lists that the body left out."""
    return {k: v for k, v in view.items() if k not in ("required", "properties") or k in body}


def create(request: Request, namespace: str) -> Any:
    """201; 400, 403, 404, 409 name taken. What was not sent is not shown."""
    row, kind = _read(request, namespace)
    made = request.app.db.transaction(metadefs.create, kind, row, request.body)
    return _as_sent(views.item(kind, made, namespace), request.body), 201


def create_tag(request: Request, namespace: str, name: str) -> Any:
    """201; 403, 404, 409 name taken. The route takes no body."""
    row = read(request, namespace)
    made = request.app.db.transaction(metadefs.create, "tag", row, {"name": name})
    return views.item("tag", made, namespace), 201


def create_tags(request: Request, namespace: str) -> Any:
    """201 with the tags; those there are replaced, or kept beside with `X-Openstack-Append: true`. 400, 403, 404, 409."""
    read(request, namespace)
    names = [t["name"] for t in request.body["tags"]]
    append = request.raw.headers.get("X-Openstack-Append", "").strip().lower() == "true"
    made = request.app.db.transaction(metadefs.set_tags, namespace, names, append=append)
    return {"tags": [{"name": t.name} for t in made]}, 201


def show(request: Request, namespace: str, name: str) -> Any:
    """200; 404. A property is also found under the prefix that holds for `?resource_type=`."""
    state: State = request.app
    row, kind = _read(request, namespace)
    prefix, wanted = "", request.first("resource_type")
    with state.db.read() as session:
        if kind == "property" and wanted:
            links = {n: a for a, n in rows.associations(session, [row.id]).get(row.id, [])}
            if wanted not in links:
                raise errors.NotFound(f"The metadata definition resource-type with name={wanted}, was not found.")
            prefix = links[wanted].prefix or ""
            if not name.startswith(prefix):
                raise errors.NotFound(f"Property {name} does not start with the expected resource type association prefix "
                                      f"of '{prefix}'.")
        found = metadefs.find(session, kind, row, name.removeprefix(prefix))
    return views.item(kind, found, namespace)


def update(request: Request, namespace: str, name: str) -> Any:
    """200; 400, 403, 404, 409 new name taken."""
    _, kind = _read(request, namespace)
    made = request.app.db.transaction(metadefs.update, kind, namespace, name, request.body)
    return _as_sent(views.item(kind, made, namespace), request.body)


def delete(request: Request, namespace: str, name: str) -> Any:
    """204; 403 protected, 404."""
    _, kind = _read(request, namespace)
    request.app.db.transaction(metadefs.delete, kind, namespace, name)
    return None, 204


def clear(request: Request, namespace: str) -> Any:
    """204: everything of this kind is deleted; 403 protected, 404."""
    read(request, namespace)
    request.app.db.transaction(metadefs.clear, _kind(request), namespace)
    return None, 204
