"""The image API as a Flask app, for its daemon, the embedded profile and the tests."""

from typing import Any

import flask

from common.http.app import Api, create_app
from common.http.auth import Authenticator
from services.image.api import faults
from services.image.api.policies import image, member, metadef, task
from services.image.api.routes import ROUTES
from services.image.api.state import State

RULES = [*image.RULES, *member.RULES, *task.RULES, *metadef.RULES]


_VERSIONLESS = ("v2", "versions", "healthcheck", "metrics")


_SCHEMAS = {"objects": "object", "properties": "property", "tags": "tag", "resource_types": "resource_type_association",
            "namespaces": "namespace", "locations": "location"}


def _schema_error(error: Any) -> str:
    """The schema's name is that of the last noun in the path."""
    nouns = [_SCHEMAS[word] for word in flask.request.path.split("/") if word in _SCHEMAS]
    return f"Provided object does not match schema '{nouns[-1] if nouns else 'image'}': {error}"


def make_app(state: State, authenticator: Authenticator) -> flask.Flask:
    """The app of `state`."""
    app = create_app(Api(name="image-api", conf=state.conf, routes=ROUTES, rules=RULES, authenticator=authenticator,
                          fault=faults.fault, state=state, health=state.db.ping, schema_error=_schema_error))
    app.after_request(_allow)
    setattr(app, "wsgi_app", _paths(app.wsgi_app))
    return app


def _allow(response: flask.Response) -> flask.Response:
    """Upstream knows no HEAD and OPTIONS."""
    if response.status_code == 405 and "Allow" in response.headers:
        there = response.headers["Allow"].split(", ")
        response.headers["Allow"] = ", ".join(m for m in ("GET", "POST", "PUT", "PATCH", "DELETE") if m in there)
    return response


def _paths(inner: Any) -> Any:
    """`/v2/images/` (an image without an id) must not be taken for `/v2/images`: a second slash matches no route.
    Whoever asks for a version that there is not gets the list of those that there are.
    """

    def run(environ: dict[str, Any], start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        if path.endswith("/") and path not in ("/", "/v2/"):
            environ["PATH_INFO"] = path + "/"
        if environ["REQUEST_METHOD"] == "GET" and path[1:].partition("/")[0] not in _VERSIONLESS:
            environ["PATH_INFO"] = "/"
        return inner(environ, start_response)

    return run
