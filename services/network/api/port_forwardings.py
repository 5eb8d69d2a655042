"""Port forwardings of a floating IP."""

import dataclasses
from collections.abc import Callable
from typing import Any

from common.http.request import Request
from services.network.api import crud
from services.network.api.routers import FLOATING_IPS
from services.network.api.schemas.routers import PORT_FORWARDING
from services.network.api.views import routers as views
from services.network.db import models
from services.network.domain import faults
from services.network.domain import port_forwardings as domain
from services.network.domain.work import Work

_NOUN = crud.Noun(resource=PORT_FORWARDING, model=models.PortForwarding, visible=lambda _context, _is_admin: [],
                  view=views.port_forwardings, fault=("PortForwardingNotFound", "Port Forwarding"))


def _of(fip_id: str) -> crud.Noun:
    """The noun, restricted to one floating IP."""
    return dataclasses.replace(_NOUN, visible=lambda _context, _is_admin: [models.PortForwarding.floating_ip_id == fip_id],
                               path=f"/v2.0/floatingips/{fip_id}/port_forwardings")


def _change(request: Request, id: str, function: Callable[[Work, Any], Any]) -> Any:
    def body(work: Work) -> Any:
        fip = FLOATING_IPS.fetch(work.session, request, id, lock=True, policy=request.policy_name)
        made = function(work, fip)
        work.session.flush()
        return None if made is None else {"port_forwarding": _NOUN.view(
            work.session, [made], crud.viewer(request, PORT_FORWARDING))[0]}

    return crud.change(request, body)


def index(request: Request, id: str) -> dict[str, Any]:
    """200; 404 when there is no such floating IP."""
    with request.app.db.read() as session:
        FLOATING_IPS.fetch(session, request, id, policy=request.policy_name)
    return _of(id).index(request)


def show(request: Request, id: str, forwarding_id: str) -> dict[str, Any]:
    """200; 404."""
    with request.app.db.read() as session:
        fip = FLOATING_IPS.fetch(session, request, id, policy=request.policy_name)
        row = domain.find(session, fip, forwarding_id)
        return {"port_forwarding": _NOUN.view(session, [row], crud.viewer(request, PORT_FORWARDING))[0]}


def _sent(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = request.body.get("port_forwarding")
    if found is None:
        raise faults.bad("Resource body required")
    return found


def create(request: Request, id: str) -> tuple[dict[str, Any], int]:
    """201; 400 when there is the same already; 404; 409 when the floating IP or the port is used otherwise."""
    values = PORT_FORWARDING.on_create(_sent(request))
    return _change(request, id, lambda work, fip: domain.create(work, fip, values)), 201


def update(request: Request, id: str, forwarding_id: str) -> Any:
    """200; errors as create."""
    values = PORT_FORWARDING.on_update(_sent(request))
    return _change(request, id, lambda work, fip: domain.update(
        work, fip, domain.find(work.session, fip, forwarding_id), values))


def remove(request: Request, id: str, forwarding_id: str) -> None:
    """204; 404."""
    _change(request, id, lambda work, fip: domain.delete(work, fip, domain.find(work.session, fip, forwarding_id)))
