"""Handlers of what the cloud runs on: hypervisors, daemons, aggregates, zones."""

from collections.abc import Sequence
from typing import Any

import orjson

from common import clock, errors, ids
from common.http.request import Request, boolean
from services.compute.api.base import next_links, ok, page_limit
from services.compute.db import hosts as rows
from services.compute.db import servers as server_rows
from services.compute.domain import aggregates as aggregate_domain
from services.compute.domain import services as service_domain
from services.compute.domain.deps import is_up


def _hypervisor_id(request: Request, node: Any) -> Any:
    return node.uuid if request.at_least("2.53") else node.id


def _brief(request: Request, node: Any, service: Any) -> dict[str, Any]:
    up = service is not None and is_up(request.app, service)
    return {
        "id": _hypervisor_id(request, node),
        "hypervisor_hostname": node.node,
        "state": "up" if up else "down",
        "status": "disabled" if service is not None and service.disabled else "enabled",
    }


def _detail(request: Request, node: Any, service: Any, used: Any) -> dict[str, Any]:
    made = _brief(request, node, service)
    made.update(hypervisor_type=node.hypervisor_type, hypervisor_version=node.hypervisor_version, host_ip=node.host_ip)
    service_id = (service.uuid if request.at_least("2.53") else service.id) if service is not None else None
    made["service"] = {
        "id": service_id,
        "host": node.host,
        "disabled_reason": service.disabled_reason if service is not None else None,
    }
    if request.at_least("2.88"):
        made["uptime"] = node.uptime
        return made
    made.update(_sums(node, used))
    made["cpu_info"] = node.cpu_info or {} if request.at_least("2.28") else orjson.dumps(node.cpu_info or {}).decode()
    return made


def _sums(node: Any, used: Any) -> dict[str, int]:
    memory, disk = int(used.memory_mb) if used else 0, int(used.disk_gb) if used else 0
    return {
        "vcpus": node.vcpus,
        "memory_mb": node.memory_mb,
        "local_gb": node.disk_gb,
        "vcpus_used": int(used.vcpus) if used else 0,
        "memory_mb_used": memory,
        "local_gb_used": disk,
        "free_ram_mb": node.memory_mb - memory,
        "free_disk_gb": node.disk_gb - disk,
        "current_workload": int(used.busy) if used else 0,
        "running_vms": int(used.servers) if used else 0,
        "disk_available_least": node.disk_available_least,
    }


def _services(session: Any) -> dict[str, Any]:
    return {s.host: s for s in rows.services(session, binary=rows.COMPUTE)}


def _add_servers(request: Request, session: Any, items: list[tuple[Any, dict[str, Any]]], *, always: bool) -> None:
    found: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in server_rows.of_hosts(session, sorted({n.host for n, _ in items})):
        found.setdefault((row.host, row.node), []).append({"uuid": row.id, "name": row.name})
    for node, made in items:
        listed = found.get((node.host, node.node), [])
        if listed or always:
            made["servers"] = listed


def _hypervisors(request: Request, *, detail: bool) -> dict[str, Any]:
    pattern = request.first("hypervisor_hostname_pattern") if request.at_least("2.53") else None
    paged = request.at_least("2.33") and pattern is None
    limit = page_limit(request) if paged else None
    with request.app.db.read() as session:
        after = None
        if paged and (marker := request.first("marker")):
            after = rows.node(session, marker)
            if after is None:
                raise errors.BadRequest(f"marker [{marker}] not found")
        found = rows.nodes(session, pattern=pattern, limit=limit, after=after)
        if pattern is not None and not found:
            raise errors.NotFound(f"No hypervisor matching '{pattern}' could be found.")
        services = _services(session)
        used = server_rows.counts_by_node(session) if detail and not request.at_least("2.88") else {}
        items = [
            (
                n,
                _detail(request, n, services.get(n.host), used.get((n.host, n.node)))
                if detail
                else _brief(request, n, services.get(n.host)),
            )
            for n in found
        ]
        if request.at_least("2.53") and boolean(request.first("with_servers") or "false", "with_servers"):
            _add_servers(request, session, items, always=request.at_least("2.75"))
    made: dict[str, Any] = {"hypervisors": [m for _, m in items]}
    path = "os-hypervisors/detail" if detail else "os-hypervisors"
    link = next_links(request, path, found, limit, str(_hypervisor_id(request, found[-1])) if found else "")
    return {**made, "hypervisors_links": link} if link else made


