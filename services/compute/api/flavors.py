"""Handlers of flavors, their extra specs and who may use them."""

from typing import Any

from common import errors
from common.http import paging
from common.http.request import Request, boolean
from services.compute.api.base import links, next_links, ok
from services.compute.db import flavors as rows
from services.compute.domain import flavors as domain

_DEFAULT_SORT = (("flavorid", "asc"),)


def view(request: Request, row: Any) -> dict[str, Any]:
    """A flavor with details."""
    old = not request.at_least("2.102")
    made: dict[str, Any] = {
        "id": row.flavorid,
        "name": row.name,
        "ram": row.memory_mb,
        "disk": row.root_gb,
        "vcpus": row.vcpus,
        "swap": row.swap if row.swap or request.at_least("2.75") else "",
        "OS-FLV-EXT-DATA:ephemeral": row.ephemeral_gb,
        "os-flavor-access:is_public": row.is_public,
        "links": links(request, "flavors", row.flavorid),
    }
    if old:
        made["OS-FLV-DISABLED:disabled"] = row.disabled
        made["rxtx_factor"] = row.rxtx_factor
    if request.at_least("2.55"):
        made["description"] = row.description
    if request.at_least("2.61") and request.allowed("os_compute_api:os-flavor-extra-specs:index"):
        made["extra_specs"] = row.extra_specs or {}
    return made


def _page(request: Request) -> tuple[list[Any], Any]:
    page = paging.read(request, default_sorts=_DEFAULT_SORT, keys=tuple(rows.SORT_KEYS))
    admin = request.context.has_admin_role
    public: bool | None = True
    if admin:
        text = request.first("is_public")
        public = True if text is None else None if text.lower() == "none" else boolean(text, "is_public")
    sizes = {}
    for field, column in (("minRam", "min_ram"), ("minDisk", "min_disk")):
        text = request.first(field)
        if text is not None:
            try:
                sizes[column] = int(text)
            except ValueError:
                raise errors.BadRequest(f"Invalid {field} filter [{text}]") from None
    name = request.first("name") if request.at_least("2.102") else None
    with request.app.db.read() as session:
        found = rows.page(
            session,
            page,
            project_id=request.context.project_id,
            public=public if admin else None,
            everything=admin,
            name=name,
            **sizes,
        )
    return list(found), page


def index(request: Request) -> dict[str, Any]:
    """200; 400."""
    found, page = _page(request)

    def short(row: Any) -> dict[str, Any]:
        made = {"id": row.flavorid, "name": row.name, "links": links(request, "flavors", row.flavorid)}
        return {**made, "description": row.description} if request.at_least("2.55") else made

    made: dict[str, Any] = {"flavors": [short(f) for f in found]}
    link = next_links(request, "flavors", found, page.limit, found[-1].flavorid if found else "")
    return {**made, "flavors_links": link} if link else made


def detail(request: Request) -> dict[str, Any]:
    """200; 400."""
    found, page = _page(request)
    made: dict[str, Any] = {"flavors": [view(request, f) for f in found]}
    link = next_links(request, "flavors/detail", found, page.limit, found[-1].flavorid if found else "")
    return {**made, "flavors_links": link} if link else made


def _get(request: Request, flavor_id: str) -> Any:
    with request.app.db.read() as session:
        return rows.get(session, flavor_id, project_id=request.context.project_id, everything=request.context.has_admin_role)


def show(request: Request, flavor_id: str) -> dict[str, Any]:
    """200; 404."""
    return {"flavor": view(request, _get(request, flavor_id))}


def create(request: Request) -> dict[str, Any]:
    """200; 400, 409 for a taken name or id."""
    return {"flavor": view(request, request.app.db.transaction(domain.create, request.context, request.body["flavor"]))}


def update(request: Request, flavor_id: str) -> dict[str, Any]:
    """200: the description (2.55); 404."""
    return {
        "flavor": view(request, request.app.db.transaction(domain.describe, flavor_id, request.body["flavor"]["description"]))
    }


def delete(request: Request, flavor_id: str) -> None:
    """202; 404."""
    request.app.db.transaction(rows.delete, flavor_id)


def _access(flavor_id: str, projects: list[str]) -> dict[str, Any]:
    return {"flavor_access": [{"flavor_id": flavor_id, "tenant_id": p} for p in projects]}


def access(request: Request, flavor_id: str) -> dict[str, Any]:
    """200; 404 also for public flavors."""
    row = _get(request, flavor_id)
    if row.is_public:
        raise errors.NotFound("Access list not available for public flavors.")
    with request.app.db.read() as session:
        return _access(row.flavorid, rows.access(session, row))


def add_access(request: Request, flavor_id: str) -> dict[str, Any]:
    """200; 404, 409."""
    request.authorize()
    return _change(request, flavor_id, add=True)


def remove_access(request: Request, flavor_id: str) -> dict[str, Any]:
    """200; 404."""
    request.authorize()
    return _change(request, flavor_id, add=False)


def _change(request: Request, flavor_id: str, *, add: bool) -> dict[str, Any]:
    row, projects = request.app.db.transaction(domain.change_access, flavor_id, request.body["tenant"], add=add)
    return _access(row.flavorid, projects)


def specs(request: Request, flavor_id: str) -> dict[str, Any]:
    """200; 404."""
    return {"extra_specs": _get(request, flavor_id).extra_specs or {}}


def spec(request: Request, flavor_id: str, key: str) -> dict[str, Any]:
    """200; 404."""
    found = _get(request, flavor_id).extra_specs or {}
    if key not in found:
        raise domain.no_spec(flavor_id, key)
    return {key: found[key]}


def add_specs(request: Request, flavor_id: str) -> dict[str, Any]:
    """200; 400, 404."""
    return {"extra_specs": request.app.db.transaction(domain.add_specs, flavor_id, request.body["extra_specs"])}


def put_spec(request: Request, flavor_id: str, key: str) -> dict[str, Any]:
    """200; 400 when the body names another key, 404."""
    if list(request.body) != [key]:
        raise errors.BadRequest("Request body and URI mismatch")
    return dict(request.app.db.transaction(domain.add_specs, flavor_id, request.body))


def delete_spec(request: Request, flavor_id: str, key: str) -> Any:
    """200; 404."""
    request.app.db.transaction(domain.remove_spec, flavor_id, key)
    return ok()
