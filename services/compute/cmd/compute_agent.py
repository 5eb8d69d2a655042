"""compute-agent: one per hypervisor host; builds and keeps its servers. It has no database access."""

import os

from oslo_config import cfg

from common import errors
from common.rpc.interface import client
from common.worker import Runtime, Worker
from services.compute.agent.images import Images
from services.compute.agent.reconcile import Reconciler
from services.compute.agent.service import AgentService
from services.compute.agent.tunnel import Listener
from services.compute.agent.verbs import Host
from services.compute.config import SERVICE
from services.compute.drivers import load_driver
from services.compute.drivers.base import DriverError
from services.compute.rpc.agent import Agent
from services.compute.rpc.conductor import Conductor


def build(conf: cfg.ConfigOpts, runtime: Runtime) -> Worker:
    """The daemon's worker; errors.ConfigError when the hypervisor cannot be used."""
    worker = Worker(SERVICE.daemon("compute-agent"), conf, runtime)
    conductor = client(Conductor, runtime.transport(conf))
    images = Images(conductor, conf.host)
    try:
        driver = load_driver(conf, images.fetch)
    except DriverError as e:
        raise errors.ConfigError(f"compute-agent: {e}") from e
    listener = Listener(str(conf.compute.migration_address or conf.libvirt.console_address), conf.compute.migration_port)
    host = Host(driver=driver, images=images, scratch=os.path.join(conf.state_path, "snapshots"), name=conf.host,
                listener=listener, conductor=conductor)
    reconciler = Reconciler(host, conductor, threads=conf.worker.threads)
    reconciler.attach(worker)
    worker.rpc_server(Agent, AgentService(reconciler))
    worker.on_stop(driver.lifecycle.close)
    worker.on_stop(listener.stop)
    return worker
