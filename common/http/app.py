"""The app factory: a Flask app from a table of routes.

Every request takes the same way: request id, route, token, microversion,
body and query against their schemas, policy, handler, answer. Whatever goes
wrong is printed in the API's own form of a fault.
"""

import functools
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flask
import orjson
from oslo_config import cfg
from oslo_context import context as oslo_context
from werkzeug import exceptions as wz
from werkzeug.datastructures import MultiDict
from werkzeug.middleware.proxy_fix import ProxyFix

from common import clock, errors, ids
from common.context import RequestContext
from common.http import policy as policies
from common.http import validation
from common.http.auth import IDENTITY_AWAY, Authenticator
from common.http.faults import Fault
from common.http.microversion import Microversions, Version
from common.http.request import UNVERSIONED, Request
from common.http.route import AUTHENTICATED, PUBLIC, Action, Actions, Route, Row
from common.metrics import ApiMetrics

LOG = logging.getLogger(__name__)
_GLOBAL_ID = "HTTP_X_OPENSTACK_REQUEST_ID"


def parse_json(data: bytes, content_type: str) -> Any:
    """The value of a JSON body; BadRequest when it is none."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        raise errors.BadRequest("Malformed request body: it must be valid JSON.", kind="HTTPBadRequest") from None


@dataclass(frozen=True)
class Api:
    """What makes one API different from the others.

    name           of the daemon, e.g. compute-api
    state          handed to handlers as `Request.app`
    request_id_headers   response headers that carry the request id
    health         called by /healthcheck; raises when something this API needs does not answer
    schema_error   makes the text of a schema error from jsonschema's error
    parse_body     makes the value of a JSON body from its bytes and its Content-Type (lower case, without parameters; may be
                   empty)
    stray_bodies   a body that no route asked for must be JSON all the same (image, as upstream; elsewhere it is not looked at)
    json_suffix    accept `.json` at the end of a path, as upstream's network API does
    trailing_slash   accept a slash at the end of a path (identity, network: upstream drops it; elsewhere that is a 404)
    precondition   looks at a request once its row is known, before its policy; raises an ApiError
    strict_methods   HEAD and OPTIONS are 405 like any other method that a path has not (placement)
    always_versioned   name the microversion also in answers about paths and methods that are not there (placement)
    schema_first   a malformed body is 400 also for who may not send any (upstream: all but placement check it so); of routes
                   whose policy needs a target this is true anyway
    """

    name: str
    conf: cfg.ConfigOpts
    routes: Sequence[Row]
    rules: Iterable[Any]
    authenticator: Authenticator
    fault: Fault
    state: Any
    versions: Microversions | None = None
    request_id_headers: tuple[str, ...] = ("x-openstack-request-id",)
    health: Callable[[], None] = lambda: None
    schema_error: Callable[[Any], str] | None = None
    parse_body: Callable[[bytes, str], Any] = parse_json
    stray_bodies: bool = False
    json_suffix: bool = False
    trailing_slash: bool = True
    precondition: Callable[[flask.Request, Route | Action], None] | None = None
    strict_methods: bool = False
    always_versioned: bool = False
    schema_first: bool = False
    base_rules: bool = True
    unauthorized: Callable[[], errors.Unauthorized] = field(
        default=lambda: errors.Unauthorized("The request you have made requires authentication.")
    )


def create_app(api: Api) -> flask.Flask:
    """The WSGI app of `api`. Raises ValueError when a route names a policy that no rule defines."""
    app = flask.Flask(api.name, static_folder=None)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.json.sort_keys = False  # type: ignore[attr-defined]
    policy = policies.Policy(api.conf, api.rules, base=api.base_rules)
    metrics = ApiMetrics(api.name)
    dispatcher = _Dispatcher(api, policy, metrics)
    for number, (path, methods) in enumerate(_by_path(api.routes).items()):
        for rows in methods.values():
            _check_policies(rows, policy)
        app.add_url_rule(path, f"r{number}", dispatcher.view(path, methods), methods=list(methods),
                         provide_automatic_options=False if api.strict_methods else None)
    _add_operations(app, api, metrics)
    app.register_error_handler(wz.HTTPException, dispatcher.http_error)
    if api.json_suffix:
        _around(app, _json_suffix)
    if not api.trailing_slash:
        _around(app, functools.partial(_exact, _version_documents(api.routes)))
    _around(app, api.authenticator.wrap)
    _add_edges(app, api.conf)
    app.extensions["altostack"] = api
    return app


def _by_path(rows: Sequence[Row]) -> dict[str, dict[str, list[Row]]]:
    table: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        table.setdefault(row.path, {}).setdefault(row.method, []).append(row)
    return table


def _check_policies(rows: Sequence[Row], policy: policies.Policy) -> None:
    for row in rows:
        for item in row.table.values() if isinstance(row, Actions) else (row,):
            if item.policy not in (PUBLIC, AUTHENTICATED) and not policy.knows(item.policy):
                raise ValueError(f"{row.method} {row.path}: no rule is called {item.policy}")


def _around(app: flask.Flask, wrap: Callable[[Any], Any]) -> None:
    """Put a WSGI middleware around the app."""
    setattr(app, "wsgi_app", wrap(app.wsgi_app))


def _json_suffix(inner: Any) -> Any:
    def strip(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"].endswith(".json"):
            environ["PATH_INFO"] = environ["PATH_INFO"][:-5]
        return inner(environ, start_response)

    return strip


def _version_documents(rows: Sequence[Row]) -> frozenset[str]:
    """Paths of public routes, with a slash at their end."""
    return frozenset(row.path.rstrip("/") + "/" for row in rows if isinstance(row, Route) and row.policy == PUBLIC)


def _exact(documents: frozenset[str], inner: Any) -> Any:
    def run(environ: dict[str, Any], start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        if path.endswith("/") and path not in documents:
            environ["PATH_INFO"] = path + "/"  # a second slash matches no route
        return inner(environ, start_response)

    return run


def _add_edges(app: flask.Flask, conf: cfg.ConfigOpts) -> None:
    """Proxy headers and CORS, where the operator switched them on."""
    if conf.api.proxy_headers:
        _around(app, lambda inner: ProxyFix(inner, x_for=1, x_proto=1, x_host=1, x_prefix=1))
    if conf.api.cors_allowed_origins:
        from oslo_middleware import cors

        _around(app, lambda inner: cors.CORS(inner, {
            "allowed_origin": ",".join(conf.api.cors_allowed_origins), "allow_credentials": "true",
            "allow_methods": "GET,PUT,POST,DELETE,PATCH,HEAD",
            "allow_headers": "X-Auth-Token,X-Subject-Token,X-Openstack-Request-Id,OpenStack-API-Version,Content-Type",
            "expose_headers": "X-Auth-Token,X-Subject-Token,X-Openstack-Request-Id,OpenStack-API-Version",
        }))


def _add_operations(app: flask.Flask, api: Api, metrics: ApiMetrics) -> None:
    """/healthcheck and /metrics."""

    def healthcheck() -> flask.Response:
        try:
            api.health()
        except Exception as e:  # process edge: whatever is broken, the check must say so
            LOG.warning("not healthy: %s", e)
            return flask.Response("unavailable\n", 503, mimetype="text/plain")
        return flask.Response("OK", 200, mimetype="text/plain")

    def prometheus() -> flask.Response:
        if not metrics.may_read(flask.request.remote_addr, api.conf.api.metrics_allowed):
            return flask.Response("forbidden\n", 403, mimetype="text/plain")
        return flask.Response(metrics.text(), 200, content_type="text/plain; version=0.0.4; charset=utf-8")

    app.add_url_rule("/healthcheck", "healthcheck", healthcheck, methods=["GET"])
    app.add_url_rule("/metrics", "metrics", prometheus, methods=["GET"])


class _Dispatcher:
    """The way of a request through one API."""

    def __init__(self, api: Api, policy: policies.Policy, metrics: ApiMetrics) -> None:
        self.api, self.policy, self.metrics = api, policy, metrics

    def view(self, path: str, methods: Mapping[str, Sequence[Row]]) -> Callable[..., flask.Response]:
        """The Flask view of all rows that share `path`."""

        def run(**variables: Any) -> flask.Response:
            raw = flask.request
            if self.api.strict_methods and raw.method not in methods:
                raise wz.MethodNotAllowed(valid_methods=list(methods))
            method = "GET" if raw.method == "HEAD" and "HEAD" not in methods else raw.method
            return self.answer(path, methods[method], raw, variables)

        return run

    def answer(self, path: str, rows: Sequence[Row], raw: flask.Request, variables: dict[str, Any]) -> flask.Response:
        started = clock.monotonic()
        context = self._context(raw, rows)
        version = UNVERSIONED
        extra: dict[str, str] = {}
        try:
            if context.user_id is None and not _public(rows):
                raise self._refusal(raw)
            version = self._version(raw)
            response = self._run(rows, raw, context, version, variables, extra)
        except errors.ApiError as e:
            response = self._fault(e, context)
        except wz.HTTPException as e:
            response = self._fault(_from_werkzeug(e), context)
        except errors.Transient as e:
            LOG.warning("%s %s: %s", raw.method, raw.path, e)
            response = self._fault(errors.Unavailable("The service is temporarily unavailable; try again."), context)
        except errors.ConfigError as e:
            LOG.error("%s %s: %s", raw.method, raw.path, e)
            response = self._fault(errors.InternalError("The service is not set up completely; its log says what is missing. "
                                                        f"(Request-ID: {context.request_id})"), context)
        except Exception:  # process edge: a request must get an answer
            LOG.exception("%s %s failed", raw.method, raw.path)
            response = self._fault(errors.InternalError("An unexpected error prevented the server from fulfilling "
                                                        f"your request. (Request-ID: {context.request_id})"), context)
        self._finish(response, context, version, extra)
        self.metrics.observe(path, raw.method, response.status_code, clock.monotonic() - started)
        LOG.info("%s %s %s", raw.method, raw.path, response.status_code,
                 extra={"fields": {"ms": round((clock.monotonic() - started) * 1000, 1)}})
        return response

    def _refusal(self, raw: flask.Request) -> errors.ApiError:
        if raw.environ.get(IDENTITY_AWAY):
            return errors.Unavailable("The identity service is temporarily unavailable; try again.")
        return self.api.unauthorized()

    def _context(self, raw: flask.Request, rows: Sequence[Row]) -> RequestContext:
        context = self.api.authenticator.context(raw.environ) or RequestContext(overwrite=False)
        context.request_id = ids.request_id()
        incoming = raw.environ.get(_GLOBAL_ID, "")
        context.global_request_id = incoming if incoming.startswith("req-") and ids.is_uuid(incoming[4:]) else None
        context.update_store()
        return context

    def _version(self, raw: flask.Request) -> Version:
        spec = self.api.versions
        if spec is None or not raw.path.startswith(spec.prefix):
            return UNVERSIONED
        legacy = raw.headers.get(spec.legacy) if spec.legacy else None
        return spec.choose(raw.headers.get("OpenStack-API-Version"), legacy)

    def _run(
        self, rows: Sequence[Row], raw: flask.Request, context: RequestContext, version: Version,
        variables: dict[str, Any], extra: dict[str, str],
    ) -> flask.Response:
        row = _in_range(rows, version)
        body = None
        item: Route | Action
        if isinstance(row, Actions):
            body = self._json(raw)
            item = _choose_action(row, body, version)
            body = next(iter(body.values()))
        else:
            item = row
        if self.api.precondition is not None:
            self.api.precondition(raw, item)
        request = Request(self.api.state, raw, context, self.policy, item.policy, version, self.api.conf.api.public_url)
        request.response_headers = extra
        if item.policy == PUBLIC or item.policy == AUTHENTICATED:
            request.authorized = True
        elif not item.targeted and not self._schema_first(item):
            request.authorize()
        self._validate(request, item, raw, body, version)
        if not item.targeted and not request.authorized:
            request.authorize()
        result = item.handler(request, **variables)
        if not request.authorized:
            raise RuntimeError(f"{item.handler.__qualname__} answered without checking {item.policy}")
        return _response(result, item.status)

    def _schema_first(self, item: Route | Action) -> bool:
        own = item.schema_first if isinstance(item, Route) else None
        return self.api.schema_first if own is None else own

    def _validate(self, request: Request, item: Route | Action, raw: flask.Request, body: Any, version: Version) -> None:
        if isinstance(item, Route):
            request.query = _query(raw.args)
            schema = validation.select(item.query, version)
            if schema is not None:
                schema.validate(request.query, self.api.schema_error)
            if item.body is not None and not item.stream:
                body = self._json(raw)
            elif item.body is None and not item.stream and self.api.stray_bodies and _has_body(raw):
                self._json(raw)
        schema = validation.select(item.body, version)
        if schema is not None:
            schema.validate(body, self.api.schema_error)
        request.body = body

    def _json(self, raw: flask.Request) -> Any:
        limit = self.api.conf.api.max_body_bytes
        if raw.content_length is not None and raw.content_length > limit:
            raise errors.TooLarge("Request is too large.")
        try:
            data = raw.stream.read(limit + 1)
        except (OSError, EOFError, ValueError):  # what servers raise for a body that breaks off, or in broken chunks
            raise errors.BadRequest("The request body broke off.", kind="HTTPBadRequest") from None
        if len(data) > limit:
            raise errors.TooLarge("Request is too large.")
        return self.api.parse_body(data, raw.mimetype)

    def _fault(self, error: errors.ApiError, context: RequestContext) -> flask.Response:
        body, content_type = self.api.fault(error, context.request_id)
        response = flask.Response(body, error.status, content_type=content_type)
        for name, value in error.headers.items():
            response.headers[name] = value
        if error.status == 401 and "WWW-Authenticate" not in response.headers:
            url = getattr(self.api.conf.service_credentials, "auth_url", None) or flask.request.host_url
            response.headers["WWW-Authenticate"] = f"Keystone uri='{url}'"
        return response

    def _finish(self, response: flask.Response, context: RequestContext, version: Version, extra: dict[str, str]) -> None:
        for name in self.api.request_id_headers:
            response.headers[name] = context.request_id
        for name, value in extra.items():
            response.headers[name] = value
        if self.api.versions and version != UNVERSIONED:
            for name, value in self.api.versions.headers(version).items():
                response.headers[name] = value

    def http_error(self, error: wz.HTTPException) -> flask.Response:
        """What Flask itself refuses (no such route or method), in the API's form."""
        context = self._context(flask.request, ())
        translated, version = _from_werkzeug(error), UNVERSIONED
        if context.user_id is None and translated.status in (404, 405):
            translated = self._refusal(flask.request)
        elif self.api.always_versioned:
            try:
                version = self._version(flask.request)
            except errors.ApiError as e:
                translated = e
        response = self._fault(translated, context)
        if isinstance(error, wz.MethodNotAllowed) and error.valid_methods:
            unsaid = {"HEAD", "OPTIONS"} if self.api.strict_methods else set()
            response.headers["Allow"] = ", ".join(sorted(set(error.valid_methods) - unsaid))
        self._finish(response, context, version, {})
        return response


