"""The verbs by which servers move between hosts; what crosses goes through `agent.tunnel`.

Cold: `move_open` on the destination gives a ticket, `move_send` on the source sends the files with it, `resize_finish` builds
the server from them. Live: `live_probe` (source), `live_receive` (destination), `live_send` (source, for as long as it takes),
`live_arrive` (destination), `live_clean` (source); `live_abandon` undoes on the destination what was prepared in vain.
"""

import contextlib
import dataclasses
import functools
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from common import clock, context, errors
from services.compute.agent import transfer, tunnel
from services.compute.agent.verbs import Host, Verb, wanted
from services.compute.drivers.base import DriverError, Live, MigrationAborted, Resize
from services.compute.objects.server import ServerSpec

LOG = logging.getLogger(__name__)
TELL_EVERY_S = 2.0


def _resize(host: Host) -> Resize:
    if host.driver.resize is None:
        raise DriverError("this hypervisor cannot move servers")
    return host.driver.resize


def _live(host: Host) -> Live:
    if host.driver.live is None:
        raise DriverError("this hypervisor cannot move running servers")
    return host.driver.live


def _arriving(spec: ServerSpec | None, server_id: str, args: Mapping[str, Any]) -> ServerSpec:
    """The spec of a server that is on its way to this host: on our node, with its volumes' connections for us."""
    found = wanted(spec, server_id)
    ours = args.get("connections") or {}
    volumes = tuple(dataclasses.replace(v, connection_info=ours.get(v.volume_id, v.connection_info)) for v in found.volumes)
    return dataclasses.replace(found, node=args["node"], volumes=volumes)


def _door(host: Host, server_id: str, channels: Mapping[str, tunnel.Channel]) -> dict[str, Any]:
    if host.listener is None:
        raise DriverError("this host takes no servers from others")
    try:
        return host.listener.open(server_id, channels)
    except errors.ConfigError as e:
        raise DriverError(str(e)) from e


