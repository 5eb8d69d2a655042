"""network-conductor: tells agents what their hosts should look like, places DHCP and routers, tells compute of ports."""

from oslo_config import cfg

from common import heartbeat
from common.clients.base import Sessions
from common.clients.compute import ComputeClient
from common.rpc.interface import client
from common.worker import Runtime, Worker
from services.network.conductor.notify import Notifier
from services.network.conductor.poker import Poker
from services.network.conductor.service import ConductorService
from services.network.config import SERVICE
from services.network.db import models
from services.network.rpc.agent import NetworkAgent
from services.network.rpc.conductor import NetworkConductor


def build(conf: cfg.ConfigOpts, runtime: Runtime) -> Worker:
    """The daemon, not yet started."""
    database = runtime.database(conf)
    worker = Worker(SERVICE.daemon("network-conductor"), conf, runtime)
    notifier = Notifier(conf, database, ComputeClient(Sessions(conf)))
    poker = Poker(conf, database, client(NetworkAgent, runtime.transport(conf)), notifier.poke)
    worker.rpc_server(NetworkConductor, ConductorService(conf, database, poker, notifier))
    poker.attach(worker)
    notifier.attach(worker)
    worker.every("place", conf.network.reschedule_s, poker.place_pending, at_once=False)
    heartbeat.into(worker, database, models.Service)
    return worker