def hypervisors(request: Request) -> dict[str, Any]:
    """200; 400, 404 for a pattern that matches nothing."""
    return _hypervisors(request, detail=False)


def hypervisors_detail(request: Request) -> dict[str, Any]:
    """200; as `hypervisors`."""
    return _hypervisors(request, detail=True)


def _node(request: Request, session: Any, node_id: str) -> Any:
    wrong_form = node_id.isdigit() if request.at_least("2.53") else not node_id.isdigit()
    if wrong_form and request.at_least("2.53"):
        raise errors.BadRequest(f"Invalid uuid {node_id}")
    row = None if wrong_form else rows.node(session, node_id)
    if row is None:
        raise errors.NotFound(f"Hypervisor with ID '{node_id}' could not be found.")
    return row


def hypervisor(request: Request, node_id: str) -> dict[str, Any]:
    """200; 404."""
    with request.app.db.read() as session:
        node = _node(request, session, node_id)
        used = server_rows.counts_by_node(session) if not request.at_least("2.88") else {}
        made = _detail(request, node, _services(session).get(node.host), used.get((node.host, node.node)))
        if request.at_least("2.53") and boolean(request.first("with_servers") or "false", "with_servers"):
            _add_servers(request, session, [(node, made)], always=request.at_least("2.75"))
    return {"hypervisor": made}


def statistics(request: Request) -> dict[str, Any]:
    """200: sums over all hypervisors whose daemon is not disabled (before 2.88)."""
    with request.app.db.read() as session:
        services = _services(session)
        found = [n for n in rows.nodes(session) if n.host in services and not services[n.host].disabled]
        used = server_rows.counts_by_node(session)
    made: dict[str, int] = {"count": len(found)}
    for node in found:
        for key, value in _sums(node, used.get((node.host, node.node))).items():
            made[key] = made.get(key, 0) + (value or 0)
    for key in (
        "vcpus",
        "memory_mb",
        "local_gb",
        "vcpus_used",
        "memory_mb_used",
        "local_gb_used",
        "free_ram_mb",
        "free_disk_gb",
        "current_workload",
        "running_vms",
        "disk_available_least",
    ):
        made.setdefault(key, 0)
    return {"hypervisor_statistics": made}


def uptime(request: Request, node_id: str) -> dict[str, Any]:
    """200 (before 2.88); 404; 400 when the host is down."""
    with request.app.db.read() as session:
        node = _node(request, session, node_id)
        service = _services(session).get(node.host)
    if service is None or not is_up(request.app, service):
        raise errors.BadRequest(f"Compute service of {node.host} is unavailable at this time.")
    text = node.uptime or request.app.agents.to(node.host).uptime(request.context, node=node.node)
    return {"hypervisor": {**_brief(request, node, service), "uptime": text}}


def search(request: Request, pattern: str) -> dict[str, Any]:
    """200 (before 2.53); 404 when nothing matches."""
    with request.app.db.read() as session:
        found, services = rows.nodes(session, pattern=pattern), _services(session)
    if not found:
        raise errors.NotFound(f"No hypervisor matching '{pattern}' could be found.")
    return {"hypervisors": [_brief(request, n, services.get(n.host)) for n in found]}


def hypervisor_servers(request: Request, pattern: str) -> dict[str, Any]:
    """200 (before 2.53); 404 when nothing matches."""
    made = search(request, pattern)
    with request.app.db.read() as session:
        found = rows.nodes(session, pattern=pattern)
        _add_servers(request, session, list(zip(found, made["hypervisors"], strict=False)), always=False)
    return made


