"""Images: create, list, show, update, delete."""

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlencode

from common import errors
from common.http.paging import Page
from common.http.request import Request
from services.image.api import access, caching, locations
from services.image.api.state import State
from services.image.api.views import image as views
from services.image.db import image_filters
from services.image.db import images as rows
from services.image.domain import images, json_patch, states
from services.image.domain.json_patch import Change
from services.image.domain.refusals import denied
from services.image.objects.image import ImageRecord

SORT_KEYS = ("name", "status", "container_format", "disk_format", "size", "id", "created_at", "updated_at")
# What filters nothing: paging, and a filter that upstream ignores.
_PAGING = ("limit", "marker", "sort", "sort_key", "sort_dir", "deleted")
_TRIES = 5
# What upstream takes from clients that make an image, and does nothing with.
_IGNORED = ("os_hash_algo", "os_hash_value")


def create(request: Request) -> Any:
    """201 with the image; 400 wrong values, 403 reserved attributes or policy, 409 id taken, 413 quota."""
    state: State = request.app
    body = request.body
    if not isinstance(body, dict):
        raise errors.BadRequest("Unexpected body type. Expected list/dict.")
    body = {k: v for k, v in body.items() if k not in _IGNORED}
    _refuse_attributes(body, json_patch.LINKS, "read-only")
    state.schemas.check_types(body)
    values = {k: v for k, v in body.items() if k in images.BASE or k == "id"}
    named = "owner" in values
    owner = values.pop("owner", request.context.project_id)
    project = request.context.project_id or "-"
    target = {"project_id": owner or "-", "owner": project if owner == request.context.project_id else owner,
              "visibility": values.get("visibility", "shared"), "member_id": "-"}
    if named and owner != request.context.project_id and not request.allowed("add_image", target):
        request.authorized = True
        raise denied(f"You are not permitted to create images owned by '{owner}'")
    request.authorize(target)
    _refuse_attributes(body, json_patch.READ_ONLY - {"id"}, "read-only")
    _refuse_attributes(body, {"locations"}, "reserved")
    state.schemas.check_values(body)
    for name in body:
        if name in json_patch.RESERVED or name.startswith(json_patch.RESERVED_PREFIX):
            raise denied(f"Attribute '{name}' is reserved.")
    _check_visibility(request, values.get("visibility"), target)
    room = state.room(owner, "image_count_total")
    properties = {k: v for k, v in body.items() if k not in images.BASE and k not in ("id", "tags", "locations")}
    image = state.db.transaction(images.create, state.limits, room, owner, values, properties, body.get("tags") or [])
    state.events.image(request.context, "create", image)
    headers = {"Location": f"{request.base_url}/v2/images/{image.id}"}
    methods = _enabled_methods(state)
    if methods:
        headers["OpenStack-image-import-methods"] = ",".join(methods)
    if len(state.stores.by_name) > 1:
        headers["OpenStack-image-store-ids"] = ",".join(state.stores.by_name)
    return views.show(state, image, locations=True), 201, headers


def _refuse_attributes(body: Mapping[str, Any], names: Collection[str], what: str) -> None:
    name = next((n for n in body if n in names), None)
    if name is not None:
        raise errors.Forbidden(f"Attribute '{name}' is {what}.")


def _enabled_methods(state: State) -> list[str]:
    return list(state.conf["import"].methods)


def check_schema(request: Request, values: dict[str, Any]) -> None:
    """errors.BadRequest when the attributes are not an image's."""
    request.app.schemas.check(values)


def _check_visibility(request: Request, visibility: str | None, target: Mapping[str, Any]) -> None:
    if visibility == "public":
        request.authorize(target, "publicize_image")
    elif visibility == "community":
        request.authorize(target, "communitize_image")


def show(request: Request, image_id: str) -> Any:
    """200; 404."""
    image, target = access.read(request, image_id)
    return _shown(request, image, target)


def _shown(request: Request, image: ImageRecord, target: Mapping[str, Any]) -> dict[str, Any]:
    return views.show(request.app, image, locations=request.allowed("get_image_location", target),
                      operator=request.context.has_admin_role)


def index(request: Request) -> Any:
    """200 with one page; 400 wrong filters, sort keys or marker."""
    state: State = request.app
    request.authorize(access.own_target(request.context))
    page = read_page(request)
    filters = {k: v for k, v in request.query.items() if k not in _PAGING}
    if "os_hidden" not in filters:
        filters["os_hidden"] = ["false"]
    who = access.viewer(request.context)
    conditions, visible = image_filters.conditions(filters, who)
    with state.db.read() as session:
        try:
            found = rows.list_page(session, conditions, page, visible)
        except errors.BadRequest:
            raise errors.BadRequest(images.NO_SUCH_IMAGE.format(page.marker)) from None
    operator, told = request.context.has_admin_role, _Told(request)
    shown = [views.show(state, i, locations=told[i.owner, i.visibility], operator=operator) for i in found]
    following = None
    if page.limit and len(found) >= page.limit:
        following = _link(request, found[-1].id)
    return views.listing(shown, _link(request, None), following)


