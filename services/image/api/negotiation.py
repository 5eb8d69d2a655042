"""Which version of the API a path is of, and how methods are refused that a path does not take.

A path that names no version of ours gets the list of those that there are, whatever the method, as upstream answers;
`/v2.5/images` is `/v2/images`, and so is `/images` for who accepts `application/vnd.openstack.images-v2.5`.
"""

import re
from collections.abc import Callable
from typing import Any

import flask
from werkzeug import exceptions as wz

NEWEST = 18
_VERSION = re.compile(r"^v2(?:\.(\d{1,9}))?$", re.ASCII)
_ACCEPT = re.compile(r"^application/vnd\.openstack\.images-(v[\d.]+)", re.ASCII)
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_OPERATIONS = ("healthcheck", "metrics")
# Paths on which upstream refuses no method by name: there is nothing under another one.
_NOTHING_ELSE = re.compile(r"^/v2/(images/[^/]+/tasks|info/usage)$")


def versioned(inner: Any) -> Any:
    """WSGI middleware: the paths of versions, and `/v2/images/` (an image without an id), which is not `/v2/images`:
    a second slash matches no route.
    """

    def run(environ: dict[str, Any], start_response: Any) -> Any:
        first, slash, rest = environ["PATH_INFO"][1:].partition("/")
        if first not in _OPERATIONS:
            accepted = _ACCEPT.match(environ.get("HTTP_ACCEPT", ""))
            if accepted and not _known(first):
                first, slash, rest = accepted[1], "/", f"{first}{slash}{rest}"
            environ["PATH_INFO"] = _path(environ, first, slash, rest)
        return inner(environ, start_response)

    return run


def _known(name: str) -> bool:
    match = _VERSION.match(name)
    return match is not None and int(match[1] or 0) <= NEWEST


def _path(environ: dict[str, Any], first: str, slash: str, rest: str) -> str:
    if _known(first) and slash:
        return f"/v2/{rest}" + ("/" if not rest or rest.endswith("/") else "")
    if environ["REQUEST_METHOD"] != "HEAD":
        environ["REQUEST_METHOD"] = "GET"
    if _known(first):
        return "/v2"
    return "/versions" if first == "versions" and not rest else "/"


def refuse_methods(app: flask.Flask) -> None:
    """Refuse methods in upstream's way: HEAD and OPTIONS are not answered by themselves below a version, 501 is the
    answer to a method nobody knows of, and what the `Allow` header names is what the routes table has.
    """
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/v2/") and rule.methods:
            rule.methods -= {"HEAD", "OPTIONS"}
    answer: Callable[[wz.HTTPException], flask.Response] = app.error_handler_spec[None][None][wz.HTTPException]  # type: ignore[assignment]

    def missing(error: wz.HTTPException) -> flask.Response:
        response = answer(error)
        if response.status_code == 404 and flask.request.method not in (*_METHODS, "HEAD"):
            return answer(wz.NotImplemented(f"The request method {flask.request.method} is not implemented for this server."))
        return response

    def refused(error: wz.MethodNotAllowed) -> flask.Response:
        if _NOTHING_ELSE.match(flask.request.path):
            return missing(wz.NotFound())
        response = answer(error)
        if "Allow" in response.headers:
            response.headers["Allow"] = ", ".join(m for m in _METHODS if m in (error.valid_methods or ()))
        return response

    app.register_error_handler(wz.NotFound, missing)
    app.register_error_handler(wz.MethodNotAllowed, refused)
