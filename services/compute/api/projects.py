"""Handlers of limits, quotas and usage of projects, and of events from other services."""

import datetime
from typing import Any

from common import clock, errors
from common.http.request import Request
from services.compute.api.base import next_links, page_limit, when
from services.compute.db import quotas as rows
from services.compute.db import servers as server_rows
from services.compute.domain import external_events, quotas, usage

_ABSOLUTE = {
    "instances": "maxTotalInstances",
    "cores": "maxTotalCores",
    "ram": "maxTotalRAMSize",
    "metadata_items": "maxServerMeta",
    "key_pairs": "maxTotalKeypairs",
    "server_groups": "maxServerGroups",
    "server_group_members": "maxServerGroupMembers",
}


def limits(request: Request) -> dict[str, Any]:
    """200: limits and use of the caller's project, for operators of any."""
    project = request.context.project_id or ""
    wanted = request.first("tenant_id")
    if wanted and wanted != project:
        request.authorize(None, "os_compute_api:limits:other_project")
        project = wanted
    with request.app.db.read() as session:
        limit = quotas.limits(session, request.app.conf, project)
        used = {**rows.usage(session, project), **rows.other_usage(session, project)}
    made = {shown: limit[name] for name, shown in _ABSOLUTE.items()}
    made.update(
        totalInstancesUsed=used["instances"],
        totalCoresUsed=used["cores"],
        totalRAMUsed=used["ram"],
        totalServerGroupsUsed=used["server_groups"],
    )
    if not request.at_least("2.57"):
        made.update(maxPersonality=limit["injected_files"], maxPersonalitySize=limit["injected_file_content_bytes"])
    if not request.at_least("2.39"):
        made["maxImageMeta"] = limit["metadata_items"]
    if not request.at_least("2.36"):
        made.update(
            maxSecurityGroups=-1,
            maxSecurityGroupRules=-1,
            maxTotalFloatingIps=-1,
            totalFloatingIpsUsed=0,
            totalSecurityGroupsUsed=0,
        )
    return {"limits": {"rate": [], "absolute": made}}


def _names(request: Request, *, classes: bool = False) -> list[str]:
    """Resources in quota sets at this version; the network's come with `_view`, before 2.36."""
    found = [n for n in quotas.RESOURCES if not (request.at_least("2.57") and n.startswith("injected_"))]
    if classes and not request.at_least("2.50"):
        found = [n for n in found if not n.startswith("server_group")]
    return found


def _view(request: Request, limit: dict[str, int], *, classes: bool = False) -> dict[str, Any]:
    made: dict[str, Any] = {n: limit[n] for n in _names(request, classes=classes)}
    limit36 = "2.50" if classes else "2.36"
    if not request.at_least(limit36):
        made.update({n: limit[n] for n in quotas.NETWORK if n != "networks"})
    return made


def quota(request: Request, project_id: str) -> dict[str, Any]:
    """200."""
    request.authorize({"project_id": project_id})
    with request.app.db.read() as session:
        limit = quotas.limits(session, request.app.conf, project_id, request.first("user_id") or "")
    return {"quota_set": {"id": project_id, **_view(request, limit)}}


def quota_defaults(request: Request, project_id: str) -> dict[str, Any]:
    """200."""
    with request.app.db.read() as session:
        limit = quotas.limits(session, request.app.conf, rows.DEFAULT_CLASS)
    return {"quota_set": {"id": project_id, **_view(request, limit)}}


def quota_detail(request: Request, project_id: str) -> dict[str, Any]:
    """200: limits with what is used."""
    request.authorize({"project_id": project_id})
    user_id = request.first("user_id")
    with request.app.db.read() as session:
        limit = quotas.limits(session, request.app.conf, project_id, user_id or "")
        used = {**rows.usage(session, project_id, user_id), **rows.other_usage(session, project_id, user_id)}
    made = {
        n: {"limit": value, "in_use": used.get(n, 0) if n != "key_pairs" else 0, "reserved": 0}
        for n, value in _view(request, limit).items()
    }
    return {"quota_set": {"id": project_id, **made}}


