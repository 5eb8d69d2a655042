"""Daemons, hosts, pools and capabilities: what operators look at."""

from typing import Any

from common import errors
from common.clock import iso_micro
from common.db import services as service_rows
from common.http.request import Request, boolean
from services.volume.db import services
from services.volume.db.models import Service
from services.volume.domain import faults


def _rows(request: Request, binary: str | None = None, host: str | None = None) -> list[Service]:
    with request.app.db.read() as session:
        return [
            r
            for r in service_rows.list_all(session, Service, binary=binary)
            if not host or r.host == host or r.host.startswith(f"{host}@")
        ]


def _shown(request: Request, row: Service) -> dict[str, Any]:
    agent = row.binary == services.AGENT
    shown: dict[str, Any] = {
        "binary": row.binary,
        "host": row.host,
        "zone": row.availability_zone or request.app.conf.volume.default_availability_zone,
        "status": "disabled" if row.disabled else "enabled",
        "state": "up" if service_rows.is_up(row, request.app.conf.worker.down_after_s) else "down",
        "updated_at": iso_micro(row.last_seen_at),
        "disabled_reason": row.disabled_reason,
    }
    if agent:
        shown |= {"replication_status": "disabled", "active_backend_id": None, "frozen": False}
    if request.at_least("3.7"):
        shown["cluster"] = None
    if request.at_least("3.49") and agent:
        shown["backend_state"] = shown["state"]
    return shown


def index(request: Request) -> dict[str, Any]:
    """200: every daemon but the API."""
    rows = _rows(request, request.first("binary") or request.first("service"), request.first("host"))
    return {"services": [_shown(request, r) for r in rows if r.binary != "cinder-api"]}


def _change(request: Request, *, disabled: bool, reason: str | None = None) -> Service:
    body = request.body
    binary = body.get("binary") or body.get("service")
    if not binary:
        raise errors.BadRequest("Missing required element 'binary' in request body.")
    with request.app.db.read() as session:
        row = services.of_binary(session, binary, body["host"])
    if row is None:
        raise errors.NotFound(f"Service {binary} could not be found on host {body['host']}.")
    request.app.db.transaction(services.change, row.id, disabled=disabled, disabled_reason=reason)
    return row


def enable(request: Request) -> dict[str, Any]:
    """200; 404."""
    row = _change(request, disabled=False)
    return {
        "host": row.host,
        "service": row.binary,
        "binary": row.binary,
        "disabled": False,
        "status": "enabled",
        "disabled_reason": None,
    }


def disable(request: Request) -> dict[str, Any]:
    """200; 404: no new volumes go there."""
    row = _change(request, disabled=True)
    return {"host": row.host, "service": row.binary, "binary": row.binary, "disabled": True, "status": "disabled"}


def disable_reason(request: Request) -> dict[str, Any]:
    """200; 404: no new volumes go there, and why."""
    reason = request.body["disabled_reason"]
    row = _change(request, disabled=True, reason=reason)
    return {
        "host": row.host,
        "service": row.binary,
        "binary": row.binary,
        "disabled": True,
        "status": "disabled",
        "disabled_reason": reason,
    }


def hosts_index(request: Request) -> dict[str, Any]:
    """200: hosts with their daemons."""
    shown = []
    for row in _rows(request):
        up = service_rows.is_up(row, request.app.conf.worker.down_after_s)
        shown.append(
            {
                "host_name": row.host,
                "service": row.binary,
                "zone": row.availability_zone or "",
                "service-status": "available" if up else "unavailable",
                "service-state": "disabled" if row.disabled else "enabled",
                "last-update": iso_micro(row.last_seen_at),
            }
        )
    return {"hosts": shown}


def hosts_show(request: Request, host_name: str) -> dict[str, Any]:
    """200: what a host holds, in all and for each project; 404."""
    rows = _rows(request, services.AGENT, host_name)
    if not rows:
        raise faults.missing("host", host_name)
    with request.app.db.read() as session:
        held = services.held(session, rows[0].host)
    total: dict[str, Any] = {"host": host_name, "project": "(total)"}
    for key in ("volume_count", "total_volume_gb", "snapshot_count", "total_snapshot_gb"):
        total[key] = str(sum(h[key] for h in held.values()))
    each = [{"resource": {"host": host_name, "project": p, **{k: str(v) for k, v in h.items()}}} for p, h in held.items()]
    return {"host": [{"resource": total}, *each]}


def hosts_update(request: Request, host_name: str) -> dict[str, Any]:
    """200: enable or disable a host; 404."""
    with request.app.db.read() as session:
        row = services.agent(session, host_name)
    if row is None:
        raise faults.missing("host", host_name)
    disabled = request.body["status"] == "disable"
    request.app.db.transaction(services.change, row.id, disabled=disabled)
    return {"host": host_name, "status": "disabled" if disabled else "enabled"}


def pools(request: Request) -> dict[str, Any]:
    """200: the pools of all back ends that are up; with `detail`, what they can do."""
    detail = boolean(request.first("detail", "false"), "detail")
    shown = []
    for row in _rows(request, services.AGENT):
        if not service_rows.is_up(row, request.app.conf.worker.down_after_s):
            continue
        for pool in (row.info or {}).get("pools", []):
            if request.at_least("3.28") and request.first("name") not in (None, pool["name"]):
                continue
            entry: dict[str, Any] = {"name": pool["name"]}
            if detail:
                taken_at = (row.info or {}).get("taken_at")
                entry["capabilities"] = {**pool["capabilities"], "timestamp": taken_at, "updated": taken_at}
            shown.append(entry)
    return {"pools": shown}


def capabilities(request: Request, host_name: str) -> dict[str, Any]:
    """200: what a back end can do; 404."""
    found = _rows(request, services.AGENT, host_name.split("#")[0])
    if not found:
        raise faults.missing("host", host_name)
    pool = next(iter((found[0].info or {}).get("pools", [])), None)
    if pool is None:
        raise faults.missing("host", host_name)
    have = pool["capabilities"]
    named = {
        "thin_provisioning": ("Thin Provisioning", "thin_provisioning_support"),
        "compression": ("Compression", "compression"),
        "qos": ("QoS", "QoS_support"),
        "replication_enabled": ("Replication", "replication_enabled"),
    }
    return {
        "namespace": f"OS::Storage::Capabilities::{found[0].host}",
        "vendor_name": have.get("vendor_name"),
        "volume_backend_name": have.get("volume_backend_name"),
        "pool_name": have.get("pool_name"),
        "driver_version": have.get("driver_version"),
        "storage_protocol": have.get("storage_protocol"),
        "display_name": None,
        "description": None,
        "visibility": "public",
        "replication_targets": [],
        "properties": {
            key: {"title": title, "description": f"{title}.", "type": "boolean", "default": bool(have.get(source))}
            for key, (title, source) in named.items()
        },
    }
