"""Policy documents kept for other services, and OS-ENDPOINT-POLICY."""

from typing import Any

from common.http.request import Request
from services.identity.api import listing
from services.identity.api.views import catalog as catalog_view
from services.identity.db import policy as policy_db
from services.identity.db.models import Policy
from services.identity.domain import policy


def _view(request: Request, row: Policy) -> dict[str, Any]:
    return {**(row.extra or {}), "id": row.id, "type": row.type, "blob": row.blob,
            "links": listing.self_link(request, "policies", row.id)}


def index(request: Request) -> dict[str, Any]:
    """200 with policies."""
    found, more = request.app.read(policy_db.listing, listing.read(request, ("type",)))
    return listing.answer(request, "policies", [_view(request, p) for p in found], more)


def create(request: Request) -> tuple[dict[str, Any], int]:
    """201."""
    return {"policy": _view(request, request.app.change(policy.create, request.body["policy"]))}, 201


def show(request: Request, policy_id: str) -> dict[str, Any]:
    """200."""
    return {"policy": _view(request, request.app.read(policy.found, policy_id))}


def update(request: Request, policy_id: str) -> dict[str, Any]:
    """200."""
    return {"policy": _view(request, request.app.change(policy.update, policy_id, request.body["policy"]))}


def delete(request: Request, policy_id: str) -> None:
    """204."""
    request.app.change(policy.delete, policy_id)


def associate(request: Request, policy_id: str, **to: str) -> None:
    """204; takes no body."""
    request.app.change(policy.associate, policy_id, to)


def associated(request: Request, policy_id: str, **to: str) -> None:
    """204 when associated, 404 when not."""
    request.app.read(policy.associated, policy_id, to)


def dissociate(request: Request, policy_id: str, **to: str) -> None:
    """204."""
    request.app.change(policy.dissociate, policy_id, to)


def for_endpoint(request: Request, endpoint_id: str) -> dict[str, Any]:
    """200 with the policy that an endpoint follows."""
    return {"policy": _view(request, request.app.read(policy.for_endpoint, endpoint_id))}


def endpoints(request: Request, policy_id: str) -> dict[str, Any]:
    """200 with the endpoints that follow a policy."""
    found = request.app.read(policy.endpoints, policy_id)
    return listing.answer(request, "endpoints", [
        {k: v for k, v in catalog_view.endpoint(request, e).items() if k != "region"} for e in found])
