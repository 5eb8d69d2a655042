"""The image API as a Flask app, for its daemon, the embedded profile and the tests."""

from typing import Any

import flask

from common.http.app import Api, create_app, parse_json
from common.http.auth import Authenticator
from services.image.api import faults, negotiation
from services.image.api.policies import image, member, metadef, task
from services.image.api.routes import ROUTES
from services.image.api.state import State
from services.image.domain import json_patch

RULES = [*image.RULES, *member.RULES, *task.RULES, *metadef.RULES]


_SCHEMAS = {"objects": "object", "properties": "property", "tags": "tag", "resource_types": "resource_type_association",
            "namespaces": "namespace", "locations": "location"}


def _schema_error(error: Any) -> str:
    """The schema's name is that of the last noun in the path."""
    nouns = [_SCHEMAS[word] for word in flask.request.path.split("/") if word in _SCHEMAS]
    return f"Provided object does not match schema '{nouns[-1] if nouns else 'image'}': {error}"


def _body(data: bytes, media_type: str) -> Any:
    """The value of a JSON body. A patch of a kind that we do not know is refused for that, however broken it is."""
    if flask.request.method == "PATCH":
        json_patch.dialect(media_type)
    return parse_json(data, media_type)


def make_app(state: State, authenticator: Authenticator) -> flask.Flask:
    """The app of `state`."""
    app = create_app(Api(name="image-api", conf=state.conf, routes=ROUTES, rules=RULES, authenticator=authenticator,
                          fault=faults.fault, state=state, health=state.db.ping, schema_error=_schema_error, parse_body=_body,
                         stray_bodies=True))
    negotiation.refuse_methods(app)
    setattr(app, "wsgi_app", negotiation.versioned(app.wsgi_app))
    return app
