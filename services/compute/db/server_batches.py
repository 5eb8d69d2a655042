"""Statements about many servers at once: what sagas that run together read and write, and what agents report.

They run several times a boot, so each is built once, on bare tables, and reads no column that is not needed.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from common import clock, errors
from common.db.prepared import prepared
from common.db.session import Session
from services.compute.db.models import (
    AgentJob,
    ExternalEvent,
    InstanceAction,
    InstanceActionEvent,
    Server,
    ServerNic,
    ServerRequest,
)

SERVERS, REQUESTS, NICS = Server.__table__, ServerRequest.__table__, ServerNic.__table__
EVENTS, JOBS = ExternalEvent.__table__, AgentJob.__table__
ACTIONS, ACTION_EVENTS = InstanceAction.__table__, InstanceActionEvent.__table__
PLUGGED = "network-vif-plugged"


def _ids(column: Any, name: str = "ids") -> Any:
    return column.in_(sa.bindparam(name, expanding=True))


_BOOT = prepared(sa.select(
    *(SERVERS.c[name] for name in ("id", "project_id", "user_id", "hostname", "host", "node", "availability_zone", "pinned_zone",
                                   "group_id", "hints", "flavor", "task_state")),
    REQUESTS.c.data, REQUESTS.c.image,
).outerjoin_from(SERVERS, REQUESTS, REQUESTS.c.server_id == SERVERS.c.id).where(_ids(SERVERS.c.id), SERVERS.c.deleted.is_(False)))
_SPEC = prepared(sa.select(
    *(SERVERS.c[name] for name in ("id", "project_id", "user_id", "name", "hostname", "host", "node", "flavor", "config_drive",
                                   "wanted_power", "vm_state", "task_state")),
    *(REQUESTS.c[name] for name in ("data", "image", "admin_pass", "user_data", "rescue")),
).outerjoin_from(SERVERS, REQUESTS, REQUESTS.c.server_id == SERVERS.c.id).where(_ids(SERVERS.c.id), SERVERS.c.deleted.is_(False)))
_STATES = prepared(sa.select(
    *(SERVERS.c[name] for name in ("id", "host", "vm_state", "task_state", "power_state", "root_device_name")),
).where(_ids(SERVERS.c.id), SERVERS.c.deleted.is_(False)))
_UNPLUGGED = prepared(sa.select(NICS.c.server_id, NICS.c.port_id).where(_ids(NICS.c.server_id), NICS.c.active.is_(False)))
_TOLD = prepared(sa.select(EVENTS.c.tag, EVENTS.c.status).where(
    _ids(EVENTS.c.server_id), EVENTS.c.name == PLUGGED).order_by(EVENTS.c.id))
_WORKED_ON = prepared(sa.select(JOBS.c.server_id).where(_ids(JOBS.c.server_id), JOBS.c.state == "open"))
_FORGET_PASSWORDS = prepared(sa.update(REQUESTS).where(_ids(REQUESTS.c.server_id), REQUESTS.c.admin_pass.isnot(None)).values(
    admin_pass=None))
_NOW = sa.bindparam("now", type_=ACTIONS.c.updated_at.type)
_ABOUT = sa.and_(_ids(ACTIONS.c.server_id), _ids(ACTIONS.c.request_id, "requests"))
_ADD_EVENTS = prepared(sa.insert(ACTION_EVENTS).from_select(
    ["action_id", "event", "result", "started_at", "finished_at"],
    sa.select(ACTIONS.c.id, sa.bindparam("event"), sa.literal_column("'Success'"),
              sa.bindparam("started_at", type_=_NOW.type), _NOW).where(_ABOUT)))
_TOUCH_ACTIONS = prepared(sa.update(ACTIONS).where(_ABOUT).values(updated_at=_NOW))


def boots(session: Session, server_ids: Sequence[str]) -> dict[str, Any]:
    """server id -> what a boot has to know of a live server: columns of its row, `data` and `image` of its request."""
    return {row.id: row for row in session.execute(_BOOT, {"ids": list(server_ids)})}


def specs(session: Session, server_ids: Sequence[str]) -> dict[str, Any]:
    """server id -> what its host has to know of a live server, of its row and its request; without its cards and disks, and
    without what only a configuration drive tells."""
    return {row.id: row for row in session.execute(_SPEC, {"ids": list(server_ids)})} if server_ids else {}


def states(session: Session, server_ids: Sequence[str]) -> dict[str, Any]:
    """server id -> (id, host, vm_state, task_state, power_state, root_device_name) of live servers."""
    return {row.id: row for row in session.execute(_STATES, {"ids": list(server_ids)})}


@functools.cache
def _change(names: tuple[str, ...], expecting: bool) -> Any:
    c = SERVERS.c
    query = sa.update(SERVERS).where(c.id == sa.bindparam("the_id"), c.deleted.is_(False))
    if expecting:
        query = query.where(c.task_state.is_not_distinct_from(sa.bindparam("the_task", type_=c.task_state.type)))
    return prepared(query.values({name: sa.bindparam(f"new_{name}", type_=c[name].type) for name in (*names, "updated_at")}))


@functools.cache
def _change_equally(names: tuple[str, ...], expecting: bool) -> Any:
    c = SERVERS.c
    query = sa.update(SERVERS).where(_ids(c.id), c.deleted.is_(False))
    if expecting:
        query = query.where(c.task_state.is_not_distinct_from(sa.bindparam("the_task", type_=c.task_state.type)))
    return prepared(query.values({name: sa.bindparam(f"new_{name}", type_=c[name].type) for name in (*names, "updated_at")}))


def change_all(session: Session, items: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Set columns of live servers: (id, values) each; errors.Stale when one is gone."""
    now, groups = clock.now(), dict[tuple[str, ...], list[dict[str, Any]]]()
    for server_id, values in items:
        sent = {f"new_{name}": value for name, value in values.items()} | {"the_id": server_id, "new_updated_at": now}
        groups.setdefault(tuple(values), []).append(sent)
    for names, rows in groups.items():
        if session.execute(_change(names, False), rows if len(rows) > 1 else rows[0]).rowcount != len(rows):  # type: ignore[attr-defined]
            raise errors.Stale(f"of {len(rows)} servers some are gone")


