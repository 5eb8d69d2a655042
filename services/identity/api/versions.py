"""The version documents."""

from typing import Any

from common.http.request import Request


def _v3(request: Request) -> dict[str, Any]:
    return {
        "id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": f"{request.base_url}/v3/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    }


def index(request: Request) -> tuple[dict[str, Any], int, dict[str, str]]:
    """300 with every version of the API."""
    return {"versions": {"values": [_v3(request)]}}, 300, {"Location": f"{request.base_url}/v3/"}


def show(request: Request) -> dict[str, Any]:
    """200 with this version."""
    return {"version": _v3(request)}