def service_view(request: Request, row: Any, zones: dict[str, str]) -> dict[str, Any]:
    """A daemon."""
    conf = request.app.conf.compute
    zone = (
        zones.get(row.host, conf.default_availability_zone)
        if row.binary == rows.COMPUTE
        else conf.internal_service_availability_zone
    )
    made = {
        "id": row.uuid if request.at_least("2.53") else row.id,
        "binary": row.binary,
        "host": row.host,
        "zone": zone,
        "status": "disabled" if row.disabled else "enabled",
        "state": "up" if is_up(request.app, row) else "down",
        "updated_at": clock.iso_micro(row.last_seen_at),
        "disabled_reason": row.disabled_reason,
    }
    if request.at_least("2.11"):
        made["forced_down"] = row.forced_down
    return made


_SHOWN = ("nova-compute", "nova-conductor", "nova-scheduler")


def services(request: Request) -> dict[str, Any]:
    """200."""
    with request.app.db.read() as session:
        found = rows.services(session, binary=request.first("binary"), host=request.first("host"))
        zones = rows.zones(session)
    return {"services": [service_view(request, r, zones) for r in found if r.binary in _SHOWN]}


def _service_answer(request: Request, row: Any) -> dict[str, Any]:
    with request.app.db.read() as session:
        return {"service": service_view(request, row, rows.zones(session))}


def update_service(request: Request, service_id: str) -> dict[str, Any]:
    """200 (2.53): status, disabled_reason, forced_down; 400, 404."""
    row = service_domain.find(request.app, service_id=_uuid(service_id))
    body = request.body
    values: dict[str, Any] = {}
    if "status" in body:
        values["disabled"] = body["status"] == "disabled"
        values["disabled_reason"] = body.get("disabled_reason")
        if body["status"] == "enabled" and body.get("disabled_reason"):
            raise errors.BadRequest("Specifying 'disabled_reason' when status is 'enabled' is invalid.")
    elif "disabled_reason" in body:
        if not row.disabled:
            raise errors.BadRequest("Specifying 'disabled_reason' when status is 'enabled' is invalid.")
        values["disabled_reason"] = body["disabled_reason"]
    if "forced_down" in body:
        values["forced_down"] = boolean(body["forced_down"], "forced_down")
    if not values:
        raise errors.BadRequest("No updates were requested. Fields 'status' or 'forced_down' should be specified.")
    return _service_answer(request, service_domain.change(request.app, row, **values))


def _uuid(service_id: str) -> str:
    if not ids.is_uuid(service_id):
        raise errors.BadRequest(f"Invalid uuid {service_id}")
    return service_id


def _old(request: Request, **values: Any) -> dict[str, Any]:
    body = request.body
    row = service_domain.find(request.app, host=body["host"], binary=body["binary"])
    row = service_domain.change(request.app, row, **values)
    made: dict[str, Any] = {"host": row.host, "binary": row.binary}
    if "forced_down" in values:
        return {"service": {**made, "forced_down": row.forced_down}}
    made["status"] = "disabled" if row.disabled else "enabled"
    return {"service": {**made, "disabled_reason": row.disabled_reason} if values.get("disabled_reason") else made}


def enable(request: Request) -> dict[str, Any]:
    """200 (before 2.53); 404."""
    return _old(request, disabled=False, disabled_reason=None)


def disable(request: Request) -> dict[str, Any]:
    """200 (before 2.53); 404."""
    return _old(request, disabled=True, disabled_reason=None)


def disable_reason(request: Request) -> dict[str, Any]:
    """200 (before 2.53); 404."""
    return _old(request, disabled=True, disabled_reason=request.body["disabled_reason"])


def force_down(request: Request) -> dict[str, Any]:
    """200 (2.11 to 2.52); 404."""
    return _old(request, forced_down=boolean(request.body["forced_down"], "forced_down"))


def delete_service(request: Request, service_id: str) -> None:
    """204; 404, 409 when servers are on its host."""
    wanted = _uuid(service_id) if request.at_least("2.53") else service_id
    service_domain.delete(request.app, service_domain.find(request.app, service_id=wanted))


def aggregate_view(request: Request, row: Any, members: Sequence[str]) -> dict[str, Any]:
    """An aggregate."""
    made = {
        "id": row.id,
        "name": row.name,
        "hosts": list(members),
        "metadata": row.meta or {},
        "availability_zone": (row.meta or {}).get("availability_zone"),
        "created_at": clock.iso_micro(row.created_at),
        "updated_at": clock.iso_micro(row.updated_at),
        "deleted": False,
        "deleted_at": None,
    }
    return {**made, "uuid": row.uuid} if request.at_least("2.41") else made


