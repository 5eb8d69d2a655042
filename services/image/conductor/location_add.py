"""The saga of the locations API: find a location's size, make the image active, then compute its digests.

As upstream, the image is usable while the digests are computed; a digest other than the one that was promised puts the
image back to `queued`. Where [image] secure_hash is off, the promised digest is taken as it is.
"""

import contextlib
import dataclasses
import hashlib
from typing import Any

from common import errors
from common.db.session import Session
from common.saga import Failure, Run, Saga, Step
from services.image.conductor.deps import Deps
from services.image.conductor.image_import import current
from services.image.db import images, locations, tasks
from services.image.domain import imports, states
from services.image.drivers.base import StoreError
from services.image.drivers.fetch import Refused
from services.image.drivers.ingest import inspector_of
from services.image.drivers.inspect import ImageRejected

_LOOK_BYTES = 16 << 20


def begin(run: Run) -> None:
    """Say that the task runs."""
    run.deps.db.transaction(tasks.update, run.data["task"], status="processing")
    run.deps.events.task_begins(run.context, run.data["task"])


def measure(run: Run) -> None:
    """Ask the store how large the data is."""
    deps: Deps = run.deps
    try:
        run.data["size"] = deps.stores.of(run.data["url"], run.data["store"]).size(run.data["url"])
    except (StoreError, Refused) as e:
        raise Failure(f"location: {e}") from e


def activate(run: Run) -> None:
    """Write the location down; without a promised digest the image is active from now on."""
    deps: Deps = run.deps
    promised = run.data["validation"]
    waits = bool(promised and deps.conf.image.secure_hash)

    def write(session: Session) -> None:
        values: dict[str, Any] = {"size": run.data["size"], "os_hash_algo": promised.get("os_hash_algo"),
                                  "os_hash_value": promised.get("os_hash_value")}
        if not promised and deps.conf.image.secure_hash:
            values["os_hash_algo"] = "sha512"
        if not waits:
            values["status"] = states.ACTIVE
        images.update(session, run.resource_id, expect={"writer": run.data["writer"]}, **values)
        locations.insert(session, run.resource_id, run.data["url"], run.data["store"], {"store": run.data["store"]})

    image = current(run)
    if any(x.url == run.data["url"] for x in image.locations):
        return  # an earlier try did it
    with _gone(run):
        deps.db.transaction(write)


@contextlib.contextmanager
def _gone(run: Run) -> Any:
    try:
        yield
    except errors.Stale:
        raise Failure(f"image {run.resource_id} was changed or deleted") from None


def deactivate(run: Run) -> None:
    """Take the location back; one of a read-only store stays on the queued image, as upstream's does, until it gets data."""
    deps: Deps = run.deps
    if deps.stores.of(run.data["url"], run.data["store"]).read_only:
        return
    with deps.db.read() as session:
        image = images.find(session, run.resource_id)
    if image is not None:
        mine = [x.id for x in image.locations if x.url == run.data["url"]]
        deps.db.transaction(locations.mark_deleted, image.id, mine)
        with deps.db.read() as session:
            gone = [n for n, _, url, _ in locations.to_remove(session, image_id=image.id) if url == run.data["url"]]
        deps.db.transaction(locations.forget, gone)  # the bytes are not ours


def digest(run: Run) -> None:
    """Read the data once: digests, and what an upload's inspection would have found."""
    deps: Deps = run.deps
    if not deps.conf.image.secure_hash:
        return
    image = current(run)
    algorithm = run.data["validation"].get("os_hash_algo") or "sha512"
    md5, multi = hashlib.md5(usedforsecurity=False), hashlib.new(algorithm)
    # As upstream, the data may be of another format than the declared one; what refers to other files is refused all the same.
    lenient = dataclasses.replace(deps.rules, require_format_match=False)
    inspector = inspector_of(lenient, image.disk_format, image.container_format)
    seen = 0
    try:
        for chunk in deps.stores.of(run.data["url"], run.data["store"]).get(run.data["url"]):
            before, seen = seen, seen + len(chunk)
            md5.update(chunk)
            multi.update(chunk)
            if inspector:
                inspector.feed(chunk)
            if before // _LOOK_BYTES != seen // _LOOK_BYTES:
                current(run)
        if inspector:
            inspector.finish()
    except (StoreError, Refused, ImageRejected) as e:
        raise Failure(f"location: {e}") from e
    promised = run.data["validation"].get("os_hash_value")
    if promised and promised.lower() != multi.hexdigest():
        raise Failure("the data's digest is not the one that was promised")
    values: dict[str, Any] = {"checksum": md5.hexdigest(), "os_hash_algo": algorithm, "os_hash_value": multi.hexdigest(),
                              "size": seen, "virtual_size": inspector.result.virtual_size_bytes if inspector else None}
    with _gone(run):
        deps.db.transaction(images.update, image.id, expect={"writer": run.data["writer"]}, status=states.ACTIVE, **values)


def on_done(session: Session, run: Run) -> None:
    """The image has no writer any more; the task succeeded."""
    with contextlib.suppress(errors.Stale):
        images.update(session, run.resource_id, expect={"writer": run.data["writer"]}, writer=None)
    images.set_properties(session, run.resource_id, {}, [imports.TASK])
    row = imports.ended(session, run.data["task"], run.deps.keep_h, result={"image_id": run.resource_id})
    run.deps.events.task(run.context, "success", row)


def on_failed(session: Session, run: Run, error: Exception) -> None:
    """The image goes back to `queued`, nothing known; the task says why."""
    row = imports.ended(session, run.data["task"], run.deps.keep_h, error=run.data.get("public_error") or str(error))
    run.deps.events.task(run.context, "failure", row)
    with contextlib.suppress(errors.Stale):
        images.update(session, run.resource_id, expect={"writer": run.data["writer"]}, status=states.QUEUED, writer=None,
                      size=None, virtual_size=None, checksum=None, os_hash_algo=None, os_hash_value=None)
    images.set_properties(session, run.resource_id, {}, [imports.TASK])


SAGA = Saga(imports.ADD_LOCATION, (
    Step("begin", begin),
    Step("measure", measure),
    Step("activate", activate, undo=deactivate),
    Step("digest", digest),
), on_done=on_done, on_failed=on_failed)
