"""Fixtures of the identity API's tests."""

import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from tests_identity_cloud import Cloud


@pytest.fixture
def cloud(tmp_path: Any) -> Iterator[Cloud]:
    made = Cloud(tmp_path)
    yield made
    made.db.dispose()


@pytest.fixture
def make_cloud(tmp_path: Any) -> Iterator[Any]:
    made: list[Cloud] = []

    def make(**options: Any) -> Cloud:
        made.append(Cloud(tmp_path, **options))
        return made[-1]

    yield make
    for one in made:
        one.db.dispose()
