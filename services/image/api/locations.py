"""Where images' bytes are: the old way (a patch of `locations`), the new API, and removing bytes nobody points to."""

import logging
import string
from collections.abc import Mapping, Sequence
from typing import Any

from common import errors
from common.http.request import Request
from services.image.api import access
from services.image.api.state import State
from services.image.api.views import image as views
from services.image.db import images as rows
from services.image.db import locations as places
from services.image.domain import images, imports, states
from services.image.domain.images import Draft, check_quota
from services.image.domain.json_patch import Change
from services.image.domain.refusals import denied
from services.image.drivers import removal
from services.image.drivers.base import StoreError
from services.image.drivers.fetch import Refused
from services.image.objects.image import ImageRecord, Location

LOG = logging.getLogger(__name__)
_HASH_LENGTHS = {"md5": 32, "sha1": 40, "sha256": 64, "sha384": 96, "sha512": 128}
_DIGEST_NAMES = ("checksum", "os_hash_algo", "os_hash_value")


def patch(request: Request, draft: Draft, target: Mapping[str, Any]) -> Any:
    """Apply the part of a patch that is about locations, then the rest; 200 with the image."""
    state: State = request.app
    image = draft.image
    if not state.conf.image.show_locations:
        raise errors.Forbidden("It's not allowed to add locations if locations are invisible.")
    for change in draft.location_changes:
        if change.op == "add":
            request.authorize(target, "set_image_location")
            state.schemas.check_types({"locations": [change.value]})
            _add(state, image, change.value, change.path[1:])
        elif change.op == "remove":
            request.authorize(target, "delete_image_location")
            _remove(state, image, change)
        else:
            request.authorize(target, "set_image_location")
            if change.value == []:
                raise denied("Cannot set locations to empty list.")
            _replace(state, image, change.value)
        image = _again(state, image.id)
    if draft.values or draft.properties or draft.removed or draft.tags is not None:
        draft.image = image
        image = state.db.transaction(images.write, draft)
    state.events.image(request.context, "update", image)
    return views.show(state, image, locations=request.allowed("get_image_location", target),
                      operator=request.context.has_admin_role)


def _again(state: State, image_id: str) -> ImageRecord:
    with state.db.read() as session:
        image = rows.find(session, image_id)
    if image is None:
        raise images.not_found(image_id)
    return image


def check_validation_data(data: Mapping[str, Any]) -> None:
    """errors.BadRequest unless algorithm and value of a hash fit each other."""
    algorithm, value = data.get("os_hash_algo"), data.get("os_hash_value")
    if algorithm is None or value is None:
        raise errors.BadRequest("os_hash_algo and os_hash_value are required in validation_data")
    length = _HASH_LENGTHS.get(algorithm)
    if length is None:
        raise errors.BadRequest(f"os_hash_algo must be one of {', '.join(_HASH_LENGTHS)}")
    if any(c not in "0123456789abcdefABCDEF" for c in value):
        raise errors.BadRequest(f"os_hash_value ({value}) is not a valid hexadecimal value")
    if len(value) != length:
        raise errors.BadRequest(f"os_hash_value: ({value}) is not the correct size for ({algorithm}) "
                                f"(should be ({length // 2}) bytes)")
    checksum = data.get("checksum")
    if checksum is not None and (len(checksum) != 32 or any(c not in "0123456789abcdefABCDEF" for c in checksum)):
        raise errors.BadRequest("checksum must have 32 hexadecimal digits")


def external(state: State, url: str) -> Any:
    """The store of a location that a client may set; errors.BadRequest for local files, unknown or refused ones."""
    try:
        store = state.stores.of(url)
        if not store.read_only:
            raise errors.BadRequest("Invalid location")
        getattr(store, "check", lambda _url: None)(url)
        return store
    except (StoreError, Refused) as e:
        raise _invalid(url, e) from e


def _invalid(url: str, why: Exception) -> errors.BadRequest:
    LOG.info("location %s is refused: %s", url, why)  # the caller need not learn what names resolve to
    return errors.BadRequest("Invalid location")


def _add(state: State, image: ImageRecord, value: Mapping[str, Any], where: Sequence[str]) -> None:
    if image.status not in (states.QUEUED, states.ACTIVE):
        raise errors.Conflict(f"It's not allowed to add locations if image status is {image.status}.")
    if where and where[0] != "-" and not 1 <= _position(where[0]) <= len(image.locations) + 1:
        raise errors.BadRequest("Invalid position for adding a location.")
    if image.status == states.ACTIVE and any(x.url == value["url"] for x in image.locations):
        raise errors.BadRequest(f"Location {value['url']} already exists.")
    held = len(image.locations) if image.status == states.ACTIVE else 0
    check_quota(state.limits.locations, held + 1, "image locations")
    data = value.get("validation_data") or {}
    new: dict[str, Any] = {}
    if image.status == states.ACTIVE:
        _match(image, data)
    else:
        if data:
            _check_digest(data, state.conf[state.stores.default.name].hash_algorithm)
        new = {name: data.get(name) for name in _DIGEST_NAMES}
        images.require_formats(image)
    store = external(state, value["url"])
    try:
        size = store.size(value["url"])
    except (StoreError, Refused) as e:
        raise _invalid(value["url"], e) from e

    def write(session: Any) -> None:
        if image.status == states.QUEUED:
            rows.update(session, image.id, expect_status=[states.QUEUED], expect={"writer": None}, status=states.ACTIVE,
                        size=size, **new)
            places.drop_leftovers(session, image.id)
        else:
            rows.update(session, image.id, expect_status=[image.status])
        places.insert(session, image.id, value["url"], store.name, dict(value["metadata"]))

    with images.conflict(image.id):
        state.db.transaction(write)


