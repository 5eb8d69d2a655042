"""image-api: the Images API v2."""

import logging
import os

from oslo_config import cfg

from common import clock, errors, heartbeat
from common.clients.base import Sessions
from common.context import RequestContext
from common.http.auth import KeystoneAuthenticator
from common.rpc.interface import client
from common.rpc.notifier import Notifier
from common.worker import Complaint, Runtime, Worker, guarded
from services.image.api import caching
from services.image.api.app import make_app
from services.image.api.state import State
from services.image.cmd.wiring import storage
from services.image.config import SERVICE
from services.image.db import models
from services.image.domain import metadef_defaults
from services.image.drivers.cache import ImageCache
from services.image.drivers.limits import ProjectLimits
from services.image.drivers.signature import KeyManager
from services.image.rpc.conductor import Conductor

LOG = logging.getLogger(__name__)


def _keep_cache(worker: Worker, state: State, cache: ImageCache) -> None:
    """Fill the cache as soon as something is wanted here, and every so often: other processes of this host want things, too."""
    complaint = Complaint("cache")
    while not worker.stopping.is_set():
        state.cache_wanted.clear()
        guarded("cache", lambda: caching.fill(state, cache), complaint)
        clock.wait(state.cache_wanted, state.conf.cache.pass_every_s)


def build(conf: cfg.ConfigOpts, runtime: Runtime) -> Worker:
    """The daemon, wired and not started."""
    database = runtime.database(conf)
    stores, staging = storage(conf)
    cache = ImageCache(conf.cache.dir or os.path.join(conf.state_path, "cache")) if conf.cache.enabled else None
    conductor = client(Conductor, runtime.transport(conf))

    def poke(context: RequestContext, saga_ids: list[str]) -> None:
        try:
            conductor.run_sagas(context, saga_ids)
        except errors.Transient as e:
            LOG.warning("no conductor was told; one will find the work: %s", e)

    sessions = Sessions(conf)
    limits = ProjectLimits(conf, sessions) if conf.image.use_keystone_limits else None
    notifier = Notifier(conf, f"image.{conf.host}", "glance")
    state = State(conf, database, stores, staging, cache, poke, KeyManager(sessions, conf.image.key_manager_endpoint),
                  limits.of if limits else lambda project: {}, notifier.tell if notifier.enabled else None)
    worker = Worker(SERVICE.daemon("image-api"), conf, runtime)
    notifier.attach(worker)
    worker.on_start(lambda: metadef_defaults.load(database))
    worker.http(make_app(state, KeystoneAuthenticator(conf)))
    heartbeat.into(worker, database, models.Service)
    if cache is not None:
        worker.on_start(cache.start)
        worker.loop("cache", lambda: _keep_cache(worker, state, cache))
        worker.on_stop(state.cache_wanted.set)
        worker.every("cache-sweep", 3600, lambda: caching.sweep(state, cache))
    return worker
