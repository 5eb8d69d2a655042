"""How much servers used in a span of time: pure arithmetic over rows."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from common import clock


def server(row: Any, start: datetime.datetime, end: datetime.datetime) -> dict[str, Any]:
    """One server's line in a usage report; hours within the span."""
    flavor: Mapping[str, Any] = row.flavor or {}
    begun = max(row.launched_at, start)
    ended = min(row.terminated_at or end, end)
    now = clock.now()
    return {
        "instance_id": row.id, "name": row.name, "hours": max(0.0, (ended - begun).total_seconds() / 3600),
        "memory_mb": row.memory_mb, "local_gb": row.root_gb + row.ephemeral_gb, "vcpus": row.vcpus, "tenant_id": row.project_id,
        "flavor": flavor.get("name", ""), "started_at": row.launched_at.isoformat(timespec="microseconds"),
        "ended_at": row.terminated_at.isoformat(timespec="microseconds") if row.terminated_at else None,
        "state": "terminated" if row.terminated_at else row.vm_state,
        "uptime": int(((row.terminated_at or now) - row.launched_at).total_seconds()),
    }


def month_before(moment: datetime.datetime) -> tuple[datetime.datetime, datetime.datetime]:
    """Begin and end of the last calendar month that was over at `moment`."""
    end = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (end - datetime.timedelta(days=1)).replace(day=1), end


def projects(rows: Sequence[Any], start: datetime.datetime, end: datetime.datetime, *, detailed: bool) -> list[dict[str, Any]]:
    """One entry for each project that had servers, with sums of hours."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        line = server(row, start, end)
        entry = found.setdefault(row.project_id, {
            "tenant_id": row.project_id, "server_usages": [], "total_hours": 0.0, "total_local_gb_usage": 0.0,
            "total_memory_mb_usage": 0.0, "total_vcpus_usage": 0.0, "start": start.isoformat(timespec="microseconds"),
            "stop": end.isoformat(timespec="microseconds")})
        hours = line["hours"]
        entry["total_hours"] += hours
        entry["total_local_gb_usage"] += hours * line["local_gb"]
        entry["total_memory_mb_usage"] += hours * line["memory_mb"]
        entry["total_vcpus_usage"] += hours * line["vcpus"]
        entry["server_usages"].append(line)
    if not detailed:
        for entry in found.values():
            del entry["server_usages"]
    return list(found.values())