def update_quota(request: Request, project_id: str) -> dict[str, Any]:
    """200; 400 for limits below use (unless `force`)."""
    body = dict(request.body["quota_set"])
    body.pop("tenant_id", None)
    force = str(body.pop("force", False)).lower() in ("true", "1", "on", "yes")
    values = {k: int(v) for k, v in body.items() if k in quotas.STORED}
    user_id = request.first("user_id") or ""
    request.app.db.transaction(quotas.set_limits, request.app.conf, project_id, user_id, values, force=force)
    with request.app.db.read() as session:
        limit = quotas.limits(session, request.app.conf, project_id, user_id)
    return {"quota_set": _view(request, limit)}


def delete_quota(request: Request, project_id: str) -> None:
    """202."""
    request.app.db.transaction(rows.delete_limits, project_id, request.first("user_id"))


def quota_class(request: Request, name: str) -> dict[str, Any]:
    """200: the class `default` holds for all projects; another name shows the same limits."""
    with request.app.db.read() as session:
        limit = quotas.limits(session, request.app.conf, rows.DEFAULT_CLASS)
    return {"quota_class_set": {"id": name, **_view(request, limit, classes=True)}}


def update_quota_class(request: Request, name: str) -> dict[str, Any]:
    """200; only the class `default` is in use."""
    if name != "default":
        raise errors.BadRequest(f"Quota class {name} could not be found.")
    values = {k: int(v) for k, v in request.body["quota_class_set"].items() if k in quotas.STORED}
    request.app.db.transaction(rows.set_limits, rows.DEFAULT_CLASS, "", values)
    made = quota_class(request, name)["quota_class_set"]
    del made["id"]
    return {"quota_class_set": made}


def _span(request: Request) -> tuple[datetime.datetime, datetime.datetime]:
    end = when(text, "end") if (text := request.first("end")) else clock.now()
    start = when(text, "start") if (text := request.first("start")) else end - datetime.timedelta(days=28)
    if start >= end:
        raise errors.BadRequest("Invalid start time. The start time cannot occur after the end time.")
    return start, end


def _paged(request: Request, found: list[Any]) -> tuple[list[Any], int | None]:
    """Since 2.40 usage is paged by server."""
    if not request.at_least("2.40"):
        return found, None
    limit, marker = page_limit(request), request.first("marker")
    if marker is not None:
        at = next((n for n, r in enumerate(found) if r.id == marker), None)
        if at is None:
            raise errors.BadRequest(f"marker [{marker}] not found")
        found = found[at + 1 :]
    return found[:limit], limit


def usages(request: Request) -> dict[str, Any]:
    """200: all projects; 400."""
    start, end = _span(request)
    with request.app.db.read() as session:
        found = list(server_rows.used_between(session, start, end, None))
    found, limit = _paged(request, found)
    made: dict[str, Any] = {"tenant_usages": usage.projects(found, start, end, detailed=request.first("detailed") == "1")}
    link = next_links(request, "os-simple-tenant-usage", found, limit, found[-1].id if found else "")
    return {**made, "tenant_usages_links": link} if link else made


def project_usage(request: Request, project_id: str) -> dict[str, Any]:
    """200; 400."""
    request.authorize({"project_id": project_id})
    start, end = _span(request)
    with request.app.db.read() as session:
        found = list(server_rows.used_between(session, start, end, project_id))
    found, limit = _paged(request, found)
    entries = usage.projects(found, start, end, detailed=True)
    made: dict[str, Any] = {"tenant_usage": entries[0] if entries else {}}
    link = next_links(request, f"os-simple-tenant-usage/{project_id}", found, limit, found[-1].id if found else "")
    return {**made, "tenant_usage_links": link} if link else made


def events(request: Request) -> Any:
    """200, 207 when some events did not fit, 404 when none did."""
    made, status = external_events.receive(request.app, request.context, request.body["events"])
    return {"events": made}, status
