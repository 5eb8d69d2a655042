"""Sagas of volumes: whichever step is the last of a conductor, the end is the same and nothing is left."""

import pytest

from common import context, errors
from common.db import sagas
from common.saga import Crash
from common.testing.api import make_conf, make_database
from services.volume.config import SERVICE
from services.volume.db import models, snapshots, volumes
from services.volume.domain import snapshots as snapshot_domain
from services.volume.domain import types
from services.volume.domain import volumes as volume_domain
from services.volume.domain.deps import Deps
from tests.api.volume.support import Cloud

WHO = context.RequestContext(auth_token="token", user_id="u", project_id="p", roles=["member"], overwrite=False)


@pytest.fixture
def cloud(tmp_path):
    conf = make_conf(SERVICE, "volume-conductor", tmp_path, enabled_backends=["simulated"])
    database = make_database(conf, models.Base)
    made = Cloud(conf, database)
    made.deps = Deps(conf, database, made.pokes, made.agents, made.images)
    types.ensure_default(made.deps)
    yield made
    database.dispose()


class Killer:
    """Kills the conductor after its n-th step, once."""

    def __init__(self, cloud, at):
        self.cloud, self.at, self.count, self.died = cloud, at, 0, False

    def after_step(self, run, step):
        self.count += 1
        if self.count == self.at:
            self.died = True
            raise Crash(step)

    def settle(self):
        """Run everything; after the death, a new conductor and a new agent go on."""
        for _ in range(40):
            self.cloud.let_parked_go_on()
            try:
                self.cloud.runner.run_all()
            except Crash:
                with self.cloud.db.write() as session:
                    session.query(models.Saga).update({"lease_until": None, "owner": None})
                self.cloud.new_conductor()
                self.cloud.new_agent()
                continue
            if not self.cloud.unfinished():
                return
            self.cloud.agent_works()
        raise AssertionError(f"does not settle: {self.cloud.unfinished()}")


def killed(cloud, at):
    killer = Killer(cloud, at)
    cloud.new_conductor(after_step=killer.after_step)
    return killer


def create(cloud, **values):
    return volume_domain.create(cloud.deps, WHO, volume_domain.NewVolume(size=1, **values), see=lambda row: True)


def row_of(cloud, volume_id):
    with cloud.db.read() as session:
        return volumes.get(session, volume_id)


def nothing_left(cloud):
    assert cloud.driver.list_volumes() == [] and cloud.driver.list_snapshots() == []
    with cloud.db.read() as session:
        for model in (models.Volume, models.Snapshot, models.AgentJob, models.Attachment):
            assert session.query(model).count() == 0, model


@pytest.mark.parametrize("at", range(1, 8))
@pytest.mark.parametrize("source", ["blank", "image"])
def test_create_and_delete_killed_after_each_step(cloud, at, source):
    killer = killed(cloud, at)
    made = create(cloud, **({"image_ref": cloud.images.add()} if source == "image" else {}))
    killer.settle()
    assert row_of(cloud, made.id).status == "available" and len(cloud.driver.list_volumes()) == 1
    volume_domain.delete(cloud.deps, WHO, made)
    killer.settle()
    assert killer.died == (at <= 4)
    assert row_of(cloud, made.id) is None
    nothing_left(cloud)


@pytest.mark.parametrize("at", range(1, 7))
def test_failed_create_killed_after_each_step_leaves_an_error_and_no_data(cloud, at):
    cloud.conf.set_override("fail_operations", ["create_volume"], group="simulated")
    killer = killed(cloud, at)
    made = create(cloud)
    killer.settle()
    row = row_of(cloud, made.id)
    assert row.status == "error" and row.host is None and cloud.driver.list_volumes() == []
    with cloud.db.read() as session:
        assert session.query(models.Message).count() == 1 and session.query(models.AgentJob).count() == 0
    cloud.conf.clear_override("fail_operations", group="simulated")


@pytest.mark.parametrize("moment", range(4))
@pytest.mark.parametrize("at", range(1, 7))
def test_delete_during_create_killed_after_each_step(cloud, moment, at):
    killer = killed(cloud, at)
    made = create(cloud)
    for number in range(moment):
        try:
            cloud.agent_works() if number % 2 else cloud.runner.run_all()
        except Crash:
            cloud.new_conductor()
    with cloud.db.write() as session:
        session.query(models.Saga).update({"lease_until": None, "owner": None})
    volume_domain.delete(cloud.deps, WHO, made)
    killer.settle()
    nothing_left(cloud)


