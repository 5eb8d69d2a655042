"""Flavors: making, describing, sharing them. Extra specs' names are checked, their values are the drivers' matter."""

import re
from collections.abc import Mapping
from typing import Any

from common import errors, ids
from common.db.session import Session
from services.compute.db import flavors as rows

_ID = re.compile(r"^[\w.\- ]*\Z")
_KEY = re.compile(r"^[\w\-.: ]{1,255}\Z")


def create(session: Session, context: Any, body: Mapping[str, Any]) -> Any:
    """A flavor from the API's body; errors.BadRequest or Conflict. A private one is nobody's at first."""
    name = str(body["name"]).strip()
    flavor_id = body.get("id")
    if flavor_id in (None, "", "auto"):
        flavor_id = ids.uuid()
    flavor_id = str(flavor_id)
    if not name:
        raise errors.BadRequest("Flavor names can not be blank")
    if not _ID.match(flavor_id) or flavor_id != flavor_id.strip():
        raise errors.BadRequest("Flavor ids must contain only alphanumeric characters, periods, dashes, underscores and spaces.")
    values: dict[str, Any] = {
        "flavorid": flavor_id,
        "name": name,
        "memory_mb": int(body["ram"]),
        "vcpus": int(body["vcpus"]),
        "root_gb": int(body["disk"]),
        "ephemeral_gb": int(body.get("OS-FLV-EXT-DATA:ephemeral", 0)),
        "swap": int(body.get("swap") or 0),
        "rxtx_factor": float(body.get("rxtx_factor", 1.0)),
        "is_public": _true(body.get("os-flavor-access:is_public", True)),
        "description": body.get("description"),
        "extra_specs": {},
    }
    if values["rxtx_factor"] <= 0:
        raise errors.BadRequest("'rxtx_factor' argument must be a positive float")
    return rows.insert(session, values)


def _true(value: Any) -> bool:
    return value if isinstance(value, bool) else str(value).strip().lower() in ("1", "t", "true", "on", "y", "yes")


def describe(session: Session, flavor_id: str, description: str | None) -> Any:
    """Change a flavor's description (2.55)."""
    row = rows.lock(session, flavor_id)
    row.description = description
    session.flush()
    return row


def add_specs(session: Session, flavor_id: str, specs: Mapping[str, Any]) -> dict[str, str]:
    """Add or replace extra specs; those given, as texts."""
    given = {k: str(v) for k, v in specs.items()}
    for key in given:
        if not _KEY.match(key):
            raise errors.BadRequest(
                "Key Names can only contain alphanumeric characters, periods, dashes, underscores, colons and spaces."
            )
    row = rows.lock(session, flavor_id)
    row.extra_specs = {**(row.extra_specs or {}), **given}
    session.flush()
    return given


def remove_spec(session: Session, flavor_id: str, key: str) -> None:
    """Remove one extra spec; errors.NotFound when it is not there."""
    row = rows.lock(session, flavor_id)
    specs = dict(row.extra_specs or {})
    if specs.pop(key, None) is None:
        raise no_spec(flavor_id, key)
    row.extra_specs = specs
    session.flush()


def no_spec(flavor_id: str, key: str) -> errors.NotFound:
    """The 404 of an extra spec."""
    return errors.NotFound(f"Flavor {flavor_id} has no extra specs with key {key}.")


def change_access(session: Session, flavor_id: str, project_id: str, *, add: bool) -> tuple[Any, list[str]]:
    """Let a project use a private flavor, or no longer; (flavor, its projects). errors.Conflict, NotFound."""
    row = rows.lock(session, flavor_id)
    if add:
        if row.is_public:
            raise errors.Conflict("Can not add access to a public flavor.")
        rows.add_access(session, row, project_id)
    else:
        rows.remove_access(session, row, project_id)
    return row, rows.access(session, row)


def copy(row: Any) -> dict[str, Any]:
    """The copy that a server keeps of its flavor."""
    return {
        "id": row.flavorid,
        "number": row.id,  # what migrations tell of it
        "flavorid": row.flavorid,
        "name": row.name,
        "vcpus": row.vcpus,
        "memory_mb": row.memory_mb,
        "root_gb": row.root_gb,
        "ephemeral_gb": row.ephemeral_gb,
        "swap": row.swap,
        "rxtx_factor": row.rxtx_factor,
        "is_public": row.is_public,
        "disabled": row.disabled,
        "description": row.description,
        "extra_specs": dict(row.extra_specs or {}),
    }
