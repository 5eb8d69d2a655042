"""The image API as a Flask app, for its daemon, the embedded profile and the tests."""

from typing import Any

import flask

from common.http import faults
from common.http.app import Api, create_app
from common.http.auth import Authenticator
from services.image.api.policies import image, member, metadef, task
from services.image.api.routes import ROUTES
from services.image.api.state import State

RULES = [*image.RULES, *member.RULES, *task.RULES, *metadef.RULES]


def _schema_error(error: Any) -> str:
    return f"Provided object does not match schema: {error.message}" + (f" (in {error.path[0]})" if error.path else "")


def make_app(state: State, authenticator: Authenticator) -> flask.Flask:
    """The app; answers errors as HTML, as upstream's does."""
    app = create_app(Api(name="image-api", conf=state.conf, routes=ROUTES, rules=RULES, authenticator=authenticator,
                          fault=faults.image, state=state, health=state.db.ping, schema_error=_schema_error))
    setattr(app, "wsgi_app", _no_trailing_slash(app.wsgi_app))
    return app


def _no_trailing_slash(inner: Any) -> Any:
    """`/v2/images/` (an image without an id) must not be taken for `/v2/images`: a second slash matches no route."""

    def run(environ: dict[str, Any], start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        if path.endswith("/") and path not in ("/", "/v2/"):
            environ["PATH_INFO"] = path + "/"
        return inner(environ, start_response)

    return run