def _match(image: ImageRecord, data: Mapping[str, Any]) -> None:
    for name in _DIGEST_NAMES:
        if name in data and data[name] != getattr(image, name):
            raise errors.Conflict(f"{name} is already set with a different value")


def _check_digest(data: Mapping[str, Any], algorithm: str) -> None:
    """errors.Conflict where a patch promises a digest that is none, or of another kind than this service's."""
    if data["os_hash_algo"] != algorithm:
        raise errors.Conflict(f"os_hash_algo must be {algorithm}, not {data['os_hash_algo']}")
    for name, length in (("os_hash_value", _HASH_LENGTHS[algorithm]), ("checksum", _HASH_LENGTHS["md5"])):
        value = data.get(name)
        if value is None:
            continue
        if any(c not in string.hexdigits for c in value):
            raise errors.Conflict(f"{name} ({value}) is not a valid hexadecimal value")
        if len(value) != length:
            kind = algorithm if name == "os_hash_value" else "md5"
            raise errors.Conflict(f"{name} ({value}) is not the correct size for {kind} (should be {length // 2} bytes)")


def _remove(state: State, image: ImageRecord, change: Change) -> None:
    if image.status != states.ACTIVE:
        raise errors.Conflict(f"It's not allowed to remove locations if image status is {image.status}.")
    if len(image.locations) == 1:
        raise denied("Cannot remove last location in the image.")
    index = _position(change.path[1])
    if not 0 <= index < len(image.locations):
        raise errors.BadRequest("Location index is out of range.")
    _take(state, image, [image.locations[index]])


def _position(text: str) -> int:
    """The number that a pointer names; -1 for what is none, or longer than any."""
    return int(text) if text.isdecimal() and len(text) < 10 else -1


def _take(state: State, image: ImageRecord, taken: Sequence[Location]) -> None:
    state.db.transaction(places.mark_deleted, image.id, [x.id for x in taken])
    state.db.transaction(rows.touch, image.id)
    remove_bytes(state, image.id)


def _replace(state: State, image: ImageRecord, value: Any) -> None:
    """Only metadata may change; a queued image may get its first location so."""
    state.schemas.check_types({"locations": value})
    wanted: list[dict[str, Any]] = value
    if not image.locations and len(wanted) == 1:
        return _add(state, image, wanted[0], ())
    if [x["url"] for x in wanted] != [x.url for x in image.locations]:
        raise errors.BadRequest("Original locations is not empty: they cannot be replaced by others.")

    def write(session: Any) -> None:
        for old, new in zip(image.locations, wanted, strict=True):
            places.update_info(session, old.id, dict(new["metadata"]))
        rows.touch(session, image.id)

    state.db.transaction(write)


def remove_bytes(state: State, image_id: str) -> None:
    """Remove the bytes of locations that were taken from an image now, as far as the stores let us; the conductor
    removes what is left. Deleted images whose deletion is delayed keep theirs for the scrubber.
    """
    with state.db.read() as session:
        gone = rows.find(session, image_id) is None
    if gone:
        state.staging.remove(image_id)
        if state.conf.image.delayed_delete:
            return
    removal.remove(state.db, state.stores, places, image_id=image_id)


# the new API


def index(request: Request, image_id: str) -> Any:
    """200 with the locations; for services, of what everybody may see even to those that have no other role. 403, 404."""
    image, _ = access.read(request, image_id, open_to="fetch_image_location")
    return [{"url": x.url, "metadata": dict(x.info)} for x in image.locations]


def add(request: Request, image_id: str) -> Any:
    """202: the location is checked and hashed by the conductor; 400 bad URL or hash, 403, 404, 409 not queued."""
    state: State = request.app
    image, _ = access.read(request, image_id)
    if image.status != states.QUEUED:
        raise errors.Conflict(f"It's not allowed to add locations if image status is {image.status}.")
    url, data = request.body["url"], request.body.get("validation_data")
    if data:
        check_validation_data(data)
    store = _external_of_user(state, url)
    saga = state.db.transaction(imports.add_location, image, request.context, url=url, store=store.name,
                                validation=data, keep_h=state.conf["import"].task_keep_h)
    state.poke(request.context, [saga])
    return None, 202


def _external_of_user(state: State, url: str) -> Any:
    """As `external`, in the words of the locations API."""
    if not url.startswith(("http://", "https://")):
        raise errors.Forbidden("http store must be enabled to use location API by normal user.")
    try:
        return external(state, url)
    except errors.BadRequest:
        raise errors.BadRequest(f"URI for add location does not pass filtering: {url}") from None


def delete_from_store(request: Request, store_id: str, image_id: str) -> Any:
    """204, of a protected image, too; 403 the last one, 404, 409 not active or no such store."""
    state: State = request.app
    if store_id not in state.stores.by_name:
        request.authorized = True
        raise errors.Conflict(f"The selected store {store_id} is not available on this node.")
    image, target = access.read(request, image_id, missing="Failed to find image {}")
    request.authorize(target, "delete_image_location")
    if image.status != states.ACTIVE:
        raise errors.Conflict("It's not allowed to remove image data from store if image status is not 'active'")
    held = [x for x in image.locations if x.store == store_id]
    if len(image.locations) == 1 or len(held) == len(image.locations):
        raise errors.Forbidden("Cannot delete image data from the only store containing it. Consider deleting the image instead.")
    if not held:
        raise errors.NotFound(f"Image {image_id} is not stored in store {store_id}.")
    _take(state, image, held)
    state.events.changed(request.context, image.id, "update")
    return None, 204
