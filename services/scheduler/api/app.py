"""The Placement API as a WSGI app."""

from typing import Any

import flask
import orjson

from common import errors
from common.http import faults
from common.http.app import Api, create_app
from common.http.auth import Authenticator
from common.http.microversion import Microversions, Version
from services.scheduler.api import routes
from services.scheduler.api.policies import RULES
from services.scheduler.api.state import State

VERSIONS = Microversions("placement", low="1.0", high="1.39")
_UNDEFINED = "placement.undefined_code"


def make_app(state: State, authenticator: Authenticator) -> flask.Flask:
    """The app, for the daemon, the tests and the embedded profile alike."""
    app = create_app(Api(
        name="placement-api", conf=state.conf, routes=routes.ROUTES, rules=RULES, authenticator=authenticator,
        fault=_fault, state=state, versions=VERSIONS, health=state.db.ping, trailing_slash=False, schema_error=_schema_error,
    ))
    app.wsgi_app = _require_content_type(app.wsgi_app)  # type: ignore[method-assign]
    return app


def _schema_error(error: Any) -> str:
    return f"JSON does not validate: {error}"


_EXPLANATIONS = {
    400: "The server could not comply with the request since it is either malformed or otherwise incorrect.",
    403: "Access was denied to this resource.", 404: "The resource could not be found.",
    409: "There was a conflict when trying to complete your request.",
    405: "The method specified is not allowed for this resource.",
    406: "The resource could not be generated that was acceptable to your browser (content of type application/json.",
    415: "The request media type is not supported by this server.",
}


def _fault(error: errors.ApiError, request_id: str) -> tuple[bytes, str]:
    """As common.http.faults.placement, but with `code` from 1.23 only and the versions there are with a 406.

    `detail` is the general sentence of the status and then the text, on one line, as clients know it.
    """
    version = _version()
    unsupported, malformed = error.kind == "versionNotSupported", error.kind == "HTTPBadRequest"
    if not error.kind.startswith("placement."):
        error.kind = _UNDEFINED
    body, content_type = faults.placement(error, request_id)
    document = orjson.loads(body)
    item = document["errors"][0]
    if version is None or version < Version(1, 23):
        item.pop("code", None)
    message = error.message
    if malformed:
        message = "Malformed JSON: the body is no JSON document"
    if unsupported:
        message = f"Invalid microversion: Unacceptable version header: {error.detail}"
        item["max_version"], item["min_version"] = VERSIONS.high, VERSIONS.low
    general = _EXPLANATIONS.get(error.status)
    text = message.replace("\n", " ")
    if general:
        item["detail"] = f"{general}\n\n {'' if text == general else text}  "
    return orjson.dumps(document), content_type


def _version() -> Version | None:
    try:
        return VERSIONS.choose(flask.request.headers.get("OpenStack-API-Version"), None)
    except errors.ApiError:
        return None


def _require_content_type(inner: Any) -> Any:
    """Refuse a body without a Content-Type, or with another than JSON, before anything else looks at it."""

    def check(environ: dict[str, Any], start_response: Any) -> Any:
        kind = environ.get("CONTENT_TYPE", "").split(";")[0].strip().lower()
        if environ.get("CONTENT_LENGTH") not in (None, "", "0") and kind != "application/json":
            error: errors.ApiError = errors.UnsupportedMediaType(
                f"The media type {kind} is not supported, use application/json")
            if not kind:
                error = errors.BadRequest("content-type header required when content-length > 0")
            error.kind = _UNDEFINED
            body, content_type = faults.placement(error, "")
            start_response(f"{error.status} {faults.title(error.status)}",
                           [("Content-Type", content_type), ("Content-Length", str(len(body)))])
            return [body]
        return inner(environ, start_response)

    return check
