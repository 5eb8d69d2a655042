"""Granting roles on projects, domains and the system, and listing who holds what."""

from typing import Any

from common.http.request import Request
from services.identity.api import listing
from services.identity.api.views import role as role_view
from services.identity.db import project as project_db
from services.identity.db import rows
from services.identity.db.assignment import SYSTEM_TARGET
from services.identity.db.models import NO_DOMAIN, Group, Project, Role, User
from services.identity.domain import assignment, faults
from services.identity.domain.assignment import Grant, Listed, Wanted


def _grant(request: Request, names: dict[str, str]) -> Grant:
    actor = ("user", names["user_id"]) if "user_id" in names else ("group", names["group_id"])
    target = SYSTEM_TARGET
    if "project_id" in names:
        target = ("project", names["project_id"])
    elif "domain_id" in names:
        target = ("domain", names["domain_id"])
    inherited = request.raw.path.rstrip("/").endswith("/inherited_to_projects")
    return Grant(actor, target, names.get("role_id", ""), inherited)


def _authorize(request: Request, grant: Grant) -> None:
    """Check the route's policy with all that is known of actor, target and role.

    What is not there is 404 for everybody, as upstream has it, but for what projects inherit.
    """
    with request.app.db.read() as session:
        if not grant.inherited:
            assignment.parties(session, grant, actor_required=request.raw.method != "DELETE")
        actor = session.get(User if grant.actor[0] == "user" else Group, grant.actor[1])
        target = project_db.get(session, grant.target[1]) if grant.target[0] != "system" else None
        role = session.get(Role, grant.role_id) if grant.role_id else None
    about: dict[str, Any] = {}
    if actor is not None:
        about[f"target.{grant.actor[0]}.domain_id"] = actor.domain_id
    if target is not None and grant.target[0] == "project":
        about["target.project.domain_id"] = target.id if target.is_domain else target.domain_id
    elif target is not None:
        about["target.domain.id"] = target.id
    if role is not None:
        about["target.role.name"] = role.name
        about["target.role.domain_id"] = None if role.domain_id == NO_DOMAIN else role.domain_id
    request.authorize(about)


def give(request: Request, **names: str) -> None:
    """204; takes no body."""
    grant = _grant(request, names)
    _authorize(request, grant)
    request.app.change(assignment.give, grant)


def check(request: Request, **names: str) -> None:
    """204 when the role is granted, 404 when not."""
    grant = _grant(request, names)
    _authorize(request, grant)
    request.app.read(assignment.require, grant)


def take(request: Request, **names: str) -> None:
    """204."""
    grant = _grant(request, names)
    _authorize(request, grant)
    request.app.change(assignment.take, grant)


def roles(request: Request, **names: str) -> dict[str, Any]:
    """200 with the roles an actor was granted on a target."""
    grant = _grant(request, names)
    _authorize(request, grant)
    found = request.app.read(assignment.held_roles, grant)
    return listing.answer(request, "roles", [role_view.show(request, r) for r in found])


# GET /v3/role_assignments


def index(request: Request) -> dict[str, Any]:
    """200 with role assignments, as the filters ask."""
    own = request.context.domain_id
    wanted = _wanted(request)
    policy = "identity:list_role_assignments_for_tree" if wanted.subtree else "identity:list_role_assignments"
    about = {"target.domain_id": own} if own else {}
    if wanted.subtree and wanted.project_id:
        root = request.app.read(project_db.get, wanted.project_id)
        about = {"target.domain_id": root.domain_id} if root is not None else {}
    request.authorize(about, policy)
    with request.app.db.read() as session:
        found = assignment.listed(session, wanted)
        if own:  # a token for a domain sees that domain's, whoever holds it
            inside = {("domain", own), *(("project", p.id) for p in project_db.in_domain(session, own))}
            found = [a for a in found if a.target in inside]
        known = _names(session, found) if _true(request, "include_names") else None
    shown = [_view(request, a, known) for a in found]
    return {"role_assignments": shown, "links": listing.links(request)}


