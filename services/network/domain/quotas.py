"""Limits: what a project may have, counted in the transaction that makes or removes it."""

from collections.abc import Mapping

from oslo_config import cfg

from services.network.db import quotas as db
from services.network.db.rows import Session
from services.network.domain import faults
from services.network.domain.work import Work

RESOURCES = tuple(db.COUNTED)


def defaults(conf: cfg.ConfigOpts) -> dict[str, int]:
    """The limits of a project that has none of its own."""
    return {name: getattr(conf.network, f"quota_{name}") for name in RESOURCES}


def limits(session: Session, conf: cfg.ConfigOpts, project_id: str) -> dict[str, int]:
    """A project's limits."""
    return {**defaults(conf), **db.limits(session, project_id)}


def claim(work: Work, project_id: str, resource: str, amount: int = 1, *, check: bool = True) -> None:
    """Count `amount` more; 409 OverQuota. Locks the project's counter, so call it late in a transaction."""
    if not project_id:
        return
    if not db.use(work.session, project_id, resource, amount, defaults(work.conf)[resource] if check else None, work.flush):
        raise faults.over_quota(resource)


def release(work: Work, project_id: str, resource: str, amount: int = 1) -> None:
    """Count `amount` fewer."""
    if project_id and amount:
        work.session.flush()
        db.use(work.session, project_id, resource, -amount, None, work.flush)


def update(work: Work, project_id: str, wanted: Mapping[str, int], *, check_limit: bool = False) -> dict[str, int]:
    """Set limits; 400 when a resource is unknown, and (with check_limit) when it is below what is in use."""
    for resource, limit in wanted.items():
        if resource not in RESOURCES:
            raise faults.bad(f"Unrecognized attribute(s) '{resource}'")
        if check_limit and 0 <= limit < db.actual(work.session, project_id, resource):
            raise faults.invalid(f"Quota limit for {resource} is lower than what is in use", "QuotaResourceInUse")
        db.set_limit(work.session, project_id, resource, limit)
    work.session.flush()
    return limits(work.session, work.conf, project_id)


def delete(work: Work, project_id: str) -> None:
    """Back to the defaults; 404 TenantQuotaNotFound when the project had no limits of its own."""
    if not db.drop(work.session, project_id):
        raise faults.not_found("TenantQuotaNotFound", "Quota for tenant", project_id)


def details(session: Session, conf: cfg.ConfigOpts, project_id: str) -> dict[str, dict[str, int]]:
    """resource -> {"limit", "used", "reserved"}."""
    own = limits(session, conf, project_id)
    return {r: {"limit": own[r], "used": db.actual(session, project_id, r), "reserved": 0} for r in RESOURCES}
