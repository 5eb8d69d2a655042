"""Who is calling: identity validates tokens itself, from X-Auth-Token and X-Service-Token and nothing else."""

import functools
import re
from typing import Any

from common.context import RequestContext
from common.http.auth import WsgiApp
from services.identity.domain import token
from services.identity.domain.token_cache import TokenCache
from services.identity.objects.token import Token

_NUMBER = "altostack.identity.change_number"


class Context(RequestContext):
    """A caller with the token it came with."""

    token: Token | None = None

    def to_policy_values(self) -> Any:
        """What rules are checked with; besides oslo.context's values, upstream's token.domain.id and token.project.domain.id."""
        values = super().to_policy_values()
        found = self.token
        values["token"] = {
            "domain": {"id": found.domain["id"] if found and found.domain else None},
            "project": {"domain": {"id": found.project["domain"]["id"] if found and found.project else None}},
        }
        return values


class TokenAuthenticator:
    """Implements common.http.auth.Authenticator on the tokens of this very service."""

    def __init__(self, tokens: TokenCache) -> None:
        self.tokens = tokens

    def wrap(self, app: WsgiApp) -> WsgiApp:
        """Nothing runs before the app."""
        return app

    def context(self, environ: dict[str, Any]) -> RequestContext | None:
        """The caller; None without a valid X-Auth-Token, or where its access rules forbid the request."""
        text = environ.get("HTTP_X_AUTH_TOKEN")
        if not text:
            return None
        found = self._valid(environ, text)
        if found is None or not permitted(found, environ["REQUEST_METHOD"], environ["PATH_INFO"]):
            return None
        service_text = environ.get("HTTP_X_SERVICE_TOKEN")
        service = self._valid(environ, service_text) if service_text else None
        context = context_of(found, text)
        context.service_roles = service.role_names if service else []
        return context

    def _valid(self, environ: dict[str, Any], text: str) -> Token | None:
        try:
            return self.tokens.get(text, change_number(environ, self.tokens))
        except token.Invalid:
            return None


def change_number(environ: dict[str, Any], tokens: TokenCache) -> int:
    """The change number of this request, read once."""
    if _NUMBER not in environ:
        environ[_NUMBER] = tokens.number()
    return int(environ[_NUMBER])


def context_of(found: Token, text: str) -> Context:
    """The request context of a token."""
    project, domain, user = found.project, found.domain, found.user
    context = Context(
        auth_token=text, user_id=user["id"], user_name=user["name"], user_domain_id=user["domain"]["id"],
        user_domain_name=user["domain"]["name"], project_id=project["id"] if project else None,
        project_name=project["name"] if project else None, project_domain_id=project["domain"]["id"] if project else None,
        domain_id=domain["id"] if domain else None, system_scope="all" if found.system else None,
        roles=found.role_names, overwrite=False,
    )
    context.token = found
    return context


def permitted(found: Token, method: str, path: str, service: str = "identity") -> bool:
    """Whether the access rules of an application credential (where it has any) allow a request."""
    if found.access_rules is None:
        return True
    return any(
        rule["service"] == service and rule["method"] == method and _pattern(rule["path"]).fullmatch(path)
        for rule in found.access_rules
    )


@functools.lru_cache(maxsize=1024)
def _pattern(path: str) -> re.Pattern[str]:
    """An access rule's path: `*` and `{name}` stand for one element, `**` for any number."""
    parts = re.split(r"(\*\*|\*|\{[^/{}]*\})", path)
    wild = {"**": ".*"}
    return re.compile("".join(wild.get(p, "[^/]+") if p and (p[0] in "*{") else re.escape(p) for p in parts), re.DOTALL)
