"""Images' bytes: upload, stage, download. They stream through in constant memory, and a broken upload leaves nothing."""

import re
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import flask
from werkzeug.wsgi import wrap_file

from common import errors
from common.http.request import Request
from services.image.api import access, caching
from services.image.api.state import State
from services.image.db import images as rows
from services.image.db import locations as places
from services.image.domain import images, states
from services.image.drivers import removal, signature
from services.image.drivers.base import CHUNK_BYTES, Duplicate, LocalFiles, NotFound, StoreDenied, StoreError, StoreFull, TooLarge
from services.image.drivers.ingest import Rules, ingest, ticking
from services.image.drivers.inspect import ImageRejected
from services.image.objects.image import ImageRecord

_SIZE_HEADER = "x-openstack-image-size"
# No number of theirs has more digits than a size can have: Python reads none of thousands.
_RANGE = re.compile(r"^bytes *= *(\d{0,19}) *- *(\d{0,19})$", re.ASCII | re.IGNORECASE)
_CONTENT_RANGE = re.compile(r"^bytes (\d{1,19})-(\d{1,19})/(\d+|\*)$", re.ASCII)


class Aborted(Exception):
    """The data is not what the client announced, or the client went away before its end; the text is the answer's."""


def rules_of(state: State) -> Rules:
    """What data is accepted, by configuration."""
    image: Any = state.conf.image
    return Rules(image.size_max_bytes, image.virtual_size_max_bytes, image.require_format_match)


def upload(request: Request, image_id: str) -> Any:
    """204; 400 format missing or data short, 403, 404, 409 not queued, 410 deleted meanwhile, 413 too large, 415 not bytes,
    or not what it is declared to be. The body is streamed; the handler reads it itself.
    """
    state: State = request.app
    access.require_octets(request)
    image, _ = access.read(request, image_id)
    store = _store(state, request.raw.headers.get("x-image-meta-store"))
    states.require(image.status, states.SAVING)
    images.require_formats(image)
    size = expected_size(request)
    room = state.room(image.owner, "image_count_uploading", "image_size_total")
    if size is not None and size > state.conf.image.size_max_bytes:
        raise errors.TooLarge(f"Image exceeds the storage quota: the image has {size} bytes")
    writer = images.begin_writing(state.db, image, room, state.conf.image.upload_lease_s, states.SAVING)

    state.events.changed(request.context, image.id, "update")
    state.events.changed(request.context, image.id, "prepare", backend=store.name)

    def work(stream: Iterator[bytes]) -> None:
        verifier = signature.verifier_of(image.properties, state.certificates, request.context) if state.certificates else None
        removal.clear_orphan(state.db, store, places, image.id, partial=False)
        stored, virtual = ingest(store, image.id, stream, rules_of(state), image.disk_format, image.container_format,
                                 size_hint=size, verifier=verifier)
        try:
            state.db.transaction(images.finish_upload, image.id, writer, store.name, stored, virtual)
        except BaseException:
            store.delete(stored.url)
            raise

    _receive(request, image, writer, size, work)
    state.events.changed(request.context, image.id, "upload", "activate")
    return None, 204


def stage(request: Request, image_id: str) -> Any:
    """204; errors as those of an upload. The data waits in the staging folder for its import."""
    state: State = request.app
    access.require_octets(request)
    image, _ = access.read(request, image_id)
    if "glance-direct" not in state.conf["import"].methods:
        raise errors.NotFound("The glance-direct import method is not enabled.")
    states.require(image.status, states.UPLOADING)
    size = expected_size(request)
    room = state.room(image.owner, "image_count_uploading", "image_stage_total")
    most = state.conf.image.size_max_bytes
    if size is not None and size > most:
        raise errors.TooLarge(f"Image exceeds the storage quota: the image has {size} bytes")
    writer = images.begin_writing(state.db, image, room, state.conf.image.upload_lease_s, states.UPLOADING)

    def work(stream: Iterator[bytes]) -> None:
        from services.image.drivers.base import limited

        staged = state.staging.write(image.id, limited(stream, most))
        state.db.transaction(rows.update, image.id, expect={"writer": writer}, writer=None, writer_until=None, size=staged)

    try:
        _receive(request, image, writer, size, work)
    except errors.ApiError:
        if _missing(state, image.id):
            state.staging.remove(image.id)
            raise images.not_found(image.id, images.NO_SUCH_IMAGE) from None
        raise
    state.events.changed(request.context, image.id, "update")
    return None, 204


