"""network-api: the Networking API v2.0. It pokes agents itself, and has conductors do what takes more."""

import functools
import logging
from collections.abc import Callable
from typing import Any

from oslo_config import cfg

from common import errors, heartbeat
from common.context import RequestContext
from common.http.auth import KeystoneAuthenticator
from common.rpc.interface import client
from common.worker import Runtime, Worker
from services.network.api.app import make_app
from services.network.api.state import Notify, State
from services.network.conductor.poker import Poker, for_conductors
from services.network.config import SERVICE
from services.network.db import models
from services.network.rpc.agent import NetworkAgent
from services.network.rpc.conductor import NetworkConductor

LOG = logging.getLogger(__name__)


def build(conf: cfg.ConfigOpts, runtime: Runtime) -> Worker:
    """The daemon, not yet started."""
    database = runtime.database(conf)
    worker = Worker(SERVICE.daemon("network-api"), conf, runtime)
    conductors = functools.cache(lambda: client(NetworkConductor, runtime.transport(conf)))  # not connected before it is needed
    poker = Poker(conf, database, _Agents(conf, runtime))
    poker.attach(worker)
    worker.http(make_app(State(conf, database, notifier(poker, conductors)), KeystoneAuthenticator(conf)))
    heartbeat.into(worker, database, models.Service)
    return worker


class _Agents:
    """The client of agents, not connected before it is needed."""

    def __init__(self, conf: cfg.ConfigOpts, runtime: Runtime) -> None:
        self._client = functools.cache(lambda: client(NetworkAgent, runtime.transport(conf)))

    def to(self, host: str) -> NetworkAgent:
        """As the client's."""
        return self._client().to(host)


def notifier(poker: Poker, conductors: Callable[[], Any]) -> Notify:
    """Tells of changes. They are committed by then: when nobody can be told, agents find them later."""

    def notify(context: RequestContext, changes: dict[str, Any]) -> None:
        if not for_conductors(changes):
            poker.add(context, changes)
            return
        try:
            conductors().changed(context, changes=changes)
        except errors.Transient as e:
            LOG.warning("no conductor could be told of a change: %s", e)

    return notify
