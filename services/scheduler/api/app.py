"""The Placement API as a WSGI app."""

import re
from dataclasses import dataclass
from typing import Any

import flask
import orjson

from common import errors
from common.http import faults
from common.http.app import Api, create_app
from common.http.auth import Authenticator
from common.http.microversion import Microversions, Version
from common.http.route import PUBLIC, Action, Route
from services.scheduler.api import routes
from services.scheduler.api.common import schema_error
from services.scheduler.api.policies import RULES
from services.scheduler.api.state import State


@dataclass(frozen=True)
class _Versions(Microversions):
    """As upstream's placement: any two numbers are a version, one that is not there is a 406; `vary` in small letters."""

    def choose(self, header: str | None, legacy: str | None) -> Version:
        """As in the base, in upstream's words."""
        try:
            return super().choose(header, legacy)
        except errors.BadRequest as e:
            wanted = self._named(header)
            if not re.fullmatch(r"\d+\.\d+", wanted):
                raise errors.BadRequest(f"Invalid microversion: invalid version string: {wanted}", kind=e.kind) from None
            raise errors.NotAcceptable(e.message, kind="versionNotSupported", detail=wanted) from None

    def headers(self, version: Version) -> dict[str, str]:
        """As in the base."""
        return {**super().headers(version), "Vary": "openstack-api-version"}


VERSIONS = _Versions("placement", low="1.0", high="1.39")
_UNDEFINED = "placement.undefined_code"


def make_app(state: State, authenticator: Authenticator) -> flask.Flask:
    """The app, for the daemon, the tests and the embedded profile alike."""
    app = create_app(Api(
        name="placement-api", conf=state.conf, routes=routes.ROUTES, rules=RULES, authenticator=authenticator,
        fault=_fault, state=state, versions=VERSIONS, health=state.db.ping, trailing_slash=False,
        schema_error=schema_error, precondition=_check_media_types, strict_methods=True, always_versioned=True,
    ))
    app.wsgi_app = _require_content_type(app.wsgi_app)  # type: ignore[method-assign]
    return app


def _check_media_types(raw: flask.Request, item: Route | Action) -> None:
    """errors.UnsupportedMediaType for a body that is not JSON, errors.NotAcceptable for who takes something else only."""
    if item.body is not None and raw.mimetype != "application/json":
        raise errors.UnsupportedMediaType(f"The media type {raw.mimetype or None} is not supported, use application/json")
    accepted = raw.accept_mimetypes
    if isinstance(item, Route) and item.method == "GET" and item.policy != PUBLIC and item.status != 204:
        if accepted and not accepted["application/json"]:
            raise errors.NotAcceptable("Only application/json is provided")


_NO_METHOD = "The method specified is not allowed for this resource."
_EXPLANATIONS = {
    400: "The server could not comply with the request since it is either malformed or otherwise incorrect.",
    403: "Access was denied to this resource.", 404: "The resource could not be found.",
    409: "There was a conflict when trying to complete your request.",
    406: "The resource could not be generated that was acceptable to your browser (content of type application/json.",
    415: "The request media type is not supported by this server.",
}


def _fault(error: errors.ApiError, request_id: str) -> tuple[bytes, str]:
    """As common.http.faults.placement, but with `code` from 1.23 only and the versions there are with a 406.

    Who would rather have HTML gets a page. `detail` is the general sentence of the status and then the text, on one line, as
    clients know it.
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
    accepted = flask.request.accept_mimetypes
    if accepted["text/html"] > accepted["application/json"]:
        return faults.image(errors.ApiError(message, status=error.status), request_id)
    general = _EXPLANATIONS.get(error.status)
    if error.status == 405:
        general, message = f"The method {flask.request.method} is not allowed for this resource.", _NO_METHOD
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
    """Refuse a body without a Content-Type before anything else looks at it."""

    def check(environ: dict[str, Any], start_response: Any) -> Any:
        if environ.get("CONTENT_LENGTH") not in (None, "", "0") and not environ.get("CONTENT_TYPE"):
            text = "content-type header required when content-length > 0"
            error = errors.BadRequest(text, kind=_UNDEFINED)
            body, content_type = faults.placement(error, "")
            start_response(f"{error.status} {faults.title(error.status)}",
                           [("Content-Type", content_type), ("Content-Length", str(len(body)))])
            return [body]
        return inner(environ, start_response)

    return check