def aggregates(request: Request) -> dict[str, Any]:
    """200."""
    with request.app.db.read() as session:
        return {"aggregates": [aggregate_view(request, a, h) for a, h in rows.aggregates(session)]}


def aggregate(request: Request, aggregate_id: str) -> dict[str, Any]:
    """200; 404."""
    with request.app.db.read() as session:
        return {"aggregate": aggregate_view(request, *rows.aggregate(session, aggregate_id))}


def create_aggregate(request: Request) -> dict[str, Any]:
    """200; 409."""
    body = request.body["aggregate"]
    row = aggregate_domain.create(request.app, body["name"], body.get("availability_zone"))
    made = aggregate_view(request, row, [])
    del made["hosts"], made["metadata"]
    return {"aggregate": made}


def update_aggregate(request: Request, aggregate_id: str) -> dict[str, Any]:
    """200; 404, 409."""
    body = request.body["aggregate"]
    changed = aggregate_domain.update(request.app, aggregate_id, body.get("name"), body.get("availability_zone", ...))
    return {"aggregate": aggregate_view(request, *changed)}


def delete_aggregate(request: Request, aggregate_id: str) -> Any:
    """200; 400 when it has hosts, 404."""
    aggregate_domain.delete(request.app, aggregate_id)
    return ok()


def add_host(request: Request, aggregate_id: str) -> dict[str, Any]:
    """200; 404, 409."""
    request.authorize()
    return {"aggregate": aggregate_view(request, *aggregate_domain.add_host(request.app, aggregate_id, request.body["host"]))}


def remove_host(request: Request, aggregate_id: str) -> dict[str, Any]:
    """200; 404, 409."""
    request.authorize()
    return {"aggregate": aggregate_view(request, *aggregate_domain.remove_host(request.app, aggregate_id, request.body["host"]))}


def set_metadata(request: Request, aggregate_id: str) -> dict[str, Any]:
    """200; 404, 409."""
    request.authorize()
    return {
        "aggregate": aggregate_view(request, *aggregate_domain.set_metadata(request.app, aggregate_id, request.body["metadata"]))
    }


def cache_images(request: Request, aggregate_id: str) -> None:
    """202; 400 for images that are not there or named twice, 404."""
    wanted = [item["id"] for item in request.body["cache"]]
    aggregate_domain.cache_images(request.app, request.context, aggregate_id, wanted)


def _zones(request: Request) -> tuple[dict[str, list[Any]], list[Any]]:
    """({zone: its agents}, the other daemons)."""
    with request.app.db.read() as session:
        found, zones = rows.services(session), rows.zones(session)
    made: dict[str, list[Any]] = {}
    for row in found:
        if row.binary == rows.COMPUTE:
            made.setdefault(zones.get(row.host, request.app.conf.compute.default_availability_zone), []).append(row)
    return made, [r for r in found if r.binary in _SHOWN and r.binary != rows.COMPUTE]


def zones(request: Request) -> dict[str, Any]:
    """200."""
    found, _ = _zones(request)
    return {
        "availabilityZoneInfo": [
            {"zoneName": name, "zoneState": {"available": any(not r.disabled for r in members)}, "hosts": None}
            for name, members in sorted(found.items())
        ]
    }


def zones_detail(request: Request) -> dict[str, Any]:
    """200: with hosts and their daemons."""
    found, others = _zones(request)
    internal = request.app.conf.compute.internal_service_availability_zone
    if others:
        found = {internal: others, **found}
    made = []
    for name, members in found.items():
        hosts: dict[str, Any] = {}
        for r in members:
            hosts.setdefault(r.host, {})[r.binary] = {
                "active": not r.disabled,
                "available": is_up(request.app, r),
                "updated_at": clock.iso_micro(r.last_seen_at),
            }
        made.append({"zoneName": name, "zoneState": {"available": any(not r.disabled for r in members)}, "hosts": hosts})
    return {"availabilityZoneInfo": made}
