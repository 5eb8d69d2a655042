"""Volume types: records, extra specs, access, encryption, defaults of projects."""

from typing import Any

from common import errors, ids
from common.http.request import Request, boolean
from services.volume.api import base
from services.volume.api.views import types as view
from services.volume.db import types
from services.volume.db.models import VolumeType
from services.volume.domain import faults
from services.volume.domain import types as domain


def _type(request: Request, type_id: str) -> VolumeType:
    """A type that the caller may see; 404."""
    with request.app.db.read() as session:
        row = types.get(session, type_id)
        seen = row is not None and (request.context.has_admin_role or types.may_use(session, row.id, request.context.project_id))
    if row is None or not seen:
        raise faults.missing("type", type_id)
    return row


def index(request: Request) -> dict[str, Any]:
    """200: the types that the caller may see; operators choose with `is_public`."""
    page, offset = base.page(request)
    found: dict[str, Any] = {}
    visible_to: str | None = request.context.project_id or ""
    if request.context.has_admin_role:
        wanted = request.first("is_public", "true")
        visible_to = None
        if str(wanted).lower() != "none":
            found["is_public"] = boolean(wanted, "is_public")
    specs = base.mapping(request.first("extra_specs") or "{}") if request.at_least("3.52") else {}
    if request.at_least("3.31") and request.first("name~"):
        found["name_like"] = request.first("name~")
    for name in ("name", "description", "id"):
        if request.first(name):
            found[name] = request.first(name)
    with request.app.db.read() as session:
        rows = types.listing(session, page, visible_to=visible_to, filters=found, offset=offset)
    rows = [r for r in rows if all((r.extra_specs or {}).get(k) == str(v) for k, v in specs.items())]
    return base.with_next(
        request, {"volume_types": [view.one(request, r) for r in rows]}, "volume_types", "types", page, [r.id for r in rows]
    )


def show(request: Request, type_id: str) -> dict[str, Any]:
    """200; 404."""
    return {"volume_type": view.one(request, _type(request, type_id))}


def default(request: Request) -> dict[str, Any]:
    """200: the type of the caller's volumes that ask for none; 404 when there is none."""
    with request.app.db.read() as session:
        own = types.default_of(session, request.context.project_id or "")
        row = types.get(session, own) if own else types.by_name(session, request.app.conf.volume.default_volume_type)
    if row is None:
        raise errors.NotFound("Default volume type can not be found.")
    return {"volume_type": view.one(request, row)}


def create(request: Request) -> dict[str, Any]:
    """200; 409 when the name is taken."""
    body = request.body["volume_type"]
    name = body["name"].strip()
    if not name:
        raise faults.invalid_input("Volume type name cannot be empty.")
    values = {
        "name": name,
        "description": body.get("description"),
        "extra_specs": _texts(body.get("extra_specs") or {}),
        "is_public": boolean(body.get("os-volume-type-access:is_public", True), "is_public"),
    }
    shown = view.one(request, domain.create(request.app, values))
    shown.pop("qos_specs_id", None)  # a new type has none, and the answer does not say so
    return {"volume_type": shown}


def _texts(specs: dict[str, Any]) -> dict[str, str]:
    return {k: "" if v is None else str(v) for k, v in specs.items()}


def update(request: Request, type_id: str) -> dict[str, Any]:
    """200; 400 without anything to change, 404, 409."""
    _type(request, type_id)
    body = request.body["volume_type"]
    values: dict[str, Any] = {}
    if body.get("name") is not None:
        values["name"] = body["name"].strip()
        if not values["name"]:
            raise errors.BadRequest("Volume type name can not be empty.")
    if body.get("description") is not None:
        values["description"] = body["description"].strip()
    if body.get("is_public") is not None:
        values["is_public"] = boolean(body["is_public"], "is_public")
    if not values:
        raise errors.BadRequest("Specify volume type name, description, is_public or a combination thereof.")
    shown = view.one(request, domain.update(request.app, type_id, values))
    return {"volume_type": {k: shown[k] for k in ("id", "name", "is_public", "description", "extra_specs") if k in shown}}


def delete(request: Request, type_id: str) -> None:
    """202; 400 when it is in use, 404."""
    domain.delete(request.app, _type(request, type_id).id)


# extra specs


def specs_index(request: Request, type_id: str) -> dict[str, Any]:
    """200; 404."""
    return {"extra_specs": view.specs(request, _type(request, type_id))}


def specs_create(request: Request, type_id: str) -> dict[str, Any]:
    """200: add extra specs."""
    specs = _texts(request.body["extra_specs"])
    domain.set_specs(request.app, _type(request, type_id).id, specs)
    return {"extra_specs": specs}


