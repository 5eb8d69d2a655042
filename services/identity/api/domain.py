"""Domains."""

import re
from typing import Any

from common.http.request import Request
from services.identity.api import listing
from services.identity.api.views import project as view
from services.identity.db import project as project_db
from services.identity.db.models import Project
from services.identity.domain import faults, project


def _authorized(request: Request, domain_id: str) -> Project:
    """The domain, once the policy allows it; to change one that is not there is 404 for everybody, as upstream has it."""
    if request.raw.method in ("PATCH", "DELETE"):
        request.app.read(project.found_domain, domain_id)
    with request.app.db.read() as session:
        row = project_db.get(session, domain_id)
    request.authorize({"target.domain.id": domain_id, "domain_id": domain_id})
    if row is None or not row.is_domain:
        raise faults.not_found("domain", domain_id)
    return row


def index(request: Request) -> dict[str, Any]:
    """200 with domains; only its own for a caller whose token is for a domain."""
    own = request.context.domain_id
    request.authorize({"target.domain.id": own} if own else {})
    query = listing.read(request, ("name", "enabled"), fixed={"id": own} if own else None)
    with request.app.db.read() as session:
        found, more = project_db.listing(session, query, domains=True)
        tags = project_db.tags(session, [d.id for d in found])
    return listing.answer(request, "domains", [view.show_domain(request, d, tags.get(d.id, [])) for d in found], more)


def create(request: Request) -> tuple[dict[str, Any], int]:
    """201."""
    values = {**request.body["domain"], "is_domain": True, "parent_id": None, "domain_id": None}
    if not re.fullmatch("[0-9a-f]{32}", values.get("explicit_domain_id", "0" * 32)):
        raise faults.invalid("Domain ID does not conform to required UUID format.")
    row = request.app.change(project.create, request.app.conf, values)
    return {"domain": view.show_domain(request, row, sorted(set(values.get("tags") or [])))}, 201


def show(request: Request, domain_id: str) -> dict[str, Any]:
    """200."""
    row = _authorized(request, domain_id)
    tags = request.app.read(project_db.tags, [domain_id])
    return {"domain": view.show_domain(request, row, tags.get(domain_id, []))}


def update(request: Request, domain_id: str) -> dict[str, Any]:
    """200."""
    _authorized(request, domain_id)
    # what makes it a project is not a domain's to change: upstream takes no notice of it either
    values = {k: v for k, v in request.body["domain"].items() if k not in ("is_domain", "domain_id", "parent_id")}

    def work(session: Any) -> tuple[Project, list[str]]:
        row = project.update(session, project.found_domain(session, domain_id), values)
        return row, project_db.tags(session, [domain_id]).get(domain_id, [])

    return {"domain": view.show_domain(request, *request.app.change(work))}


def delete(request: Request, domain_id: str) -> None:
    """204; 403 while the domain is enabled."""
    _authorized(request, domain_id)
    request.app.change(project.delete_domain, domain_id)
