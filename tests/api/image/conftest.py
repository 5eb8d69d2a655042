"""Fixtures of the image API's tests."""

import pytest

from common.testing.api import Persona
from tests.api.image.support import OTHER, PROJECT, make_site, new, upload


@pytest.fixture
def site(tmp_path):
    made = make_site(tmp_path)
    yield made
    made.state.db.dispose()


@pytest.fixture
def member(site):
    return site.client(Persona("member", PROJECT))


@pytest.fixture
def reader(site):
    return site.client(Persona("reader", PROJECT))


@pytest.fixture
def other(site):
    return site.client(Persona("member", OTHER))


@pytest.fixture
def admin(site):
    return site.client(Persona("admin", "c" * 32))


@pytest.fixture
def tools():
    """`new` and `upload`, for tests."""
    return type("Tools", (), {"new": staticmethod(new), "upload": staticmethod(upload)})
