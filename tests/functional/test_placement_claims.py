"""Claims that race for what is left, on SQLite and on MariaDB."""

import pytest

from common import errors, ids
from services.scheduler.config import SERVICE
from services.scheduler.db import models
from services.scheduler.domain import allocations, names
from services.scheduler.domain.allocations import Change
from services.scheduler.domain.hosts import Hosts
from services.scheduler.domain.index import Index
from services.scheduler.domain.selection import Selector
from tests.functional.crowd import KINDS, emptied, race
from tests.unit.scheduler.support import Cloud


@pytest.fixture(params=KINDS)
def cloud(request, tmp_path):
    """A Cloud on an empty schema."""
    with emptied(request.param, SERVICE, "scheduler", models.Base, tmp_path) as (conf, database):
        names.sync(database)
        yield Cloud(conf, database)


def test_exactly_one_gets_the_last_slot(cloud):
    made = cloud.hosts(1, vcpus=1)
    uuid = next(iter(made.values()))
    for _ in range(5):
        consumers = [ids.uuid() for _ in range(4)]
        results = race([lambda c=c: allocations.replace(cloud.database, [Change(c, {uuid: {"VCPU": 1}}, "p", "u")])
                        for c in consumers], errors.ApiError)
        assert sorted(type(r).__name__ for r in results) == ["DoesNotFit"] * 3 + ["NoneType"]
        assert cloud.used_is_right()
        with cloud.database.write() as session:
            assert sum(allocations.delete(session, c) for c in consumers) == 1
    assert cloud.used_is_right()


def test_one_consumer_made_by_many_at_once_is_made_once(cloud):
    uuid = next(iter(cloud.hosts(1).values()))
    consumer = ids.uuid()
    results = race([lambda: allocations.replace(
        cloud.database, [Change(consumer, {uuid: {"VCPU": 1}}, "p", "u", generation=None)]) for _ in range(4)],
        errors.ApiError)
    assert results.count(None) == 1
    assert all(e.status == 409 for e in results if e is not None)
    assert cloud.used_is_right()


def test_schedulers_that_race_fill_the_cloud_and_no_more(cloud):
    cloud.hosts(4, vcpus=3)
    selectors = [Selector(cloud.conf, cloud.database, Index(), Hosts()) for _ in range(4)]
    results = race([lambda s=s: [s.select([cloud.request()])[0] for _ in range(4)] for s in selectors], errors.ApiError)
    answers = [a for r in results for a in r]
    assert sum("host" in a for a in answers) == 12
    assert cloud.used_is_right()


def test_batches_that_race_do_not_overcommit(cloud):
    cloud.hosts(3, vcpus=4)
    selectors = [Selector(cloud.conf, cloud.database, Index(), Hosts()) for _ in range(3)]
    results = race([lambda s=s: s.select([cloud.request() for _ in range(6)]) for s in selectors], errors.ApiError)
    answers = [a for r in results for a in r]
    assert sum("host" in a for a in answers) == 12
    assert cloud.used_is_right()
