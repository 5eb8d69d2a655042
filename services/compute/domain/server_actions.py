"""What may be done to a server as a whole; each function checks, then begins a saga (see states.ACTIONS)."""

from collections.abc import Mapping, Sequence
from typing import Any

from oslo_utils.strutils import bool_from_string

from common import errors
from common.db.session import Session
from services.compute.db import flavors as flavor_rows
from services.compute.db import hosts as host_rows
from services.compute.db import keypairs, migrations, server_parts, servers
from services.compute.db import operations as operation_rows
from services.compute.domain import flavors, operations, quotas, server_create, states, zones
from services.compute.domain.deps import Deps, compute_host, is_up, remote


def power(deps: Deps, context: Any, server: Any, verb: str) -> None:
    """start, stop, reboot_soft, reboot_hard, pause, unpause, suspend or resume."""
    operations.begin(deps, context, server, verb, {"verb": verb})


def is_volume_backed(deps: Deps, server: Any) -> bool:
    """Whether a server's root disk is a volume."""
    with deps.db.read() as session:
        disks = server_parts.disks(session, [server.id]).get(server.id, [])
    return any(d.boot_index == 0 and d.destination == "volume" for d in disks)


def resize(deps: Deps, context: Any, server: Any, flavor_id: str, disk_config: str | None = None) -> None:
    """Change a server's flavor; it waits in VERIFY_RESIZE for confirm or revert. errors: BadRequest, Forbidden, Conflict."""
    states.check_lock(server, context.has_admin_role)
    states.check("resize", server)
    with deps.db.read() as session:
        try:
            row = flavor_rows.get(session, flavor_id, project_id=context.project_id, everything=context.has_admin_role)
        except errors.NotFound as e:
            raise errors.BadRequest("Unable to locate requested flavor.") from e
        request = servers.request(session, server.id)
    if row.flavorid == server.flavorid:
        raise errors.BadRequest("When resizing, instances must change flavor!")
    if row.disabled:
        raise errors.BadRequest("Unable to locate requested flavor.")
    new = flavors.copy(row)
    backed = is_volume_backed(deps, server)
    if not backed and new["root_gb"] < server.root_gb:
        raise errors.BadRequest(
            "Server disk was unable to be resized because: Resize to flavor with a smaller disk is not possible."
            if new["root_gb"]
            else "Resize to zero disk flavor is not allowed."
        )
    if request is not None and request.image:
        server_create.check_image({**request.image, "status": "active", "size": 0}, new, from_volume=backed)
    values: dict[str, Any] = {"new_flavor": new}
    if disk_config is not None:
        values["auto_disk_config"] = disk_config == "AUTO"

    def also(session: Session) -> dict[str, Any]:
        quotas.check_growth(
            session,
            deps.conf,
            server.project_id,
            server.user_id,
            {"cores": new["vcpus"] - server.vcpus, "ram": new["memory_mb"] - server.memory_mb},
        )
        return {"migration_id": _migration(session, context, server, "resize", new), "flavor": new}

    operations.begin(deps, context, server, "resize", values=values, also=also)


def _migration(
    session: Session,
    context: Any,
    server: Any,
    kind: str,
    new: Mapping[str, Any] | None = None,
    dest: str | None = None,
    status: str = "pre-migrating",
) -> int:
    return int(
        migrations.insert(
            session,
            {
                "server_id": server.id,
                "type": kind,
                "status": status,
                "source_compute": server.host,
                "source_node": server.node,
                "old_flavor": server.flavor,
                "new_flavor": dict(new or server.flavor),
                "user_id": context.user_id,
                "dest_compute": dest,
                "project_id": context.project_id,
            },
        ).id
    )


def migrate(deps: Deps, context: Any, server: Any, host: str | None) -> None:
    """Move a server to another host (or `host`) by stopping it; ends in VERIFY_RESIZE. errors: BadRequest, Conflict."""
    if host is not None:
        _check_target(deps, server, host)

    def also(session: Session) -> dict[str, Any]:
        return {"migration_id": _migration(session, context, server, "migration", dest=host), "host": host}

    operations.begin(deps, context, server, "migrate", values={"new_flavor": server.flavor}, also=also)


def _check_target(deps: Deps, server: Any, host: str) -> None:
    try:
        compute_host(deps, host)
    except errors.NotFound as e:
        raise errors.BadRequest(e.message) from e
    if host == server.host:
        raise errors.BadRequest("The target host can't be the same one.")


