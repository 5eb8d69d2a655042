"""A Networking API on SQLite, with what it told its conductor."""

import pytest

from common.testing.api import ApiClient, FakeAuthenticator, Persona, make_conf, make_database
from services.network.api.app import make_app
from services.network.api.state import State
from services.network.config import SERVICE
from services.network.db import models
from tests.api.network.support import Cloud


@pytest.fixture
def conf(tmp_path):
    return make_conf(SERVICE, "network-api", tmp_path)


@pytest.fixture
def told():
    """Changes that the API told its conductor of."""
    return []


@pytest.fixture
def state(conf, told):
    database = make_database(conf, models.Base)
    yield State(conf, database, lambda _context, changes: told.append(changes))
    database.dispose()


@pytest.fixture
def auth():
    return FakeAuthenticator()


@pytest.fixture
def app(state, auth):
    return make_app(state, auth)


@pytest.fixture
def admin(app, auth):
    return ApiClient(app, auth, Persona("admin"))


@pytest.fixture
def member(app, auth):
    return ApiClient(app, auth, Persona("member"))


@pytest.fixture
def other(app, auth):
    """A member of another project."""
    return ApiClient(app, auth, Persona("member"))


@pytest.fixture
def cloud(member, admin):
    return Cloud(member, admin)
