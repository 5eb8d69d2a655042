"""Handlers of what is written down about a server (actions, migrations) and of looking into it (diagnostics, consoles)."""

from typing import Any

from common import clock, errors
from common.http import paging
from common.http.request import Request
from services.compute.api.base import load_server, next_links, page_limit, until, when
from services.compute.api.network_proxies import group_view
from services.compute.api.views import servers as server_views
from services.compute.db import migrations as migration_rows
from services.compute.db import operations
from services.compute.db import servers as server_rows
from services.compute.domain import consoles, server_actions, states
from services.compute.domain import servers as domain
from services.compute.domain.deps import remote


def _action(request: Request, row: Any) -> dict[str, Any]:
    made = {
        "action": row.action,
        "instance_uuid": row.server_id,
        "request_id": row.request_id,
        "user_id": row.user_id,
        "project_id": row.project_id,
        "start_time": clock.iso_micro(row.started_at),
        "message": row.message,
    }
    if request.at_least("2.58"):
        made["updated_at"] = clock.iso_micro(row.updated_at)
    return made


def _recorded(request: Request, server_id: str) -> Any:
    """The server, since 2.21 also when it is deleted."""
    if not request.at_least("2.21"):
        return load_server(request, server_id)
    with request.app.db.read() as session:
        row = server_rows.get(session, server_id, deleted=True)
    if row.project_id != request.context.project_id and not request.context.has_admin_role:
        raise server_rows.not_found(server_id)
    request.authorize({"project_id": row.project_id, "user_id": row.user_id})
    return row


def actions(request: Request, server_id: str) -> dict[str, Any]:
    """200; 400, 404."""
    _recorded(request, server_id)
    paged = request.at_least("2.58")
    since = when(text, "changes-since") if paged and (text := request.first("changes-since")) else None
    before = until(text, "changes-before") if request.at_least("2.66") and (text := request.first("changes-before")) else None
    if since and before and since > before:
        raise errors.BadRequest("The value of changes-since must be less than or equal to changes-before.")
    limit = page_limit(request) if paged else None
    marker = request.first("marker") if paged else None
    with request.app.db.read() as session:
        found = operations.actions(session, server_id, limit=limit, marker=marker, since=since, before=before)
    if found is None:
        raise errors.BadRequest(f"marker [{marker}] not found")
    made: dict[str, Any] = {"instanceActions": [_action(request, r) for r in found]}
    link = next_links(request, f"servers/{server_id}/os-instance-actions", found, limit, found[-1].request_id if found else "")
    return {**made, "links": link} if link else made


def action(request: Request, server_id: str, request_id: str) -> dict[str, Any]:
    """200 with the action's events (operators, since 2.51 everybody); 404."""
    row = _recorded(request, server_id)
    with request.app.db.read() as session:
        found = operations.action(session, server_id, request_id)
        if found is None:
            raise errors.NotFound(f"Action for request_id {request_id} on instance {server_id} not found")
        events = operations.events(session, found.id)
    made = _action(request, found)
    full = request.allowed("os_compute_api:os-instance-actions:events")
    if full or request.at_least("2.51"):
        made["events"] = [_event(request, e, row.project_id, full) for e in events]
    return {"instanceAction": made}


def _event(request: Request, event: Any, project_id: str, full: bool) -> dict[str, Any]:
    made = {
        "event": event.event,
        "start_time": clock.iso_micro(event.started_at),
        "finish_time": clock.iso_micro(event.finished_at),
        "result": event.result,
    }
    if full:
        made["traceback"] = event.traceback
    if request.at_least("2.62"):
        made["hostId"] = server_views.host_id(event.host, project_id)
        if full:
            made["host"] = event.host
    if request.at_least("2.84") and request.allowed("os_compute_api:os-instance-actions:events:details"):
        made["details"] = event.details
    return made


def migration_view(request: Request, row: Any) -> dict[str, Any]:
    """A migration in os-migrations."""
    made: dict[str, Any] = {
        "id": row.id,
        "instance_uuid": row.server_id,
        "status": row.status,
        "source_compute": row.source_compute,
        "source_node": row.source_node,
        "dest_compute": row.dest_compute,
        "dest_node": row.dest_node,
        "dest_host": row.dest_host,
        "created_at": clock.iso_micro(row.created_at),
        "updated_at": clock.iso_micro(row.updated_at),
        "old_instance_type_id": (row.old_flavor or {}).get("number"),
        "new_instance_type_id": (row.new_flavor or {}).get("number"),
    }
    if request.at_least("2.23"):
        made["migration_type"] = row.type
        if row.type == "live-migration" and row.status in migration_rows.RUNNING:
            base = f"{request.base_url}/v2.1/servers/{row.server_id}/migrations/{row.id}"
            made["links"] = [{"rel": "self", "href": base}, {"rel": "bookmark", "href": base.replace("/v2.1", "", 1)}]
    if request.at_least("2.59"):
        made["uuid"] = row.uuid
    if request.at_least("2.80"):
        made.update(user_id=row.user_id, project_id=row.project_id)
    return made