def change_equally(session: Session, server_ids: Sequence[str], values: Mapping[str, Any], **expected: Any) -> int:
    """Set the same values in live servers (whose task state is still `task_state`, if that is given); how many there were."""
    sent = {f"new_{name}": value for name, value in values.items()} | {"ids": list(server_ids), "new_updated_at": clock.now()}
    if "task_state" in expected:
        sent["the_task"] = expected["task_state"]
    return int(session.execute(_change_equally(tuple(values), "task_state" in expected), sent).rowcount)  # type: ignore[attr-defined]


def unplugged(session: Session, server_ids: Sequence[str]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """(server id -> ports that are not up yet, server id -> ports that failed), from what the network service told."""
    cards = session.execute(_UNPLUGGED, {"ids": list(server_ids)}).all()
    waiting: dict[str, list[str]] = {}
    failed: dict[str, list[str]] = {}
    if cards:
        told = {tag: status for tag, status in session.execute(_TOLD, {"ids": sorted({card.server_id for card in cards})})}
        for server_id, port_id in cards:
            if told.get(port_id) == "failed":
                failed.setdefault(server_id, []).append(port_id)
            elif port_id not in told:
                waiting.setdefault(server_id, []).append(port_id)
    return waiting, failed


@functools.cache
def _plug(active: bool) -> Any:
    return prepared(sa.update(NICS).where(_ids(NICS.c.port_id)).values(active=active, updated_at=_NOW))


def plug(session: Session, port_ids: Sequence[str], active: bool) -> int:
    """The network service says that these cards are up, or no more; how many of them there are."""
    return int(session.execute(_plug(active), {"ids": list(port_ids), "now": clock.now()}).rowcount)  # type: ignore[attr-defined]


def worked_on(session: Session, server_ids: Sequence[str]) -> set[str]:
    """Those of `server_ids` that an agent has something to do for."""
    return set(session.scalars(_WORKED_ON, {"ids": list(server_ids)}))


def forget_passwords(session: Session, server_ids: Sequence[str]) -> None:
    """The guests have their administrator's passwords: nobody else needs them any more."""
    session.execute(_FORGET_PASSWORDS, {"ids": list(server_ids)})


def add_events(session: Session, items: Sequence[Mapping[str, Any]], event: str) -> None:
    """Write down that `event` of an action succeeded: {"server_id", "request_id", "started_at"} each."""
    now, groups = clock.now(), dict[Any, list[Mapping[str, Any]]]()
    for item in items:
        groups.setdefault(item["started_at"], []).append(item)
    for started_at, members in groups.items():
        about = {"ids": sorted({i["server_id"] for i in members}), "requests": sorted({i["request_id"] for i in members})}
        if session.execute(_ADD_EVENTS, {**about, "event": event, "started_at": started_at, "now": now}).rowcount:  # type: ignore[attr-defined]
            session.execute(_TOUCH_ACTIONS, {**about, "now": now})
