"""The version document."""

from common.http.request import Request
from services.scheduler.api.common import Answer, cached, prefix


def show(request: Request) -> Answer:
    """200: the versions there are. Needs no token."""
    document = {"versions": [{
        "id": "v1.0", "status": "CURRENT", "min_version": "1.0", "max_version": "1.39",
        "links": [{"rel": "self", "href": prefix(request)}],
    }]}
    return document, 200, cached(request)
