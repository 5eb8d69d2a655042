"""What other services tell about servers: kept for the sagas that wait for it, which are woken."""

from collections.abc import Mapping, Sequence
from typing import Any

from common import clock, errors
from common.db.session import Session
from services.compute.db import operations, server_batches, server_parts
from services.compute.domain import attachments
from services.compute.domain.deps import Deps

NAMES = ("network-changed", "network-vif-plugged", "network-vif-unplugged", "network-vif-deleted", "volume-extended",
         "volume-reimaged", "power-update", "accelerator-request-bound")


def receive(deps: Deps, context: Any, events: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """(the events with `code` and `status` each, answer code 200 or 207). errors.NotFound when none is about a known server.

    Codes: 200 taken; 404 no such server; 422 the server has no host yet.
    """
    wanted = sorted({e["server_uuid"] for e in events})
    with deps.db.read() as session:
        known = server_batches.states(session, wanted)
    answers, taken = [], []
    for event in events:
        answer = {"name": event["name"], "server_uuid": event["server_uuid"], "status": event.get("status", "completed")}
        if event.get("tag"):
            answer["tag"] = event["tag"]
        server = known.get(event["server_uuid"])
        if server is None:
            answer.update(code=404, status="failed")
        elif server.host is None and server.task_state is None:
            answer.update(code=422, status="failed")
        else:
            answer["code"] = 200
            taken.append({"server_id": server.id, "name": event["name"], "tag": event.get("tag") or "",
                          "status": answer["status"], "created_at": clock.now()})
        answers.append(answer)
    if not taken:
        if any(a["code"] == 422 for a in answers):
            return answers, 207
        raise errors.NotFound("No instances found for any event")
    deps.poke(context, deps.db.transaction(_keep, taken))
    for server_id in sorted({t["server_id"] for t in taken if t["name"] == "network-changed"}):
        try:
            attachments.refresh(deps, server_id)
        except errors.Transient:
            continue  # the addresses are refreshed again by the next event or boot step
    return answers, 200 if len(taken) == len(events) else 207


def _keep(session: Session, taken: Sequence[Mapping[str, Any]]) -> list[str]:
    server_parts.add_events(session, taken)
    plugs: dict[bool, list[str]] = {}
    for item in taken:
        if item["name"] in ("network-vif-plugged", "network-vif-unplugged") and item["tag"]:
            up = item["name"] == "network-vif-plugged" and item["status"] == "completed"
            plugs.setdefault(up, []).append(item["tag"])
    for up, ports in plugs.items():
        server_batches.plug(session, ports, up)
    return operations.wake_plugged(session, sorted({t["server_id"] for t in taken}))
