"""The scheduler daemon's answers to messages; the contract is common.clients.scheduler.Scheduler."""

import logging
from typing import Any

from oslo_config import cfg

from common.db.session import Database
from services.scheduler.domain import backends
from services.scheduler.domain import hosts as host_facts
from services.scheduler.domain.selection import Selector

LOG = logging.getLogger(__name__)


class Endpoint:
    """Implements Scheduler."""

    def __init__(self, conf: cfg.ConfigOpts, database: Database, selector: Selector) -> None:
        self.conf, self.database, self.selector = conf, database, selector

    def select_hosts(self, ctxt: Any, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """See Scheduler.select_hosts."""
        answers = self.selector.select(requests)
        for request, answer in zip(requests, answers, strict=True):
            if "error" in answer:
                LOG.warning("%s: %s", request["consumer_id"], answer["error"])
            else:
                LOG.info("%s goes to %s", request["consumer_id"], answer["host"])
        return answers

    def select_backends(self, ctxt: Any, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """See Scheduler.select_backends."""
        options = self.conf.volume_scheduler
        answers = backends.select(requests, options.enabled_filters, options.weighers, options.capacity_weight_multiplier)
        for request, answer in zip(requests, answers, strict=True):
            LOG.info("volume %s: %s", request.get("volume_id"), answer.get("host") or answer["error"])
        return answers

    def update_hosts(self, ctxt: Any, hosts: list[dict[str, Any]]) -> None:
        """See Scheduler.update_hosts."""
        changed = host_facts.update(self.database, hosts, self.selector.hosts)
        if changed:
            LOG.info("%d of %d hosts changed", changed, len(hosts))
