"""A volume's life through the real agent and a real tgtd: made, exported, grown, restarted, removed."""

import os
import shutil

import pytest

from common import context
from common.testing.api import make_conf, make_database
from services.volume.agent.reconcile import Reconciler
from services.volume.agent.service import AgentService
from services.volume.agent.verbs import Backend
from services.volume.config import SERVICE
from services.volume.db import models, volumes
from services.volume.domain import attachments, types
from services.volume.domain import volumes as domain
from services.volume.domain.deps import Deps
from services.volume.drivers import load_driver
from tests.api.volume import support

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="tgtd must be started as root"),
    pytest.mark.skipif(not shutil.which("tgtd"), reason="package tgt is not installed"),
]
WHO = context.RequestContext(auth_token="token", user_id="u", project_id="p", roles=["member"], overwrite=False)
HOST = "test-host@iscsi"
CONNECTOR = {"host": "node1", "ip": "127.0.0.1", "initiator": "iqn.1993-08.org.debian:01:test"}


class IscsiCloud(support.Cloud):
    """The cloud of the API tests, on the iSCSI back end."""

    def __init__(self, conf, database):
        support.Cloud.__init__(self, conf, database)
        self.driver = load_driver(conf, "iscsi")
        self.driver.start()
        self.new_agent()
        self.reconciler.beat(self.reconciler.conductor)

    def new_agent(self):
        name, host = (self.driver.name, f"test-host@{self.driver.name}")
        backend = Backend(host, "nova", self.driver, support.FakeBytes(self.conductor, host, self.images))
        self.reconciler = Reconciler(backend, self.conductor)
        self.agents.services[host] = AgentService(self.reconciler)
        assert name in ("iscsi", "simulated")

    def agent_works(self):
        for job in self.conductor.work(None, HOST, None):
            self.reconciler.work([job["volume_id"]])


@pytest.fixture
def cloud(tmp_path):
    conf = make_conf(
        SERVICE,
        "volume-agent",
        tmp_path,
        enabled_backends=["iscsi", "simulated"],
        iscsi__volumes_dir=str(tmp_path / "v"),
        iscsi__target_port=13391,
        iscsi__control_port=391,
        simulated__capacity_gb=0.0,
    )
    database = make_database(conf, models.Base)
    made = IscsiCloud(conf, database)
    made.deps = Deps(conf, database, made.pokes, made.agents, made.images)
    types.ensure_default(made.deps)
    yield made
    made.driver.shut_down()
    database.dispose()


def test_a_volumes_life_on_iscsi(cloud):
    made = domain.create(cloud.deps, WHO, domain.NewVolume(size=1, image_ref=cloud.images.add()), see=lambda row: True)
    cloud.settle()
    with cloud.db.read() as session:
        assert volumes.get(session, made.id).host == f"{HOST}#iscsi"
        assert volumes.get(session, made.id).status == "available"
    reserved = attachments.reserve(cloud.deps, made.id, None, None)
    info = attachments.connect(cloud.deps, WHO, reserved.id, CONNECTOR).connection_info
    assert info["driver_volume_type"] == "iscsi" and info["target_portal"] == "127.0.0.1:13391" and info["auth_method"] == "CHAP"
    attachments.complete(cloud.deps, reserved.id)
    cloud.driver.stop()
    cloud.driver = load_driver(cloud.conf, "iscsi")
    cloud.driver.start()
    cloud.new_agent()
    cloud.reconciler.full_pass()
    assert cloud.driver.list_volumes()[0].connections == (reserved.id,)
    assert attachments.connect(cloud.deps, WHO, reserved.id, CONNECTOR).connection_info["auth_password"] == info["auth_password"]
    with cloud.db.read() as session:
        row = volumes.get(session, made.id)
    domain.extend(cloud.deps, WHO, row, 2, online=True)
    cloud.settle()
    assert cloud.driver.list_volumes()[0].size_bytes == 2 << 30
    attachments.end(cloud.deps, WHO, reserved.id)
    assert cloud.driver.list_volumes()[0].connections == ()
    domain.delete(cloud.deps, WHO, row)
    cloud.settle()
    assert cloud.driver.list_volumes() == []
