"""Deactivating an image and taking that back."""

from typing import Any

from common.http.request import Request
from services.image.api import access
from services.image.domain import images


def deactivate(request: Request, image_id: str) -> Any:
    """204; 403 policy or neither active nor deactivated, 404. The route takes no body."""
    image, _ = access.read(request, image_id)
    request.app.db.transaction(images.set_active, image, False)
    request.app.events.changed(request.context, image.id, "update")
    return None, 204


def reactivate(request: Request, image_id: str) -> Any:
    """204; 403 policy or neither active nor deactivated, 404. The route takes no body."""
    image, _ = access.read(request, image_id)
    request.app.db.transaction(images.set_active, image, True)
    request.app.events.changed(request.context, image.id, "update")
    return None, 204
