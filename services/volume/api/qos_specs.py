"""Quality of service of volume types."""

from typing import Any

from common import errors, ids
from common.http.request import Request, boolean
from services.volume.api import base
from services.volume.api.views import types as view
from services.volume.db import types
from services.volume.db.models import QosSpecs
from services.volume.domain import faults


def _qos(request: Request, qos_id: str) -> QosSpecs:
    with request.app.db.read() as session:
        row = types.qos(session, qos_id)
    if row is None:
        raise faults.missing("qos", qos_id)
    return row


def index(request: Request) -> dict[str, Any]:
    """200."""
    page, _ = base.page(request)
    with request.app.db.read() as session:
        rows = types.qos_listing(session, page)
    return base.with_next(
        request, {"qos_specs": [view.qos_summary(r) for r in rows]}, "qos_specs", "qos-specs", page, [r.id for r in rows]
    )


def show(request: Request, qos_id: str) -> dict[str, Any]:
    """200; 404."""
    return view.qos(request, _qos(request, qos_id))


def create(request: Request) -> dict[str, Any]:
    """200; 409 when the name is taken."""
    values = dict(request.body["qos_specs"])
    name, consumer = values.pop("name"), values.pop("consumer", None) or "back-end"

    def make(session: Any) -> QosSpecs:
        if any(q.name == name for q in types.qos_listing(session, base.whole_page())):
            raise errors.Conflict(f"QoS Specs {name} already exists.")
        return types.add_qos(
            session, id=ids.uuid(), name=name, consumer=consumer, specs={k: "" if v is None else v for k, v in values.items()}
        )

    return view.qos(request, request.app.db.transaction(make))


def update(request: Request, qos_id: str) -> dict[str, Any]:
    """200: set values; 404."""
    values = dict(request.body["qos_specs"])

    def change(session: Any) -> None:
        row = types.qos_locked(session, qos_id)
        if row is None:
            raise faults.missing("qos", qos_id)
        new: dict[str, Any] = {"specs": {**(row.specs or {}), **{k: v for k, v in values.items() if k != "consumer"}}}
        if values.get("consumer"):
            if values["consumer"] not in ("back-end", "front-end", "both"):
                raise errors.BadRequest("Valid consumer of QoS specs are: ['front-end', 'back-end', 'both']")
            new["consumer"] = values["consumer"]
        types.change_qos(session, qos_id, **new)

    request.app.db.transaction(change)
    return {"qos_specs": values}


def delete_keys(request: Request, qos_id: str) -> None:
    """202: remove values; 400 for one that is not there, 404."""
    keys = request.body["keys"]

    def change(session: Any) -> None:
        row = types.qos_locked(session, qos_id)
        if row is None:
            raise faults.missing("qos", qos_id)
        for key in keys:
            if key not in (row.specs or {}):
                raise errors.BadRequest(f"QoS spec {qos_id} has no spec with key {key}.")
        types.change_qos(session, qos_id, specs={k: v for k, v in row.specs.items() if k not in keys})

    request.app.db.transaction(change)


def delete(request: Request, qos_id: str) -> None:
    """202; 400 when types have it (unless `force`), 404."""
    _qos(request, qos_id)
    force = boolean(request.first("force", "false"), "force")

    def change(session: Any) -> None:
        if types.qos_types(session, qos_id) and not force:
            raise errors.BadRequest(f"QoS Specs {qos_id} is still associated with entities.")
        types.disassociate_all(session, qos_id)
        types.drop_qos(session, qos_id)

    request.app.db.transaction(change)


def associations(request: Request, qos_id: str) -> dict[str, Any]:
    """200: the types that have it; 404."""
    _qos(request, qos_id)
    with request.app.db.read() as session:
        rows = types.qos_types(session, qos_id)
    return {"qos_associations": [{"id": t.id, "name": t.name, "association_type": "volume_type"} for t in rows]}


def _change_type(request: Request, qos_id: str, *, associated: bool) -> None:
    _qos(request, qos_id)
    type_id = request.first("vol_type_id")
    if not type_id:
        raise errors.BadRequest("Volume Type id must not be None.")

    def change(session: Any) -> None:
        row = types.lock(session, type_id)
        if row is None:
            raise faults.missing("type", type_id)
        if associated and row.qos_specs_id not in (None, qos_id):
            raise errors.BadRequest(f"Type {type_id} is already associated with another qos specs: {row.qos_specs_id}")
        types.change(session, type_id, qos_specs_id=qos_id if associated else None)

    request.app.db.transaction(change)


def associate(request: Request, qos_id: str) -> None:
    """202; 400 when the type has another one, 404."""
    _change_type(request, qos_id, associated=True)


def disassociate(request: Request, qos_id: str) -> None:
    """202; 404."""
    _change_type(request, qos_id, associated=False)


def disassociate_all(request: Request, qos_id: str) -> None:
    """202; 404."""
    _qos(request, qos_id)
    request.app.db.transaction(types.disassociate_all, qos_id)
