"""Granting roles, and listing who holds what."""

from dataclasses import dataclass, field
from typing import Any

from common import errors
from common.db.session import Session
from services.identity.db import assignment as assignment_db
from services.identity.db import group as group_db
from services.identity.db import project as project_db
from services.identity.db import role as role_db
from services.identity.db import rows
from services.identity.db.models import NO_DOMAIN, SYSTEM, Assignment, Group, Project, Role, User
from services.identity.domain import faults, project, roles
from services.identity.domain import role as role_domain
from services.identity.domain import user as users


@dataclass(frozen=True)
class Grant:
    """An actor (type, id), a target (type, id), a role and whether projects below inherit it."""

    actor: tuple[str, str]
    target: tuple[str, str]
    role_id: str = ""
    inherited: bool = False


@dataclass(frozen=True)
class Parties:
    """The rows a grant names; `target` is None for the system."""

    actor: User | Group
    target: Project | None
    role: Role | None


def parties(session: Session, grant: Grant, *, actor_required: bool = True) -> Parties:
    """The rows of a grant; NotFound names the first that is not there."""
    if grant.target[0] == "domain":
        project.found_domain(session, grant.target[1])
    role = role_domain.found(session, grant.role_id) if grant.role_id else None
    model: Any = User if grant.actor[0] == "user" else Group
    actor = session.get(model, grant.actor[1])
    if actor is None and actor_required:
        raise faults.not_found(*grant.actor)
    target = None
    if grant.target[0] != "system":
        target = project_db.get(session, grant.target[1])
        if target is None or (grant.target[0] == "domain" and not target.is_domain):
            raise faults.not_found(*grant.target)
    return Parties(actor, target, role)  # type: ignore[arg-type]


def give(session: Session, grant: Grant) -> None:
    """Grant a role; harmless when it is held. Forbidden on a project for another domain's role."""
    found = parties(session, grant)
    if found.role and found.role.domain_id != NO_DOMAIN:
        if found.target is None:
            raise faults.invalid(f"Role {grant.role_id} is a domain-specific role. Unable to use a domain-specific role in a "
                                 "system assignment.")
        if grant.target[0] == "project" and found.target.domain_id != found.role.domain_id:
            raise errors.Forbidden(f"Project {grant.target[1]} must be in the same domain as the role {grant.role_id} being "
                                   "assigned.")
    assignment_db.grant(session, grant.actor, grant.target, grant.role_id, grant.inherited)


def require(session: Session, grant: Grant) -> None:
    """NotFound unless the role is granted just so."""
    parties(session, grant)
    if assignment_db.get(session, grant.actor, grant.target, grant.role_id, grant.inherited) is None:
        raise faults.not_found("role assignment with role", _words(grant))


def take(session: Session, grant: Grant) -> None:
    """Take a role away; what was delegated with it on that project ends."""
    parties(session, grant, actor_required=False)
    if not assignment_db.revoke(session, grant.actor, grant.target, grant.role_id, grant.inherited):
        raise faults.not_found("role assignment with role", _words(grant))
    if grant.target[0] == "project" and not grant.inherited:
        losers = [grant.actor[1]] if grant.actor[0] == "user" else group_db.members(
            session, [grant.actor[1]]).get(grant.actor[1], [])
        for user_id in losers:
            project.forget_delegations(session, user_id, grant.target[1])


def _words(grant: Grant) -> str:
    return f"{grant.role_id}, user or group: {grant.actor[1]}, project, domain, or system: {grant.target[1]}"


def held_roles(session: Session, grant: Grant) -> list[Role]:
    """The roles granted to an actor on a target, directly."""
    parties(session, grant)
    found = assignment_db.matching(session, actor=grant.actor, target=grant.target, inherited=grant.inherited)
    return list(rows.by_ids(session, Role, {a.role_id for a in found}).values())


# listing


@dataclass(frozen=True)
class Wanted:
    """Which assignments are asked for; see the API reference of GET /v3/role_assignments."""

    user_id: str | None = None
    group_id: str | None = None
    role_id: str | None = None
    project_id: str | None = None
    domain_id: str | None = None
    system: bool = False
    inherited: bool | None = None
    effective: bool = False
    subtree: bool = False


@dataclass(frozen=True)
class Listed:
    """An assignment as it is shown; the last four say what an effective one follows from."""

    actor: tuple[str, str]
    target: tuple[str, str]
    role_id: str
    inherited: bool
    from_group: str | None = None
    from_target: tuple[str, str] | None = None
    prior_role_id: str | None = None
    names: dict[str, Any] = field(default_factory=dict, compare=False)


