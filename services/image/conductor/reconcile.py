"""Periodic passes of the image conductor: nothing may stay half-written, half-deleted or forgotten."""

import logging
import os
from typing import Any

from common import clock
from services.image.conductor.deps import Deps
from services.image.db import images, locations, tasks
from services.image.domain import images as domain
from services.image.drivers import removal

LOG = logging.getLogger(__name__)
_STAGED_KEEP_S = 3600.0


def uploads(deps: Deps) -> None:
    """Images whose upload or stage died without a word go back to `queued`, and their bytes go."""
    with deps.db.read() as session:
        dead = images.dead_writers(session)
    for image_id, status, writer in dead:
        if domain.give_up_writing(deps.db, image_id, writer):
            LOG.warning("image %s was %s by an upload that died; it is queued again", image_id, status)
            deps.staging.remove(image_id)
            for store in deps.stores.by_name.values():
                removal.clear_orphan(deps.db, store, locations, image_id)


def scrub(deps: Deps) -> None:
    """Remove the bytes of deleted images, and in the end the images themselves and old tasks."""
    image: Any = deps.conf.image
    before = clock.after(-image.scrub_after_s) if image.delayed_delete else None
    removal.remove(deps.db, deps.stores, locations, before=before)
    deps.db.transaction(images.finish_scrubbed)
    deps.db.transaction(images.purge, clock.after(-image.deleted_keep_days * 86400))
    deps.db.transaction(tasks.purge, clock.now())


def staged(deps: Deps) -> None:
    """Remove staged data that no image waits for any more."""
    found = deps.staging.entries(_STAGED_KEEP_S)
    if not found:
        return
    with deps.db.read() as session:
        wanted = images.staged(session, [i for i, _ in found])
    for image_id, path in found:
        if image_id not in wanted or os.path.basename(path).startswith("."):
            LOG.info("staged data of image %s is removed: nobody waits for it", image_id)
            try:
                os.unlink(path)
            except FileNotFoundError:
                continue