def _public(rows: Sequence[Row]) -> bool:
    return all(isinstance(r, Route) and r.policy == PUBLIC for r in rows)


def _in_range(rows: Sequence[Row], version: Version) -> Row:
    for row in rows:
        if isinstance(row, Actions) or _holds(row, version):
            return row
    raise errors.NotFound("The resource could not be found.")


def _holds(item: Route | Action, version: Version) -> bool:
    if version == UNVERSIONED:
        return True
    if item.since and version < Version.parse(item.since):
        return False
    return not (item.until and version > Version.parse(item.until))


def _has_body(raw: flask.Request) -> bool:
    return raw.method != "GET" and bool(raw.content_length or "HTTP_TRANSFER_ENCODING" in raw.environ)


def _choose_action(row: Actions, body: Any, version: Version) -> Action:
    if not isinstance(body, dict) or len(body) != 1:
        raise errors.BadRequest("Malformed request body")
    name = next(iter(body))
    action = row.table.get(name)
    if action is None:
        raise errors.BadRequest(f"There is no such action: {name}")
    if not _holds(action, version):
        raise errors.NotFound("The resource could not be found.")
    return action


def _query(args: MultiDict[str, str]) -> dict[str, list[str]]:
    return {name: args.getlist(name) for name in args}


def _from_werkzeug(error: wz.HTTPException) -> errors.ApiError:
    status = error.code or 500
    text = "The resource could not be found." if status == 404 else (error.description or error.name)
    return errors.ApiError(text, status=status)


def _response(result: Any, status: int) -> flask.Response:
    headers: dict[str, str] = {}
    if isinstance(result, flask.Response):
        return result
    if isinstance(result, tuple):
        if len(result) == 3:
            result, status, headers = result
        else:
            result, status = result
    if result is None:
        response = flask.Response(b"", 204 if status == 200 else status)
        response.headers.pop("Content-Type", None)
    else:
        data = orjson.dumps(result, option=orjson.OPT_NON_STR_KEYS, default=str)
        response = flask.Response(data, status, content_type="application/json")
    for name, value in headers.items():
        response.headers[name] = value
    return response


def leave_request() -> None:
    """Forget the thread's context; for servers that reuse threads for other work."""
    if oslo_context.get_current() is not None:
        oslo_context._request_store.context = None
