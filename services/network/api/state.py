"""What handlers of the network API share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from oslo_config import cfg

from common.context import RequestContext
from common.db.session import Database

Notify = Callable[[RequestContext, dict[str, Any]], None]


def nobody(context: RequestContext, changes: dict[str, Any]) -> None:
    """A Notify for tests: nobody is told."""


@dataclass(frozen=True)
class State:
    """`notify` tells the conductor what a committed transaction changed; it must not raise."""

    conf: cfg.ConfigOpts
    db: Database
    notify: Notify = nobody
