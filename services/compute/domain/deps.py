"""What the compute service's decisions reach for: its schema, its conductors, and the other services."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from oslo_config import cfg

from common import clock, errors
from common.clients.base import RemoteError
from common.db.session import Database
from services.compute.db import hosts

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deps:
    """conductor and agents are RPC clients (`agents.to(host)`); image, network, volume the typed clients of common."""

    conf: cfg.ConfigOpts
    db: Database
    conductor: Any
    agents: Any
    image: Any
    network: Any
    volume: Any

    def poke(self, context: Any, saga_ids: Sequence[str]) -> None:
        """Tell a conductor about new sagas. What cannot be told is found by their own looking, so it is no failure."""
        if not saga_ids:
            return
        try:
            self.conductor.run_sagas(context, saga_ids=list(saga_ids))
        except errors.Transient as e:
            LOG.warning("conductors were not poked: %s", e)

    def wake(self, context: Any, server_ids: Sequence[str]) -> None:
        """Tell a conductor that something happened to servers; as `poke`."""
        try:
            self.conductor.wake(context, server_ids=list(server_ids))
        except errors.Transient as e:
            LOG.warning("conductors were not woken: %s", e)


def is_up(deps: Deps, row: Any) -> bool:
    """Whether a daemon's row says that it lives."""
    return not row.forced_down and row.last_seen_at >= clock.after(-deps.conf.worker.down_after_s)


def compute_host(deps: Deps, name: str) -> Any:
    """The agent's row of a host; errors.NotFound in upstream's words when there is none."""
    with deps.db.read() as session:
        row = hosts.service(session, host=name, binary=hosts.COMPUTE)
    if row is None:
        raise errors.NotFound(f"Compute host {name} could not be found.")
    return row


def remote(call: Callable[[], Any], **as_: errors.ApiError) -> Any:
    """The result of a call to another service; its refusals become ours.

    `as_` maps `on_<status>` to the error to raise instead; other 4xx keep their status and text.
    """
    try:
        return call()
    except RemoteError as e:
        mapped = as_.get(f"on_{e.status}")
        if mapped is not None:
            raise mapped from e
        if 400 <= e.status < 500 and e.status != 401:
            raise errors.ApiError(e.message, status=e.status) from e
        raise errors.InternalError(f"Another service failed: {e.what}") from e
