"""Who is calling: keystonemiddleware in front of every API but identity's own.

The middleware strips any identity header a client sends, validates the user's
and the service's token, and hands the result on in the WSGI environment. Nothing but `context` reads those headers, so
they may stay as the client sent them where the caller is known already.
"""

import functools
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from cachetools import TTLCache
from keystoneauth1 import exceptions as ks_exceptions
from oslo_config import cfg

from common import clock, errors
from common.context import RequestContext
from common.http import token_store
from common.service import find_daemon

LOG = logging.getLogger(__name__)
WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
T = TypeVar("T")
_CACHE_KEY = "altostack.token_cache"
_CALLER = "altostack.caller"
IDENTITY_AWAY = "altostack.identity_away"
"""Set in the WSGI environment when nobody could say whether the token is good: that is a 503, no 401."""


class Authenticator(Protocol):
    """Turns a request's credentials into a context."""

    def wrap(self, app: WsgiApp) -> WsgiApp:
        """Put what runs before `app` around it."""
        ...

    def context(self, environ: dict[str, Any]) -> RequestContext | None:
        """The caller, or None when the request carries no valid credentials."""
        ...


class _NoCache:
    """What keystonemiddleware is told to keep tokens in: nothing, as this module keeps them."""

    def get(self, key: str) -> None:
        return None

    def set(self, key: str, value: Any, time: int = 0) -> None:
        pass


@dataclass(frozen=True)
class _Caller:
    """Who a pair of tokens stands for, until (monotonic seconds) when."""

    context: RequestContext
    until: float


class _Cache(Generic[T]):
    """What this process knows of tokens: bounded in number and time, for many threads."""

    def __init__(self, entries_max: int, seconds: int) -> None:
        self._items: TTLCache[Any, T] = TTLCache(entries_max, seconds)
        self._lock = threading.Lock()

    def get(self, key: Any) -> T | None:
        with self._lock:
            return self._items.get(key)

    def set(self, key: Any, value: T) -> None:
        with self._lock:
            self._items[key] = value


