"""The version documents."""

from typing import Any

import flask
import orjson

from common.http.request import Request
from services.identity.api import json_home


def _v3(request: Request) -> dict[str, Any]:
    return {
        "id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": f"{request.base_url}/v3/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    }


def _wants_home(request: Request) -> bool:
    accepted = request.raw.accept_mimetypes
    return accepted.best_match(("application/json", json_home.CONTENT_TYPE)) == json_home.CONTENT_TYPE


def _home(prefix: str) -> flask.Response:
    from services.identity.api.routes import ROUTES  # which itself names the handlers of this file

    return flask.Response(orjson.dumps(json_home.document(ROUTES, prefix)), content_type=json_home.CONTENT_TYPE)


def index(request: Request) -> Any:
    """300 with every version of the API; 200 with the JSON Home document when that is asked for."""
    if _wants_home(request):
        return _home("/v3")
    return {"versions": {"values": [_v3(request)]}}, 300, {"Location": f"{request.base_url}/v3/"}


def show(request: Request) -> Any:
    """200 with this version, or with the JSON Home document when that is asked for."""
    if _wants_home(request):
        return _home("")
    return {"version": _v3(request)}
