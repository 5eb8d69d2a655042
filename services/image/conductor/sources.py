"""Where imported data comes from: a web server, another region's image API, a store that has the image already."""

import contextlib
from collections.abc import Iterator
from typing import Any

from common import errors
from common.saga import Failure, Run
from services.image.conductor.deps import Deps
from services.image.db import images
from services.image.drivers import fetch, webdownload
from services.image.drivers.base import StoreError, limited
from services.image.objects.image import ImageRecord


def _watched(deps: Deps, image: ImageRecord, stream: Iterator[bytes], every_bytes: int = 64 << 20) -> Iterator[bytes]:
    """Pass a stream on, and stop it when the image is deleted meanwhile."""
    seen = 0
    for chunk in limited(stream, deps.rules.size_max_bytes):
        yield chunk
        seen += len(chunk)
        if seen >= every_bytes:
            seen = 0
            with deps.db.read() as session:
                if images.find(session, image.id) is None:
                    raise Failure(f"image {image.id} was deleted")


def web(deps: Deps, image: ImageRecord, uri: str) -> None:
    """Fetch a URL into the staging folder."""
    answer = fetch.request("GET", uri, webdownload.guard(deps.conf["import"]))
    if answer.status != 200:
        answer.close()
        raise StoreError(f"the web server answers {answer.status}")
    deps.staging.write(image.id, _watched(deps, image, fetch.chunks(answer)))


def glance(deps: Deps, run: Run, image: ImageRecord) -> None:
    """Fetch another region's image, its formats and some of its properties, with the caller's own token."""
    method: dict[str, Any] = run.data["method"]
    try:
        remote = deps.remote(run.context, method["glance_region"], method.get("glance_service_interface", "public"))
        fetch.check(remote.base_url(), webdownload.guard_of_catalog(deps.conf["import"]), resolve=False)
        other = remote.show(method["glance_image_id"])
        if other.get("status") != "active":
            raise Failure(f"the remote image is {other.get('status')}, not active")
        deps.staging.write(image.id, _watched(deps, image, remote.download(method["glance_image_id"])))
    except errors.Transient as e:
        if run.attempt < 2:
            raise
        raise Failure(f"the image service of {method['glance_region']} does not answer: {e}") from e
    prefixes = tuple(deps.conf["import"].extra_properties)
    properties = {k: str(v) for k, v in other.items() if prefixes and k.startswith(prefixes)}

    def write(session: Any) -> None:
        images.update(session, image.id, expect={"writer": run.data["writer"]}, disk_format=other["disk_format"],
                      container_format=other["container_format"], name=image.name or other.get("name"))
        images.set_properties(session, image.id, properties, [])

    with contextlib.suppress(errors.Stale):
        deps.db.transaction(write)


def copy(deps: Deps, image: ImageRecord) -> None:
    """Get the image's own data from the first store that gives it."""
    last: Exception | None = None
    for location in deps.stores.by_weight(image.locations):
        try:
            chunks = deps.stores.of(location.url, location.store).get(location.url)
            deps.staging.write(image.id, _watched(deps, image, chunks))
            return
        except StoreError as e:
            last = e
    raise StoreError(f"no store gives the image's data: {last}")
