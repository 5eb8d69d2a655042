"""What the Placement API's handlers work with."""

from dataclasses import dataclass

from oslo_config import cfg

from common.db.session import Database
from services.scheduler.domain.index import Index


@dataclass(frozen=True)
class State:
    """Configuration, schema and the index of providers of one process."""

    conf: cfg.ConfigOpts
    db: Database
    index: Index
