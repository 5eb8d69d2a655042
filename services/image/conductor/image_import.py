"""The saga of an import: get the data into the staging folder, change it as configured, store it, make the image active.

Every step may run again: staged and stored data are replaced, and the image's `writer` says whose the image is.
"""

import contextlib
import logging
from typing import Any

from common import errors
from common.clients.base import RemoteError
from common.db.session import Session
from common.saga import Failure, Run, Saga, Step
from services.image.conductor import plugins, sources
from services.image.conductor.deps import Deps
from services.image.db import images, locations, tasks
from services.image.domain import images as domain
from services.image.domain import imports, states
from services.image.drivers import removal, signature
from services.image.drivers.base import StoreError, TooLarge
from services.image.drivers.fetch import Refused
from services.image.drivers.ingest import ingest
from services.image.drivers.inspect import ImageRejected
from services.image.objects.image import ImageRecord

LOG = logging.getLogger(__name__)
REFUSALS = (StoreError, TooLarge, ImageRejected, Refused, RemoteError, signature.SignatureInvalid)


def current(run: Run) -> ImageRecord:
    """The image; Failure when it is gone."""
    deps: Deps = run.deps
    with deps.db.read() as session:
        image = images.find(session, run.resource_id)
    if image is None:
        raise Failure(f"image {run.resource_id} was deleted")
    return image


def _copying(run: Run) -> bool:
    return bool(run.data["method"]["name"] == "copy-image")


def begin(run: Run) -> None:
    """Say that the task runs."""
    run.deps.db.transaction(tasks.update, run.data["task"], status="processing")
    run.deps.events.task_begins(run.context, run.data["task"])


def fetch(run: Run) -> None:
    """Get the data into the staging folder (of glance-direct it is there already)."""
    deps: Deps = run.deps
    image, name = current(run), run.data["method"]["name"]
    try:
        if name == "glance-direct":
            if deps.staging.size(image.id) is None:
                raise Failure("nothing is staged for this image")
        elif name == "web-download":
            sources.web(deps, image, run.data["method"]["uri"])
        elif name == "glance-download":
            sources.glance(deps, run, image)
        elif not run.data["stores"]:
            return
        else:
            sources.copy(deps, image)
    except REFUSALS as e:
        raise Failure(f"{name}: {e}") from e


def unfetch(run: Run) -> None:
    """Remove staged data: what is wrong with it stays so, and its owner can stage anew."""
    run.deps.staging.remove(run.resource_id)


def change(run: Run) -> None:
    """Let the configured plugins change the staged data."""
    if not _copying(run):
        try:
            plugins.run(run, current(run))
        except REFUSALS as e:
            raise Failure(f"import plugins: {e}") from e


def store(run: Run) -> None:
    """Store the data in every store that was asked for."""
    deps: Deps = run.deps
    done: list[str] = run.data.setdefault("done", [])
    failed: list[str] = run.data.setdefault("failed", [])
    for name in run.data["stores"]:
        if name in done or name in failed:
            continue
        deps.events.changed(run.context, run.resource_id, "prepare", backend=name)
        try:
            run.data["stored"] = _store_one(run, deps.stores.by_name[name])
        except REFUSALS as e:
            LOG.warning("import of image %s into store %s failed: %s", run.resource_id, name, e)
            failed.append(name)
            deps.db.transaction(images.set_properties, run.resource_id, {imports.FAILED_IN: ",".join(failed)}, [])
            if run.data["must"] or len(failed) == len(run.data["stores"]):
                raise Failure(f"store {name}: {e}") from e
            continue
        done.append(name)
        deps.events.changed(run.context, run.resource_id, "upload")
        left = [n for n in run.data["stores"] if n not in done]
        deps.db.transaction(images.set_properties, run.resource_id, {imports.IMPORTING_TO: ",".join(left)}, [])