def migrations(request: Request) -> dict[str, Any]:
    """200; 400."""
    names = {
        "host": "host",
        "instance_uuid": "server_id",
        "source_compute": "source_compute",
        "status": "status",
        "migration_type": "type",
    }
    if request.at_least("2.80"):
        names.update(user_id="user_id", project_id="project_id")
    wanted: dict[str, Any] = {column: text for name, column in names.items() if (text := request.first(name))}
    if not request.allowed("os_compute_api:os-migrations:index:all_projects"):
        wanted["project_id"] = request.context.project_id
    page, since, before = None, None, None
    if request.at_least("2.59"):
        page = paging.read(request, default_sorts=(("created_at", "desc"), ("id", "desc")))
        since = when(text, "changes-since") if (text := request.first("changes-since")) else None
    if request.at_least("2.66"):
        before = until(text, "changes-before") if (text := request.first("changes-before")) else None
    with request.app.db.read() as session:
        found = migration_rows.page(session, wanted, page, since=since, before=before)
    made: dict[str, Any] = {"migrations": [migration_view(request, r) for r in found]}
    link = next_links(request, "os-migrations", found, page.limit if page else None, found[-1].uuid if found else "")
    return {**made, "migrations_links": link} if link else made


def _progress(request: Request, row: Any) -> dict[str, Any]:
    made = {
        "id": row.id,
        "server_uuid": row.server_id,
        "status": row.status,
        "source_compute": row.source_compute,
        "source_node": row.source_node,
        "dest_compute": row.dest_compute,
        "dest_node": row.dest_node,
        "dest_host": row.dest_host,
        "created_at": clock.iso_micro(row.created_at),
        "updated_at": clock.iso_micro(row.updated_at),
        "memory_total_bytes": row.memory_total,
        "memory_processed_bytes": row.memory_processed,
        "memory_remaining_bytes": row.memory_remaining,
        "disk_total_bytes": row.disk_total,
        "disk_processed_bytes": row.disk_processed,
        "disk_remaining_bytes": row.disk_remaining,
    }
    if request.at_least("2.59"):
        made["uuid"] = row.uuid
    if request.at_least("2.80"):
        made.update(user_id=row.user_id, project_id=row.project_id)
    return made


def server_migrations(request: Request, server_id: str) -> dict[str, Any]:
    """200: live migrations on their way; 404."""
    load_server(request, server_id)
    with request.app.db.read() as session:
        found = migration_rows.page(session, {"server_id": server_id, "type": "live-migration"}, statuses=migration_rows.RUNNING)
    return {"migrations": [_progress(request, r) for r in found]}


def _migration(request: Request, server_id: str, migration_id: str) -> Any:
    with request.app.db.read() as session:
        row = migration_rows.get(session, server_id, migration_id)
    if row is None or row.type != "live-migration":
        raise errors.NotFound(f"Migration {migration_id} not found for instance {server_id}")
    return row


def server_migration(request: Request, server_id: str, migration_id: str) -> dict[str, Any]:
    """200; 404 also when it is over."""
    load_server(request, server_id)
    row = _migration(request, server_id, migration_id)
    if row.status not in migration_rows.RUNNING:
        raise errors.NotFound(f"Live migration {migration_id} for server {server_id} is not in progress.")
    return {"migration": _progress(request, row)}


def abort_migration(request: Request, server_id: str, migration_id: str) -> None:
    """202; 400 when it is not on its way, 404, 409."""
    row = load_server(request, server_id)
    accepted = ("running", "queued", "preparing") if request.at_least("2.65") else ("running",)
    server_actions.abort_live_migration(request.app, request.context, row, _migration(request, server_id, migration_id), accepted)


def force_complete(request: Request, server_id: str, migration_id: str) -> None:
    """202 (2.22); 400 when it does not run, 404, 409."""
    row = load_server(request, server_id)
    server_actions.force_live_migration(request.app, request.context, row, _migration(request, server_id, migration_id))


def diagnostics(request: Request, server_id: str) -> Any:
    """200; 404, 409 when it has no host."""
    row = load_server(request, server_id)
    if row.host is None or row.vm_state == states.BUILDING:
        raise errors.Conflict(f"Instance {server_id} is not ready")
    found = request.app.agents.to(row.host).diagnostics(request.context, server_id=server_id)
    return found["standard"] if request.at_least("2.48") else found["legacy"]


def remote_console(request: Request, server_id: str) -> dict[str, Any]:
    """200 with protocol, type and URL (2.6); 400, 404, 409."""
    row = load_server(request, server_id)
    return {"remote_console": consoles.open_console(request.app, request.context, row, request.body["remote_console"]["type"])}


def console_token(request: Request, token: str) -> dict[str, Any]:
    """200 with the console's address; 404."""
    row = consoles.resolve(request.app, token)
    made = {"instance_uuid": row.server_id, "host": row.host, "port": row.port, "internal_access_path": row.path}
    if request.at_least("2.99"):
        made["tls_port"] = None
    return {"console": made}


def get_password(request: Request, server_id: str) -> dict[str, Any]:
    """200: what the guest posted, or an empty text."""
    return {"password": (load_server(request, server_id).system or {}).get("password", "")}


def clear_password(request: Request, server_id: str) -> None:
    """204."""
    domain.clear_password(request.app, load_server(request, server_id).id)


def topology(request: Request, server_id: str) -> dict[str, Any]:
    """200: servers here have one NUMA node, which is not pinned (2.78)."""
    load_server(request, server_id)
    return {"nodes": [], "pagesize_kb": None}


def security_groups(request: Request, server_id: str) -> dict[str, Any]:
    """200: the groups of the server's ports, as the network service knows them."""
    load_server(request, server_id)
    client = request.app.network.as_user(request.context)
    wanted = sorted({g for p in remote(lambda: client.find("port", device_id=server_id)) for g in p.get("security_groups", [])})
    found = remote(lambda: client.find("security_group", id=wanted)) if wanted else []
    return {"security_groups": [group_view(g) for g in found]}
