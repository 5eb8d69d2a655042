"""What may be done with volume types, their encryption and their quality of service."""

from collections.abc import Mapping
from typing import Any

from common import errors, ids
from common.db.session import Session
from services.volume.db import quotas, types
from services.volume.db.models import VolumeType
from services.volume.domain import faults
from services.volume.domain.deps import Deps

DESCRIPTION = "Default Volume Type"


def ensure_default(deps: Deps) -> None:
    """Make the type of volumes that ask for none, when it is the built-in one and missing."""

    def make(session: Session) -> None:
        name = deps.conf.volume.default_volume_type
        if name == "__DEFAULT__" and types.by_name(session, name) is None:
            types.insert(session, id=ids.uuid(), name=name, description=DESCRIPTION, is_public=True, extra_specs={})

    deps.db.transaction(make)


def create(deps: Deps, values: dict[str, Any]) -> VolumeType:
    """A new type; 409 when the name is taken."""

    def make(session: Session) -> VolumeType:
        if types.by_name(session, values["name"]) is not None:
            raise errors.Conflict(f"Volume Type {values['name']} already exists.")
        return types.insert(session, id=ids.uuid(), **values)

    return deps.db.transaction(make)


def update(deps: Deps, type_id: str, values: dict[str, Any]) -> VolumeType:
    """Change a type; 409 when the new name is taken."""

    def make(session: Session) -> VolumeType:
        row = _locked(session, type_id)
        name = values.get("name")
        if name and name != row.name:
            if types.by_name(session, name) is not None:
                raise errors.Conflict(f"Volume Type {name} already exists.")
            quotas.rename_type(session, row.name, name)
        types.change(session, type_id, **values)
        session.refresh(row)
        return row

    return deps.db.transaction(make)


def delete(deps: Deps, type_id: str) -> None:
    """Remove a type; 400 when volumes have it or it is the last resort."""

    def make(session: Session) -> None:
        row = _locked(session, type_id)
        if row.name == deps.conf.volume.default_volume_type:
            raise errors.BadRequest(f"The volume type {type_id} is the default volume type and cannot be deleted.")
        if types.in_use(session, type_id):
            raise errors.BadRequest(f"Target volume type is still in use: {type_id}")
        quotas.drop_type(session, row.name)
        types.delete(session, type_id)

    deps.db.transaction(make)


def _locked(session: Session, type_id: str) -> VolumeType:
    row = types.lock(session, type_id)
    if row is None:
        raise faults.missing("type", type_id)
    return row


def set_specs(deps: Deps, type_id: str, specs: Mapping[str, str]) -> None:
    """Add extra specs to a type."""

    def make(session: Session) -> None:
        row = _locked(session, type_id)
        _guard_multiattach(session, row, specs)
        types.change(session, type_id, extra_specs={**(row.extra_specs or {}), **specs})

    deps.db.transaction(make)


def _guard_multiattach(session: Session, row: VolumeType, specs: Mapping[str, str]) -> None:
    if (
        "multiattach" in specs
        and specs["multiattach"] != (row.extra_specs or {}).get("multiattach")
        and types.in_use(session, row.id)
    ):
        raise errors.BadRequest("Volume Type is currently in use. Changing 'multiattach' of a type in use is not allowed.")


def unset_spec(deps: Deps, type_id: str, key: str) -> None:
    """Remove an extra spec; 404 when it is not there."""

    def make(session: Session) -> None:
        row = _locked(session, type_id)
        if key not in (row.extra_specs or {}):
            raise errors.NotFound(f"Volume Type {type_id} has no extra specs with key {key}.")
        types.change(session, type_id, extra_specs={k: v for k, v in row.extra_specs.items() if k != key})

    deps.db.transaction(make)


def encrypt(deps: Deps, type_id: str, values: dict[str, Any]) -> Any:
    """Encrypt a type's volumes; 400 when it is in use or encrypted already."""

    def make(session: Session) -> Any:
        _locked(session, type_id)
        if types.encryption(session, type_id) is not None:
            raise errors.BadRequest(f"Volume type encryption for type {type_id} already exists.")
        _unused(session, type_id, "created")
        return types.add_encryption(session, encryption_id=ids.uuid(), volume_type_id=type_id, **values)

    return deps.db.transaction(make)


def _unused(session: Session, type_id: str, what: str) -> None:
    if types.in_use(session, type_id):
        raise errors.BadRequest(f"Cannot {what.removesuffix('d')} encryption specs. Volume type in use.")


def change_encryption(deps: Deps, type_id: str, values: dict[str, Any]) -> None:
    """Change how a type's volumes are encrypted."""

    def make(session: Session) -> None:
        _locked(session, type_id)
        _unused(session, type_id, "updated")
        if types.encryption(session, type_id) is None:
            raise errors.NotFound(f"Volume type encryption for type {type_id} does not exist.")
        types.change_encryption(session, type_id, **values)

    deps.db.transaction(make)


def drop_encryption(deps: Deps, type_id: str) -> None:
    """Stop encrypting a type's volumes."""

    def make(session: Session) -> None:
        _locked(session, type_id)
        _unused(session, type_id, "deleted")
        if not types.drop_encryption(session, type_id):
            raise errors.NotFound(f"Volume type encryption for type {type_id} does not exist.")

    deps.db.transaction(make)


def open_to(deps: Deps, type_id: str, project_id: str) -> None:
    """Open a private type to a project; 409 when it was, 400 for a public type."""

    def make(session: Session) -> None:
        row = _locked(session, type_id)
        if row.is_public:
            raise errors.Conflict("Type access modification is not applicable to public volume type.")
        if not types.add_access(session, type_id, project_id):
            raise errors.Conflict(f"Volume type access for {type_id} / {project_id} combination already exists.")

    deps.db.transaction(make)


def close_to(deps: Deps, type_id: str, project_id: str) -> None:
    """Close a private type to a project; 404 when it was not open."""

    def make(session: Session) -> None:
        row = _locked(session, type_id)
        if row.is_public:
            raise errors.Conflict("Type access modification is not applicable to public volume type.")
        if not types.remove_access(session, type_id, project_id):
            raise errors.NotFound(f"Volume type access not found for {type_id} / {project_id} combination.")

    deps.db.transaction(make)
