"""The compute API as a WSGI app."""

import re
from collections.abc import Callable, Iterable
from typing import Any

import flask

from common.http import faults
from common.http.app import Api, create_app
from common.http.auth import Authenticator
from common.http.microversion import Microversions
from services.compute.api.policies import RULES
from services.compute.api.routes import ROUTES
from services.compute.api.state import State
from services.compute.api.versions import MAX, MIN

VERSIONS = Microversions(service="compute", low=MIN, high=MAX, legacy="X-OpenStack-Nova-API-Version", prefix="/v2.1")
_PROJECT = re.compile(r"^/v2(?:\.1)?/[0-9a-f]{32}(?=/|$)")


def make_app(state: State, authenticator: Authenticator) -> flask.Flask:
    """The app of `state`, for production, the embedded profile and tests alike."""
    app = create_app(Api(
        name="compute-api", conf=state.conf, routes=ROUTES, rules=RULES, authenticator=authenticator, fault=faults.compute,
        state=state, versions=VERSIONS, request_id_headers=("x-openstack-request-id", "x-compute-request-id"),
        health=state.db.ping, trailing_slash=False, schema_first=True,
    ))
    app.wsgi_app = _older_paths(app.wsgi_app)  # type: ignore[method-assign]
    return app


def _older_paths(inner: Any) -> Callable[..., Iterable[bytes]]:
    """`/v2.1/<project id>/…` (before 2.18) and `/v2/…` (always 2.1) are the same resources under older names."""

    def rewrite(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path.startswith("/v2/") and path != "/v2/":
            environ["PATH_INFO"] = path = "/v2.1" + path[3:]
            for name in ("HTTP_OPENSTACK_API_VERSION", "HTTP_X_OPENSTACK_NOVA_API_VERSION"):
                environ.pop(name, None)
        match = _PROJECT.match(path)
        if match:
            environ["PATH_INFO"] = "/v2.1" + path[match.end():]
        result: Iterable[bytes] = inner(environ, start_response)
        return result

    return rewrite
