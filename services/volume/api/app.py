"""The block storage API as a WSGI app.

Clients put their project into the path (`/v3/{project_id}/volumes`) or, since 3.67, do not (`/v3/volumes`). The route table
knows the second form only; `_project` takes the project out before routing, and `base.checked` compares it with the token's.
"""

import re
from typing import Any

import flask

from common.http import faults
from common.http.app import Api, create_app
from common.http.auth import Authenticator
from common.http.microversion import Microversions
from services.volume.api import base, routes
from services.volume.api.policies import RULES
from services.volume.api.state import State

_PROJECT = re.compile(r"^/v3/([0-9a-f-]{8,64})(/.+)$")


def make_app(state: State, authenticator: Authenticator) -> flask.Flask:
    """The app, for the daemon, the tests and the embedded profile alike."""
    app = create_app(
        Api(
            name="volume-api",
            conf=state.conf,
            routes=routes.ROUTES,
            rules=RULES,
            authenticator=authenticator,
            fault=faults.compute,
            state=state,
            versions=Microversions("volume", low="3.0", high=base.NEWEST, prefix="/v3/"),
            health=state.db.ping,
            schema_first=True,
            request_id_headers=("x-compute-request-id", "x-openstack-request-id"),
        )
    )
    app.wsgi_app = _project(app.wsgi_app)  # type: ignore[method-assign]
    return app


def _project(inner: Any) -> Any:
    """Take the project out of the path; a path that ends in a slash has an empty id, which nothing has."""

    def strip(environ: dict[str, Any], start_response: Any) -> Any:
        path = environ.get("PATH_INFO", "")
        match = _PROJECT.match(path)
        if match:
            environ[base.URL_PROJECT] = match.group(1)
            path = environ["PATH_INFO"] = f"/v3{match.group(2)}"
        if path.endswith("/") and path not in ("/", "/v3/"):
            environ["PATH_INFO"] = "/v3/no-such-resource"
        return inner(environ, start_response)

    return strip
