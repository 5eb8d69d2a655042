"""A schema on SQLite with a cloud of hosts, and a Selector on it."""

import pytest

from common.testing.api import make_conf, make_database
from services.scheduler.config import SERVICE
from services.scheduler.db import models
from services.scheduler.domain import names
from tests.unit.scheduler.support import Cloud


@pytest.fixture
def conf(tmp_path):
    return make_conf(SERVICE, "scheduler", tmp_path)


@pytest.fixture
def database(conf):
    made = make_database(conf, models.Base)
    names.sync(made)
    yield made
    made.dispose()


@pytest.fixture
def cloud(conf, database):
    return Cloud(conf, database)
