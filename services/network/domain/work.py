"""A unit of work: one transaction, who asked for it, and what has to be told to whom once it is committed."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

from oslo_config import cfg

from common import clock, errors, ids
from common.context import RequestContext
from common.db.session import Database, unique_violation
from services.network.db import rows
from services.network.db.rows import IntegrityError, Session
from services.network.domain import faults

LOG = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")
_TRIES_MAX = 12


@dataclass
class Changes:
    """What a transaction changed, for the agents; see rpc.conductor.NetworkConductor.changed."""

    ports: dict[str, list[str]] = field(default_factory=dict)
    networks: set[str] = field(default_factory=set)
    routers: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    sets: set[str] = field(default_factory=set)
    members: dict[str, set[str]] = field(default_factory=dict)
    hosts: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    events: bool = False

    def port(self, port: Any, host: str | None = None) -> None:
        """A port was made, changed or removed; `host` where it was bound before, if another."""
        hosts = {*self.ports.get(port.id, [""])[1:], host or "", port.binding_host or ""} - {""}
        self.ports[port.id] = [port.network_id, *sorted(hosts)]

    def members_of(self, groups: Iterable[str], addresses: Iterable[str]) -> None:
        """These addresses came into or left these security groups, or both."""
        for group in groups:
            self.members.setdefault(group, set()).update(addresses)

    def lost(self, host: str | None, *, network_id: str | None = None, router_id: str | None = None) -> None:
        """A host no longer serves a network or a router."""
        if host:
            item = self.hosts.setdefault(host, {"network_ids": [], "router_ids": []})
            if network_id:
                item["network_ids"].append(network_id)
            if router_id:
                item["router_ids"].append(router_id)

    def to_message(self) -> dict[str, Any]:
        """JSON values; empty dict when nothing changed."""
        found: dict[str, Any] = {
            "ports": self.ports, "networks": sorted(self.networks), "routers": sorted(self.routers),
            "groups": sorted(self.groups), "sets": sorted(self.sets),
            "members": {group: sorted(ips) for group, ips in self.members.items()}, "hosts": self.hosts, "events": self.events,
        }
        return {k: v for k, v in found.items() if v}


@dataclass
class Work:
    """What domain functions get: the session of the transaction, the caller, the options, and the changes so far.

    `pending` are new rows that nothing in the transaction looks for before its end, or `flush`: many of a kind are one statement.
    """

    session: Session
    context: RequestContext
    conf: cfg.ConfigOpts
    changes: Changes = field(default_factory=Changes)
    known: dict[Any, Any] = field(default_factory=dict)
    pending: list[Any] = field(default_factory=list)

    def once(self, key: Any, read: Callable[[], R]) -> R:
        """What `read` gave for `key` the first time in this transaction: many ports made together ask for the same things."""
        if key not in self.known:
            self.known[key] = read()
        return self.known[key]  # type: ignore[no-any-return]

    def flush(self) -> None:
        """Write everything now."""
        self.session.flush()
        pending, self.pending = self.pending, []
        rows.insert(self.session, pending)

    @property
    def is_admin(self) -> bool:
        """Whether the caller is an operator or another service of the cloud."""
        return self.context.has_admin_role or "service" in (self.context.roles or []) or bool(self.context.is_admin)


Notify = Callable[[RequestContext, dict[str, Any]], None]


def run(database: Database, conf: cfg.ConfigOpts, context: RequestContext, notify: Notify,
        function: Callable[Concatenate[Work, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run `function(work, …)` in a transaction, then tell of its changes.

    It is run again when another transaction took the same address, VNI or name meanwhile (the unique keys
    decide), so it must have no effect but on the session. errors.Conflict when that happens too often.
    """

    def body(session: Session) -> tuple[R, Changes]:
        work = Work(session, context, conf)
        result = function(work, *args, **kwargs)
        work.flush()
        return result, work.changes

    for attempt in range(1, _TRIES_MAX + 1):
        try:
            result, changes = database.transaction(body)
            break
        except IntegrityError as e:
            if not unique_violation(e) or attempt == _TRIES_MAX:
                raise _in_use(e) from e
            LOG.debug("lost a race, trying again: %s", e.orig)
            clock.sleep(ids.uniform(0.0, 0.01 * attempt))
    message = changes.to_message()
    if message:
        notify(context, message)
    return result


def _in_use(error: IntegrityError) -> errors.ApiError:
    """The answer when a foreign key says that somebody else uses the thing, or uniqueness cannot be had."""
    LOG.info("integrity: %s", error.orig)
    if unique_violation(error):
        return faults.conflict("Conflict", "The operation lost against others too often; try again.")
    return faults.conflict("InUse", "The resource is in use, or something it refers to was removed meanwhile.")
