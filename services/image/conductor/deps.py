"""What sagas and periodic work of the image conductor use."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from oslo_config import cfg

from common.db.session import Database
from services.image.domain.events import Events
from services.image.drivers import Stores
from services.image.drivers.ingest import Rules
from services.image.drivers.signature import CertificateSource
from services.image.drivers.staging import Staging


@dataclass(frozen=True)
class Deps:
    """`remote(context, region, interface)` is a client of another cloud region's image API, with the user's token."""

    conf: cfg.ConfigOpts
    db: Database
    stores: Stores
    staging: Staging
    remote: Callable[[Any, str, str], Any]
    certificates: CertificateSource | None = None
    events: Events = field(default_factory=Events)

    @property
    def rules(self) -> Rules:
        """What data is accepted, by configuration."""
        image: Any = self.conf.image
        return Rules(image.size_max_bytes, image.virtual_size_max_bytes, image.require_format_match)

    @property
    def keep_h(self) -> int:
        """Hours for which an ended task is kept."""
        return int(self.conf["import"].task_keep_h)
