"""Removing the bytes of locations that nobody points to any more."""

import contextlib
import logging
from typing import Any

from common.db.session import Database
from services.image.drivers import Stores
from services.image.drivers.base import Abandoned, NotFound, Predictable, StoreError

LOG = logging.getLogger(__name__)


def remove(database: Database, stores: Stores, places: Any, **which: Any) -> int:
    """Remove the bytes of deleted locations (`which` as in db.locations.to_remove, which `places` is); how many rows went.

    Bytes that another image still uses, or that a read-only store holds, stay; their rows go all the same. What a store
    refuses to remove now stays in the table and is tried again.
    """
    removed, last = 0, 0
    while True:
        with database.read() as session:
            found = places.to_remove(session, after=last, **which)
        if not found:
            return removed
        last = found[-1][0]
        done = [number for number, image_id, url, name in found if _gone(database, stores, places, number, image_id, url, name)]
        if done:
            database.transaction(places.forget, done)
        removed += len(done)


def _gone(database: Database, stores: Stores, places: Any, number: int, image_id: str, url: str, name: str) -> bool:
    """Whether the row of a location may go: its bytes are removed, or not ours to remove."""
    with database.read() as session:
        shared = places.in_use(session, url, but=number)
    try:
        store = stores.of(url, name)
        if not shared and not store.read_only:
            store.delete(url)
    except NotFound:
        pass
    except StoreError as e:
        LOG.warning("the bytes of image %s stay in store %s for now: %s", image_id, name, e)
        return False
    return True


def clear_orphan(database: Database, store: Any, places: Any, image_id: str, *, partial: bool = True) -> None:
    """Before an image's only writer stores it: remove what a writer that died left there without writing it down.

    `partial` also looks for what is not at the image's location, which costs more: uploads, whose deaths the conductor
    notices, do without.
    """
    if partial and isinstance(store, Abandoned):
        store.clear_partial(image_id)
    if not isinstance(store, Predictable):
        return
    url = store.location(image_id)
    if store.exists(url):
        with database.read() as session:
            known = places.known(session, url)
        if not known:
            LOG.warning("bytes without an owner are removed: image %s in store %s", image_id, store.name)
            with contextlib.suppress(NotFound):
                store.delete(url)
