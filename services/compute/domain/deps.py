"""What the compute service's decisions reach for: its schema, its conductors, and the other services."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from cachetools import TTLCache
from oslo_config import cfg

from common import clock, errors
from common.clients.base import RemoteError
from common.db.session import Database
from services.compute.db import hosts

LOG = logging.getLogger(__name__)
T = TypeVar("T")
_SEEN_S = 5


@dataclass(frozen=True)
class Deps:
    """conductor and agents are RPC clients (`agents.to(host)`); image, network, volume, placement the typed clients of common.

    `seen` keeps images and networks that boots name, as a token saw them some seconds ago: many boots name the same.
    """

    conf: cfg.ConfigOpts
    db: Database
    conductor: Any
    agents: Any
    image: Any
    network: Any
    volume: Any
    placement: Any = None
    seen: Any = field(default_factory=lambda: TTLCache(1024, _SEEN_S))
    lock: Any = field(default_factory=threading.Lock)

    def remember(self, context: Any, kind: str, item_id: str, look: Callable[[], T], good: Callable[[T], bool]) -> T:
        """What `look()` says of another service's resource, or said to the same token a moment ago; only `good` answers last."""
        key = (context.auth_token, kind, item_id)
        with self.lock:
            found: T | None = self.seen.get(key)
        if found is None:
            found = look()
            if good(found):
                with self.lock:
                    self.seen[key] = found
        return found

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
