"""image-conductor: imports, location checks, scrubbing."""

from typing import Any

from oslo_config import cfg

from common import heartbeat
from common.clients.base import Sessions
from common.rpc.notifier import Notifier
from common.saga import Runner
from common.worker import Runtime, Worker
from services.image.cmd.wiring import storage
from services.image.conductor import image_import, location_add, reconcile
from services.image.conductor.deps import Deps
from services.image.config import SERVICE
from services.image.db import models
from services.image.domain.events import Events
from services.image.domain.quotas import NAMES
from services.image.drivers.limits import ProjectLimits
from services.image.drivers.regions import remote_images
from services.image.drivers.signature import KeyManager
from services.image.rpc.conductor import Conductor

_LIMITS_EVERY_S = 60.0
SAGAS = {s.kind: s for s in (image_import.SAGA, location_add.SAGA)}


class _Messages:
    """What the API may ask of this conductor."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def run_sagas(self, ctxt: Any, saga_ids: list[str]) -> None:
        """See rpc.conductor."""
        self._runner.poke(saga_ids)


def build(conf: cfg.ConfigOpts, runtime: Runtime) -> Worker:
    """The daemon, wired and not started."""
    database = runtime.database(conf)
    stores, staging = storage(conf)
    sessions = Sessions(conf)
    notifier = Notifier(conf, f"image.{conf.host}", "glance")
    events = Events(database, notifier.tell if notifier.enabled else None)
    deps = Deps(conf, database, stores, staging, remote_images(sessions),
                KeyManager(sessions, conf.image.key_manager_endpoint), events)
    worker = Worker(SERVICE.daemon("image-conductor"), conf, runtime)
    runner = Runner(database, models.Saga, SAGAS, deps, threads=conf.worker.threads)
    runner.attach(worker)
    notifier.attach(worker)
    worker.rpc_server(Conductor, _Messages(runner))
    worker.every("uploads", max(2.0, conf.image.upload_lease_s / 4), lambda: reconcile.uploads(deps))
    worker.every("scrub", conf.image.scrub_every_s, lambda: reconcile.scrub(deps))
    worker.every("staged", 3600, lambda: reconcile.staged(deps))
    if conf.image.use_keystone_limits:
        limits = ProjectLimits(conf, sessions)
        worker.every("limits", _LIMITS_EVERY_S, lambda: limits.register(NAMES))
    heartbeat.into(worker, database, models.Service)
    return worker
