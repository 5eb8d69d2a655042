"""Who is calling: keystonemiddleware in front of every API but identity's own.

The middleware strips any identity header a client sends, validates the user's
and the service's token, and hands the result on in the WSGI environment.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from cachetools import TTLCache
from keystoneauth1 import exceptions as ks_exceptions
from oslo_config import cfg

from common import errors
from common.context import RequestContext
from common.service import find_daemon

LOG = logging.getLogger(__name__)
WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
_CACHE_KEY = "altostack.token_cache"
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


class _BoundedCache:
    """Token data of this process: bounded in number and time, in the form keystonemiddleware expects."""

    def __init__(self, entries_max: int, seconds: int) -> None:
        self._items: TTLCache[str, Any] = TTLCache(entries_max, seconds)

    def get(self, key: str) -> Any:
        return self._items.get(key)

    def set(self, key: str, value: Any, time: int = 0) -> None:
        self._items[key] = value


class KeystoneAuthenticator:
    """keystonemiddleware's auth_token, configured by [service_credentials].

    Validated tokens are kept in the process for `token_cache_s` seconds, so one that is revoked
    elsewhere may be honoured that long (upstream's default is 300).
    """

    def __init__(self, conf: cfg.ConfigOpts, token_cache_s: int = 60) -> None:
        self.conf = conf
        self.cache = _BoundedCache(4096, token_cache_s)
        self.cache_s = token_cache_s

    def wrap(self, app: WsgiApp) -> WsgiApp:
        from keystonemiddleware import auth_token

        class Protocol(auth_token.AuthProtocol):  # type: ignore[misc]
            """Tells a token that is bad from one that could not be validated."""

            def fetch_token(self, token: str, **kwargs: Any) -> Any:
                try:
                    return super().fetch_token(token, **kwargs)
                except auth_token.ksm_exceptions.InvalidToken as e:
                    if isinstance(e.__context__, (ks_exceptions.ConnectFailure, ks_exceptions.DiscoveryFailure,
                                                  ks_exceptions.RequestTimeout, auth_token.ksm_exceptions.ServiceError)):
                        raise errors.Transient(f"identity: {e.__context__}") from e
                    raise

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
        middleware = Protocol(app, settings)

        def cached(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            environ[_CACHE_KEY] = self.cache
            try:
                result: Iterable[bytes] = middleware(environ, start_response)
            except errors.Transient as e:
                LOG.warning("%s", e)
                environ[IDENTITY_AWAY] = True
                result = app(environ, start_response)
            return result

        return cached

    def context(self, environ: dict[str, Any]) -> RequestContext | None:
        if environ.get("HTTP_X_IDENTITY_STATUS") != "Confirmed" or environ.get(IDENTITY_AWAY):
            return None
        context: RequestContext = RequestContext.from_environ(environ, overwrite=False)
        if environ.get("HTTP_X_SERVICE_IDENTITY_STATUS") != "Confirmed":
            context.service_roles = []
        return context


def _service_type(conf: cfg.ConfigOpts) -> str | None:
    """The catalog's type of this daemon's API: what access rules of application credentials name."""
    try:
        service, info = find_daemon(str(conf.prog))
    except KeyError:
        return None
    return next((e.type for e in service.endpoints if e.daemon == info.name), None)