def _check_forced(host: str | None, options: Mapping[str, Any]) -> None:
    if options.get("force") and host is None:
        raise errors.BadRequest("Can't force to a non-provided destination")


def live_migrate(deps: Deps, context: Any, server: Any, host: str | None, options: Mapping[str, Any]) -> None:
    """Move a running server. `options`: block_migration (bool or "auto"), disk_over_commit (False: the destination must
    have room for full disks; None: not asked), force (the host need not suit).

    errors: BadRequest (host, or force without one), Conflict.
    """
    _check_forced(host, options)
    states.check_lock(server, context.has_admin_role)
    states.check("live_migrate", server)
    if host is not None:
        _check_target(deps, server, host)

    def also(session: Session) -> dict[str, Any]:
        made = _migration(session, context, server, "live-migration", dest=host, status="queued")
        return {"migration_id": made, "host": host, **options}

    operations.begin(deps, context, server, "live_migrate", also=also)


def evacuate(deps: Deps, context: Any, server: Any, host: str | None, admin_pass: str | None, options: Mapping[str, Any]) -> None:
    """Build a server anew on another host because its own is down. errors: BadRequest (host), Conflict.

    `options`: force (the host need not suit), on_shared_storage (None: found out there), stay_stopped.
    """
    _check_forced(host, options)
    states.check_lock(server, context.has_admin_role)
    states.check("evacuate", server)
    if host is not None:
        _check_target(deps, server, host)
    if server.host is None:
        raise errors.Conflict(f"Instance {server.id} has no host.")
    if is_up(deps, compute_host(deps, server.host)):
        raise errors.BadRequest(f"Compute service of {server.host} is still in use.")

    def also(session: Session) -> dict[str, Any]:
        servers.change_request(session, server.id, admin_pass=admin_pass)
        made = _migration(session, context, server, "evacuation", dest=host, status="accepted")
        return {"migration_id": made, "host": host, **options}

    operations.begin(deps, context, server, "evacuate", also=also)


def confirm_resize(deps: Deps, context: Any, server: Any) -> None:
    """Keep a resized or migrated server as it is now."""
    _end_resize(deps, context, server, "confirm_resize")


def revert_resize(deps: Deps, context: Any, server: Any) -> None:
    """Bring a resized or migrated server back to what it was."""
    _end_resize(deps, context, server, "revert_resize")


def _end_resize(deps: Deps, context: Any, server: Any, name: str) -> None:
    states.check_lock(server, context.has_admin_role)
    states.check(name, server)
    with deps.db.read() as session:
        found = migrations.newest(session, server.id, ("finished",))
    if found is None:
        raise errors.BadRequest("Instance has not been resized.")
    status = "confirming" if name == "confirm_resize" else "reverting"

    def also(session: Session) -> dict[str, Any]:
        migrations.change(session, found.id, status=status)
        if name == "revert_resize":
            old = server.old_flavor or server.flavor
            quotas.check_growth(
                session,
                deps.conf,
                server.project_id,
                server.user_id,
                {"cores": old["vcpus"] - server.vcpus, "ram": old["memory_mb"] - server.memory_mb},
            )
        return {"migration_id": found.id}

    operations.begin(deps, context, server, name, also=also)