def move_open(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Get ready for the disks of a stopped server; {"ticket"}, None when none have to be sent."""
    arriving, resize = _arriving(spec, server_id, args), _resize(host)
    if not resize.expect(arriving, args["disks"]) or not args["disks"]:
        return None, {"ticket": None}
    channel = transfer.receiver(functools.partial(resize.known, arriving), functools.partial(resize.receive, arriving))
    return None, {"ticket": _door(host, server_id, {transfer.CHANNEL: channel})}


def move_send(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Send the disks that were put aside; {"bytes"}, or {"again": why} when the way was lost and a new ticket may help."""
    resize, started_s = _resize(host), clock.monotonic()
    try:
        sent = _send_files(server_id, args["ticket"], [d["name"] for d in args["disks"]], resize)
    except (tunnel.Refused, OSError, ValueError) as e:
        LOG.warning("the disks of %s could not be sent: %s", server_id, e)
        return None, {"again": str(e) or type(e).__name__}
    LOG.info("sent %d MiB of %s in %.1f s", sent >> 20, server_id, clock.monotonic() - started_s)
    return None, {"bytes": sent}


def _send_files(server_id: str, ticket: Mapping[str, Any], names: list[str], resize: Resize) -> int:
    with tunnel.connect(ticket, server_id, transfer.CHANNEL) as connection:
        return transfer.send(connection, names, functools.partial(resize.open_disk, server_id))


def move_abandon(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """The server does not come, or leaves again: remove what arrived."""
    _close(host, server_id)
    _resize(host).abandon(server_id)
    return None, {}


def live_probe(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """What the destination has to know about a running server."""
    return None, {"found": _live(host).probe(server_id)}


def live_receive(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Get ready for a running server: {"plan", "ticket"}."""
    arriving, live = _arriving(spec, server_id, args), _live(host)
    plan = live.receive(arriving, args["found"], args["block"], bool(args.get("full_size")))
    channels = {name: tunnel.to_socket(path) for name, path in plan["ends"].items()}
    if plan["files"]:
        channels[transfer.CHANNEL] = transfer.receiver(functools.partial(live.known, arriving),
                                                       functools.partial(live.store, arriving))
    return None, {"plan": plan, "ticket": _door(host, server_id, channels) if channels else None}


def live_send(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Move the running server; returns when it runs there ({"state"}) or nobody wants it to any more ({"aborted": why})."""
    live, plan, ticket = _live(host), args["plan"], args["ticket"]
    started_s = clock.monotonic()
    try:
        if plan["files"]:
            _send_files(server_id, ticket, plan["files"], _resize(host))
        with _doors(live, server_id, plan, ticket):
            state = live.send(server_id, plan, _Watch(host, server_id), functools.partial(_switching, host, server_id))
    except MigrationAborted as e:
        return None, {"aborted": str(e)}
    except (tunnel.Refused, ValueError) as e:
        raise DriverError(f"The destination does not let the server in: {e}") from e
    LOG.info("server %s moved in %.1f s", server_id, clock.monotonic() - started_s)
    return None, {"state": state}


@contextlib.contextmanager
def _doors(live: Live, server_id: str, plan: Mapping[str, Any], ticket: Any) -> Iterator[None]:
    """Listen on the plan's channels while the block runs."""
    with contextlib.ExitStack() as stack:
        if plan["channels"]:
            live.make_way(plan)
        for name, path in plan["channels"].items():
            stack.callback(tunnel.Door(path, ticket, server_id, name).close)
        yield


def _switching(host: Host, server_id: str) -> None:
    """Tell the conductor that the guest's ports had better go ahead."""
    if host.conductor is None:
        return
    try:
        host.conductor.move_switching(context.internal(), host.name, server_id)
    except errors.Transient as e:
        LOG.info("the network of %s follows later: %s", server_id, e)


class _Watch:
    """Tells the conductor how a live migration goes, every two seconds, and what it answers."""

    def __init__(self, host: Host, server_id: str) -> None:
        self._host, self._server_id, self._told_s, self._command = host, server_id, float("-inf"), None

    def __call__(self, counters: Mapping[str, int]) -> str | None:
        now = clock.monotonic()
        if now - self._told_s >= TELL_EVERY_S and self._host.conductor is not None:
            self._told_s = now
            try:
                answer = self._host.conductor.move_progress(context.internal(), self._host.name, self._server_id, dict(counters))
                self._command = answer.get("command")
            except errors.Transient as e:
                LOG.info("the progress of %s was not told: %s", self._server_id, e)
        return self._command


def live_settle(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Comes after `live_send`, however that ended: what the conductor waits for before it undoes anything."""
    return None, {}


def live_arrive(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """The server runs here now."""
    found = _live(host).arrive(wanted(spec, server_id), args["state"], args["found"])
    _close(host, server_id)
    return found, {"power": found.power}


def live_clean(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Remove what a move left on its source."""
    _live(host).clean(server_id, args["found"], args["plan"])
    return None, {}


def live_abandon(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """The server does not come; {"here": True}, and nothing done, when it came after all."""
    here = host.driver.lifecycle.report(server_id).power in ("running", "paused") and _live(host).arrived(server_id)
    if not here:
        _close(host, server_id)
        _live(host).abandon(server_id, args["found"])
    return None, {"here": here}


def evacuate(host: Host, server_id: str, spec: ServerSpec | None, args: Mapping[str, Any]) -> Any:
    """Build a server whose host is lost: on its disks where they are seen from here, else from its image."""
    found = wanted(spec, server_id)
    local, seen = found.image is not None, _resize(host).sees_disks(server_id)
    if args.get("shared") is not None and local and bool(args["shared"]) != seen:
        raise DriverError("Invalid state of instance files on shared storage")
    return host.driver.lifecycle.ensure(found), {"rebuilt": local and not seen}


def _close(host: Host, server_id: str) -> None:
    if host.listener is not None:
        host.listener.close(server_id)


MOVES: Mapping[str, Verb] = {
    "move_open": move_open, "move_send": move_send, "move_abandon": move_abandon, "live_probe": live_probe,
    "live_receive": live_receive, "live_send": live_send, "live_settle": live_settle, "live_arrive": live_arrive,
    "live_clean": live_clean, "live_abandon": live_abandon, "evacuate": evacuate,
}
