"""A block storage API on SQLite, with a conductor and an agent that work when told to."""

import pytest

from common.testing.api import ApiClient, FakeAuthenticator, Persona, make_conf, make_database
from services.volume.api.app import make_app
from services.volume.api.state import State
from services.volume.config import SERVICE
from services.volume.db import models
from services.volume.domain import types
from tests.api.volume.support import Cloud

PROJECT = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def conf(tmp_path):
    return make_conf(SERVICE, "volume-api", tmp_path, enabled_backends=["simulated"])


@pytest.fixture
def cloud(conf):
    database = make_database(conf, models.Base)
    yield Cloud(conf, database)
    database.dispose()


@pytest.fixture
def state(cloud):
    made = State(cloud.conf, cloud.db, cloud.pokes, cloud.agents, cloud.images)
    types.ensure_default(made)
    return made


@pytest.fixture
def app(state):
    return make_app(state, FakeAuthenticator())


@pytest.fixture
def auth(app):
    return app.extensions["altostack"].authenticator


@pytest.fixture
def member(app, auth):
    return ApiClient(app, auth, Persona("member", project_id=PROJECT), {"OpenStack-API-Version": "volume 3.71"})


@pytest.fixture
def admin(member):
    return member.as_(Persona("admin", project_id="a" * 32))


@pytest.fixture
def make_volume(member, cloud):
    """`make_volume(size=1, …)`: an available volume."""

    def make(client=member, **values):
        made = client.post("/v3/volumes", {"volume": {"size": 1, **values}}, 202)["volume"]
        cloud.settle()
        return client.get(f"/v3/volumes/{made['id']}")["volume"]

    return make
