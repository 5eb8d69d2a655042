"""Unified limits: defaults registered per service, and limits of single projects and domains."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from oslo_config import cfg

from common import errors, ids
from common.db.session import Session
from services.identity.db import catalog as catalog_db
from services.identity.db import limit as limit_db
from services.identity.db import project as project_db
from services.identity.db import rows
from services.identity.db.models import Limit, RegisteredLimit
from services.identity.domain import faults


def by_project(session: Session, project_ids: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Limits by project, as shown within a project."""
    out: dict[str, list[dict[str, Any]]] = {}
    for row, registered in limit_db.of_projects(session, project_ids):
        out.setdefault(row.project_id, []).append({
            "id": row.id, "resource_name": registered.resource_name, "resource_limit": row.resource_limit,
            "service_id": registered.service_id, "region_id": registered.region_id or None,
            "project_id": row.project_id, "domain_id": None, "description": row.description,
        })
    return out


MODELS = {
    "flat": "Limit enforcement and validation does not take project hierarchy into consideration.",
    "strict_two_level": "This model requires project hierarchy never exceeds a depth of two",
}


def found_registered(session: Session, limit_id: str) -> RegisteredLimit:
    """The registered limit; NotFound in upstream's words."""
    row = limit_db.registered(session, limit_id)
    if row is None:
        raise errors.NotFound(f"Could not find registered limit for {limit_id}.")
    return row


def found(session: Session, limit_id: str) -> tuple[Limit, RegisteredLimit]:
    """The limit with what it is a limit of; NotFound in upstream's words."""
    row = limit_db.get(session, limit_id)
    if row is None:
        raise errors.NotFound(f"Could not find limit for {limit_id}.")
    return row


def _check_place(session: Session, noun: str, values: Mapping[str, Any]) -> None:
    if values.get("service_id") and catalog_db.service(session, values["service_id"]) is None:
        raise faults.malformed(f"Expecting to find service_id in {noun}.")
    if values.get("region_id") and catalog_db.region(session, values["region_id"]) is None:
        raise faults.malformed(f"Expecting to find region_id in {noun}.")


def register(session: Session, wanted: Sequence[Mapping[str, Any]]) -> list[RegisteredLimit]:
    """New registered limits, all or none."""
    made = []
    for values in wanted:
        _check_place(session, "registered_limit", values)
        row = RegisteredLimit(
            id=ids.hex_id(), service_id=values["service_id"], region_id=values.get("region_id") or "",
            resource_name=values["resource_name"], default_limit=values["default_limit"],
            description=values.get("description"))
        try:
            made.append(rows.add(session, row))
        except rows.Duplicate:
            raise faults.conflict("registered_limit", "Duplicate entry") from None
    return made


def update_registered(session: Session, limit_id: str, values: Mapping[str, Any]) -> RegisteredLimit:
    """Change a registered limit; Forbidden for one that limits stand on."""
    row = found_registered(session, limit_id)
    _check_place(session, "registered_limit", values)
    if values and limit_db.in_use(session, limit_id):
        raise _in_use(limit_id)
    for name in ("service_id", "region_id", "resource_name", "default_limit", "description"):
        if name in values:
            setattr(row, name, values[name] or "" if name == "region_id" else values[name])
    try:
        rows.flush(session)
    except rows.Duplicate:
        raise faults.conflict("registered_limit", "Duplicate entry") from None
    return row


def _in_use(limit_id: str) -> errors.Forbidden:
    return errors.Forbidden(f"Unable to update or delete registered limit {limit_id} because there are project limits "
                            "associated with it.")


def unregister(session: Session, limit_id: str) -> None:
    """Delete a registered limit that no limit stands on."""
    found_registered(session, limit_id)
    if limit_db.in_use(session, limit_id):
        raise _in_use(limit_id)
    limit_db.delete_registered(session, limit_id)


def create(session: Session, conf: cfg.ConfigOpts,
           wanted: Sequence[Mapping[str, Any]]) -> list[tuple[Limit, RegisteredLimit]]:
    """New limits of projects and domains, all or none; each needs its registered limit.

    Those of domains are made first, so that a project's is measured by its domain's new one, whichever stands first.
    """
    owned = [_owned(session, values) for values in wanted]
    made: dict[int, tuple[Limit, RegisteredLimit]] = {}
    for number, values in sorted(enumerate(owned), key=lambda pair: not pair[1].get("domain_id")):
        registered = limit_db.registered_for(session, values["service_id"], values.get("region_id"), values["resource_name"])
        if registered is None:
            raise errors.Forbidden("Unable to create a limit that has no corresponding registered limit.")
        row = Limit(id=ids.hex_id(), registered_limit_id=registered.id, project_id=values.get("project_id") or "",
                    domain_id=values.get("domain_id") or "", resource_limit=values["resource_limit"],
                    description=values.get("description"))
        _check_model(session, conf, row, registered, row.resource_limit)
        try:
            made[number] = (rows.add(session, row), registered)
        except rows.Duplicate:
            raise faults.conflict("limit", "Duplicate entry") from None
    return [made[number] for number in sorted(made)]


def _owned(session: Session, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with the owner as what it is: a domain may be named as a project. BadRequest for what is not there."""
    _check_place(session, "limit", values)
    noun = "project_id" if "project_id" in values else "domain_id"
    owner = project_db.get(session, values[noun] or "")
    if owner is None or (noun == "domain_id" and not owner.is_domain):
        raise faults.malformed(f"Expecting to find {noun} in limit.")
    rest = {k: v for k, v in values.items() if k not in ("project_id", "domain_id")}
    return {**rest, "domain_id" if owner.is_domain else "project_id": owner.id}


def update(session: Session, conf: cfg.ConfigOpts, limit_id: str, values: Mapping[str, Any]) -> tuple[Limit, RegisteredLimit]:
    """Change a limit's number or description."""
    row, registered = found(session, limit_id)
    if "resource_limit" in values:
        _check_model(session, conf, row, registered, values["resource_limit"])
        row.resource_limit = values["resource_limit"]
    if "description" in values:
        row.description = values["description"]
    session.flush()
    return row, registered


def _check_model(session: Session, conf: cfg.ConfigOpts, row: Limit, registered: RegisteredLimit, number: int) -> None:
    """With strict_two_level, no project may have more than its domain."""
    if conf.unified_limit.enforcement_model != "strict_two_level":
        return
    owner = project_db.get(session, row.project_id or row.domain_id)
    if owner is None:
        return
    domain_id = owner.id if owner.is_domain else owner.domain_id
    own, of_domain = limit_db.in_domain(session, registered.id, domain_id)
    if owner.is_domain:
        if any(r.resource_limit > number for r in own):
            raise _misfit(row, registered, number)
    elif number > (of_domain.resource_limit if of_domain is not None else registered.default_limit):
        raise _misfit(row, registered, number)


def _misfit(row: Limit, registered: RegisteredLimit, number: int) -> errors.Forbidden:
    owner = f"project_id: {row.project_id}" if row.project_id else f"domain_id: {row.domain_id}"
    return errors.Forbidden(
        f"Invalid resource limit: The resource limit ({owner}, resource_name: {registered.resource_name}, resource_limit: "
        f"{number}, service_id: {registered.service_id}, region_id: {registered.region_id or None}) doesn't satisfy current "
        "hierarchy model..")


def delete(session: Session, limit_id: str) -> None:
    """Delete a limit."""
    found(session, limit_id)
    limit_db.delete(session, limit_id)
