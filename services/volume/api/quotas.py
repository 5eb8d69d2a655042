"""Quota sets, quota classes and limits."""

from typing import Any

from common import errors
from common.http.request import Request, boolean
from services.volume.api import base
from services.volume.db import quotas, volumes
from services.volume.domain import quotas as domain


def show(request: Request, project_id: str) -> dict[str, Any]:
    """200: a project's limits, with `usage=true` its use too."""
    request.authorize({"project_id": project_id})
    with request.app.db.read() as session:
        if boolean(request.first("usage", "false"), "usage"):
            found: dict[str, Any] = domain.usage(session, request.app.conf, project_id)
        else:
            found = domain.limits(session, request.app.conf, project_id)
    return {"quota_set": {"id": project_id, **found}}


def defaults(request: Request, project_id: str) -> dict[str, Any]:
    """200: the limits of a project without any of its own."""
    request.authorize({"project_id": project_id})
    with request.app.db.read() as session:
        return {"quota_set": {"id": project_id, **domain.defaults(session, request.app.conf)}}


def _limits(values: dict[str, Any], known: dict[str, int]) -> dict[str, int]:
    ignored = ("tenant_id", "force", "id", "skip_validation", "class_name", "volume")
    bad = sorted(k for k in values if k not in known and k not in ignored)
    if bad:
        raise errors.BadRequest(f"Bad key(s) in quota set: {', '.join(bad)}")
    return {k: int(v) for k, v in values.items() if k in known}


def update(request: Request, project_id: str) -> dict[str, Any]:
    """200: set limits; 400 for unknown ones or ones below the use (with skip_validation=false)."""
    request.authorize({"project_id": project_id})
    values, conf = request.body["quota_set"], request.app.conf
    validate = not boolean(request.first("skip_validation", "true"), "skip_validation")

    def change(session: Any) -> dict[str, int]:
        limits = _limits(values, domain.defaults(session, conf))
        if validate:
            used = volumes.usage(session, project_id)
            for name, limit in limits.items():
                if 0 <= limit < used.get(name, 0):
                    raise errors.BadRequest(f"Quota limit is below the current usage of {name}: {used[name]}.")
        quotas.set_project(session, project_id, limits)
        session.flush()
        return domain.limits(session, conf, project_id)

    return {"quota_set": request.app.db.transaction(change)}


def delete(request: Request, project_id: str) -> Any:
    """200: the defaults hold again."""
    request.authorize({"project_id": project_id})
    request.app.db.transaction(quotas.delete_project, project_id)
    return base.empty()


def class_show(request: Request, class_name: str) -> dict[str, Any]:
    """200: the limits of a class."""
    with request.app.db.read() as session:
        return {"quota_class_set": {"id": class_name, **domain.defaults(session, request.app.conf, class_name)}}


def class_update(request: Request, class_name: str) -> dict[str, Any]:
    """200: set limits of a class; 400 for unknown ones."""
    values, conf = request.body["quota_class_set"], request.app.conf

    def change(session: Any) -> dict[str, int]:
        quotas.set_class(session, class_name, _limits(values, domain.defaults(session, conf)))
        session.flush()
        return domain.defaults(session, conf, class_name)

    return {"quota_class_set": request.app.db.transaction(change)}


def limits(request: Request) -> dict[str, Any]:
    """200: the caller's absolute limits and use; from 3.39 operators may name another project."""
    project = request.context.project_id or ""
    if request.at_least("3.39") and request.context.has_admin_role and request.first("project_id"):
        project = str(request.first("project_id"))
    with request.app.db.read() as session:
        return {"limits": {"rate": [], "absolute": domain.absolute(session, request.app.conf, project)}}
