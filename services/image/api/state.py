"""What handlers of the image API work with."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from oslo_config import cfg

from common.context import RequestContext
from common.db.session import Database
from services.image.api.schemas.documents import documents
from services.image.api.schemas.image import ImageSchemas
from services.image.domain.events import Events, Tell
from services.image.domain.images import Limits
from services.image.domain.quotas import Room
from services.image.drivers import Stores
from services.image.drivers.cache import ImageCache
from services.image.drivers.signature import CertificateSource
from services.image.drivers.staging import Staging


def _nobody(_context: RequestContext, _saga_ids: list[str]) -> None:
    """No conductor to poke: it finds the saga when it next looks."""


@dataclass(frozen=True)
class State:
    """`poke(context, saga ids)` tells a conductor to look; `project_limits(project)` gives {limit name: most} or {};
    `tell` sends a notification;
    `cache_wanted` is set when there is something to fetch into the cache.
    """

    conf: cfg.ConfigOpts
    db: Database
    stores: Stores
    staging: Staging
    cache: ImageCache | None = None
    poke: Callable[[RequestContext, list[str]], None] = _nobody
    certificates: CertificateSource | None = None
    project_limits: Callable[[str], dict[str, int]] = lambda project: {}
    tell: Tell | None = None
    events: Events = field(init=False)
    cache_wanted: threading.Event = field(default_factory=threading.Event)
    limits: Limits = field(init=False)
    show_locations: bool = field(init=False)
    show_direct_url: bool = field(init=False)
    schemas: ImageSchemas = field(init=False)
    documents: dict[str, dict[str, Any]] = field(init=False)

    def room(self, owner: str | None, *names: str) -> Room:
        """What a project must have room for, by its limits `names`; they are asked for now."""
        return Room(owner, self.project_limits(owner or ""), names)

    def __post_init__(self) -> None:
        image: Any = self.conf.image
        object.__setattr__(self, "events", Events(self.db, self.tell))
        object.__setattr__(self, "show_locations", image.show_locations)
        object.__setattr__(self, "show_direct_url", image.show_direct_url)
        object.__setattr__(self, "limits", Limits(image.property_quota, image.tag_quota, image.member_quota,
                                                  image.location_quota))
        object.__setattr__(self, "schemas", ImageSchemas(image.disk_formats, image.container_formats))
        object.__setattr__(self, "documents", documents(self.schemas.document))
