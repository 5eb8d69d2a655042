"""A Placement API on SQLite, with the standard names in it."""

import pytest

from common.testing.api import ApiClient, FakeAuthenticator, Persona, make_conf, make_database
from services.scheduler.api.app import make_app
from services.scheduler.api.state import State
from services.scheduler.config import SERVICE
from services.scheduler.db import models
from services.scheduler.domain import names
from services.scheduler.domain.index import Index


@pytest.fixture
def conf(tmp_path):
    return make_conf(SERVICE, "placement-api", tmp_path)


@pytest.fixture
def state(conf):
    database = make_database(conf, models.Base)
    names.sync(database)
    yield State(conf, database, Index())
    database.dispose()


@pytest.fixture
def auth():
    return FakeAuthenticator()


@pytest.fixture
def app(state, auth):
    return make_app(state, auth)


@pytest.fixture
def client(app, auth):
    """An operator who speaks the newest microversion."""
    return ApiClient(app, auth, Persona("admin"), {"OpenStack-API-Version": "placement 1.39"})


@pytest.fixture
def at(client):
    """`at("1.12")`: the same client at another microversion."""
    def make(version):
        return client.as_(client.persona, **{"OpenStack-API-Version": f"placement {version}"})
    return make