class _Told(dict[tuple[str | None, str], bool]):
    """Whether the caller is told where images of an (owner, visibility) are; each asked once."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        self._request = request

    def __missing__(self, key: tuple[str | None, str]) -> bool:
        owner, visibility = key
        about = {"project_id": owner or "-", "owner": owner or "-", "visibility": visibility,
                 # whoever sees another's shared image in a list is its member
                 "member_id": self._request.context.project_id or "-"}
        state: State = self._request.app
        self[key] = (state.show_direct_url or state.show_locations) and self._request.allowed("get_image_location", about)
        return self[key]


def _link(request: Request, marker: str | None) -> str:
    pairs = [(k, v) for k, vs in request.query.items() if k != "marker" for v in vs]
    if marker:
        pairs.append(("marker", marker))
    return "/v2/images" + (f"?{urlencode(pairs)}" if pairs else "")


def read_page(request: Request, keys: tuple[str, ...] = SORT_KEYS) -> Page:
    """The page asked for, in the image API's own way of naming sort keys; errors.BadRequest when it makes no sense."""
    state: State = request.app
    limit = page_limit(request.first("limit"), state.conf.api.max_page_size)
    if "sort" in request.query and ("sort_key" in request.query or "sort_dir" in request.query):
        raise errors.BadRequest("Old and new sorting syntax cannot be combined")
    if "sort" in request.query:
        pairs = [item.strip().partition(":") for item in (request.first("sort") or "").split(",")]
        sorts = [(key.strip(), way.strip() or "desc") for key, _, way in pairs]
        tail = sorts[0][1] if len(sorts) == 1 else "desc"
    else:
        names = request.query.get("sort_key") or ["created_at"]
        ways = request.query.get("sort_dir") or []
        if len(ways) not in (0, 1, len(names)):
            raise errors.BadRequest("Number of sort dirs does not match the number of sort keys")
        tail = ways[0] if len(ways) == 1 else "desc"
        ways = ways * len(names) if len(ways) == 1 else (ways or ["desc"] * len(names))
        sorts = list(zip(names, ways, strict=True))
    for key, way in sorts:
        if key not in keys:
            raise errors.BadRequest(f"Invalid sort key: {key}. It must be one of the following: {', '.join(keys)}.")
        if way not in ("asc", "desc"):
            raise errors.BadRequest(f"Invalid sort direction: {way}")
    sorts = list(dict(reversed(sorts)).items())[::-1]  # of a key that is named twice, the first one counts
    sorts += [(key, tail) for key in ("created_at", "id") if key not in dict(sorts)]
    return Page(limit, request.first("marker") or None, tuple(sorts))


def page_limit(text: str | None, most: int) -> int:
    """How many things a page may have; errors.BadRequest for what is no number, or a negative one."""
    if text is None:
        return min(25, most)
    try:
        limit = int(text)
    except ValueError:
        raise errors.BadRequest("limit param must be an integer") from None
    if limit < 0:
        raise errors.BadRequest("limit param must be positive")
    return min(limit, most)


def update(request: Request, image_id: str) -> Any:
    """200 with the image; 400, 403, 404, 409 property missing or a race lost, 413 quota, 415 not a patch we read."""
    state: State = request.app
    changes = json_patch.parse(request.body, access.media_type(request))
    for _ in range(_TRIES):
        image, target = access.read(request, image_id, "get_image")
        others = [c for c in changes if c.path[0] != "locations"]
        if others or not changes:
            request.authorize(target)
        _check_changes(request, image, target, others)
        draft = images.draft(image, changes, state.limits)
        if draft.location_changes:
            return locations.patch(request, draft, target)
        try:
            image = state.db.transaction(images.write, draft)
            state.events.image(request.context, "update", image)
            return _shown(request, image, target)
        except errors.Stale:
            continue
    raise errors.Conflict(f"Image {image_id} is being changed by other requests")


def _check_changes(request: Request, image: ImageRecord, target: Mapping[str, Any], changes: list[Change]) -> None:
    """Values against the schema, and what only some may set."""
    values = {c.path[0]: c.value for c in changes if c.op != "remove"}
    check_schema(request, values)
    if values.get("visibility") != image.visibility:
        _check_visibility(request, values.get("visibility"), target)
    if "owner" in values and values["owner"] != image.owner and not request.context.has_admin_role:
        raise denied("Owner can't be updated by non admin.")


def delete(request: Request, image_id: str) -> Any:
    """204; 403 protected or policy, 404. Accepted in every state; what is running on the image is cancelled."""
    state: State = request.app
    image, _ = access.read(request, image_id, missing=images.NOTHING_TO_DELETE)
    try:
        gone = not state.db.transaction(images.delete, image.id, delayed=state.conf.image.delayed_delete)
    except errors.Stale:
        gone = True
    if gone:
        raise images.not_found(image_id, images.NOTHING_TO_DELETE)
    later = state.conf.image.delayed_delete and bool(image.locations)
    state.events.deleted(request.context, image, states.PENDING_DELETE if later else states.DELETED)
    locations.remove_bytes(state, image.id)
    caching.forget(state, image.id)
    return None, 204
