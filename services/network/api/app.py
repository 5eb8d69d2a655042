"""The network API as a WSGI app, for the daemon, the embedded profile and tests."""

import flask

from common import errors
from common.http import faults
from common.http.app import Api, create_app
from common.http.auth import Authenticator
from services.network.api import attributes, routes
from services.network.api.policies.rules import RULES
from services.network.api.state import State


def make_app(state: State, authenticator: Authenticator) -> flask.Flask:
    """The app of `state`; `authenticator` says who calls."""
    return create_app(Api(
        name="network-api", conf=state.conf, routes=routes.ROUTES, rules=RULES,
        authenticator=authenticator, fault=_fault, state=state, json_suffix=True, schema_first=True, health=state.db.ping,
        schema_error=attributes.explain,
    ))


def _fault(error: errors.ApiError, request_id: str) -> tuple[bytes, str]:
    """Upstream's form; a rule's refusal names its rule in its own words."""
    if error.kind == "PolicyNotAuthorized":
        name = error.message.removeprefix("Policy doesn't allow ").removesuffix(" to be performed.")
        error.message = f"rule:{name} is disallowed by policy"
    return faults.network(error, request_id)
