"""The daemons as they are wired, on the in-memory transport."""

import pytest

from common import context, errors
from common.clients import scheduler as contract
from common.rpc.interface import client
from common.testing.api import make_conf
from common.worker import Runtime
from services.scheduler.cmd import placement_api
from services.scheduler.cmd import scheduler as daemon
from services.scheduler.config import SERVICE
from services.scheduler.db import models
from tests.unit.scheduler.support import SMALL, Cloud


def test_the_daemon_answers_messages(conf, database):
    runtime = Runtime(embedded=True)
    worker = daemon.build(conf, runtime)
    worker.start()
    try:
        ctxt = context.internal()
        asking = client(contract.Scheduler, runtime.transport(conf))
        cloud = Cloud(conf, database)
        uuid = next(iter(cloud.hosts(1).values()))
        asking.update_hosts(ctxt, hosts=[{"host": "h0", "node": "h0", "provider_id": uuid, "enabled": True, "up": True}])
        answer = asking.select_hosts(ctxt, requests=[cloud.request()])[0]
        assert answer["provider_id"] == uuid and answer["allocations"] == {uuid: {"resources": SMALL}}
        refused = asking.select_backends(ctxt, requests=[{"volume_id": "v", "size_gb": 1, "pools": []}])[0]
        assert refused["error"] and refused["public_error"]
        with pytest.raises(errors.BadRequest):
            asking.update_hosts(ctxt, hosts=[{"host": "h0"}])
    finally:
        worker.stop()
        runtime.close()


def test_an_unknown_filter_is_refused_at_the_start(tmp_path):
    conf = make_conf(SERVICE, "scheduler", tmp_path, filter_scheduler__enabled_filters=["NoFilter"])
    with pytest.raises(errors.ConfigError, match="NoFilter"):
        daemon.build(conf, Runtime())


def test_the_api_is_wired(tmp_path, database):
    conf = make_conf(SERVICE, "placement-api", tmp_path, service_credentials__auth_url="http://127.0.0.1:1/v3",
                     service_credentials__username="placement", service_credentials__password="x",
                     service_credentials__project_name="service")
    runtime = Runtime(embedded=True)
    worker = placement_api.build(conf, runtime)
    assert worker.app.test_client().get("/").status_code == 200
    assert worker.address[1] == 8778
    assert models.Service.__tablename__ == "services"
    runtime.close()
