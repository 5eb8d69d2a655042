"""compute-conductor: runs the sagas of servers and answers their hosts' agents."""

from oslo_config import cfg

from common import heartbeat
from common.clients import scheduler
from common.clients.base import Sessions
from common.clients.image import ImageClient
from common.clients.network import NetworkClient
from common.clients.placement import Placement
from common.clients.volume import VolumeClient
from common.rpc.interface import client
from common.saga import Runner
from common.worker import Runtime, Worker
from services.compute.conductor import reconcile
from services.compute.conductor.deps import Conductor
from services.compute.conductor.service import ConductorService
from services.compute.conductor.table import SAGAS
from services.compute.config import SERVICE
from services.compute.db import models
from services.compute.rpc.agent import Agent
from services.compute.rpc.conductor import Conductor as ConductorInterface

LANES = 4
"""Threads that take up sagas: few, so that servers asked for one by one in quick succession go on together."""


def build(conf: cfg.ConfigOpts, runtime: Runtime) -> Worker:
    """The daemon's worker."""
    database = runtime.database(conf)
    sessions = Sessions(conf)
    conductor = Conductor(
        conf=conf, database=database, scheduler=scheduler.connect(conf, runtime), agent=client(Agent, runtime.transport(conf)),
        network=NetworkClient(sessions), volume=VolumeClient(sessions), image=ImageClient(sessions),
        placement=Placement(sessions),
    )
    runner = Runner(database, models.Saga, SAGAS, conductor, threads=conf.worker.threads, lanes=LANES)
    worker = Worker(SERVICE.daemon("compute-conductor"), conf, runtime)
    runner.attach(worker)
    worker.rpc_server(ConductorInterface, ConductorService(conductor, runner))
    reconcile.attach(worker, conductor, runner)
    heartbeat.into(worker, database, models.Service)
    return worker
