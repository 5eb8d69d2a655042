"""compute-api: the compute API of the cloud."""

from typing import Any

from oslo_config import cfg

from common import heartbeat
from common.clients.base import Sessions
from common.clients.image import ImageClient
from common.clients.network import NetworkClient
from common.clients.placement import Placement
from common.clients.volume import VolumeClient
from common.http.auth import KeystoneAuthenticator
from common.rpc.interface import client
from common.worker import Runtime, Worker
from services.compute.api.app import make_app
from services.compute.api.state import State
from services.compute.config import SERVICE
from services.compute.db import models
from services.compute.rpc.agent import Agent
from services.compute.rpc.conductor import Conductor


def build(conf: cfg.ConfigOpts, runtime: Runtime) -> Worker:
    """The wired daemon."""
    worker = Worker(SERVICE.daemon("compute-api"), conf, runtime)
    database = runtime.database(conf)
    transport: Any = runtime.transport(conf)
    sessions = Sessions(conf)
    state = State(conf=conf, db=database, conductor=client(Conductor, transport), agents=client(Agent, transport),
                  image=ImageClient(sessions), network=NetworkClient(sessions), volume=VolumeClient(sessions),
                  placement=Placement(sessions))
    worker.http(make_app(state, KeystoneAuthenticator(conf)))
    heartbeat.into(worker, database, models.Service)
    return worker
