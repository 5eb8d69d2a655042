"""The bindings of a port to hosts, of which one is active: how a port is made ready on a host before it moves there."""

from collections.abc import Callable
from typing import Any

from common.http.request import Request
from services.network.api import crud
from services.network.api.ports import PORTS
from services.network.db.rows import Session
from services.network.domain import bindings as domain
from services.network.domain import faults
from services.network.domain.work import Work


def _port(session: Session, request: Request, port_id: str, *, lock: bool = True) -> Any:
    """The port, authorised for the route's policy; 404."""
    return PORTS.fetch(session, request, port_id, lock=lock, policy=request.policy_name)


def _change(request: Request, port_id: str, function: Callable[..., Any], *args: Any) -> Any:
    def body(work: Work) -> Any:
        port = _port(work.session, request, port_id)
        if not port.device_owner.startswith("compute:"):
            raise faults.invalid("Invalid port: only ports of servers have several bindings", "BadRequest")
        return function(work, port, *args)

    return crud.change(request, body)


def index(request: Request, id: str) -> dict[str, Any]:
    """200: every binding of the port; filters host, vif_type, vnic_type, status."""
    with request.app.db.read() as session:
        port = _port(session, request, id, lock=False)
        found = domain.every(session, port)
    wanted = {k: v for k, v in request.query.items() if k in ("host", "vif_type", "vnic_type", "status")}
    fields = set(request.query.get("fields", ()))
    return {"bindings": [{k: v for k, v in b.items() if not fields or k in fields} for b in found
                         if all(b[k] in v for k, v in wanted.items())]}


def show(request: Request, id: str, host: str) -> dict[str, Any]:
    """200; 404 when the port has no binding to the host."""
    with request.app.db.read() as session:
        port = _port(session, request, id, lock=False)
        return {"binding": domain.one(session, port, host)}


def create(request: Request, id: str) -> tuple[dict[str, Any], int]:
    """201; 400 for no server's port; 409 when there is one to that host; 500 when the host cannot realise it."""
    return {"binding": _change(request, id, domain.add, request.body["binding"])}, 201


def update(request: Request, id: str, host: str) -> dict[str, Any]:
    """200; 404."""
    return {"binding": _change(request, id, domain.change, host, request.body["binding"])}


def activate(request: Request, id: str, host: str) -> Any:
    """200 with the binding (bare, as upstream answers): the port is on that host from now on; takes no body. 404; 409 when it
    is there already.
    """
    return _change(request, id, domain.activate, host)


def remove(request: Request, id: str, host: str) -> None:
    """204; 404."""
    _change(request, id, domain.remove, host)
