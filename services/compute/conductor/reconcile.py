"""What conductors look after without being asked: orphaned claims, soft-deleted servers, stuck states, the scheduler's facts."""

import logging

from common import context
from common.db.session import Session
from common.saga import Runner
from common.worker import Worker
from services.compute.conductor import inventory
from services.compute.conductor.deps import Conductor
from services.compute.db import operations, servers
from services.compute.domain import states

LOG = logging.getLogger(__name__)


def attach(worker: Worker, conductor: Conductor, runner: Runner) -> None:
    """Let `worker` do all of it periodically."""
    worker.every("tell-scheduler", 60, lambda: inventory.tell_scheduler(conductor))
    worker.every("orphan-claims", 300, lambda: inventory.forget_orphan_claims(conductor), at_once=False)
    worker.every("stuck-servers", 60, lambda: unstick(conductor, runner), at_once=False)
    interval_s = conductor.conf.compute.reclaim_instance_interval_s
    if interval_s > 0:
        worker.every("reclaim", max(10.0, interval_s / 4), lambda: reclaim(conductor, runner), at_once=False)


def unstick(conductor: Conductor, runner: Runner) -> None:
    """A server whose task state says that something goes on, while no saga does it, is freed (or deleted, when it was to be)."""

    def work(session: Session) -> list[str]:
        pokes: list[str] = []
        for row in servers.without_saga(session, older_than_s=120):
            LOG.warning("server %s is %s but nothing works on it", row.id, row.task_state)
            if row.task_state == states.DELETING:
                pokes.append(operations.begin_again(session, context.internal(), "server_delete", row.id, {"action": "delete"}))
            elif row.vm_state == states.BUILDING:
                servers.change(session, row.id, {"vm_state": states.ERROR, "task_state": None})
            else:
                servers.change(session, row.id, {"task_state": None})
        return pokes

    runner.poke(conductor.database.transaction(work))


def reclaim(conductor: Conductor, runner: Runner) -> None:
    """Delete for good what was soft-deleted long enough ago."""

    def work(session: Session) -> list[str]:
        pokes = []
        for row in servers.soft_deleted(session, conductor.conf.compute.reclaim_instance_interval_s):
            servers.change(session, row.id, {"task_state": states.DELETING})
            pokes.append(operations.begin_again(session, context.internal(), "server_delete", row.id, {"action": "delete"}))
        return pokes

    runner.poke(conductor.database.transaction(work))