def _missing(state: State, image_id: str) -> bool:
    with state.db.read() as session:
        return rows.find(session, image_id) is None


def _store(state: State, name: str | None) -> Any:
    store = state.stores.default if name is None else state.stores.by_name.get(name)
    if store is None or store.read_only:
        raise errors.BadRequest(f"Store for identifier {name} not found") if store is None else errors.Gone(
            "Error in store configuration. Adding images to store is disabled.")
    return store


def expected_size(request: Request) -> int | None:
    """How many bytes the client says it sends: its Content-Length, or its size header; errors.BadRequest when they differ."""
    said = request.raw.headers.get(_SIZE_HEADER)
    length = request.raw.content_length
    if said is None:
        return length
    if not said.isdecimal() or len(said) > 19:
        raise errors.BadRequest("Invalid or missing image size in request headers.")
    if length is not None and length != int(said):
        how = "exceeds" if length > int(said) else "mismatch"
        raise errors.BadRequest(f"Size {how}: expected {said} bytes, got {length} bytes")
    return int(said)


def body_chunks(request: Request, size: int | None) -> Iterator[bytes]:
    """The body in chunks of constant size; Aborted when it breaks off, or has another size than `size`."""
    stream = request.raw.stream
    seen = 0
    try:
        while chunk := stream.read(CHUNK_BYTES):
            seen += len(chunk)
            if size is not None and seen > size:
                raise Aborted(f"Size exceeds: expected {size} bytes, got {seen} bytes")
            yield chunk
    except (OSError, EOFError, ValueError) as e:  # what servers raise, for broken chunks too
        raise Aborted(f"The body broke off after {seen} bytes") from e
    if size is not None and seen != size:
        raise Aborted(f"Size mismatch: expected {size} bytes, got {seen} bytes")


def _receive(request: Request, image: ImageRecord, writer: str, size: int | None,
             work: Callable[[Iterator[bytes]], None]) -> None:
    """Let `work` consume the body; whatever goes wrong puts the image back to `queued` and becomes the right answer."""
    state: State = request.app
    lease = state.conf.image.upload_lease_s

    def tick() -> None:
        if not state.db.transaction(rows.prolong, image.id, writer, lease):
            raise errors.Stale("taken")

    try:
        work(ticking(body_chunks(request, size), tick, lease / 4))
    except Exception as e:  # process edge: whatever went wrong, the image must not stay half written
        kept = images.give_up_writing(state.db, image.id, writer)
        raise _answer(e, image, kept) from e


def _answer(error: Exception, image: ImageRecord, still_there: bool) -> Exception:
    """The answer to a broken upload."""
    if not still_there or isinstance(error, errors.Stale):
        return errors.Gone(f"Image {image.id} could not be found after upload. The image may have been deleted during the "
                           "upload, cleaning up the chunks uploaded.")
    table: list[tuple[type[Exception], Callable[[], errors.ApiError]]] = [
        (Aborted, lambda: errors.BadRequest(str(error))),
        (TooLarge, lambda: errors.TooLarge(f"Image exceeds the storage quota: {error}")),
        (ImageRejected, lambda: access.not_this_type("application/octet-stream", str(error))),
        (signature.SignatureInvalid, lambda: errors.BadRequest(f"Signature verification failed for image {image.id}: {error}")),
        (StoreFull, lambda: errors.TooLarge(f"Image storage media is full: {error}")),
        (StoreDenied, lambda: errors.Unavailable("Insufficient permissions on image storage media.")),
        (Duplicate, lambda: errors.Conflict("The store already holds data for this image.")),
        (StoreError, lambda: errors.Unavailable(f"The image store failed: {error}")),
    ]
    return next((make() for kind, make in table if isinstance(error, kind)), error)


# downloads


