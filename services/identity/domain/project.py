"""What may be done with projects and domains."""

from collections.abc import Mapping, Sequence
from typing import Any

from oslo_config import cfg

from common import clock, errors, ids
from common.db.session import Session
from services.identity.db import application_credential as application_credential_db
from services.identity.db import group as group_db
from services.identity.db import project as project_db
from services.identity.db import role as role_db
from services.identity.db import rows
from services.identity.db import token as token_db
from services.identity.db import user as user_db
from services.identity.db.models import ROOT, Project
from services.identity.domain import faults

_OWN = frozenset("id name domain_id parent_id is_domain enabled description options tags links explicit_domain_id extra".split())


def found(session: Session, project_id: str) -> Project:
    """The project, or project acting as a domain; NotFound in upstream's words."""
    row = project_db.get(session, project_id)
    if row is None:
        raise faults.not_found("project", project_id)
    return row


def found_domain(session: Session, domain_id: str) -> Project:
    """The domain; NotFound in upstream's words."""
    row = project_db.get(session, domain_id)
    if row is None or not row.is_domain:
        raise faults.not_found("domain", domain_id)
    return row


def create(session: Session, conf: cfg.ConfigOpts, values: Mapping[str, Any]) -> Project:
    """A new project from validated `values` (with `domain_id`), or a domain (`is_domain`)."""
    values = faults.stripped(values)
    is_domain = bool(values.get("is_domain"))
    parent_id = values.get("parent_id")
    if is_domain:
        if parent_id is not None or values.get("domain_id") is not None:
            raise faults.invalid("only root projects are allowed to act as domains.")
        domain_id, parent_id = ROOT, None
    else:
        domain_id, parent_id = _place(session, conf, values["domain_id"], parent_id)
    project_id = values.get("explicit_domain_id") if is_domain else None
    if project_id and project_db.get(session, project_id) is not None:
        raise _duplicate(True, values["name"], project_id)
    project_id = project_id or ids.hex_id()
    row = Project(
        id=project_id, name=values["name"], domain_id=domain_id, parent_id=parent_id, is_domain=is_domain,
        enabled=values.get("enabled", True), description=values.get("description", ""),
        options={k: v for k, v in (values.get("options") or {}).items() if v is not None},
        extra={k: v for k, v in values.items() if k not in _OWN})
    try:
        rows.add(session, row)
    except rows.Duplicate:
        raise _duplicate(is_domain, values["name"], project_id) from None
    if values.get("tags"):
        project_db.set_tags(session, row.id, values["tags"])
    return row


def _duplicate(is_domain: bool, name: str, project_id: str) -> Exception:
    if is_domain:
        return faults.conflict("project", "it is not permitted to have two projects acting as domains with the same name: "
                                          f"{name}")
    return faults.conflict("project", "it is not permitted to have two projects with either the same name or same id in the "
                                      f"same domain: name is {name}, project id {project_id}")


def _place(session: Session, conf: cfg.ConfigOpts, domain_id: str, parent_id: str | None) -> tuple[str, str]:
    """Ids of the domain and of the parent of a new project; BadRequest when they do not fit, or are not there."""
    domain = project_db.get(session, domain_id)
    if domain is None or not domain.is_domain:
        raise faults.invalid(f"Could not find domain: {domain_id}.")
    if not domain.enabled:
        raise faults.invalid(f"domain: {domain_id} is disabled.")
    if parent_id is None or parent_id == domain_id:
        return domain_id, domain_id
    parent = project_db.get(session, parent_id)
    if parent is None:
        raise faults.invalid(f"Could not find project: {parent_id}.")
    if parent.is_domain:
        raise faults.invalid(f"Cannot create project, the parent ({parent_id}) is acting as a domain, but this project's domain "
                             f"id ({domain_id}) does not match the parent's id.")
    if parent.domain_id != domain_id:
        raise faults.invalid(f"Cannot create project, since it specifies its domain_id {domain_id}, but specifies a parent in "
                             f"a different domain ({parent.domain_id}).")
    above = project_db.parents(session, parent_id)
    if not parent.enabled or any(not p.enabled for p in above):
        raise faults.invalid(f"cannot create a project in a branch containing a disabled project: {parent_id}")
    if len(above) + 1 > _depth_max(conf):
        raise errors.Forbidden(f"Max hierarchy depth reached for {parent_id} branch.")
    return domain_id, parent_id


def _depth_max(conf: cfg.ConfigOpts) -> int:
    """Levels of projects below a domain: two at most where the model of limits knows no more."""
    most: int = conf.identity.max_project_tree_depth
    return min(most, 2) if conf.unified_limit.enforcement_model == "strict_two_level" else most


