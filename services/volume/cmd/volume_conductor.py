"""volume-conductor: runs the sagas of volumes and answers the agents of their back ends."""

from oslo_config import cfg

from common import heartbeat
from common.clients import scheduler
from common.clients.base import Sessions
from common.clients.compute import ComputeClient
from common.clients.image import ImageClient
from common.rpc.interface import client
from common.saga import Runner
from common.worker import Runtime, Worker
from services.volume.conductor.deps import Conductor
from services.volume.conductor.service import ConductorService
from services.volume.conductor.table import SAGAS
from services.volume.config import SERVICE
from services.volume.db import models
from services.volume.rpc.agent import Agent
from services.volume.rpc.conductor import Conductor as ConductorInterface


def build(conf: cfg.ConfigOpts, runtime: Runtime) -> Worker:
    """The daemon's worker."""
    database, sessions = runtime.database(conf), Sessions(conf)
    conductor = Conductor(
        conf=conf,
        database=database,
        scheduler=scheduler.connect(conf, runtime),
        agent=client(Agent, runtime.transport(conf)),
        image=ImageClient(sessions),
        compute=ComputeClient(sessions),
    )
    runner = Runner(database, models.Saga, SAGAS, conductor, threads=conf.worker.threads)
    worker = Worker(SERVICE.daemon("volume-conductor"), conf, runtime)
    service = ConductorService(conductor, runner)
    runner.attach(worker)
    worker.rpc_server(ConductorInterface, service)
    worker.every("purge", 3600, service.purge, at_once=False)
    heartbeat.into(worker, database, models.Service, availability_zone=conf.volume.default_availability_zone)
    return worker
