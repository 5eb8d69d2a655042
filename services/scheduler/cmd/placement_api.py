"""Wiring of placement-api."""

from typing import Any

from oslo_config import cfg

from common import heartbeat
from common.http.auth import KeystoneAuthenticator
from common.worker import Worker
from services.scheduler.api.app import make_app
from services.scheduler.api.state import State
from services.scheduler.config import SERVICE
from services.scheduler.db import models
from services.scheduler.domain import names
from services.scheduler.domain.index import Index


def build(conf: cfg.ConfigOpts, runtime: Any) -> Worker:
    """The daemon that answers the Placement API."""
    database = runtime.database(conf)
    worker = Worker(SERVICE.daemon("placement-api"), conf, runtime)
    worker.http(make_app(State(conf, database, Index()), KeystoneAuthenticator(conf)))
    worker.on_start(lambda: names.sync(database))
    heartbeat.into(worker, database, models.Service)
    return worker
