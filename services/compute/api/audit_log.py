"""Handlers of os-instance_usage_audit_log: which hosts have reported the use of the last whole month.

Compute hosts here send no periodic usage reports (upstream's default, too): every host is one that has not run, and
what servers used is told by os-simple-tenant-usage.
"""

import datetime
from typing import Any

from common import clock, errors
from common.http.request import Request
from services.compute.db import hosts as rows
from services.compute.domain import usage

_FORM = "%Y-%m-%d %H:%M:%S"


def index(request: Request) -> dict[str, Any]:
    """200: the month before this one."""
    return {"instance_usage_audit_logs": _log(request, clock.now())}


def show(request: Request, before: str) -> dict[str, Any]:
    """200: the last month that was over at `before`; 400 when that is no date."""
    try:
        moment = clock.parse(before)
    except ValueError:
        raise errors.BadRequest(f"Invalid timestamp for date {before}") from None
    return {"instance_usage_audit_log": _log(request, moment)}


def _log(request: Request, before: datetime.datetime) -> dict[str, Any]:
    begin, end = usage.month_before(before)
    with request.app.db.read() as session:
        hosts = [r.host for r in rows.services(session) if r.binary == rows.COMPUTE]
    return {
        "period_beginning": begin.strftime(_FORM),
        "period_ending": end.strftime(_FORM),
        "num_hosts": len(hosts),
        "num_hosts_done": 0,
        "num_hosts_running": 0,
        "num_hosts_not_run": len(hosts),
        "hosts_not_run": hosts,
        "total_instances": 0,
        "total_errors": 0,
        "overall_status": f"0 of {len(hosts)} hosts done. 0 errors." if hosts else "ALL hosts done. 0 errors.",
        "log": {},
    }
