"""Projects, their tags, and what a user's projects are."""

from collections.abc import Mapping
from typing import Any

from common.http.request import Request
from services.identity.api import listing
from services.identity.api.schemas import project as project_schema
from services.identity.api.views import project as view
from services.identity.db import project as project_db
from services.identity.db.models import Project
from services.identity.domain import faults, limit, project, scope
from services.identity.domain import user as users

_FILTERS = ("name", "domain_id", "enabled", "parent_id", "is_domain")
_TAGS = ("tags", "tags-any", "not-tags", "not-tags-any")


def target(row: Project) -> dict[str, Any]:
    """What a rule may ask about a project."""
    return {"target.project.id": row.id, "target.project.domain_id": None if row.is_domain else row.domain_id,
            "target.project.name": row.name, "project_id": row.id}


def _authorized(request: Request, project_id: str) -> Project:
    """The project, once the route's policy allows it; a caller without rights learns nothing (403)."""
    with request.app.db.read() as session:
        row = project_db.get(session, project_id)
    request.authorize(target(row) if row is not None else {})
    if row is None:
        raise faults.not_found("project", project_id)
    return row


def index(request: Request) -> dict[str, Any]:
    """200 with projects; of one domain for a caller whose token is for that."""
    domain_id = request.context.domain_id
    request.authorize({"target.domain_id": domain_id} if domain_id else {})
    query = listing.read(request, _FILTERS, booleans=("enabled", "is_domain"))
    tags = {k: [n for text in request.query[k] for n in text.split(",")] for k in _TAGS if k in request.query}
    with request.app.db.read() as session:
        found, more = project_db.listing_rows(session, query, tags=tags, domain_id=domain_id)
        named = project_db.tags(session, [p[0] for p in found])
    return listing.answer(request, "projects", view.many(request.base_url, found, named), more)


def create(request: Request) -> tuple[dict[str, Any], int]:
    """201; the domain is the one named, or that of the caller's token, and never the parent's."""
    said = _unchecked(request.body.get("project"))
    request.authorize(named_domain("project", said))
    values = dict(project_schema.CREATE.validate(request.body)["project"])
    values.setdefault("domain_id", None)
    if not values.get("is_domain"):
        values["domain_id"] = values["domain_id"] or default_domain(request)
    row = request.app.change(project.create, request.app.conf, values)
    return {"project": view.show(request, row, sorted(set(values.get("tags") or [])))}, 201


def _unchecked(given: Any) -> dict[str, Any]:
    """What the body says, for the policy, which upstream asks before it checks the body."""
    return {k: v for k, v in given.items() if isinstance(v, str | bool)} if isinstance(given, dict) else {}