def _store_one(run: Run, target: Any) -> dict[str, Any]:
    """Put the staged data into one store and write down its location (of a copy at once: the image is active)."""
    deps: Deps = run.deps
    image = current(run)
    held = next((x for x in image.locations if x.store == target.name), None)
    if held is not None and "stored" in run.data and run.data["stored"]["url"] == held.url:
        return dict(run.data["stored"])
    if held is not None:  # an earlier try wrote this down, and died before it could say so: do it again
        deps.db.transaction(locations.mark_deleted, image.id, [held.id])
        removal.remove(deps.db, deps.stores, locations, image_id=image.id)
    removal.clear_orphan(deps.db, target, locations, image.id)
    verifier = None
    if deps.certificates and not _copying(run):
        verifier = signature.verifier_of(image.properties, deps.certificates, run.context)
    stored, virtual = ingest(target, image.id, deps.staging.read(image.id), deps.rules, image.disk_format,
                             image.container_format, size_hint=deps.staging.size(image.id), verifier=verifier)
    found = {"url": stored.url, "size": stored.size_bytes, "virtual": virtual, "checksum": stored.checksum_md5,
             "algo": stored.hash_algo, "hash": stored.hash_value}

    def write(session: Session) -> None:
        images.lock(session, image.id)
        if images.find(session, image.id) is None:
            raise errors.Stale("gone")
        locations.insert(session, image.id, stored.url, target.name, {"store": target.name})

    try:
        if _copying(run) and image.os_hash_value and image.os_hash_value != stored.hash_value:
            raise StoreError("the copy's digest is not the image's")
        deps.db.transaction(write)
    except (errors.Stale, StoreError) as e:
        target.delete(stored.url)
        raise Failure(f"image {image.id}: {e}") from e
    return found


def unstore(run: Run) -> None:
    """Take back what was stored by this import (what is not written down belongs to a step that failed: gone already)."""
    deps: Deps = run.deps
    with deps.db.read() as session:
        image = images.find(session, run.resource_id)
    if image is not None:
        mine = [x.id for x in image.locations if x.store in run.data["stores"]]
        deps.db.transaction(locations.mark_deleted, image.id, mine)
    removal.remove(deps.db, deps.stores, locations, image_id=run.resource_id)


def finish(run: Run) -> None:
    """The image becomes active, with the values that the data has."""
    deps: Deps = run.deps
    if not _copying(run):
        stored = run.data["stored"]
        try:
            deps.db.transaction(domain.finish_data, run.resource_id, run.data["writer"], from_status=states.IMPORTING,
                                size=stored["size"], virtual_size=stored["virtual"], checksum=stored["checksum"],
                                hash_algo=stored["algo"], hash_value=stored["hash"])
        except errors.Stale:
            if current(run).status != states.ACTIVE:
                raise Failure("the image was changed while it was imported") from None
    deps.staging.remove(run.resource_id)
    deps.events.changed(run.context, run.resource_id, *(() if _copying(run) else ("activate",)), "update")


def on_done(session: Session, run: Run) -> None:
    """Clean the image of the import's traces; the task succeeded."""
    kept = {imports.IMPORTING_TO: "", imports.FAILED_IN: ",".join(run.data.get("failed", []))}
    images.set_properties(session, run.resource_id, kept, [imports.TASK])
    copied = f"Copied {run.data['stored']['size'] >> 20} MiB" if "stored" in run.data else ""
    row = imports.ended(session, run.data["task"], run.deps.keep_h, result={"image_id": run.resource_id}, message=copied)
    run.deps.events.task(run.context, "success", row)


def on_failed(session: Session, run: Run, error: Exception) -> None:
    """A copied image stays as it was, another waits for data again; the task says why."""
    public = run.data.get("public_error") or str(error)
    row = imports.ended(session, run.data["task"], run.deps.keep_h, error=public)
    run.deps.events.task(run.context, "failure", row)
    if images.find(session, run.resource_id) is None:
        return
    if run.data.get("delete_on_failure"):
        domain.delete(session, run.resource_id, delayed=False)
        return
    if not _copying(run):
        with contextlib.suppress(errors.Stale):
            images.update(session, run.resource_id, expect={"writer": run.data["writer"]}, status=states.QUEUED, size=None,
                          writer=None)
    failed = run.data.get("failed") or run.data["stores"]
    images.set_properties(session, run.resource_id, {imports.IMPORTING_TO: "", imports.FAILED_IN: ",".join(failed)},
                          [imports.TASK])


SAGA = Saga(imports.IMPORT, (
    Step("begin", begin),
    Step("fetch", fetch, undo=unfetch),
    Step("change", change),
    Step("store", store, undo=unstore),
    Step("finish", finish),
), on_done=on_done, on_failed=on_failed)
