"""metadata-api: what servers learn about themselves."""

from oslo_config import cfg

from common import errors, heartbeat
from common.worker import Runtime, Worker
from services.compute.api.metadata_app import make_app
from services.compute.config import SERVICE
from services.compute.db import models
from services.compute.domain.deps import Deps


def build(conf: cfg.ConfigOpts, runtime: Runtime) -> Worker:
    """The wired daemon; errors.ConfigError without the secret that it shares with the network service."""
    if not conf.metadata.shared_secret:
        raise errors.ConfigError("metadata-api: [metadata] shared_secret is not set; give it the network service's value")
    worker = Worker(SERVICE.daemon("metadata-api"), conf, runtime)
    database = runtime.database(conf)
    worker.http(make_app(Deps(conf=conf, db=database, conductor=None, agents=None, image=None, network=None, volume=None)))
    heartbeat.into(worker, database, models.Service)
    return worker
