"""Discovery: versions, stores, import methods, usage."""

from typing import Any

from common import errors
from common.http.request import Request
from services.image.api.negotiation import NEWEST
from services.image.api.state import State
from services.image.domain import quotas


def versions(request: Request) -> Any:
    """300 at the root: the versions, newest first."""
    return {"versions": _versions(request)}, 300


def versions_listed(request: Request) -> Any:
    """200: the same document."""
    return {"versions": _versions(request)}


def moved(request: Request) -> Any:
    """302 to the version's own path, under which there is nothing."""
    return None, 302, {"Location": f"{request.base_url}/v2/"}


def _versions(request: Request) -> list[dict[str, Any]]:
    href = f"{request.base_url}/v2/"
    return [{"id": f"v2.{minor}", "status": "CURRENT" if minor == NEWEST else "SUPPORTED",
             "links": [{"rel": "self", "href": href}]} for minor in range(NEWEST, -1, -1)]


def import_methods(request: Request) -> Any:
    """200 with the import methods offered."""
    state: State = request.app
    return {"import-methods": {"description": "Import methods available.", "type": "array",
                               "value": list(state.conf["import"].methods)}}


def stores(request: Request) -> Any:
    """200 with the stores."""
    return {"stores": [_store(request.app, s) for s in request.app.stores.by_name.values()]}


def _store(state: State, store: Any) -> dict[str, Any]:
    view: dict[str, Any] = {"id": store.name}
    description = state.conf[store.name].store_description
    if description:
        view["description"] = description
    if store.read_only:
        view["read-only"] = "true"
    if store is state.stores.default:
        view["default"] = "true"
    if any(state.stores.weights.values()):
        view["weight"] = state.stores.weights[store.name]
    return view


def stores_detail(request: Request) -> Any:
    """200 with the stores, their kinds and settings; for operators."""
    state: State = request.app
    views = []
    for store in state.stores.by_name.values():
        views.append({**_store(state, store), "type": store.scheme, "properties": dict(store.details()),
                      "weight": state.stores.weights[store.name]})
    return {"stores": views}


def usage(request: Request) -> Any:
    """200 with the project's limits and usage; limits only where unified limits are used."""
    state: State = request.app
    project = request.context.project_id
    if not state.conf.image.use_keystone_limits:
        return {"usage": {}}
    if not project:
        raise errors.Forbidden("Usage is a project's: the token has no project.")
    limits = state.project_limits(project)
    with state.db.read() as session:
        used = quotas.usage(session, project)
    return {"usage": {name: {"limit": limits.get(name, -1), "usage": used[name]} for name in quotas.NAMES}}
