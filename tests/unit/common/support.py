"""A service that exists for tests only, and an API of it."""

from types import SimpleNamespace

from oslo_config import cfg

from common.http import faults
from common.http.app import Api, create_app
from common.service import DaemonInfo, Service
from common.testing.api import ApiClient, FakeAuthenticator, Persona, make_conf

SERVICE = Service(
    name="demo", options=lambda: [("demo", [cfg.StrOpt("greeting", default="hello"), cfg.IntOpt("number", min=1)])],
    db_package="demo.db", daemons=(
        DaemonInfo("demo-api", "demo:build_api", port=5999), DaemonInfo("demo-worker", "demo:build_worker"),
        DaemonInfo("demo-agent", "demo:build_agent", database=False),
    ),
)


def make_api(folder, routes, rules=(), *, fault=faults.compute, authenticator=None, conf=None, **kwargs):
    """(Flask app, client of a member) for a table of routes."""
    auth = authenticator or FakeAuthenticator()
    options = {k: kwargs.pop(k) for k in list(kwargs) if "__" in k}
    conf = conf or make_conf(SERVICE, "demo-api", folder, **options)
    app = create_app(Api("demo-api", conf, routes, rules, auth, fault, SimpleNamespace(conf=conf), **kwargs))
    return app, ApiClient(app, auth, Persona()) if isinstance(auth, FakeAuthenticator) else None