def named_domain(noun: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """What a rule may ask about something new: the domain that the body names.

    One that is not named is nobody's to manage; nor may None stand for it, which is the domain of every project's token.
    """
    return {f"target.{noun}.domain_id": said["domain_id"]} if said.get("domain_id") else {}


def default_domain(request: Request) -> str:
    """The domain that a body without one means: that of a token for a domain, else the default one."""
    return str(request.context.domain_id or request.app.conf.identity.default_domain_id)


def show(request: Request, project_id: str) -> dict[str, Any]:
    """200; with `parents_as_list`, `subtree_as_list`, `parents_as_ids`, `subtree_as_ids` also what stands above and below."""
    row = _authorized(request, project_id)
    asked = {name for name in request.query if _asked(request, name)}
    for one, other in (("parents_as_list", "parents_as_ids"), ("subtree_as_list", "subtree_as_ids")):
        if {one, other} <= asked:
            raise faults.invalid(f"Cannot use {one} and {other} query params at the same time.")
    with request.app.db.read() as session:
        above = project_db.parents(session, project_id) if asked & {"parents_as_list", "parents_as_ids"} else []
        below = project_db.subtree(session, project_id) if asked & {"subtree_as_list", "subtree_as_ids",
                                                                   "include_limits"} else []
        tags = project_db.tags(session, [project_id, *(p.id for p in above), *(p.id for p in below)])
        limits = limit.by_project(session, [project_id, *(p.id for p in above + below)]) if "include_limits" in asked else None
        mine = scope.projects(session, request.context.user_id or "")[0] if asked & {"parents_as_list", "subtree_as_list"} else []

    def shown(p: Project) -> dict[str, Any]:
        extra = {} if limits is None else {"limits": limits.get(p.id, [])}
        return {**view.show(request, p, tags.get(p.id, [])), **extra}

    body = view.show(request, row, tags.get(row.id, []))
    held = {p.id for p in mine}
    if "parents_as_list" in asked:
        body["parents"] = [{"project": shown(p)} for p in above if p.id in held]
    if "subtree_as_list" in asked:
        body["subtree"] = [{"project": shown(p)} for p in below if p.id in held]
    if "parents_as_ids" in asked:
        body["parents"] = _nested_parents([p.id for p in above])
    if "subtree_as_ids" in asked:
        body["subtree"] = _nested_subtree(project_id, below)
    return {"project": body}


def _asked(request: Request, name: str) -> bool:
    """A flag is set when it is there, unless it says no."""
    return request.first(name) != "0"


def _nested_parents(ids: list[str]) -> dict[str, Any] | None:
    nested: dict[str, Any] | None = None
    for project_id in reversed(ids):
        nested = {project_id: nested}
    return nested


def _nested_subtree(project_id: str, below: list[Project]) -> dict[str, Any] | None:
    children: dict[str, list[str]] = {}
    for row in below:
        children.setdefault(row.parent_id or "", []).append(row.id)

    def nest(parent: str) -> dict[str, Any] | None:
        return {c: nest(c) for c in children[parent]} if parent in children else None

    return nest(project_id)


def update(request: Request, project_id: str) -> dict[str, Any]:
    """200."""
    _authorized(request, project_id)
    project_schema.UPDATE.validate(request.body)

    def work(session: Any) -> tuple[Project, list[str]]:
        row = project.update(session, project.found(session, project_id), request.body["project"])
        return row, project_db.tags(session, [project_id]).get(project_id, [])

    row, tags = request.app.change(work)
    return {"project": listing.with_extra(view.show(request, row, tags), row)}


def delete(request: Request, project_id: str) -> None:
    """204; 403 while projects stand below it."""
    _authorized(request, project_id)
    request.app.change(project.delete, project_id)


def of_user(request: Request, user_id: str) -> dict[str, Any]:
    """200 with the projects on which a user holds a role, disabled ones and those that act as domains among them."""
    with request.app.db.read() as session:
        from services.identity.db import user as user_db

        user = user_db.get(session, user_id)
        request.authorize({"target.user.id": user_id, **({"target.user.domain_id": user.domain_id} if user else {})})
        users.found(session, user_id)
        query = listing.read(request, ("name", "domain_id", "enabled"))
        found, tags = scope.projects(session, user_id, query)
    return listing.answer(request, "projects", [view.show(request, p, tags.get(p.id, [])) for p in found])


# tags


def tags(request: Request, project_id: str) -> dict[str, Any]:
    """200 with a project's tags."""
    _authorized(request, project_id)
    found = request.app.read(project_db.tags, [project_id]).get(project_id, [])
    return {"tags": found, "links": listing.links(request)}


def set_tags(request: Request, project_id: str) -> dict[str, Any]:
    """200 with the tags that replaced those before."""
    _authorized(request, project_id)
    project_schema.TAGS.validate(request.body)
    found = request.app.change(project.set_tags, project_id, request.body["tags"])
    return {"tags": found, "links": listing.links(request)}


def clear_tags(request: Request, project_id: str) -> None:
    """204."""
    _authorized(request, project_id)
    request.app.change(project.set_tags, project_id, [])


def has_tag(request: Request, project_id: str, tag: str) -> None:
    """204 when the project has the tag, 404 when not."""
    _authorized(request, project_id)
    if tag not in request.app.read(project_db.tags, [project_id]).get(project_id, []):
        raise faults.not_found("project tag", tag)


def add_tag(request: Request, project_id: str, tag: str) -> tuple[None, int, dict[str, str]]:
    """201; 400 for one that is there, and beyond 80; takes no body."""
    _authorized(request, project_id)
    project_schema.ONE_TAG.validate(tag)

    def work(session: Any) -> None:
        present = project_db.tags(session, [project_id]).get(project_id, [])
        project_schema.ALL_TAGS.validate([*present, tag])
        project.set_tags(session, project_id, [*present, tag])

    request.app.change(work)
    return None, 201, {"Location": request.base_url + request.raw.path}


def drop_tag(request: Request, project_id: str, tag: str) -> None:
    """204."""
    _authorized(request, project_id)
    request.app.change(project.drop_tag, project_id, tag)
