"""console-proxy: brings guests' screens and serial lines to browsers, over WebSockets."""

from oslo_config import cfg

from common import heartbeat
from common.rpc.interface import client
from common.worker import Runtime, Worker
from services.compute.api.console_proxy import Proxy, Targets
from services.compute.config import SERVICE
from services.compute.db import models
from services.compute.rpc.agent import Agent


def build(conf: cfg.ConfigOpts, runtime: Runtime) -> Worker:
    """The daemon's worker."""
    database = runtime.database(conf)
    worker = Worker(SERVICE.daemon("console-proxy"), conf, runtime)
    targets = Targets(database, client(Agent, runtime.transport(conf)))
    proxy = Proxy(worker.name, conf, worker.address, targets, conf.console.novnc_path)
    worker.on_start(proxy.listen)
    worker.loop("proxy", proxy.serve)
    worker.on_stop(proxy.close)
    heartbeat.into(worker, database, models.Service)
    return worker
