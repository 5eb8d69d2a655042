"""Driving one WSGI app in a test: a schema on SQLite, callers by persona, a small client.

`FakeAuthenticator` stands where keystonemiddleware stands; it knows only the
tokens that a test gave it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from oslo_config import cfg
from werkzeug.test import Client, TestResponse

from common import config, ids
from common.context import RequestContext
from common.db.session import Database
from common.service import Service

IMPLIED = {"admin": ["admin", "manager", "member", "reader"], "manager": ["manager", "member", "reader"],
           "member": ["member", "reader"], "reader": ["reader"], "service": ["service"], "none": []}


@dataclass(frozen=True)
class Persona:
    """A caller: a role (with what it implies), a project (None: no project scope) and a user."""

    role: str = "member"
    project_id: str | None = field(default_factory=ids.hex_id)
    user_id: str = field(default_factory=ids.hex_id)
    system: bool = False
    domain_id: str | None = None
    service_roles: tuple[str, ...] = ()

    @property
    def token(self) -> str:
        """The token that stands for this persona."""
        return f"token-{self.user_id}-{self.role}-{self.project_id}-{self.system}-{self.domain_id}"


class FakeAuthenticator:
    """An Authenticator that accepts the tokens of known personas."""

    def __init__(self) -> None:
        self.known: dict[str, Persona] = {}

    def wrap(self, app: Any) -> Any:
        return app

    def context(self, environ: dict[str, Any]) -> RequestContext | None:
        persona = self.known.get(environ.get("HTTP_X_AUTH_TOKEN", ""))
        if persona is None:
            return None
        return RequestContext(
            auth_token=persona.token, user_id=persona.user_id, project_id=persona.project_id,
            roles=list(IMPLIED.get(persona.role, [persona.role])), system_scope="all" if persona.system else None,
            domain_id=persona.domain_id, user_name=f"user-{persona.user_id[:6]}", user_domain_id="default",
            project_domain_id="default" if persona.project_id else None, service_roles=list(persona.service_roles),
            project_name=f"project-{persona.project_id[:6]}" if persona.project_id else None, overwrite=False,
        )


class ApiClient:
    """Calls an app as one persona; `headers` go with every request."""

    def __init__(self, app: Any, auth: FakeAuthenticator, persona: Persona, headers: Mapping[str, str] | None = None) -> None:
        self.app, self.auth, self.persona, self.headers = app, auth, persona, dict(headers or {})
        auth.known[persona.token] = persona
        self._client = Client(app)

    def as_(self, persona: Persona, **headers: str) -> "ApiClient":
        """The same app as another persona."""
        return ApiClient(self.app, self.auth, persona, {**self.headers, **headers})

    def request(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None,
                data: bytes | None = None) -> TestResponse:
        """One request; `body` is sent as JSON, `data` as it is."""
        sent = {"X-Auth-Token": self.persona.token, **self.headers, **(headers or {})}
        if body is not None:
            data = orjson.dumps(body)
            sent.setdefault("Content-Type", "application/json")
        return self._client.open(path, method=method, data=data, headers=sent)

    def get(self, path: str, status: int = 200, **headers: str) -> Any:
        """GET; the JSON body. AssertionError with the body when the status is another."""
        return self._checked("GET", path, None, status, headers)

    def post(self, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        """POST; as `get`."""
        return self._checked("POST", path, body, status, headers)

    def put(self, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        """PUT; as `get`."""
        return self._checked("PUT", path, body, status, headers)

    def patch(self, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        """PATCH; as `get`."""
        return self._checked("PATCH", path, body, status, headers)

    def delete(self, path: str, status: int = 204, **headers: str) -> Any:
        """DELETE; as `get`."""
        return self._checked("DELETE", path, None, status, headers)

    def _checked(self, method: str, path: str, body: Any, status: int, headers: Mapping[str, str]) -> Any:
        sent = {k.replace("_", "-"): v for k, v in headers.items()}
        response = self.request(method, path, body, sent)
        assert response.status_code == status, f"{method} {path}: {response.status_code}: {response.text}"
        return response.get_json() if response.data and response.is_json else response.text or None


def make_conf(service: Service, daemon: str, folder: Any, **overrides: Any) -> cfg.ConfigOpts:
    """A configuration for tests; `overrides` name options as `group__option` or `option`."""
    values = {"database.connection": f"sqlite:///{os.path.join(str(folder), service.name)}.db", "host": "test-host",
              "state_path": str(folder), "run_path": str(folder), "transport_url": "kombu+memory:////"}
    values.update({k.replace("__", "."): v for k, v in overrides.items()})
    return config.load(service, daemon, files=[], overrides=values)


def make_database(conf: cfg.ConfigOpts, base: Any) -> Database:
    """A fresh schema with every table of `base`."""
    database = Database.from_conf(conf)
    base.metadata.create_all(database.engine)
    return database
