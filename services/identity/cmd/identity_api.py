"""Wires the identity-api daemon."""

from oslo_config import cfg

from common import heartbeat
from common.worker import Runtime, Worker
from services.identity.api.app import make_app
from services.identity.api.state import State
from services.identity.config import SERVICE
from services.identity.db import models
from services.identity.domain import maintenance

_TIDY_S = 600


def build(conf: cfg.ConfigOpts, runtime: Runtime) -> Worker:
    """The daemon, not yet started."""
    database = runtime.database(conf)
    worker = Worker(SERVICE.daemon("identity-api"), conf, runtime)
    worker.http(make_app(State.from_conf(conf, database)))
    heartbeat.into(worker, database, models.Service)
    worker.every("tidy", _TIDY_S, lambda: database.transaction(maintenance.tidy, conf), at_once=False)
    return worker
