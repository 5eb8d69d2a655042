"""The identity API on SQLite, bootstrapped, and clients that log in with passwords as real ones do."""

from typing import Any

import orjson
from werkzeug.test import Client, TestResponse

from common.testing.api import make_conf, make_database
from services.identity.api.app import make_app
from services.identity.api.state import State
from services.identity.cmd import bootstrap
from services.identity.config import SERVICE
from services.identity.db.models import Base


class Caller:
    """Calls the app with one token."""

    def __init__(self, app: Any, token: str | None = None) -> None:
        self.client, self.app, self.token = Client(app), app, token

    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None,
             data: bytes | None = None) -> TestResponse:
        sent = dict(headers or {})
        if self.token:
            sent.setdefault("X-Auth-Token", self.token)
        if body is not None:
            data, sent["Content-Type"] = orjson.dumps(body), "application/json"
        return self.client.open(path, method=method, data=data, headers=sent)

    def __call__(self, method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        response = self.call(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        assert response.status_code == status, f"{method} {path}: {response.status_code}: {response.text}"
        return response.get_json() if response.data else None


class Cloud:
    """A bootstrapped identity service."""

    def __init__(self, folder: Any, **options: Any) -> None:
        self.conf = make_conf(SERVICE, "identity-api", folder, **{"identity__password_hash_rounds": 4, **options})
        self.db = make_database(self.conf, Base)
        self.made = bootstrap.run(self.conf, {
            "admin_password": "secret", "services": [{"name": "nova", "password": "nova"}],
            "endpoints": [{"type": "identity", "name": "keystone", "public": "http://test:5000/v3"}],
            "users": [{"name": "demo", "password": "demo", "project": "demo"}]})
        self.state = State.from_conf(self.conf, self.db)
        self.app = make_app(self.state)
        self.anonymous = Caller(self.app)
        self.admin = self.login("admin", "secret", {"project": {"name": "admin", "domain": {"id": "default"}}})
        self.roles = self.made["roles"]
        self.projects = self.made["projects"]

    def auth(self, name: str, password: str, scope: Any = None, domain: str = "default") -> dict[str, Any]:
        user = {"name": name, "domain": {"id": domain}, "password": password}
        body: dict[str, Any] = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
        if scope is not None:
            body["auth"]["scope"] = scope
        return body

    def issue(self, body: dict[str, Any]) -> TestResponse:
        return self.anonymous.call("POST", "/v3/auth/tokens", body)

    def login(self, name: str, password: str, scope: Any = None, domain: str = "default") -> Caller:
        response = self.issue(self.auth(name, password, scope, domain))
        assert response.status_code == 201, response.text
        return Caller(self.app, response.headers["X-Subject-Token"])

    def demo(self) -> Caller:
        return self.login("demo", "demo", {"project": {"id": self.projects["demo"]}})

    def user(self, name: str, password: str = "pw", domain: str = "default", **more: Any) -> str:
        body = {"user": {"name": name, "password": password, "domain_id": domain, **more}}
        return self.admin("POST", "/v3/users", body, 201)["user"]["id"]

    def valid(self, token: str | None) -> bool:
        return self.admin.call("GET", "/v3/auth/tokens", headers={"X-Subject-Token": token or ""}).status_code == 200
