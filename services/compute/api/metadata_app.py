"""The metadata API (port 8775): OpenStack's and EC2's forms, as guests read them through the network service's proxy.

A WSGI app of its own: no tokens, no microversions, texts instead of JSON faults. Requests are recognised by the
proxy's signed headers. Sources: upstream's user guide on metadata; Amazon's instance metadata documentation.
"""

import base64
import json
import logging
from collections.abc import Mapping
from typing import Any

import flask
import orjson

from common import errors
from services.compute.domain import servers as server_domain
from services.compute.domain.deps import Deps
from services.compute.domain.metadata import EC2_VERSIONS, OPENSTACK_VERSIONS
from services.compute.domain.metadata_service import Found, Metadata

LOG = logging.getLogger(__name__)
_PASSWORD_BYTES_MAX = 1024
_JSON = {"meta_data.json": "meta_data", "network_data.json": "network_data", "vendor_data.json": "vendor_data",
         "vendor_data2.json": "vendor_data2"}
_SINCE = {"meta_data.json": "2012-08-10", "user_data": "2012-08-10", "password": "2013-04-04", "vendor_data.json": "2013-10-17",
          "network_data.json": "2015-10-15", "vendor_data2.json": "2016-10-06"}


def make_app(deps: Deps) -> flask.Flask:
    """The app on `deps` (only its configuration and its schema are used)."""
    app = flask.Flask("metadata-api", static_folder=None)
    found = Metadata(deps.conf, deps.db)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False

    @app.get("/healthcheck")
    def healthcheck() -> flask.Response:
        deps.db.ping()
        return _text("OK")

    @app.route("/", defaults={"path": ""}, methods=["GET"])
    @app.route("/<path:path>", methods=["GET", "POST"])
    def answer(path: str) -> flask.Response:
        try:
            return _answer(found, deps, path)
        except errors.ApiError as e:
            return _text(e.message, e.status)
        except errors.Transient as e:
            LOG.warning("metadata: %s", e)
            return _text("The metadata service is temporarily unavailable.", 503)

    return app


def _text(text: str | bytes, status: int = 200) -> flask.Response:
    return flask.Response(text, status, content_type="text/plain; charset=UTF-8")


def _listing(items: Any) -> flask.Response:
    return _text("\n".join(items))


def _missing() -> errors.NotFound:
    return errors.NotFound("Not Found")


def _answer(found: Metadata, deps: Deps, path: str) -> flask.Response:
    parts = [p for p in path.split("/") if p]
    if not parts:
        return _listing([*EC2_VERSIONS, "latest"])
    if parts[0] == "openstack":
        if len(parts) == 1:
            return _listing([*OPENSTACK_VERSIONS, "latest"])
        return _openstack(found, deps, parts[1], parts[2:])
    if flask.request.method != "GET":
        raise errors.MethodNotAllowed("Method Not Allowed")
    if parts[0] != "latest" and parts[0] not in EC2_VERSIONS:
        raise _missing()
    return _ec2(found.identify(flask.request.headers), parts[1:], path.endswith("/"))


def _openstack(found: Metadata, deps: Deps, version: str, rest: list[str]) -> flask.Response:
    if version == "content":
        contents = found.identify(flask.request.headers).contents
        if len(rest) != 1 or rest[0] not in contents:
            raise _missing()
        return flask.Response(contents[rest[0]], 200, content_type="application/octet-stream")
    if version != "latest" and version not in OPENSTACK_VERSIONS:
        raise _missing()
    version = OPENSTACK_VERSIONS[-1] if version == "latest" else version
    server = found.identify(flask.request.headers)
    if not rest:
        names = [n for n, since in _SINCE.items() if since <= version and (n != "user_data" or server.user_data)]
        return _listing(names)
    name = rest[0]
    if name == "password" and len(rest) == 1 and version >= _SINCE["password"]:
        return _password(found, deps, server)
    if flask.request.method != "GET":
        raise errors.MethodNotAllowed("Method Not Allowed")
    if len(rest) != 1 or _SINCE.get(name, "9999") > version:
        raise _missing()
    if name == "user_data":
        if not server.user_data:
            raise _missing()
        return flask.Response(base64.b64decode(server.user_data), 200, content_type="application/octet-stream")
    return flask.Response(orjson.dumps(server.documents[_JSON[name]]), 200, content_type="application/json")


def _password(found: Metadata, deps: Deps, server: Found) -> flask.Response:
    """GET: what was posted; POST: post it, once."""
    if flask.request.method == "GET":
        return _text(server.password or "")
    data = flask.request.get_data()
    if len(data) > _PASSWORD_BYTES_MAX:
        raise errors.BadRequest("Request is too large.")
    if not server_domain.set_password(deps, server.server_id, data.decode("utf-8", "replace")):
        raise errors.Conflict("Conflict: the password was set already.")
    found.forget(server.server_id)
    return _text("")


def _ec2(server: Found, rest: list[str], slash: bool) -> flask.Response:
    """A walk through the EC2 tree; a folder is listed with a slash behind folders in it."""
    if not rest:
        return _listing(["meta-data/", "user-data"] if server.user_data else ["meta-data/"])
    if rest[0] == "user-data" and len(rest) == 1:
        if not server.user_data:
            raise _missing()
        return flask.Response(base64.b64decode(server.user_data), 200, content_type="application/octet-stream")
    if rest[0] != "meta-data":
        raise _missing()
    at: Any = server.documents["ec2"]
    for part in rest[1:]:
        key = part.split("=")[0] if isinstance(at, Mapping) and part not in at else part
        if not isinstance(at, Mapping) or key not in at or key.startswith("_"):
            raise _missing()
        at = at[key]
    return _show(at)


def _show(value: Any) -> flask.Response:
    if isinstance(value, Mapping):
        return _listing([_name(k, v) for k, v in sorted(value.items()) if not k.startswith("_")])
    if isinstance(value, list):
        return _listing(value)
    return _text(value if isinstance(value, str) else json.dumps(value))


def _name(key: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return str(value["_name"]) if "_name" in value else f"{key}/"
    return key
