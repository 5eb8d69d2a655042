"""Routers, what is done with them, and floating IPs."""

from collections.abc import Callable
from typing import Any

from common.http.request import Request
from services.network.api import crud
from services.network.api.schemas import routers as schemas
from services.network.api.views import routers as views
from services.network.db import models
from services.network.db import routers as db
from services.network.domain import floating_ips as domain_floating
from services.network.domain import router_interfaces
from services.network.domain import routers as domain
from services.network.domain.work import Work


def _gateway_rules(value: Any) -> list[str]:
    return [f"external_gateway_info:{n}" for n in ("enable_snat", "external_fixed_ips") if n in (value or {})]


ROUTERS = crud.Noun(
    resource=schemas.ROUTER, model=models.Router, visible=db.visible, view=views.routers,
    fault=("RouterNotFound", "Router"), create=domain.create, update=domain.update, delete=domain.delete,
    guards={"external_gateway_info": _gateway_rules},
)
FLOATING_IPS = crud.Noun(
    resource=schemas.FLOATING_IP, model=models.FloatingIp, visible=db.visible_floating_ips, view=views.floating_ips,
    fault=("FloatingIPNotFound", "Floating IP"), create=domain_floating.create, update=domain_floating.update,
    delete=domain_floating.delete,
)


def add_interface(request: Request, id: str) -> dict[str, Any]:
    """200; 400 for overlapping subnets; 404; 409 when the port is in use."""
    return _interface(request, id, "add_router_interface", router_interfaces.add)


def remove_interface(request: Request, id: str) -> dict[str, Any]:
    """200; 404 when there is none; 409 while a floating IP or route needs it."""
    return _interface(request, id, "remove_router_interface", router_interfaces.remove)


def _interface(request: Request, id: str, policy: str, function: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    sent = dict(request.body)

    def work_on(work: Work) -> dict[str, Any]:
        row = ROUTERS.fetch(work.session, request, id, lock=True, policy=policy)
        return function(work, row, sent)

    made: dict[str, Any] = crud.change(request, work_on)
    return made


def add_routes(request: Request, id: str) -> dict[str, Any]:
    """200 with the router; 400 when a next hop is not reachable."""
    return _routes(request, id, "add_extraroutes", domain.add_routes)


def remove_routes(request: Request, id: str) -> dict[str, Any]:
    """200 with the router."""
    return _routes(request, id, "remove_extraroutes", domain.remove_routes)


def _routes(request: Request, id: str, policy: str, function: Callable[..., Any]) -> dict[str, Any]:
    sent = request.body["router"]["routes"] or []

    def work_on(work: Work) -> dict[str, Any]:
        row = ROUTERS.fetch(work.session, request, id, lock=True, policy=policy)
        row = function(work, row, sent)
        work.session.flush()
        return views.routers(work.session, [row], crud.viewer(request, schemas.ROUTER))[0]

    return {"router": crud.change(request, work_on)}