def listed(session: Session, wanted: Wanted) -> list[Listed]:
    """The assignments asked for; a constant number of queries."""
    if wanted.effective:
        return _effective(session, wanted)
    actor = ("user", wanted.user_id) if wanted.user_id else ("group", wanted.group_id) if wanted.group_id else None
    found = assignment_db.matching(
        session, actor=actor, targets=_targets(session, wanted),  # type: ignore[arg-type]
        role_ids=[wanted.role_id] if wanted.role_id else None, inherited=wanted.inherited)
    return [Listed((a.actor_type, a.actor_id), (a.target_type, a.target_id), a.role_id, a.inherited) for a in found]


def _targets(session: Session, wanted: Wanted) -> list[tuple[str, list[str]]]:
    if wanted.project_id:
        below = [p.id for p in project_db.subtree(session, wanted.project_id)] if wanted.subtree else []
        return [("project", [wanted.project_id, *below])]
    if wanted.domain_id:
        return [("domain", [wanted.domain_id])]
    return [("system", [SYSTEM])] if wanted.system else []


def _effective(session: Session, wanted: Wanted) -> list[Listed]:
    if wanted.user_id:
        users.found(session, wanted.user_id)
    implications = role_db.implications(session)
    tree = _Tree(session, wanted)
    direct = assignment_db.matching(
        session, user_with_groups=wanted.user_id, targets=tree.sources,
        actor=("group", wanted.group_id) if wanted.group_id and not wanted.user_id else None)
    members = group_db.members(session, {a.actor_id for a in direct if a.actor_type == "group"})  # type: ignore[arg-type]
    local = {i for i, r in rows.by_ids(session, Role, {
        *(a.role_id for a in direct), *implications, *(i for s in implications.values() for i in s)}).items()
        if r.domain_id != NO_DOMAIN}
    out: dict[tuple[Any, ...], Listed] = {}
    for a in direct:
        if wanted.inherited is not None and a.inherited != wanted.inherited:
            continue
        holders = [a.actor_id] if a.actor_type == "user" else members.get(a.actor_id, [])
        for target in tree.reached(a):
            for role_id, prior in roles.expand([a.role_id], implications).items():
                if role_id in local or (wanted.role_id and role_id != wanted.role_id):
                    continue
                for user_id in holders:
                    if wanted.user_id and user_id != wanted.user_id:
                        continue
                    one = Listed(("user", user_id), target, role_id, a.inherited,
                                 a.actor_id if a.actor_type == "group" else None,
                                 (a.target_type, a.target_id) if a.inherited else None, prior)
                    out.setdefault((user_id, target, role_id, one.from_group, one.from_target, prior), one)
    return list(out.values())


class _Tree:
    """Which targets an assignment reaches, within those asked for; read with two queries."""

    def __init__(self, session: Session, wanted: Wanted) -> None:
        self.wanted = wanted
        self.sources: list[tuple[str, list[str]]] = []
        self.projects: dict[str, Project] = {}
        if wanted.project_id:
            row = project.found(session, wanted.project_id)
            above = project_db.parents(session, wanted.project_id)
            below = project_db.subtree(session, wanted.project_id) if wanted.subtree else []
            self.wanted_ids = {wanted.project_id, *(p.id for p in below)}
            self.projects = {p.id: p for p in [row] + above + below}
            self.sources = [("project", list(self.projects)), ("domain", list(self.projects))]
        elif wanted.domain_id:
            self.sources = [("domain", [wanted.domain_id])]
        elif wanted.system:
            self.sources = [("system", [SYSTEM])]
        else:
            self.projects = {p.id: p for p in project_db.every(session)}
            self.wanted_ids = set(self.projects)
        self.children: dict[str, list[str]] = {}
        for p in self.projects.values():
            if not p.is_domain:
                self.children.setdefault(p.parent_id or "", []).append(p.id)

    def reached(self, a: Assignment) -> list[tuple[str, str]]:
        """The targets on which assignment `a` takes effect."""
        here = (a.target_type, a.target_id)
        if a.target_type == "system" and not self.wanted.system:
            return []  # upstream's effective list does not speak of the system unless asked
        if not a.inherited:
            wrong = self.wanted.project_id and (a.target_type != "project" or a.target_id not in self.wanted_ids)
            return [] if wrong else [here]
        if self.wanted.domain_id or self.wanted.system:
            return []
        found, waiting = [], list(self.children.get(a.target_id, []))
        while waiting:
            project_id = waiting.pop()
            waiting.extend(self.children.get(project_id, []))
            if project_id in self.wanted_ids:
                found.append(("project", project_id))
        return found
