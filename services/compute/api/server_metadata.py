"""Handlers of a server's metadata, tags and addresses."""

from typing import Any

from common import errors
from common.http.request import Request
from services.compute.api.base import load_server
from services.compute.api.views import servers as views
from services.compute.db import server_parts
from services.compute.db import servers as rows
from services.compute.domain import servers as domain


def index(request: Request, server_id: str) -> dict[str, Any]:
    """200; 404."""
    return {"metadata": load_server(request, server_id).meta or {}}


def show(request: Request, server_id: str, key: str) -> dict[str, Any]:
    """200; 404 also without that key."""
    meta = load_server(request, server_id).meta or {}
    if key not in meta:
        raise errors.NotFound("Metadata item was not found")
    return {"meta": {key: meta[key]}}


def create(request: Request, server_id: str) -> dict[str, Any]:
    """200: items are added or replaced. 403 over quota, 409."""
    row = load_server(request, server_id)
    new = request.body["metadata"]
    return {"metadata": domain.change_metadata(request.app, request.context, row, lambda old: {**old, **new})}


def update_all(request: Request, server_id: str) -> dict[str, Any]:
    """200: items are replaced, others go. 403, 409."""
    row = load_server(request, server_id)
    new = request.body["metadata"]
    return {"metadata": domain.change_metadata(request.app, request.context, row, lambda old: new)}


def update(request: Request, server_id: str, key: str) -> dict[str, Any]:
    """200; 400 when the body names another key."""
    row = load_server(request, server_id)
    meta = request.body["meta"]
    if key not in meta:
        raise errors.BadRequest("Request body and URI mismatch")
    domain.change_metadata(request.app, request.context, row, lambda old: {**old, **meta})
    return {"meta": meta}


def delete(request: Request, server_id: str, key: str) -> None:
    """204; 404."""
    row = load_server(request, server_id)

    def without(old: dict[str, str]) -> dict[str, str]:
        if key not in old:
            raise errors.NotFound("Metadata item was not found")
        return {k: v for k, v in old.items() if k != key}

    domain.change_metadata(request.app, request.context, row, without, deleting=True)


def tags(request: Request, server_id: str) -> dict[str, Any]:
    """200; 404."""
    load_server(request, server_id)
    with request.app.db.read() as session:
        return {"tags": rows.tags(session, [server_id]).get(server_id, [])}


def tag(request: Request, server_id: str, tag: str) -> None:
    """204; 404 without that tag."""
    if tag not in tags(request, server_id)["tags"]:
        raise _no_tag(server_id, tag)


def _no_tag(server_id: str, tag: str) -> errors.NotFound:
    return errors.NotFound(f"Server {server_id} has no tag '{tag}'")


def put_tag(request: Request, server_id: str, tag: str) -> Any:
    """Takes no body. 201 with a Location, 204 when it was there; 400, 409."""
    row = load_server(request, server_id)
    if not 0 < len(tag) <= 60 or "," in tag or "/" in tag:
        raise errors.BadRequest(f"Tag '{tag}' is invalid. It must be a non empty string without characters '/' and ','. "
                                "Maximum length is 60.")
    before: list[str] = []

    def add(old: list[str]) -> list[str]:
        before[:] = old
        return [*old, tag]

    domain.change_tags(request.app, request.context, row, add)
    if tag in before:
        return None, 204
    return None, 201, {"Location": f"{request.base_url}/v2.1/servers/{server_id}/tags/{tag}"}


def put_tags(request: Request, server_id: str) -> dict[str, Any]:
    """200; 400, 409."""
    row = load_server(request, server_id)
    return {"tags": domain.change_tags(request.app, request.context, row, lambda old: request.body["tags"])}


def delete_tag(request: Request, server_id: str, tag: str) -> None:
    """204; 404."""
    row = load_server(request, server_id)

    def without(old: list[str]) -> list[str]:
        if tag not in old:
            raise _no_tag(server_id, tag)
        return [t for t in old if t != tag]

    domain.change_tags(request.app, request.context, row, without)


def delete_tags(request: Request, server_id: str) -> None:
    """204; 404."""
    domain.change_tags(request.app, request.context, load_server(request, server_id), lambda old: [])


def ips(request: Request, server_id: str) -> dict[str, Any]:
    """200: addresses by network."""
    load_server(request, server_id)
    with request.app.db.read() as session:
        return {"addresses": views.plain_addresses(server_parts.nics(session, [server_id]).get(server_id, []))}


def ips_of(request: Request, server_id: str, label: str) -> dict[str, Any]:
    """200: addresses on one network; 404 when it has none there."""
    found = ips(request, server_id)["addresses"]
    if label not in found:
        raise errors.NotFound("Instance is not a member of specified network")
    return {label: found[label]}
