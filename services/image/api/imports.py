"""Importing images: what may be asked for is checked here, the work is the conductor's."""

import logging
from collections.abc import Mapping
from typing import Any

from common import errors, ids
from common.http.request import Request
from services.image.api import access
from services.image.api.state import State
from services.image.domain import images, imports, states
from services.image.drivers import webdownload
from services.image.drivers.fetch import Refused, check
from services.image.objects.image import ImageRecord

LOG = logging.getLogger(__name__)
_FROM = {"glance-direct": (states.UPLOADING,), "web-download": (states.QUEUED,), "glance-download": (states.QUEUED,),
         "copy-image": (states.ACTIVE,)}


def create(request: Request, image_id: str) -> Any:
    """202; 400 unknown method or store, bad URL, 403, 404, 409 the image's state does not allow it."""
    state: State = request.app
    image, target = access.read(request, image_id, "get_image")
    body = _checked(request.body)
    method = body["method"]
    name = method["name"]
    if name not in state.conf["import"].methods or name not in _FROM:
        raise errors.BadRequest(f"Unknown import method name '{name}'.")
    if name == "copy-image":
        _authorize_copy(request, image, target)
    else:
        request.authorize(target)
    if image.status not in _FROM[name]:
        raise errors.Conflict(_wrong_state(name, image.status))
    if name != "copy-image":
        images.require_formats(image)
    _check_method(state, method)
    stores = _stores(state, request, body, image, copy=name == "copy-image")
    names = ["image_size_total"] if image.status == states.UPLOADING else ["image_size_total", "image_count_uploading"]
    room = state.room(image.owner, *names)
    saga = state.db.transaction(imports.start, image, room, request.context, method=method, stores=stores,
                                all_must_succeed=body.get("all_stores_must_succeed", True), request_body=dict(body),
                                keep_h=state.conf["import"].task_keep_h)
    state.poke(request.context, [saga])
    return None, 202


def _checked(body: Any) -> dict[str, Any]:
    """The body; errors.BadRequest in upstream's words where it has not the form of an import request."""
    if not isinstance(body, dict):
        raise errors.BadRequest("Unexpected body type. Expected list/dict.")
    method = body.get("method")
    if method is None:
        raise errors.BadRequest("Import request requires a 'method' field.")
    if not isinstance(method, dict) or "name" not in method:
        raise errors.BadRequest("Import request requires a 'name' field.")
    if not isinstance(method["name"], str):
        raise errors.BadRequest(f"Unknown import method name '{method['name']}'.")
    for name in ("all_stores", "all_stores_must_succeed"):
        if name in body and not isinstance(body[name], bool):
            raise errors.BadRequest(f"'{name}' must be boolean value only")
    stores = body.get("stores") or []
    if not isinstance(stores, list) or not all(isinstance(x, str) for x in stores):
        raise errors.BadRequest("'stores' must be a list of names")
    return body


def _wrong_state(method: str, status: str) -> str:
    if method == "copy-image":
        return "Only images with status active can be targeted for copying"
    if status == states.ACTIVE:
        return "Image with status active cannot be target for import"
    if method == "glance-direct":
        return "Image needs to be staged before 'glance-direct' method can be used"
    return f"Image needs to be in 'queued' state to use '{method}' method"


def _authorize_copy(request: Request, image: ImageRecord, target: Mapping[str, Any]) -> None:
    """Upstream lets whoever passes copy_image copy any image; others get the same answer whoever owns it."""
    request.authorize(target, "copy_image")


def _check_method(state: State, method: Mapping[str, Any]) -> None:
    if method["name"] == "web-download":
        uri = method.get("uri")
        try:
            check(uri if isinstance(uri, str) else "", webdownload.guard(state.conf["import"]))
        except Refused as e:
            LOG.info("web-download of %s is refused: %s", uri, e)  # the caller need not learn what names resolve to
            raise errors.BadRequest(f"URI for web-download does not pass filtering: {uri}") from None
    elif method["name"] == "glance-download":
        if not method.get("glance_region"):
            raise errors.BadRequest("'glance_region' needs to be set for glance-download import method")
        if not method.get("glance_image_id"):
            raise errors.BadRequest("'glance_image_id' needs to be set for glance-download import method")
        if not ids.is_uuid(method["glance_image_id"]):
            raise errors.BadRequest("Remote image id does not look like a UUID: "
                                    f"{method['glance_image_id']}")


def _stores(state: State, request: Request, body: Mapping[str, Any], image: ImageRecord, *, copy: bool) -> list[str]:
    """The stores that are wanted, those left out that have the image already."""
    writable = [n for n, s in state.stores.by_name.items() if not s.read_only]
    named, header = body.get("stores"), request.raw.headers.get("x-image-meta-store")
    if body.get("all_stores"):
        if named or header is not None:
            raise errors.BadRequest("All_stores parameter can't be used with x-image-meta-store header or stores parameter")
        wanted = writable
    elif named:
        unknown = [n for n in named if n not in writable]
        if unknown:
            raise errors.Conflict(f"Store for identifier {unknown[0]} not found")
        wanted = list(dict.fromkeys(named))
    else:
        wanted = [state.stores.default.name if header is None else header]
        if wanted[0] not in writable:
            raise errors.Conflict(f"Store for identifier {wanted[0]} not found")
    if not copy:
        return wanted
    held = {x.store for x in image.locations}
    left = [n for n in wanted if n not in held]
    if not body.get("all_stores") and len(left) != len(wanted):
        raise errors.BadRequest(f"Image is already present at store '{next(n for n in wanted if n in held)}'")
    return left