def rebuild(deps: Deps, context: Any, server: Any, image_id: str, admin_pass: str, wanted: Mapping[str, Any]) -> None:
    """Make a server's root disk anew from an image.

    `wanted` may hold name, description, hostname, metadata, personality, user_data (None: none), key_name (None: none),
    trusted_certs, access_ip_v4, access_ip_v6, auto_disk_config, preserve_ephemeral. errors: BadRequest, Forbidden, Conflict.
    """
    states.check_lock(server, context.has_admin_role)
    states.check("rebuild", server)
    image = remote(
        lambda: deps.image.as_user(context).show(image_id),
        on_404=errors.BadRequest("Cannot find image for rebuild"),
        on_403=errors.BadRequest("Cannot find image for rebuild"),
    )
    backed = is_volume_backed(deps, server)
    server_create.check_image(image, server.flavor, from_volume=backed)
    if backed and not wanted.get("reimage_volume"):
        with deps.db.read() as session:
            request = servers.request(session, server.id)
        if ((request.image if request else None) or {}).get("id") != image_id:
            raise errors.BadRequest("Unable to rebuild with a different image for a volume-backed server.")
    copied = server_create.image_copy(image)
    values: dict[str, Any] = {
        k: wanted[k]
        for k in ("name", "description", "hostname", "access_ip_v4", "access_ip_v6", "auto_disk_config", "trusted_certs")
        if k in wanted
    }
    values.update(
        image_id=None if backed else image_id,
        progress=0,
        system={**(server.system or {}), "image": copied["properties"], "password": None},
    )
    if "metadata" in wanted:
        values["meta"] = dict(wanted["metadata"])
    if "key_name" in wanted:
        values.update(_key(deps, context, server, wanted["key_name"]))

    def also(session: Session) -> dict[str, Any]:
        limit = quotas.limits(session, deps.conf, server.project_id, server.user_id)
        quotas.check_metadata(limit["metadata_items"], wanted.get("metadata", {}))
        request = servers.request(session, server.id)
        data = dict(request.data or {}) if request is not None else {}
        data["personality"] = list(wanted.get("personality", ()))
        changed: dict[str, Any] = {"image": copied, "admin_pass": admin_pass, "data": data}
        if "user_data" in wanted:
            changed["user_data"] = wanted["user_data"]
        servers.change_request(session, server.id, **changed)
        return {
            "image": copied,
            "preserve_ephemeral": bool(wanted.get("preserve_ephemeral")),
            "reimage_volume": bool(wanted.get("reimage_volume")),
        }

    operations.begin(deps, context, server, "rebuild", values=values, also=also)


def _key(deps: Deps, context: Any, server: Any, name: str | None) -> dict[str, Any]:
    if name is None:
        return {"key_name": None, "key": None}
    with deps.db.read() as session:
        try:
            key = keypairs.get(session, server.user_id, name)
        except errors.NotFound as e:
            raise errors.BadRequest(e.message) from e
    return {"key_name": key.name, "key": {"name": key.name, "type": key.type, "public_key": key.public_key}}


_NOT_INHERITED = frozenset(("os_glance_importing_to_stores", "os_glance_failed_import", "image_id", "image_name",
                            "block_device_mapping", "bdm_v2", "root_device_name"))


def snapshot(
    deps: Deps,
    context: Any,
    server: Any,
    name: str,
    properties: Mapping[str, Any],
    *,
    action: str = "snapshot",
    extra: Mapping[str, Any] | None = None,
) -> str:
    """Begin an image of a server's root disk; the new image's id. errors: Conflict, or what the image service refuses."""
    states.check_lock(server, context.has_admin_role)
    states.check(action, server)
    with deps.db.read() as session:
        request = servers.request(session, server.id)
        disks = server_parts.disks(session, [server.id]).get(server.id, [])
    backed = any(d.boot_index == 0 and d.destination == "volume" for d in disks)
    stored = dict((request.image if request else None) or {})
    inherited = {k: v for k, v in (stored.get("properties") or {}).items() if k not in _NOT_INHERITED}
    kind = {"image_type": "backup" if action == "backup" else "snapshot", "instance_uuid": server.id, "user_id": server.user_id}
    if server.image_id:
        kind["base_image_ref"] = server.image_id
    body = {
        **{k: str(v) if not isinstance(v, str) else v for k, v in {**inherited, **kind, **properties}.items()},
        "name": name,
        "min_ram": int(stored.get("min_ram") or 0),
        "min_disk": 0 if backed else server.root_gb,
        "container_format": "bare",
        # the image of a volume-backed server has no data, and no data are a raw disk
        "disk_format": "raw" if backed else stored.get("disk_format") if stored.get("disk_format") == "raw" else "qcow2",
        "visibility": "private",
    }
    client = deps.image.as_user(context)
    image = remote(lambda: client.create(body))
    try:
        operations.begin(
            deps,
            context,
            server,
            action,
            {"image_id": image["id"], "disk_format": body["disk_format"], "volume_backed": backed, **(extra or {})},
        )
    except errors.ApiError:
        remote(lambda: client.remove(image["id"]))
        raise
    return str(image["id"])


