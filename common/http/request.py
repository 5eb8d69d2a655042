"""One request, as handlers see it."""

from collections.abc import Mapping
from typing import Any

import flask

from common import errors
from common.context import RequestContext
from common.http import policy as policies
from common.http.microversion import Version

UNVERSIONED = Version(0, 0)


class Request:
    """A request after routing, authentication, version choice and validation.

    context  the caller (for PUBLIC routes possibly without any rights)
    body     validated JSON body, or None
    query    query string as {name: [values]}, validated
    version  microversion that was asked for (0.0 where the API has none)
    app      the service's own state: database, configuration, clients (what its app factory was given)
    raw      the Flask request (headers, stream, path)
    """

    __slots__ = ("app", "authorized", "body", "context", "policy", "policy_name", "query", "raw", "response_headers",
                 "version", "_public_url")

    def __init__(
        self, app: Any, raw: flask.Request, context: RequestContext, policy: policies.Policy, policy_name: str,
        version: Version, public_url: str | None,
    ) -> None:
        self.app, self.raw, self.context, self.policy, self.policy_name = app, raw, context, policy, policy_name
        self.version = version
        self.body: Any = None
        self.query: Mapping[str, list[str]] = {}
        self.authorized = False
        self.response_headers: dict[str, str] = {}
        self._public_url = public_url

    def authorize(self, target: Mapping[str, Any] | None = None, policy: str | None = None) -> None:
        """Check the route's policy (or `policy`) against `target`; errors.Forbidden when it fails."""
        self.policy.authorize(self.context, policy or self.policy_name, target)
        self.authorized = True

    def allowed(self, policy: str, target: Mapping[str, Any] | None = None) -> bool:
        """Whether the caller passes `policy` for `target`; nothing is raised."""
        return self.policy.check(self.context, policy, target)

    def authorize_or_hide(self, target: Mapping[str, Any] | None, hidden: errors.ApiError, *, see: bool) -> None:
        """As `authorize`, but raise `hidden` (a NotFound) when the caller may not even `see` the target."""
        if not see:
            raise hidden
        self.authorize(target)

    def first(self, name: str, default: str | None = None) -> str | None:
        """The first value of query parameter `name`."""
        values = self.query.get(name)
        return values[0] if values else default

    def flag(self, name: str, default: bool = False) -> bool:
        """Query parameter `name` as a boolean; errors.BadRequest when it is neither true nor false."""
        text = self.first(name)
        return default if text is None else boolean(text, name)

    def at_least(self, version: str) -> bool:
        """Whether the microversion asked for is `version` or newer."""
        return self.version >= Version.parse(version)

    @property
    def base_url(self) -> str:
        """`http://host:port` (with any prefix) under which the client reaches this API; no slash at its end."""
        if self._public_url:
            return self._public_url.rstrip("/")
        return f"{self.raw.scheme}://{self.raw.host}{self.raw.root_path.rstrip('/')}"


_TRUE = frozenset(("1", "t", "true", "on", "y", "yes"))
_FALSE = frozenset(("0", "f", "false", "off", "n", "no"))


def boolean(text: object, name: str) -> bool:
    """A boolean from upstream's many spellings; errors.BadRequest names the parameter otherwise."""
    word = str(text).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise errors.BadRequest(f"Invalid value for {name}: {text}. It must be a boolean.")
