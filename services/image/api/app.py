"""The image API as a Flask app, for its daemon, the embedded profile and the tests."""

from typing import Any
from urllib.parse import unquote_to_bytes

import flask
from werkzeug.exceptions import BadRequest

from common import errors
from common.http.app import Api, create_app, parse_json
from common.http.auth import Authenticator
from common.http.route import Route
from services.image.api import faults, negotiation
from services.image.api.policies import image, member, metadef, task
from services.image.api.routes import ROUTES
from services.image.api.state import State
from services.image.domain import json_patch

RULES = [*image.RULES, *member.RULES, *task.RULES, *metadef.RULES]


_SCHEMAS = {"objects": "object", "properties": "property", "tags": "tag", "resource_types": "resource_type_association",
            "namespaces": "namespace", "locations": "location"}


_LINKED = ("namespace", "object")


def _noun() -> str:
    """The name of a body's schema: that of the last noun in the path."""
    return next((_SCHEMAS[word] for word in reversed(flask.request.path.split("/")) if word in _SCHEMAS), "image")


def _schema_error(error: Any) -> str:
    return f"Provided object does not match schema '{_noun()}': {error}"


def _check_read_only(value: Any) -> None:
    """errors.Forbidden for a metadata definition that comes with what the service alone sets."""
    for name in (*(("self", "schema") if _noun() in _LINKED else ()), "created_at", "updated_at"):
        if name in value:
            raise errors.Forbidden(f"Attribute '{name}' is read-only.")


# Routes without a body that let one pass all the same, as long as it is JSON; the others refuse any.
_N = "/v2/metadefs/namespaces/<namespace>"
_LENIENT = frozenset({
    ("PUT", "/v2/cache/<image_id>"), ("DELETE", "/v2/cache/<image_id>"), ("DELETE", "/v2/cache"), ("POST", "/v2/cache/clean"),
    ("POST", "/v2/cache/prune"), ("DELETE", "/v2/tasks/<task_id>"), ("DELETE", f"{_N}/objects"), ("DELETE", f"{_N}/properties"),
    ("DELETE", f"{_N}/tags"), ("DELETE", f"{_N}/properties/<name>"),
})
_BODILESS = frozenset((row.method, row.path) for row in ROUTES if isinstance(row, Route) and row.body is None) - _LENIENT


def _body(data: bytes, media_type: str) -> Any:
    """The value of a JSON body, where one may be. A patch of a kind that we do not know is refused for that, however broken
    it is.
    """
    request = flask.request
    if request.method == "PATCH":
        json_patch.dialect(media_type)
    if request.url_rule is not None and (request.method, request.url_rule.rule) in _BODILESS:
        raise errors.BadRequest("A body is not expected with this request.")
    value = parse_json(data, media_type)
    if not isinstance(value, (dict, list)):
        raise errors.BadRequest("Unexpected body type. Expected list/dict.")
    if request.path.startswith("/v2/metadefs/") and isinstance(value, dict):
        _check_read_only(value)
    return value


def _readable() -> None:
    """400 for a path or query that is no UTF-8."""
    try:
        flask.request.environ["PATH_INFO"].encode("latin-1").decode()
        unquote_to_bytes(flask.request.environ.get("QUERY_STRING", "")).decode()
    except UnicodeDecodeError:
        raise BadRequest("Error decoding your request. Either the URL or the request body contained characters that could "
                         "not be decoded by Glance") from None


def make_app(state: State, authenticator: Authenticator) -> flask.Flask:
    """The app of `state`."""
    app = create_app(Api(name="image-api", conf=state.conf, routes=ROUTES, rules=RULES, authenticator=authenticator,
                          fault=faults.fault, state=state, health=state.db.ping, schema_error=_schema_error, parse_body=_body,
                         stray_bodies=True))
    negotiation.refuse_methods(app)
    app.before_request(_readable)
    setattr(app, "wsgi_app", negotiation.versioned(app.wsgi_app))
    return app
