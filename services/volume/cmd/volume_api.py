"""volume-api: answers the block storage API."""

from oslo_config import cfg

from common import heartbeat
from common.clients.base import Sessions
from common.clients.image import ImageClient
from common.http.auth import KeystoneAuthenticator
from common.rpc.interface import client
from common.worker import Runtime, Worker
from services.volume.api.app import make_app
from services.volume.api.state import State
from services.volume.config import SERVICE
from services.volume.db import models
from services.volume.domain import types
from services.volume.rpc.agent import Agent
from services.volume.rpc.conductor import Conductor


def build(conf: cfg.ConfigOpts, runtime: Runtime) -> Worker:
    """The daemon's worker."""
    database, transport = runtime.database(conf), runtime.transport(conf)
    state = State(conf, database, client(Conductor, transport), client(Agent, transport), ImageClient(Sessions(conf)))
    worker = Worker(SERVICE.daemon("volume-api"), conf, runtime)
    worker.http(make_app(state, KeystoneAuthenticator(conf)))
    worker.on_start(lambda: types.ensure_default(state))
    heartbeat.into(worker, database, models.Service)
    return worker