def download(request: Request, image_id: str) -> Any:
    """200 with the bytes, 206 for a range, 204 when there are none; 403 deactivated, 404, 416 no such range."""
    image, _ = access.read(request, image_id)
    if image.status == states.DEACTIVATED and not request.context.has_admin_role:
        raise errors.Forbidden("The requested image has been deactivated. Image data download is forbidden.")
    if not image.locations or image.size is None:
        return None, 204
    wanted = _range(request, image.size)
    offset, length = wanted or (0, image.size)
    body = _open(request, image, offset, length, whole=wanted is None)
    request.app.events.sent(request.context, image, length)
    response = flask.Response(body, 200 if wanted is None else 206, content_type="application/octet-stream",
                              direct_passthrough=True)
    response.headers["Content-Length"] = str(length)
    response.headers["Accept-Ranges"] = "bytes"
    if wanted is not None:
        response.headers["Content-Range"] = f"bytes {offset}-{offset + length - 1}/{image.size}"
    if image.checksum:
        response.headers["Content-MD5"] = image.checksum
    return response


def _range(request: Request, size: int) -> tuple[int, int] | None:
    """(offset, length) asked for, None: everything. `Content-Range` in a request is upstream's older way."""
    text, older = request.raw.headers.get("Range"), request.raw.headers.get("Content-Range")
    if text:
        if "," in text:
            raise errors.BadRequest("Requests with multiple ranges are not supported in Glance. You may make multiple "
                                    "single-range requests instead.")
        match = _RANGE.match(text.strip())
        if match is None or match.groups() == ("", ""):
            raise _no_range("Invalid Range header.", size)
        first, last = match.groups()
        if first == "":
            length = min(int(last), size) or size
            return size - length, length
        offset, end = int(first), int(last) if last else size - 1
        if offset >= size:
            raise _no_range("Invalid start position in Range header. Start position MUST be in the inclusive range "
                            f"[0, {size - 1}].", size)
        if end < offset:
            raise _no_range("Invalid Range header.", size)
        return offset, min(end, size - 1) - offset + 1
    if older:
        match = _CONTENT_RANGE.match(older.strip())
        if match is None or int(match[1]) > int(match[2]):
            raise _no_range("Invalid Content-Range header.", size)
        if int(match[2]) >= size:
            raise _no_range("Invalid stop position in Content-Range header. The stop position MUST be in the inclusive range "
                            f"[0, {size - 1}].", size)
        return int(match[1]), int(match[2]) - int(match[1]) + 1
    return None


def _no_range(why: str, size: int) -> errors.ApiError:
    return errors.ApiError("The Range requested is not available.", detail=why, status=416,
                           headers={"Content-Range": f"bytes */{size}"})


def _open(request: Request, image: ImageRecord, offset: int, length: int, *, whole: bool) -> Any:
    """The bytes as a WSGI iterable: from the cache, else from the first location that answers."""
    state: State = request.app
    cached = caching.opened(state, image, whole=whole)
    if cached is not None:
        return _file(request, cached) if whole else _part(cached, offset, length)
    for location in state.stores.by_weight(image.locations):
        try:
            store = state.stores.of(location.url, location.store)
            if whole and isinstance(store, LocalFiles):
                return _file(request, open(store.local_path(location.url), "rb"))
            return started(store.get(location.url, offset, length))
        except (StoreError, OSError):
            continue
    raise errors.NotFound("Image data is not where it should be.") if image.status == states.ACTIVE else NotFound(image.id)


def _file(request: Request, source: BinaryIO) -> Any:
    """A whole file: the server sends it itself (sendfile), without passing it through Python."""
    return wrap_file(request.raw.environ, source, CHUNK_BYTES)


def _part(source: BinaryIO, offset: int, length: int) -> Iterator[bytes]:
    with source:
        source.seek(offset)
        while length > 0 and (chunk := source.read(min(CHUNK_BYTES, length))):
            length -= len(chunk)
            yield chunk


def started(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same chunks with the first one fetched already, so that a store's refusal comes before the headers."""
    first = next(chunks, b"")

    def rest() -> Iterator[bytes]:
        yield first
        yield from chunks

    return rest()