def _true(request: Request, name: str) -> bool:
    """A flag that is set when it is there, unless it is 0."""
    return name in request.query and request.first(name) != "0"


def _wanted(request: Request) -> Wanted:
    first = request.first
    text = first("scope.OS-INHERIT:inherited_to")
    inherited = None if text is None else text == "projects"
    wanted = Wanted(
        user_id=first("user.id") or None, group_id=first("group.id") or None, role_id=first("role.id") or None,
        project_id=first("scope.project.id") or None, domain_id=first("scope.domain.id") or None,
        system=bool(first("scope.system")), inherited=inherited, effective=_true(request, "effective"),
        subtree=_true(request, "include_subtree"))
    if wanted.effective and wanted.group_id:
        raise faults.invalid("Combining effective and group filter will always result in an empty list.")
    if wanted.effective and wanted.inherited is True and wanted.domain_id:
        raise faults.invalid("Combining effective, domain and inherited filters will always result in an empty list.")
    if wanted.project_id and wanted.domain_id:
        raise faults.invalid("Specify a domain or project, not both")
    if wanted.system and (wanted.project_id or wanted.domain_id):
        raise faults.invalid(f"Specify system or {'project' if wanted.project_id else 'domain'}, not both")
    if wanted.user_id and wanted.group_id:
        raise faults.invalid("Specify a user or group, not both")
    if wanted.subtree and not wanted.project_id:
        raise faults.invalid("'scope.project.id' is a dependency of 'include_subtree'")
    return wanted


def _names(session: Any, found: list[Listed]) -> dict[str, Any]:
    ids = {kind: {a.actor[1] for a in found if a.actor[0] == kind} for kind in ("user", "group")}
    known: dict[str, Any] = {"user": rows.by_ids(session, User, ids["user"]),
                             "group": rows.by_ids(session, Group, ids["group"]),
                             "role": rows.by_ids(session, Role, {a.role_id for a in found}),
                             "project": rows.by_ids(session, Project, {a.target[1] for a in found})}
    domains = {r.domain_id for kind in known.values() for r in kind.values()}
    known["domain"] = rows.by_ids(session, Project, domains)
    return known


def _view(request: Request, a: Listed, known: dict[str, Any] | None) -> dict[str, Any]:
    def shown(kind: str, what: str) -> dict[str, Any]:
        if known is None:
            return {"id": what}
        row = known["project" if kind == "domain" else kind].get(what)
        if row is None:
            return {"id": what, "name": ""}
        body = {"id": what, "name": row.name}
        domain = known["domain"].get(row.domain_id)
        if kind != "domain" and domain is not None:
            body["domain"] = {"id": domain.id, "name": domain.name}
        return body

    kind, what = a.target
    scope: dict[str, Any] = {"system": {"all": True}} if kind == "system" else {kind: shown(kind, what)}
    if a.inherited:
        scope["OS-INHERIT:inherited_to"] = "projects"
    links = {"assignment": _link(request, a)}
    if a.from_group:
        links["membership"] = listing.self_link(request, "groups", a.from_group, "users", a.actor[1])["self"]
    if a.prior_role_id:
        links["prior_role"] = listing.self_link(request, "prior_role", a.role_id, "implies", a.prior_role_id)["self"]
    return {"role": shown("role", a.role_id), a.actor[0]: shown(*a.actor), "scope": scope, "links": links}


def _link(request: Request, a: Listed) -> str:
    actor = ("group", a.from_group) if a.from_group else a.actor
    kind, what = a.from_target or a.target
    place = ["system"] if kind == "system" else [f"{kind}s", what]
    path = [*place, f"{actor[0]}s", actor[1] or "", "roles", a.prior_role_id or a.role_id]
    if a.inherited:
        path = ["OS-INHERIT", *path, "inherited_to_projects"]
    return listing.self_link(request, *path)["self"]
