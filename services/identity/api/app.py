"""Identity's WSGI app."""

import re
from typing import Any

import flask
import orjson
from werkzeug import exceptions as wz

from common import ids
from common.errors import ApiError
from common.http import faults as common_faults
from common.http.app import Api, create_app
from services.identity.api import policies, routes
from services.identity.api.auth import TokenAuthenticator
from services.identity.api.state import State
from services.identity.api.views import receipt as receipt_view
from services.identity.domain import faults, receipt

_POLICY = re.compile(r"Policy doesn't allow (\S+) to be performed\.")


def make_app(state: State, authenticator: TokenAuthenticator | None = None) -> flask.Flask:
    """The app; callers are known by the tokens this very service made, unless a test says otherwise."""
    app = create_app(Api(
        name="identity-api", conf=state.conf, routes=routes.ROUTES, rules=policies.RULES, base_rules=False,
        authenticator=authenticator or TokenAuthenticator(state.tokens), fault=fault, state=state,
        health=state.db.ping, request_id_headers=("x-openstack-request-id",), parse_body=parse_body,
        schema_first=True,
    ))
    app.register_error_handler(wz.HTTPException, _unknown)
    app.after_request(_vary)
    setattr(app, "wsgi_app", _unslashed(app.wsgi_app))
    return app


def _unslashed(inner: Any) -> Any:
    """All slashes at the end of a path count for nothing, as upstream has it."""
    def run(environ: dict[str, Any], start_response: Any) -> Any:
        environ["PATH_INFO"] = environ["PATH_INFO"].rstrip("/") or "/"
        return inner(environ, start_response)

    return run


def _vary(response: flask.Response) -> flask.Response:
    """No cache may show one caller's answer to another: every answer says so, as upstream's do."""
    response.headers.setdefault("Vary", "X-Auth-Token")
    return response


def parse_body(data: bytes, content_type: str) -> Any:
    """The object that a body holds, `{}` for an empty one; BadRequest in upstream's words for anything else."""
    if not data:
        return {}
    if content_type not in ("", "application/json"):
        raise faults.malformed("Expecting to find application/json in Content-Type header.")
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        found = ...
    if not isinstance(found, dict):
        raise faults.malformed("Expecting to find valid JSON in request body.")
    return found


def _unknown(error: wz.HTTPException) -> flask.Response:
    """No such URL or method: said to everybody alike, as upstream does, whatever token comes with the request."""
    text = "The resource could not be found." if error.code == 404 else str(error.description)
    body = {"error": {"code": error.code, "message": text, "title": error.name}}
    response = flask.Response(orjson.dumps(body), error.code, content_type=common_faults.JSON)
    response.headers["x-openstack-request-id"] = ids.request_id()
    if isinstance(error, wz.MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def fault(error: ApiError, request_id: str) -> tuple[bytes, str]:
    """Upstream's form and words of an error."""
    if error.status == 401:
        error.headers.setdefault("WWW-Authenticate", f'Keystone uri="{flask.request.host_url.rstrip("/")}/v3"')
    if isinstance(error, receipt.Required):
        return orjson.dumps(receipt_view.show(error)), common_faults.JSON
    named = _POLICY.fullmatch(error.message)
    if error.status == 403 and named:
        error.message = f"You are not authorized to perform the requested action: {named.group(1)}."
    return common_faults.identity(error, request_id)
