"""The rows of a service's route table.

`services/<s>/api/routes.py` holds one tuple of these; the app factory makes
URLs from it, and the tests walk it to see that every row has a policy and a schema.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from common.http.validation import Schema

PUBLIC = "public"
"""Policy of a route that needs no token (version documents, token issue)."""
AUTHENTICATED = "authenticated"
"""Policy of a route that needs a valid token and nothing more."""


@dataclass(frozen=True)
class Route:
    """One URL and method.

    path     Werkzeug rule, e.g. `/v2.1/servers/<server_id>`
    handler  called with (Request, **path variables); returns a body (dict or list), None, (body, status),
             (body, status, headers) or a Flask Response
    policy   name of the oslo.policy rule, PUBLIC or AUTHENTICATED. It is checked before the handler
             against the caller's own project and user, unless `targeted`: then the handler must call
             `Request.authorize(target)`; an answer without that check is withheld
    body     schema of the JSON body; a dict {microversion: schema} for versions; None: no body is read
    query    schema of the query string (each value is a list of strings)
    since, until   microversions between which the route exists
    status   code of a successful answer
    schema_first   whether the body is checked before the policy (see Api.schema_first); None: as the API says
    stream   the handler reads the body itself, of any size
    """

    method: str
    path: str
    handler: Callable[..., Any]
    policy: str
    body: "Schema | Mapping[str, Schema | None] | None" = None
    query: "Schema | Mapping[str, Schema | None] | None" = None
    since: str | None = None
    until: str | None = None
    status: int = 200
    targeted: bool = False
    schema_first: bool | None = None
    stream: bool = False


@dataclass(frozen=True)
class Action:
    """One key that the body of `POST …/action` may hold; fields as in Route."""

    handler: Callable[..., Any]
    policy: str
    body: "Schema | Mapping[str, Schema | None] | None" = None
    since: str | None = None
    until: str | None = None
    status: int = 202
    targeted: bool = True


@dataclass(frozen=True)
class Actions:
    """`POST path` whose body's only key chooses among `table`; the value is what the schema checks."""

    path: str
    table: Mapping[str, Action] = field(default_factory=dict)
    method: str = "POST"


Row = Route | Actions
