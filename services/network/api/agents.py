"""Agents, and which networks and routers they serve; all for operators."""

from collections.abc import Sequence
from typing import Any

from flask import Response

from common.http.request import Request
from services.network.api import crud
from services.network.api.networks import NETWORKS
from services.network.api.routers import ROUTERS
from services.network.api.schemas.agents import AGENT_RESOURCE
from services.network.api.views import networks as network_views
from services.network.api.views import routers as router_views
from services.network.db import agents as db
from services.network.db import models, rows
from services.network.db.rows import Session
from services.network.domain import agents as domain
from services.network.domain import faults
from services.network.domain.work import Work


def _view(down_after_s: int, found: Sequence[Any]) -> list[dict[str, Any]]:
    return [{
        "id": a.id, "agent_type": a.agent_type, "binary": a.binary, "topic": a.topic, "host": a.host,
        "availability_zone": a.availability_zone if a.role in ("dhcp", "l3") else None, "admin_state_up": a.admin_state_up,
        "description": a.description, "alive": db.is_alive(a, down_after_s), "created_at": _time(a.created_at),
        "started_at": _time(a.started_at), "heartbeat_timestamp": _time(a.heartbeat_at),
        "configurations": a.configurations or {}, "resources_synced": None,
    } for a in found]


def _time(when: Any) -> str:
    return str(when.strftime("%Y-%m-%d %H:%M:%S"))


def _cut(request: Request, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    fields = set(request.query.get("fields", ()))
    return [{k: v for k, v in i.items() if k in fields} for i in items] if fields else items


def list_agents(request: Request) -> dict[str, Any]:
    """200: every agent (none for who may not see them, as upstream); filters by any attribute, `alive` among them."""
    if not request.allowed("get_agent"):
        return {"agents": []}
    noun = crud.Noun(AGENT_RESOURCE, models.Agent, lambda c, a: [], lambda s, f, v: [], ("AgentNotFound", "Agent"),
                     filters={"alive": lambda values, _: [],
                              "agent_type": lambda values, _: rows.in_any_case(models.Agent.agent_type, values)})
    page = crud.read_page(request, noun)
    conditions = noun._conditions(request)
    with request.app.db.read() as session:
        found = rows.page(session, models.Agent, conditions, page, noun._columns())
    items = _view(request.app.conf.network.agent_down_s, found)
    if "alive" in request.query:
        wanted = {str(v).lower() in ("true", "1") for v in request.query["alive"]}
        items = [i for i in items if i["alive"] in wanted]
    return {"agents": _cut(request, items)}


def _get(session: Session, id: str, role: str | None = None) -> Any:
    row = rows.get(session, models.Agent, id)
    if row is None:
        raise faults.not_found("AgentNotFound", "Agent", id)
    if role is not None and row.role != role:
        raise faults.conflict("InvalidDHCPAgent" if role == "dhcp" else "InvalidL3Agent",
                              f"Agent {id} is not a valid {role.upper()} Agent or has been disabled")
    return row


def show(request: Request, id: str) -> dict[str, Any]:
    """200; 404."""
    with request.app.db.read() as session:
        row = _get(session, id)
    return {"agent": _cut(request, _view(request.app.conf.network.agent_down_s, [row]))[0]}


def update(request: Request, id: str) -> dict[str, Any]:
    """200: description and admin state; an agent that is switched off loses its networks and routers to others."""
    values = AGENT_RESOURCE.on_update(request.body["agent"])

    def work_on(work: Work) -> Any:
        return domain.update(work, _get(work.session, id), values)

    row = crud.change(request, work_on)
    return {"agent": _view(request.app.conf.network.agent_down_s, [row])[0]}


def delete(request: Request, id: str) -> None:
    """204: forget an agent; one that lives comes back with its next heartbeat."""
    crud.change(request, lambda work: rows.remove(work.session, _get(work.session, id)))


def dhcp_networks(request: Request, id: str) -> dict[str, Any]:
    """200: networks whose DHCP the agent serves."""
    with request.app.db.read() as session:
        agent = _get(session, id)
        bound = rows.find(session, models.DhcpBinding, models.DhcpBinding.host == agent.host) if agent.role == "dhcp" else []
        found = rows.by_ids(session, models.Network, [b.network_id for b in bound])
        return {"networks": network_views.networks(session, found, crud.viewer(request, NETWORKS.resource))}


def _null() -> Response:
    """What upstream says when there is nothing to say; clients read it as JSON."""
    return Response(b"null", 201, content_type="application/json")


def add_network(request: Request, id: str) -> Response:
    """201 with `null`; 404; 409 when the agent serves the network already."""
    network_id = request.body["network_id"]
    crud.change(request, lambda work: domain.host_network(work, _get(work.session, id, "dhcp"), network_id))
    return _null()


def remove_network(request: Request, id: str, network_id: str) -> None:
    """204; 409 when the agent does not serve the network."""
    crud.change(request, lambda work: domain.unhost_network(work, _get(work.session, id, "dhcp").host, network_id))


def l3_routers(request: Request, id: str) -> dict[str, Any]:
    """200: routers that the agent runs."""
    with request.app.db.read() as session:
        agent = _get(session, id)
        found = rows.find(session, models.Router, models.Router.agent_host == agent.host) if agent.role == "l3" else []
        return {"routers": router_views.routers(session, found, crud.viewer(request, ROUTERS.resource))}


def add_router(request: Request, id: str) -> Response:
    """201 with `null`; 404; 409 when another agent has the router."""
    router_id = request.body["router_id"]
    crud.change(request, lambda work: domain.host_router(work, _get(work.session, id, "l3"), router_id))
    return _null()


def remove_router(request: Request, id: str, router_id: str) -> None:
    """204; 409 when the agent does not run the router."""
    crud.change(request, lambda work: domain.unhost_router(work, _get(work.session, id, "l3").host, router_id))


def of_network(request: Request, id: str) -> dict[str, Any]:
    """200: agents that serve the network's DHCP."""
    with request.app.db.read() as session:
        NETWORKS.fetch(session, request, id, policy="get_dhcp-agents")
        bound = rows.find(session, models.DhcpBinding, models.DhcpBinding.network_id == id)
        found = rows.find(session, models.Agent, models.Agent.role == "dhcp", models.Agent.host.in_([b.host for b in bound]))
    return {"agents": _view(request.app.conf.network.agent_down_s, found)}


def of_router(request: Request, id: str) -> dict[str, Any]:
    """200: the agent that runs the router, if any."""
    with request.app.db.read() as session:
        row = ROUTERS.fetch(session, request, id, policy="get_l3-agents")
        found = rows.find(session, models.Agent, models.Agent.role == "l3", models.Agent.host == (row.agent_host or ""))
    return {"agents": [{**a, "ha_state": None} for a in _view(request.app.conf.network.agent_down_s, found)]}