class KeystoneAuthenticator:
    """keystonemiddleware's auth_token, configured by [service_credentials].

    Validated tokens are kept in the process, and in memcached where one is named, for `token_cache_s` seconds, so one that is
    revoked elsewhere may be honoured that long (upstream's default is 300). What a token that was found good says of its
    bearer is kept as long, so that only the first of many requests with it goes through the middleware: it takes
    longer than most handlers.
    """

    def __init__(self, conf: cfg.ConfigOpts, token_cache_s: int = 60) -> None:
        self.conf = conf
        self.cache_s = token_cache_s
        self._tokens: _Cache[tuple[Any, float]] = _Cache(4096, token_cache_s)  # token -> identity's answer, monotonic until
        self._callers: _Cache[_Caller] = _Cache(4096, token_cache_s)  # (token, service token) -> who that is
        self._shared = token_store.configured(conf, token_cache_s)

    def wrap(self, app: WsgiApp) -> WsgiApp:
        middleware = _protocol(self._fetched)(app, self._settings())
        nothing = _NoCache()

        def authenticated(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            caller = self._callers.get(_tokens_of(environ))
            if caller is not None and caller.until > clock.monotonic():
                environ[_CALLER] = caller
                return app(environ, start_response)
            environ[_CACHE_KEY] = nothing
            try:
                result: Iterable[bytes] = middleware(environ, start_response)
            except errors.Transient as e:
                LOG.warning("%s", e)
                environ[IDENTITY_AWAY] = True
                result = app(environ, start_response)
            return result

        return authenticated

    def _settings(self) -> dict[str, Any]:
        credentials = self.conf.service_credentials
        settings = {
            "auth_type": credentials.auth_type or "password", "delay_auth_decision": True, "cache": _CACHE_KEY,
            "token_cache_time": self.cache_s, "interface": credentials.interface,
            "www_authenticate_uri": credentials.auth_url, "service_token_roles_required": True,
            "service_token_roles": "service", "include_service_catalog": False, "http_connect_timeout": 10,
        }
        kind = _service_type(self.conf)
        if kind:
            settings["service_type"] = kind
        for name in ("auth_url", "username", "password", "project_name", "user_domain_id", "user_domain_name",
                     "project_domain_id", "project_domain_name", "user_id", "project_id"):
            value = getattr(credentials, name, None)
            if value:
                settings[name] = value
        for noisy in ("keystonemiddleware.auth_token", "keystonemiddleware._common.config"):
            logging.getLogger(noisy).setLevel(logging.ERROR)
        return settings

    def _fetched(self, token: str, fetch: Callable[[], Any]) -> Any:
        """What identity says of `token`: what it said before, to this process or another, or what `fetch` brings."""
        known = self._tokens.get(token)
        if known is None or known[1] <= clock.monotonic():
            shared = self._shared.get(token) if self._shared else None
            answer, left_s = shared or (fetch(), float(self.cache_s))
            if self._shared and not shared:
                self._shared.set(token, answer)
            known = (answer, clock.monotonic() + left_s)
            self._tokens.set(token, known)
        return known[0]

    def context(self, environ: dict[str, Any]) -> RequestContext | None:
        caller = environ.get(_CALLER)
        if caller is not None:
            return caller.context.again()  # type: ignore[no-any-return]
        if environ.get("HTTP_X_IDENTITY_STATUS") != "Confirmed" or environ.get(IDENTITY_AWAY):
            return None
        context: RequestContext = RequestContext.from_environ(environ, overwrite=False)
        if environ.get("HTTP_X_SERVICE_IDENTITY_STATUS") != "Confirmed":
            context.service_roles = []
        self._remember(environ, context)
        return context

    def _remember(self, environ: dict[str, Any], context: RequestContext) -> None:
        """Keep who called, unless the next request with these tokens may be judged otherwise."""
        pair = _tokens_of(environ)
        until = clock.monotonic() + self.cache_s
        for token in pair:
            if token is None:
                continue
            known = self._tokens.get(token.strip())
            if known is None or not _judged_alike(known[0]["token"]):
                return
            left_s = (clock.parse(known[0]["token"]["expires_at"]) - clock.now()).total_seconds()
            until = min(until, known[1], clock.monotonic() + left_s)
        if pair[0] is not None:
            self._callers.set(pair, _Caller(context.again(), until))


def _tokens_of(environ: dict[str, Any]) -> tuple[str | None, str | None]:
    return environ.get("HTTP_X_AUTH_TOKEN"), environ.get("HTTP_X_SERVICE_TOKEN")


def _judged_alike(token: dict[str, Any]) -> bool:
    """Whether a good token is good for every request: it has no access rules and is bound to nobody."""
    return not (token.get("bind") or "access_rules" in (token.get("application_credential") or {}))


def _protocol(fetched: Callable[[str, Callable[[], Any]], Any]) -> Any:
    """keystonemiddleware's class, with tokens got by `fetched(token, how to ask identity)`."""
    from keystonemiddleware import auth_token

    class Protocol(auth_token.AuthProtocol):  # type: ignore[misc]
        """Tells a token that is bad from one that could not be validated."""

        def fetch_token(self, token: str, **kwargs: Any) -> Any:
            try:
                return fetched(token, functools.partial(super().fetch_token, token, **kwargs))
            except auth_token.ksm_exceptions.InvalidToken as e:
                if isinstance(e.__context__, (ks_exceptions.ConnectFailure, ks_exceptions.DiscoveryFailure,
                                              ks_exceptions.RequestTimeout, auth_token.ksm_exceptions.ServiceError)):
                    raise errors.Transient(f"identity: {_plainly(e.__context__)}") from e
                raise

    return Protocol


def _plainly(error: BaseException | None) -> str:
    """Why a token could not be validated; the usual reason with what mends it."""
    text = str(error)
    if "rejected authorization" in text:
        return "it refuses this service's own user; correct username and password in [service_credentials]"
    return text


def _service_type(conf: cfg.ConfigOpts) -> str | None:
    """The catalog's type of this daemon's API: what access rules of application credentials name."""
    try:
        service, info = find_daemon(str(conf.prog))
    except KeyError:
        return None
    return next((e.type for e in service.endpoints if e.daemon == info.name), None)