def rescue(deps: Deps, context: Any, server: Any, admin_pass: str, image_id: str | None, *, from_volume: bool) -> None:
    """Start a server from another image with its own disk as the second one. errors: BadRequest, Conflict."""
    states.check_lock(server, context.has_admin_role)
    states.check("rescue", server)
    if is_volume_backed(deps, server) and not from_volume:
        raise errors.BadRequest(f"Instance {server.id} cannot be rescued: Cannot rescue a volume-backed instance")
    image = None
    if image_id or server.image_id:
        wanted = image_id or server.image_id
        image = server_create.image_copy(
            remote(
                lambda: deps.image.as_user(context).show(wanted), on_404=errors.BadRequest(f"Image {wanted} could not be found.")
            )
        )

    def also(session: Session) -> dict[str, Any]:
        servers.change_request(session, server.id, rescue={"image": image, "admin_pass": admin_pass})
        return {"image": image}

    operations.begin(deps, context, server, "rescue", also=also)


def change_password(deps: Deps, context: Any, server: Any, password: str) -> None:
    """Set the administrator's password inside the guest. errors.Conflict where it can have no agent, and as `power`."""
    states.check_lock(server, context.has_admin_role)
    states.check("change_password", server)
    with deps.db.read() as session:
        found = host_rows.nodes(session, host=server.host)
    image = (server.system or {}).get("image") or {}
    if any(n.hypervisor_type == "QEMU" for n in found) and not bool_from_string(image.get("hw_qemu_guest_agent")):
        raise errors.Conflict("QEMU guest agent is not enabled")

    def also(session: Session) -> None:
        servers.change_request(session, server.id, admin_pass=password)

    operations.begin(deps, context, server, "change_password", also=also)


def shelve(deps: Deps, context: Any, server: Any) -> None:
    """Begin to put a server away: its root disk becomes an image, unless it is a volume. errors: Conflict, or as `snapshot`."""
    if is_volume_backed(deps, server):
        operations.begin(deps, context, server, "shelve", {"image_id": None, "volume_backed": True})
    else:
        snapshot(deps, context, server, f"{server.name}-shelved", {}, action="shelve")


def unshelve(deps: Deps, context: Any, server: Any, wanted: Mapping[str, Any]) -> None:
    """Bring a shelved server back; `wanted` may hold availability_zone (None: unpin) and host. errors: BadRequest, Conflict."""
    if wanted and server.vm_state != states.SHELVED_OFFLOADED:
        raise errors.Conflict(
            f'Specifying an availability zone or a host when unshelving server "{server.id}" with status '
            f'"{server.vm_state}" is not supported. The server status must be SHELVED_OFFLOADED.'
        )
    with deps.db.read() as session:
        zones.check(deps, session, wanted.get("availability_zone"), wanted.get("host"), None)
    values = {}
    if "availability_zone" in wanted:
        values = {"availability_zone": wanted["availability_zone"], "pinned_zone": wanted["availability_zone"]}
    operations.begin(deps, context, server, "unshelve", {"host": wanted.get("host")}, values=values)


def force_live_migration(deps: Deps, context: Any, server: Any, migration: Any) -> None:
    """Ask that a live migration ends now, pausing the guest if need be. errors.BadRequest when it does not run, Conflict."""
    _check_migrating(context, server, "force_complete")
    if migration.type != "live-migration" or migration.status != "running":
        raise errors.BadRequest(
            f"Migration {migration.id} state of instance {server.id} is {migration.status}. Cannot force_complete while the "
            "migration is in this state."
        )
    _command(deps, context, server, migration, "force_complete", shown="live_migration_force_complete")


def abort_live_migration(deps: Deps, context: Any, server: Any, migration: Any, accepted: Sequence[str]) -> None:
    """Ask that a live migration stops. errors.BadRequest when it is not on its way, Conflict."""
    _check_migrating(context, server, "abort live migration")
    if migration.type != "live-migration" or migration.status not in accepted:
        raise errors.BadRequest(
            f"Migration {migration.id} state of instance {server.id} is {migration.status}. Cannot abort live "
            "migration while the migration is in this state."
        )
    _command(deps, context, server, migration, "abort", shown="live_migration_cancel")


def _check_migrating(context: Any, server: Any, wire: str) -> None:
    states.check_lock(server, context.has_admin_role)
    if server.task_state != states.MIGRATING:
        raise errors.Conflict(f"Cannot '{wire}' instance {server.id} while it is in task_state {server.task_state}")


def _command(deps: Deps, context: Any, server: Any, migration: Any, command: str, *, shown: str) -> None:
    """Write down what is asked of a live migration: its source learns it with its next report, a saga when it is woken."""

    def work(session: Session) -> None:
        migrations.change(session, migration.id, command=command)
        operation_rows.record(session, context, [server.id], shown)

    deps.db.transaction(work)
    deps.wake(context, [server.id])
