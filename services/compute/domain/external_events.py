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
    answers, taken, sagas = deps.db.transaction(_take, context, events)
    if not taken:
        if any(a["code"] == 422 for a in answers):
            return answers, 207
        raise errors.NotFound("No instances found for any event")
    deps.poke(context, sagas)
    for server_id in sorted({t["server_id"] for t in taken if t["name"] == "network-changed"}):
        try:
            attachments.refresh(deps, server_id)
        except errors.Transient:
            continue  # the addresses are refreshed again by the next event or boot step
    return answers, 200 if len(taken) == len(events) else 207


def _take(session: Session, context: Any, events: Sequence[Mapping[str, Any]],
          ) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[str]]:
    """(an answer for each, those that are about a server that may have them, sagas that wait for nothing else now)."""
    known = server_batches.states(session, sorted({e["server_uuid"] for e in events}))
    answers: list[dict[str, Any]] = []
    taken: list[dict[str, Any]] = []
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
    return answers, taken, _keep(session, context, taken) if taken else []


def _keep(session: Session, context: Any, taken: Sequence[Mapping[str, Any]]) -> list[str]:
    """Write it down: on the cards of its servers, or, where it came before its card or tells of a fault, as an event.

    Volumes that have grown begin a saga each.
    """
    plugs: dict[bool, list[Mapping[str, Any]]] = {}
    for item in taken:
        if item["name"] in ("network-vif-plugged", "network-vif-unplugged") and item["tag"]:
            up = item["name"] == "network-vif-plugged" and item["status"] == "completed"
            plugs.setdefault(up, []).append(item)
    grown = [item for item in taken if item["name"] == "volume-extended" and item["tag"]]
    kept = [item for item in taken if item not in plugs.get(True, ()) and item not in grown]
    for up, items in plugs.items():
        ports = {item["tag"] for item in items}
        if server_batches.plug(session, sorted(ports), up) < len(ports) and up:
            kept += items
    server_parts.add_events(session, kept)
    data = [(item["server_id"], {"volume_id": item["tag"]}) for item in grown]
    begun = operations.begin(session, context, data, kind="server_extend_volume", action="extend_volume") if data else []
    woken = operations.wake_plugged(session, sorted({t["server_id"] for t in taken}))
    return list(dict.fromkeys([*begun, *woken]))
