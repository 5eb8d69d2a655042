"""Wiring of the scheduler daemon."""

from typing import Any

from oslo_config import cfg

from common import errors, heartbeat
from common.clients.scheduler import Scheduler
from common.worker import Worker
from services.scheduler.conductor.selection import Endpoint
from services.scheduler.config import SERVICE
from services.scheduler.db import models
from services.scheduler.domain import backends, names
from services.scheduler.domain.hosts import Hosts
from services.scheduler.domain.index import Index
from services.scheduler.domain.scheduling.filters import FILTERS
from services.scheduler.domain.scheduling.weighers import WEIGHERS
from services.scheduler.domain.selection import Selector


def build(conf: cfg.ConfigOpts, runtime: Any) -> Worker:
    """The daemon that chooses hosts and back ends. errors.ConfigError when a filter or weigher is unknown."""
    _check(conf)
    database = runtime.database(conf)
    worker = Worker(SERVICE.daemon("scheduler"), conf, runtime)
    endpoint = Endpoint(conf, database, Selector(conf, database, Index(), Hosts()))
    worker.on_start(lambda: names.sync(database))
    worker.rpc_server(Scheduler, endpoint, url=conf.scheduler.transport_url)
    heartbeat.into(worker, database, models.Service)
    return worker


def _check(conf: cfg.ConfigOpts) -> None:
    hosts, pools = conf.filter_scheduler, conf.volume_scheduler
    for option, given, known in (
        ("[filter_scheduler] enabled_filters", hosts.enabled_filters, FILTERS),
        ("[filter_scheduler] weight_classes", hosts.weight_classes, WEIGHERS),
        ("[volume_scheduler] enabled_filters", pools.enabled_filters, backends.FILTERS),
        ("[volume_scheduler] weighers", pools.weighers, backends.WEIGHERS),
    ):
        unknown = sorted(set(given) - set(known))
        if unknown:
            raise errors.ConfigError(f"scheduler: {option}: unknown {', '.join(unknown)}; known: {', '.join(known)}")
