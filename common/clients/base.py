"""What the typed clients share: one keystoneauth session, errors of ours, request ids passed on.

A call is made with the service's own credentials, or (`as_user`) with the caller's token
beside the service's, so that the other service applies the caller's rights.
"""

import logging
from typing import Any

from keystoneauth1 import adapter, loading, plugin
from keystoneauth1 import exceptions as ks
from keystoneauth1 import session as ks_session
from oslo_config import cfg

from common import clock, errors
from common.config import CREDENTIALS_GROUP
from common.context import RequestContext, current_request_ids

LOG = logging.getLogger(__name__)
_URL_KEPT_S = 60.0


class RemoteError(errors.Refused):
    """Another service refused: `status` (HTTP) and its `message`."""

    def __init__(self, status: int, message: str, what: str) -> None:
        super().__init__(f"{what}: {status}: {message}")
        self.status, self.message, self.what = status, message, what


class Sessions:
    """The service's own keystoneauth session, made once per process."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self.conf = conf
        # the options are registered already (common.config), so this only reads them
        group = conf[CREDENTIALS_GROUP]
        loader: Any = loading.get_plugin_loader(group.auth_type or "password")
        self.auth = loader.load_from_options_getter(lambda option: group[option.dest])
        self.session = loading.load_session_from_conf_options(
            conf, CREDENTIALS_GROUP, auth=self.auth, collect_timing=False, timeout=60
        )
        # requests looks for ~/.netrc and proxies in the environment on every call unless told not to
        self.session.session.trust_env = False


class _UserToken(plugin.BaseAuthPlugin):
    """The caller's token on a request whose URL comes from the service's own catalog."""

    def __init__(self, token: str, own: Any) -> None:
        super().__init__()
        self._token, self._own = token, own

    def get_headers(self, session: ks_session.Session, **_: Any) -> dict[str, str]:
        return {"X-Auth-Token": self._token, "X-Service-Token": self._own.get_token(session)}

    def get_token(self, session: ks_session.Session, **_: Any) -> str:
        return self._token

    def get_endpoint(self, session: ks_session.Session, **kwargs: Any) -> Any:
        return self._own.get_endpoint(session, **kwargs)

    def get_endpoint_data(self, session: ks_session.Session, **kwargs: Any) -> Any:
        return self._own.get_endpoint_data(session, **kwargs)


class ServiceClient:
    """Calls one other service. Subclasses set `service_type` and add typed methods."""

    service_type = ""
    service_name = ""
    microversion: str | None = None

    def __init__(self, sessions: Sessions, auth: Any = None) -> None:
        self.sessions = sessions
        self._own = auth is None
        self._url, self._url_until_s = "", 0.0
        conf = sessions.conf
        self._adapter = adapter.Adapter(
            sessions.session, auth=auth or sessions.auth, service_type=self.service_type, region_name=conf.region,
            interface=conf.service_credentials.interface, default_microversion=self.microversion,
            connect_retries=0, raise_exc=True,
        )

    def as_user(self, context: RequestContext) -> Any:
        """The same client with the caller's token; the other service applies the caller's rights."""
        if not context.auth_token:
            return self
        return type(self)(self.sessions, _UserToken(context.auth_token, self.sessions.auth))

    def request(self, method: str, path: str, *, headers: dict[str, str] | None = None, **kwargs: Any) -> Any:
        """The response (requests.Response) of one call.

        RemoteError when the service refuses (4xx, 5xx with an answer of its own), errors.Transient
        when it cannot be reached, times out or answers 502, 503 or 504.
        """
        sent = dict(headers or {})
        own, outer = current_request_ids()
        if outer or own:
            sent["X-OpenStack-Request-ID"] = str(outer or own)
        what = f"{self.service_name or self.service_type} {method} {path.split('?')[0]}"
        try:
            return self._adapter.request(path, method, headers=sent, endpoint_override=self._endpoint(), **kwargs)
        except (ks.ConnectFailure, ks.ConnectTimeout, ks.BadGateway, ks.ServiceUnavailable, ks.GatewayTimeout,
                ks.DiscoveryFailure, ks.SSLError, ks.UnknownConnectionError) as e:
            raise errors.Transient(f"{what}: {_silent(e)}") from e
        except ks.HttpError as e:
            raise RemoteError(e.http_status or 500, _message(e), what) from e
        except (ks.EndpointNotFound, ks.MissingAuthPlugin, ks.AuthorizationFailure, ks.EmptyCatalog) as e:
            raise errors.Transient(f"{what}: {e}") from e

    def _endpoint(self) -> str | None:
        """The service's URL from the catalog, looked up now and then: keystoneauth copies the catalog each time it is asked."""
        now = clock.monotonic()
        if now >= self._url_until_s:
            self._url, self._url_until_s = str(self._adapter.get_endpoint() or ""), now + (_URL_KEPT_S if self._own else 0.0)
        return self._url or None

    def get(self, path: str, **params: Any) -> Any:
        """The JSON body of a GET; `params` become the query (lists repeat)."""
        return self.request("GET", path, params={k: v for k, v in params.items() if v is not None} or None).json()

    def post(self, path: str, body: Any, **kwargs: Any) -> Any:
        """The JSON body (None when empty) of a POST."""
        return _json(self.request("POST", path, json=body, **kwargs))

    def put(self, path: str, body: Any, **kwargs: Any) -> Any:
        """The JSON body (None when empty) of a PUT."""
        return _json(self.request("PUT", path, json=body, **kwargs))

    def delete(self, path: str, *, missing_ok: bool = True) -> None:
        """DELETE; with `missing_ok` a 404 is success."""
        try:
            self.request("DELETE", path)
        except RemoteError as e:
            if not (missing_ok and e.status == 404):
                raise


def _silent(error: Exception) -> str:
    """Why another service does not answer, without the names of the classes it went through."""
    text = str(error)
    why = errors.of_system(text)
    return f"{text.partition(': HTTP')[0]} ({why})" if why else text


def _json(response: Any) -> Any:
    return response.json() if response.content else None


def _message(error: ks.HttpError) -> str:
    """The text inside whatever fault form the other service uses."""
    try:
        body = error.response.json() if error.response is not None else None
    except ValueError:
        body = None
    if isinstance(body, dict):
        if "errors" in body and body["errors"]:
            return str(body["errors"][0].get("detail", "")).strip()
        if isinstance(body.get("message"), str):  # the image API's: a line of HTML
            return str(body["message"]).partition("<br")[0].strip()
        for value in body.values():
            if isinstance(value, dict) and "message" in value:
                return str(value["message"])
    return str(error.message or error)
