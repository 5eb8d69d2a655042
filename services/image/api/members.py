"""Image members: projects that an image is shared with."""

from typing import Any

from common import errors
from common.http.request import Request
from services.image.api import access
from services.image.api.schemas.image import has_wide
from services.image.api.state import State
from services.image.api.views import image as views
from services.image.db import members as rows
from services.image.domain import members
from services.image.domain.images import IMAGE_NOT_FOUND


def create(request: Request, image_id: str) -> Any:
    """200 with the membership; 400, 403 not a shared image, 404, 409 shared already, 413 quota."""
    state: State = request.app
    image, _ = _read(request, image_id, "create members for image {}.")
    body = request.body
    if not isinstance(body, dict):
        raise errors.BadRequest('Expected a member in the form: {"member": "image_id"}')
    if "member" not in body:
        raise errors.BadRequest("Member to be added not specified")
    member = body["member"]
    if not member:
        raise errors.BadRequest("Member can't be empty")
    if not isinstance(member, str) or len(member) > 255:
        raise errors.BadRequest("Member must be a string of at most 255 characters")
    if has_wide(member):
        raise errors.BadRequest("Member can't contain 4 byte unicode characters.")
    row = state.db.transaction(members.add, state.limits, image, member)
    state.events.member(request.context, "create", row)
    return views.member(row)


def index(request: Request, image_id: str) -> Any:
    """200; 404. The owner sees all members, a member sees itself."""
    state: State = request.app
    image, _ = _read(request, image_id, "list members for image {}: Only shared images have members.")
    with state.db.read() as session:
        found = rows.list_all(session, image.id)
    if not _owns(request, image.owner):
        found = [r for r in found if r.member == request.context.project_id]
    return {"members": [views.member(r) for r in found], "schema": "/v2/schemas/members"}


def _read(request: Request, image_id: str, what: str, policy: str | None = None) -> Any:
    """The image and its target; 403 for an image that can be seen and is not shared, whoever asks."""
    image, target = access.read(request, image_id, "get_image", missing=IMAGE_NOT_FOUND)
    if image.visibility != "shared":
        raise errors.Forbidden("Not allowed to " + what.format(image_id))
    request.authorize(target, policy)
    return image, target


def _owns(request: Request, owner: str | None) -> bool:
    return request.context.has_admin_role or (owner is not None and owner == request.context.project_id)


def show(request: Request, image_id: str, member_id: str) -> Any:
    """200; 404, of an image that is not shared, too."""
    image, _ = access.read(request, image_id, missing=IMAGE_NOT_FOUND)
    if image.visibility != "shared":
        raise errors.NotFound("Only shared images have members.")
    return views.member(_visible(request, image, member_id))


def _visible(request: Request, image: Any, member_id: str) -> Any:
    """The membership; 404 when there is none, or when it is another project's and the image not the caller's."""
    state: State = request.app
    with state.db.read() as session:
        row = rows.find(session, image.id, member_id)
    if row is None or not (_owns(request, image.owner) or member_id == request.context.project_id):
        raise members.not_member(image.id, member_id)
    return row


def update(request: Request, image_id: str, member_id: str) -> Any:
    """200 with the membership; 400 unknown status, 403 only the member decides, 404."""
    state: State = request.app
    image, target = _read(request, image_id, "update members for image {}.", "get_member")
    _visible(request, image, member_id)
    request.authorize({**target, "member_id": member_id})
    if not isinstance(request.body, dict):
        raise errors.BadRequest('Expected a status in the form: {"status": "status"}')
    if "status" not in request.body:
        raise errors.BadRequest("Status not specified")
    status = request.body["status"]
    if status not in members.STATUSES:
        raise errors.BadRequest('Incorrect request: Status must be "pending", "accepted" or "rejected".')
    row = state.db.transaction(members.set_status, image, member_id, status)
    state.events.member(request.context, "update", row)
    return views.member(row)


def delete(request: Request, image_id: str, member_id: str) -> Any:
    """204; 403, 404."""
    state: State = request.app
    image, _ = _read(request, image_id, "delete members for image {}.")
    row = state.db.transaction(members.remove, image, member_id)
    state.events.member(request.context, "delete", row)
    return None, 204
