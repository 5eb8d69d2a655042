"""volume-agent: works for the back ends of its host. It has no database access."""

import os

from oslo_config import cfg

from common import errors
from common.rpc.interface import client
from common.worker import Runtime, Worker
from services.volume.agent.images import Images
from services.volume.agent.reconcile import Reconciler
from services.volume.agent.service import AgentService
from services.volume.agent.verbs import Backend
from services.volume.config import SERVICE
from services.volume.drivers import load_driver, options
from services.volume.drivers.base import BackendError
from services.volume.rpc.agent import Agent
from services.volume.rpc.conductor import Conductor


def build(conf: cfg.ConfigOpts, runtime: Runtime) -> Worker:
    """The daemon's worker; errors.ConfigError when a back end is not described or cannot be used."""
    worker = Worker(SERVICE.daemon("volume-agent"), conf, runtime)
    conductor = client(Conductor, runtime.transport(conf))
    if not conf.enabled_backends:
        raise errors.ConfigError("volume-agent: enabled_backends names no back end")
    for name in conf.enabled_backends:
        options.register_backend(conf, name)
        if runtime.embedded:
            conf.set_default("journal_path", os.path.join(conf.state_path, f"{name}.journal"), group=name)
        _wire(worker, conf, name, conductor)
    return worker


def _wire(worker: Worker, conf: cfg.ConfigOpts, name: str, conductor: object) -> None:
    host = f"{conf.host}@{name}"
    try:
        driver = load_driver(conf, name)
    except BackendError as e:
        raise errors.ConfigError(f"volume-agent: {e}") from e

    def start() -> None:
        try:
            driver.start()
        except BackendError as e:
            raise errors.ConfigError(f"volume-agent: back end {name}: {e}") from e

    backend = Backend(host, conf.volume.storage_availability_zone, driver, Images(conductor, host))
    reconciler = Reconciler(backend, conductor, threads=max(2, conf.worker.threads // 2))
    worker.on_start(start)
    worker.on_stop(driver.stop)
    worker.rpc_server(Agent, AgentService(reconciler), server=host)
    reconciler.attach(worker)
