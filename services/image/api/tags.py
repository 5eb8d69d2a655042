"""Tags of an image, one at a time."""

from typing import Any

from common.http.request import Request
from services.image.api import access
from services.image.domain import images
from services.image.domain.images import IMAGE_NOT_FOUND


def add(request: Request, image_id: str, tag: str) -> Any:
    """204; 400 too long, 403, 404, 413 quota. The route takes no body."""
    request.app.schemas.check({"tags": [tag]})
    image, _ = access.read(request, image_id, missing=IMAGE_NOT_FOUND)
    request.app.db.transaction(images.add_tag, request.app.limits, image, tag)
    request.app.events.changed(request.context, image.id, "update")
    return None, 204


def remove(request: Request, image_id: str, tag: str) -> Any:
    """204; 403, 404 no such image or tag."""
    image, _ = access.read(request, image_id, missing=IMAGE_NOT_FOUND)
    request.app.db.transaction(images.remove_tag, image, tag)
    request.app.events.changed(request.context, image.id, "update")
    return None, 204