def update(session: Session, row: Project, values: Mapping[str, Any]) -> Project:
    """Change a project or a domain; disabling voids tokens at once, since each looks at its project."""
    values = faults.stripped(values)
    options = values.get("options") or {}
    if not row.is_domain:  # upstream asks a domain first whether it may be changed at all
        faults.require_same_id(values, row.id)
    if (row.options or {}).get("immutable") and not ("immutable" in options and options["immutable"] in (False, None)
                                                     and set(values) == {"options"}):
        raise faults.immutable("domain" if row.is_domain else "project", row.id)
    faults.require_same_id(values, row.id)
    for name in ("domain_id", "parent_id", "is_domain"):
        present = {"domain_id": None if row.is_domain else row.domain_id, "parent_id": None if row.is_domain else row.parent_id,
                   "is_domain": row.is_domain}[name]
        if name in values and values[name] != present:
            if name == "parent_id":
                raise errors.Forbidden("Update of `parent_id` is not allowed.")
            raise faults.invalid("Cannot change Domain ID" if name == "domain_id" else f"Update of `{name}` is not allowed.")
    if values.get("enabled") is False and row.enabled and not row.is_domain and _enabled_below(session, row.id):
        raise errors.Forbidden(f"Cannot disable project {row.id} since its subtree contains enabled projects.")
    if values.get("enabled") is True and not row.enabled and any(not p.enabled for p in project_db.parents(session, row.id)):
        raise errors.Forbidden(f"Cannot enable project {row.id} since it has disabled parents")
    if values.get("enabled") is False and row.enabled:
        field = "domain_id" if row.is_domain else "project_id"
        token_db.revoke(session, clock.now(), **{field: row.id})
    for name in ("name", "enabled", "description"):
        if name in values:
            setattr(row, name, values[name])
    row.extra = {**(row.extra or {}), **{k: v for k, v in values.items() if k not in _OWN}}
    row.options = {k: v for k, v in {**(row.options or {}), **options}.items() if v is not None}
    is_domain, project_id = row.is_domain, row.id
    try:
        rows.flush(session)
    except rows.Duplicate:
        raise _duplicate(is_domain, values["name"], project_id) from None
    if "tags" in values:
        project_db.set_tags(session, row.id, values["tags"])
    return row


def _enabled_below(session: Session, project_id: str) -> bool:
    return any(p.enabled for p in project_db.subtree(session, project_id))


def delete(session: Session, project_id: str) -> None:
    """Delete a project without projects below; a domain as delete_domain does."""
    row = found(session, project_id)
    _require_mutable(row, "delete")
    if row.is_domain:
        delete_domain(session, project_id)
    elif project_db.has_children(session, project_id):
        raise errors.Forbidden(f"Cannot delete the project {project_id} since it is not a leaf in the hierarchy. Use the cascade "
                               "option if you want to delete a whole subtree.")
    else:
        project_db.delete(session, [project_id])


def delete_domain(session: Session, domain_id: str) -> None:
    """Delete a disabled domain with its users, groups, roles and projects."""
    row = found_domain(session, domain_id)
    _require_mutable(row, "delete")
    if row.enabled:
        raise errors.Forbidden("Cannot delete a domain that is enabled, please disable it first.")
    user_db.delete(session, user_db.ids_in_domain(session, domain_id))
    group_db.delete(session, group_db.ids_in_domain(session, domain_id))
    role_db.delete(session, role_db.ids_in_domain(session, domain_id))
    project_db.delete(session, [*(p.id for p in project_db.in_domain(session, domain_id)), domain_id])


def _require_mutable(row: Project, verb: str = "update") -> None:
    if (row.options or {}).get("immutable"):
        raise faults.immutable("domain" if row.is_domain else "project", row.id, verb)


def _require_mutable_tags(row: Project) -> None:
    if (row.options or {}).get("immutable"):
        raise errors.Forbidden(f"Cannot update project tags for {row.id}, project is immutable. Set \"immutable\" option to "
                               "false before creating project tags.")


def set_tags(session: Session, project_id: str, names: Sequence[str]) -> list[str]:
    """Replace a project's tags."""
    _require_mutable_tags(found(session, project_id))
    project_db.set_tags(session, project_id, names)
    return sorted(dict.fromkeys(names))


def drop_tag(session: Session, project_id: str, name: str) -> None:
    """Take one tag away; NotFound when it is not there."""
    _require_mutable_tags(found(session, project_id))
    present = project_db.tags(session, [project_id]).get(project_id, [])
    if name not in present:
        raise faults.not_found("project tag", name)
    project_db.set_tags(session, project_id, [t for t in present if t != name])


def forget_delegations(session: Session, user_id: str, project_id: str) -> None:
    """Delete the application credentials of a user on a project, as upstream does when a role there is taken away."""
    application_credential_db.delete(session, application_credential_db.ids_for(session, user_id, project_id))
