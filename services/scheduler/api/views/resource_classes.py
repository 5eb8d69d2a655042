"""How a resource class is printed."""

from typing import Any

from common.http.request import Request
from services.scheduler.api.common import prefix


def resource_class(request: Request, name: str) -> dict[str, Any]:
    """A resource class with the link to itself."""
    return {"name": name, "links": [{"rel": "self", "href": f"{prefix(request)}/resource_classes/{name}"}]}