@pytest.mark.parametrize("at", range(1, 9))
def test_snapshots_extend_and_cascade_killed_after_each_step(cloud, at):
    made = create(cloud)
    cloud.settle()
    killer = killed(cloud, at)
    made = row_of(cloud, made.id)
    snapshot = snapshot_domain.create(cloud.deps, WHO, made, name=None, description=None, metadata={}, force=False)
    killer.settle()
    volume_domain.extend(cloud.deps, WHO, made, 4, online=True)
    killer.settle()
    row = row_of(cloud, made.id)
    assert (row.status, row.size) == ("available", 4)
    with cloud.db.read() as session:
        assert snapshots.get(session, snapshot.id).status == "available"
        volume_domain.revert(cloud.deps, WHO, row, snapshots.get(session, snapshot.id))
    killer.settle()
    volume_domain.delete(cloud.deps, WHO, made, cascade=True)
    killer.settle()
    nothing_left(cloud)


@pytest.mark.parametrize("at", range(1, 4))
def test_upload_killed_after_each_step(cloud, at):
    made = create(cloud)
    cloud.settle()
    killer = killed(cloud, at)
    image = volume_domain.upload(cloud.deps, WHO, row_of(cloud, made.id), {"name": "i", "disk_format": "raw"}, forced=False)
    killer.settle()
    assert cloud.images.images[image["id"]]["status"] == "active" and row_of(cloud, made.id).status == "available"


def test_failed_upload_leaves_no_image_and_a_usable_volume(cloud):
    made = create(cloud)
    cloud.settle()
    cloud.conf.set_override("fail_operations", ["read_image"], group="simulated")
    image = volume_domain.upload(cloud.deps, WHO, row_of(cloud, made.id), {"name": "i", "disk_format": "raw"}, forced=False)
    cloud.settle()
    assert image["id"] not in cloud.images.images and row_of(cloud, made.id).status == "available"


def test_a_dead_agent_does_not_hold_things_for_ever(cloud):
    made = create(cloud)
    cloud.conf.set_override("agent_down_s", 1.0, group="volume")
    with cloud.db.write() as session:
        session.query(models.Service).update({"forced_down": True})
    cloud.scheduler.select_backends = lambda c, r: [{"host": "test-host@simulated#simulated"}]
    cloud.runner.run_all()
    with cloud.db.write() as session:
        for saga in session.query(models.Saga):
            saga.step_started_at = saga.created_at.replace(year=2020)
    cloud.let_parked_go_on()
    cloud.runner.run_all()
    row = row_of(cloud, made.id)
    assert row.status == "error"
    volume_domain.delete(cloud.deps, WHO, row)
    with cloud.db.write() as session:
        session.query(models.Service).update({"forced_down": False})
    cloud.settle()
    nothing_left(cloud)


def test_delete_that_fails_may_be_repeated(cloud):
    made = create(cloud)
    cloud.settle()
    cloud.conf.set_override("fail_operations", ["delete_volume"], group="simulated")
    volume_domain.delete(cloud.deps, WHO, made)
    cloud.settle()
    assert row_of(cloud, made.id).status == "error_deleting"
    cloud.conf.clear_override("fail_operations", group="simulated")
    volume_domain.delete(cloud.deps, WHO, made)
    cloud.settle()
    nothing_left(cloud)


def test_orphans_go_only_when_they_are_known_to_be_deleted(cloud):
    made = create(cloud)
    cloud.settle()
    volume_domain.delete(cloud.deps, WHO, made)
    cloud.settle()
    cloud.driver.create_volume(made.id, 1)
    cloud.driver.create_volume("somebody-elses", 1)
    cloud.reconciler.full_pass()
    assert [v.volume_id for v in cloud.driver.list_volumes()] == ["somebody-elses"]


def test_image_access_is_lent_only_for_open_jobs_of_the_agent(cloud):
    made = create(cloud, image_ref=cloud.images.add())
    cloud.runner.run_all()
    job = cloud.conductor.work(None, "test-host@simulated", [made.id])[0]
    assert cloud.conductor.image_access(None, "test-host@simulated", job["id"])["token"] == "token"
    with pytest.raises(errors.Forbidden):
        cloud.conductor.image_access(None, "other@simulated", job["id"])
    cloud.settle()
    with pytest.raises(errors.Forbidden):
        cloud.conductor.image_access(None, "test-host@simulated", job["id"])
    with cloud.db.read() as session:
        assert sagas.active(session, models.Saga, made.id) == []
