"""Reading an image for a caller: 404 for what may not be seen, 403 for what may be seen and not touched."""

from typing import Any

from common import errors
from common.context import RequestContext
from common.http.request import Request
from services.image.api.state import State
from services.image.db import images, members
from services.image.domain.images import NO_SUCH_IMAGE, not_found
from services.image.objects.image import ImageRecord, Viewer


def viewer(context: RequestContext) -> Viewer:
    """The eyes of a request's caller."""
    return Viewer(context.project_id, context.has_admin_role and context.system_scope is None)


def target_of(request: Request, image: ImageRecord) -> dict[str, Any]:
    """What policies are asked about an image; a caller that it is shared with appears as its member."""
    project = request.context.project_id
    member = None
    if image.visibility == "shared" and project and project != image.owner:
        state: State = request.app
        with state.db.read() as session:
            member = project if members.find(session, image.id, project) is not None else None
    return image.target(member)


def read(request: Request, image_id: str, policy: str | None = None, missing: str = NO_SUCH_IMAGE, *,
         open_to: str = "get_image") -> tuple[ImageRecord, dict[str, Any]]:
    """The image and its policy target, after checking that the caller may see it and passes `policy` (default: the
    route's); errors.NotFound (with the words `missing`) or Forbidden otherwise. Who passes `open_to` sees what is
    public, community or its own project's, whatever its roles.
    """
    state: State = request.app
    with state.db.read() as session:
        image = images.find(session, image_id)
    if image is None:
        request.authorized = True
        raise not_found(image_id, missing)
    target = target_of(request, image)
    reach = image.visibility in ("public", "community") or image.owner == request.context.project_id
    if not (request.allowed("get_image", target) or reach and request.allowed(open_to, target)):
        request.authorized = True
        raise not_found(image_id, missing)
    request.authorize(target, policy)
    return image, target


def own_target(context: RequestContext) -> dict[str, Any]:
    """The target that means the caller's own project; of a caller without a project, nobody's."""
    project = context.project_id or "-"
    return {"project_id": project, "owner": project, "member_id": "-", "visibility": "private"}


def media_type(request: Request) -> str:
    """The body's media type without parameters, in lower case."""
    return (request.raw.content_type or "").partition(";")[0].strip().lower()


def require_octets(request: Request) -> None:
    """errors.UnsupportedMediaType unless the body is announced as raw bytes."""
    if media_type(request) != "application/octet-stream":
        kind = media_type(request)
        raise not_this_type(kind, f"Invalid content type {kind}")


def not_this_type(kind: str, why: str) -> errors.UnsupportedMediaType:
    """The answer to a body that is not of the kind it should be."""
    return errors.UnsupportedMediaType(f"The request media type {kind} is not supported by this server.", detail=why)
