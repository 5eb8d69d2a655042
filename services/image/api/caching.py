"""The cache of this API's host, and its management API."""

from typing import Any, BinaryIO

import flask

from common import clock, errors
from common.http.request import Request
from services.image.api import access
from services.image.api.state import State
from services.image.db import cache as rows
from services.image.db import images
from services.image.domain import states
from services.image.domain.images import IMAGE_NOT_FOUND, not_found
from services.image.drivers.base import StoreError
from services.image.drivers.cache import ImageCache
from services.image.objects.image import ImageRecord


def _enabled(request: Request) -> ImageCache:
    state: State = request.app
    if state.cache is None:
        raise errors.NotFound("Caching via API is not supported at this site.")
    return state.cache


def opened(state: State, image: ImageRecord, *, whole: bool) -> BinaryIO | None:
    """The image's file in the cache; None when it is not there.

    Only requests for the whole image count as uses, and queue an image that is not there, as upstream's do.
    """
    if state.cache is None:
        return None
    node = state.conf.host
    try:
        source = state.cache.open(image.id)
    except StoreError:
        if whole:
            _wish(state, image.id)
        return None
    if whole:
        state.db.transaction(rows.hit, node, image.id)
    return source


def _wish(state: State, image_id: str) -> None:
    state.db.transaction(rows.queue, state.conf.host, image_id)
    state.cache_wanted.set()


def index(request: Request) -> Any:
    """200 with what is cached and what is queued on this node."""
    _enabled(request)
    state: State = request.app
    with state.db.read() as session:
        found = rows.list_node(session, state.conf.host)
    # upstream numbers its copies, and has a place for a checksum that nothing fills
    cached = [{"id": n, "checksum": None, "image_id": r.image_id, "hits": r.hits, "size": r.size,
               "last_accessed": _epoch(r.last_accessed_at), "last_modified": _epoch(r.last_modified_at)}
              for n, r in enumerate((r for r in found if r.state == rows.CACHED), 1)]
    return {"cached_images": cached, "queued_images": [r.image_id for r in found if r.state != rows.CACHED]}


def _epoch(when: Any) -> float:
    return 0.0 if when is None else when.replace(tzinfo=clock.UTC).timestamp()


def _image(request: Request, image_id: str) -> ImageRecord:
    """The image, if the caller may see it."""
    with request.app.db.read() as session:
        image = images.find(session, image_id)
    if image is None or not request.allowed("get_image", access.target_of(request, image)):
        request.authorized = True
        raise not_found(image_id, IMAGE_NOT_FOUND)
    return image


def queue(request: Request, image_id: str) -> Any:
    """202; 400 not active, 404. The route takes no body."""
    _enabled(request)
    state: State = request.app
    image = _image(request, image_id)
    request.authorize(image.target())
    if image.status != states.ACTIVE:
        raise errors.BadRequest("Only images with status active can be targeted for queueing")
    _wish(state, image_id)
    return None, 202


def remove(request: Request, image_id: str) -> Any:
    """204, also when it is neither cached nor queued; 403, 404."""
    cache = _enabled(request)
    state: State = request.app
    request.authorize(_image(request, image_id).target())
    state.db.transaction(rows.remove, state.conf.host, [image_id])
    cache.remove(image_id)
    return None, 204


def clear(request: Request) -> Any:
    """204; 400 for an unknown x-image-cache-clear-target (cache, queue; default both)."""
    cache = _enabled(request)
    state: State = request.app
    target = request.raw.headers.get("x-image-cache-clear-target", "").lower()
    if target not in ("", "cache", "queue"):
        raise errors.BadRequest("If provided 'x-image-cache-clear-target' must be 'cache', 'queue' or empty string.")
    with state.db.read() as session:
        found = rows.list_node(session, state.conf.host)
    ids = [r.image_id for r in found if target in ("", "cache" if r.state == rows.CACHED else "queue")]
    state.db.transaction(rows.remove, state.conf.host, ids)
    for image_id in ids:
        cache.remove(image_id)
    return None, 204


def clean(request: Request) -> Any:
    """200: unfinished and unknown copies are removed. The route takes no body."""
    cache = _enabled(request)
    sweep(request.app, cache)
    return flask.Response(status=200)


def prune(request: Request) -> Any:
    """200 with how many bytes went: the least recently used copies beyond the configured size. The route takes no body."""
    cache = _enabled(request)
    count, size = shrink(request.app, cache)
    return {"total_files_pruned": count, "total_bytes_pruned": size}


def node(request: Request, image_id: str) -> Any:
    """200 with the nodes that hold a copy; 404."""
    _enabled(request)
    state: State = request.app
    _image(request, image_id)
    with state.db.read() as session:
        return rows.nodes(session, image_id)


def sweep(state: State, cache: ImageCache) -> None:
    """Make files and rows of this node agree, and forget copies of images that are gone."""
    host = state.conf.host
    with state.db.read() as session:
        known = {r.image_id: r.state for r in rows.list_node(session, host)}
        gone = images.unknown_ids(session, list(known)) if known else set()
    present = set(cache.ids())
    for _, path in cache.entries(3600.0):
        name = path.rsplit("/", 1)[-1]
        if name.startswith("."):
            cache.remove(name)
    for image_id in present - {i for i, s in known.items() if s == rows.CACHED} | (gone & present):
        cache.remove(image_id)
    lost = [i for i, s in known.items() if s == rows.CACHED and i not in present]
    state.db.transaction(rows.remove, host, [*lost, *gone])


def forget(state: State, image_id: str) -> None:
    """The image is gone: so is this node's copy, now; the other nodes' go when they next look."""
    if state.cache is not None:
        state.db.transaction(rows.remove, state.conf.host, [image_id])
        state.cache.remove(image_id)


def shrink(state: State, cache: ImageCache) -> tuple[int, int]:
    """Remove the least recently used copies until the cache fits; (how many, bytes)."""
    host, most = state.conf.host, state.conf.cache.size_max_bytes
    with state.db.read() as session:
        held = [r for r in rows.list_node(session, host) if r.state == rows.CACHED]
    total, count, freed = sum(r.size for r in held), 0, 0
    for row in sorted(held, key=lambda r: r.last_accessed_at or r.queued_at):
        if total - freed <= most:
            break
        state.db.transaction(rows.remove, host, [row.image_id])
        cache.remove(row.image_id)
        count, freed = count + 1, freed + row.size
    return count, freed


def fill(state: State, cache: ImageCache) -> None:
    """Forget copies of images that are gone, fetch what is queued on this node, one image after the other, then prune."""
    host = state.conf.host
    with state.db.read() as session:
        gone = rows.of_nothing(session, host)
    for lost in gone:
        forget(state, lost)
    while (image_id := state.db.transaction(rows.take, host)) is not None:
        with state.db.read() as session:
            image = images.find(session, image_id)
        size = _fetch(state, cache, image) if image is not None and image.status == states.ACTIVE else None
        if size is None:
            state.db.transaction(rows.remove, host, [image_id])
        elif not state.db.transaction(rows.cached, host, image_id, size):
            cache.remove(image_id)
    shrink(state, cache)


def _fetch(state: State, cache: ImageCache, image: ImageRecord) -> int | None:
    for location in state.stores.by_weight(image.locations):
        try:
            size = cache.write(image.id, state.stores.of(location.url, location.store).get(location.url))
        except StoreError:
            continue
        if image.size is None or size == image.size:
            return size
        cache.remove(image.id)
    return None