def specs_show(request: Request, type_id: str, key: str) -> dict[str, Any]:
    """200; 404."""
    found = view.specs(request, _type(request, type_id))
    if key not in found:
        raise errors.NotFound(f"Volume Type {type_id} has no extra specs with key {key}.")
    return {key: found[key]}


def specs_update(request: Request, type_id: str, key: str) -> dict[str, Any]:
    """200; 400 when the body is about another key."""
    _type(request, type_id)
    if key not in request.body:
        raise errors.BadRequest("Request body and URI mismatch")
    specs = _texts(request.body)
    domain.set_specs(request.app, type_id, specs)
    return specs


def specs_delete(request: Request, type_id: str, key: str) -> None:
    """202; 404."""
    domain.unset_spec(request.app, _type(request, type_id).id, key)


# encryption


def encryption_show(request: Request, type_id: str) -> dict[str, Any]:
    """200: how the type is encrypted, or an empty object; 404."""
    _type(request, type_id)
    with request.app.db.read() as session:
        row = types.encryption(session, type_id)
    return view.encryption(row) if row else {}


def encryption_value(request: Request, type_id: str, key: str) -> dict[str, Any]:
    """200: one value of how the type is encrypted; 404."""
    found = encryption_show(request, type_id)
    if key not in found:
        raise errors.NotFound(f"Volume type encryption for type {type_id} does not exist.")
    return {key: found[key]}


def _encryption(request: Request, values: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {k: values[k] for k in ("provider", "control_location", "cipher", "key_size") if k in values}
    if kept.get("key_size") is not None:
        kept["key_size"] = int(kept["key_size"])
    return kept


def encryption_create(request: Request, type_id: str) -> dict[str, Any]:
    """200; 400 when the type is in use or encrypted already, 404."""
    _type(request, type_id)
    values = _encryption(request, request.body["encryption"])
    row = domain.encrypt(request.app, type_id, values)
    return {"encryption": {**values, "encryption_id": row.encryption_id, "volume_type_id": type_id}}


def encryption_update(request: Request, type_id: str, key: str) -> dict[str, Any]:
    """200; 400 when the type is in use, 404."""
    _type(request, type_id)
    values = _encryption(request, request.body["encryption"])
    domain.change_encryption(request.app, type_id, values)
    return {"encryption": values}


def encryption_delete(request: Request, type_id: str, key: str) -> None:
    """202; 400 when the type is in use, 404."""
    _type(request, type_id)
    domain.drop_encryption(request.app, type_id)


# access


def access_index(request: Request, type_id: str) -> dict[str, Any]:
    """200: projects that may use a private type; 404 for a public one."""
    row = _type(request, type_id)
    if row.is_public:
        raise errors.NotFound("Access list not available for public volume types.")
    with request.app.db.read() as session:
        projects = types.access(session, type_id)
    return {"volume_type_access": [{"volume_type_id": type_id, "project_id": p} for p in projects]}


def add_access(request: Request, type_id: str) -> None:
    """202; 404, 409."""
    request.authorize()
    domain.open_to(request.app, _type(request, type_id).id, request.body["project"])


def remove_access(request: Request, type_id: str) -> None:
    """202; 404, 409."""
    request.authorize()
    domain.close_to(request.app, _type(request, type_id).id, request.body["project"])


# defaults of projects (3.62)


def defaults_index(request: Request) -> dict[str, Any]:
    """200: every project's own default type."""
    with request.app.db.read() as session:
        return {
            "default_types": [{"project_id": d.project_id, "volume_type_id": d.volume_type_id} for d in types.defaults(session)]
        }


def defaults_show(request: Request, project_id: str) -> dict[str, Any]:
    """200; 404 when the project has no default of its own."""
    with request.app.db.read() as session:
        found = types.default_of(session, project_id)
    if found is None:
        raise errors.NotFound(f"Default type for project {project_id} not found.")
    return {"default_type": {"project_id": project_id, "volume_type_id": found}}


def defaults_set(request: Request, project_id: str) -> dict[str, Any]:
    """200; 404 for an unknown type."""
    if not ids.is_uuid(project_id):
        raise errors.BadRequest(f"Project id {project_id} is not a project id.")
    wanted = request.body["default_type"]["volume_type"]

    def change(session: Any) -> str:
        row = types.find(session, wanted)
        if row is None:
            raise faults.missing("type_name", wanted)
        types.set_default(session, project_id, row.id)
        return row.id

    return {"default_type": {"project_id": project_id, "volume_type_id": request.app.db.transaction(change)}}


def defaults_unset(request: Request, project_id: str) -> None:
    """204."""
    request.app.db.transaction(types.unset_default, project_id)
