"""What the API's handlers and the domain work with."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from oslo_config import cfg

from common import errors
from common.context import RequestContext
from common.db.session import Database

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deps:
    """Configuration, schema, and clients of the conductor, the agents and the image service."""

    conf: cfg.ConfigOpts
    db: Database
    conductor: Any
    agent: Any
    image: Any

    def run(self, context: RequestContext, saga_ids: Sequence[str]) -> None:
        """Poke a conductor; a lost poke is no harm, for conductors look for sagas by themselves."""
        if not saga_ids:
            return
        try:
            self.conductor.run_sagas(context, list(saga_ids))
        except errors.Transient as e:
            LOG.warning("the conductors were not poked: %s", e)
