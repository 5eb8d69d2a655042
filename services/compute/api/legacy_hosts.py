"""Handlers of os-hosts (before 2.43), which old tools read."""

from typing import Any

from common import errors
from common.http.request import Request
from services.compute.db import hosts as rows
from services.compute.db import servers as server_rows
from services.compute.domain import services as service_domain

_NAMES = {"nova-compute": "compute", "nova-conductor": "conductor", "nova-scheduler": "scheduler"}


def hosts(request: Request) -> dict[str, Any]:
    """200."""
    conf = request.app.conf.compute
    with request.app.db.read() as session:
        found, zones = rows.services(session), rows.zones(session)
    made = [
        {
            "host_name": r.host,
            "service": _NAMES[r.binary],
            "zone": zones.get(r.host, conf.default_availability_zone)
            if r.binary == rows.COMPUTE
            else conf.internal_service_availability_zone,
        }
        for r in found
        if r.binary in _NAMES
    ]
    wanted = request.first("zone")
    return {"hosts": [h for h in made if not wanted or wanted == h["zone"]]}


def host(request: Request, name: str) -> dict[str, Any]:
    """200: what a host has and what its projects' servers use; 404."""
    with request.app.db.read() as session:
        nodes = rows.nodes(session, host=name)
        if not nodes:
            raise errors.NotFound(f"Compute host {name} could not be found.")
        used = server_rows.on_host(session, name)
    made = [
        ("(total)", sum(n.vcpus for n in nodes), sum(n.memory_mb for n in nodes), sum(n.disk_gb for n in nodes)),
        ("(used_now)", sum(s.vcpus for s in used), sum(n.memory_mb_used for n in nodes), sum(n.disk_gb_used for n in nodes)),
        ("(used_max)", sum(s.vcpus for s in used), sum(s.memory_mb for s in used), sum(s.root_gb + s.ephemeral_gb for s in used)),
    ]
    for project in sorted({s.project_id for s in used}):
        own = [s for s in used if s.project_id == project]
        made.append(
            (project, sum(s.vcpus for s in own), sum(s.memory_mb for s in own), sum(s.root_gb + s.ephemeral_gb for s in own))
        )
    return {"host": [{"resource": {"host": name, "project": p, "cpu": c, "memory_mb": m, "disk_gb": d}} for p, c, m, d in made]}


def update(request: Request, name: str) -> dict[str, Any]:
    """200: enable or disable; 404; 501 for maintenance mode, which no driver here has."""
    body = {k: str(v).strip().lower() for k, v in request.body.items()}
    row = service_domain.find(request.app, host=name, binary=rows.COMPUTE)
    if "maintenance_mode" in body:
        raise errors.ApiError("Virt driver does not implement host maintenance mode.", status=501)
    row = service_domain.change(request.app, row, disabled=body["status"] == "disable")
    return {"host": name, "status": "disabled" if row.disabled else "enabled"}


def power(request: Request, name: str) -> None:
    """404; 501: no driver here can switch its host's power."""
    service_domain.find(request.app, host=name, binary=rows.COMPUTE)
    raise errors.ApiError("Virt driver does not implement host power management.", status=501)
