"""network-api: the Networking API v2.0."""

import logging
from typing import Any

from oslo_config import cfg

from common import errors, heartbeat
from common.context import RequestContext
from common.http.auth import KeystoneAuthenticator
from common.rpc.interface import client
from common.worker import Runtime, Worker
from services.network.api.app import make_app
from services.network.api.state import State
from services.network.config import SERVICE
from services.network.db import models
from services.network.rpc.conductor import NetworkConductor

LOG = logging.getLogger(__name__)


def build(conf: cfg.ConfigOpts, runtime: Runtime) -> Worker:
    """The daemon, not yet started."""
    database = runtime.database(conf)
    worker = Worker(SERVICE.daemon("network-api"), conf, runtime)
    worker.http(make_app(State(conf, database, _notifier(conf, runtime)), KeystoneAuthenticator(conf)))
    heartbeat.into(worker, database, models.Service)
    return worker


def _notifier(conf: cfg.ConfigOpts, runtime: Runtime) -> Any:
    """Tells a conductor what changed. The change is committed by then: when nobody can be told, agents find it later."""
    made: list[Any] = []

    def notify(context: RequestContext, changes: dict[str, Any]) -> None:
        if not made:  # connected in the process that serves, not in one that forks
            made.append(client(NetworkConductor, runtime.transport(conf)))
        try:
            made[0].changed(context, changes=changes)
        except errors.Transient as e:
            LOG.warning("no conductor could be told of a change: %s", e)

    return notify
