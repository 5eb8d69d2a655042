"""Limits of projects and of classes."""

from collections.abc import Mapping

import sqlalchemy as sa

from common.db import locks
from common.db.session import Session
from services.volume.db.models import ProjectLock, Quota, QuotaClass

DEFAULT_CLASS = "default"


def of_project(session: Session, project_id: str) -> dict[str, int]:
    """The limits that a project has of its own."""
    return dict(session.execute(sa.select(Quota.resource, Quota.hard_limit).where(Quota.project_id == project_id)).tuples().all())


def of_class(session: Session, class_name: str = DEFAULT_CLASS) -> dict[str, int]:
    """The limits of a class."""
    query = sa.select(QuotaClass.resource, QuotaClass.hard_limit).where(QuotaClass.class_name == class_name)
    return dict(session.execute(query).tuples().all())


def set_project(session: Session, project_id: str, limits: Mapping[str, int]) -> None:
    """Set limits of a project."""
    for resource, limit in limits.items():
        session.merge(Quota(project_id=project_id, resource=resource, hard_limit=limit))


def set_class(session: Session, class_name: str, limits: Mapping[str, int]) -> None:
    """Set limits of a class."""
    for resource, limit in limits.items():
        session.merge(QuotaClass(class_name=class_name, resource=resource, hard_limit=limit))


def delete_project(session: Session, project_id: str) -> None:
    """Remove a project's own limits: the defaults hold again."""
    session.execute(sa.delete(Quota).where(Quota.project_id == project_id))


def drop_type(session: Session, type_name: str) -> None:
    """Remove the limits of a type that is deleted."""
    names = [f"{r}_{type_name}" for r in ("volumes", "snapshots", "gigabytes")]
    for model in (Quota, QuotaClass):
        session.execute(sa.delete(model).where(model.resource.in_(names)))


def rename_type(session: Session, old: str, new: str) -> None:
    """Let the limits of a type follow its name."""
    for model in (Quota, QuotaClass):
        for resource in ("volumes", "snapshots", "gigabytes"):
            session.execute(sa.update(model).where(model.resource == f"{resource}_{old}").values(resource=f"{resource}_{new}"))


def lock(session: Session, project_id: str) -> None:
    """Hold the project's lock until the end of the transaction, so that what is counted stays true."""
    locks.hold(session, ProjectLock.touched, ProjectLock.project_id, project_id)
