"""Booting servers, up to the moment when their rows and sagas stand: everything that can be refused at once is refused here."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from common import clock, errors, ids
from common.db.session import Session
from services.compute.db import flavors as flavor_rows
from services.compute.db import keypairs, operations, server_groups, server_parts, servers
from services.compute.domain import block_devices, flavors, networks, quotas, states, zones
from services.compute.domain.deps import Deps, remote

_PASSWORD_ALPHABETS = ("23456789", "ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghijkmnopqrstuvwxyz")


@dataclass(frozen=True)
class Wanted:
    """A boot request, read and checked for form. `networks` is None, "auto", "none" or the API's list."""

    name: str
    flavor_id: str
    image_id: str | None = None
    count: tuple[int, int] = (1, 1)
    networks: Any = None
    block_devices: Sequence[Mapping[str, Any]] = ()
    block_devices_v2: Sequence[Mapping[str, Any]] = ()
    security_groups: Sequence[str] = ()
    key_name: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    personality: Sequence[Mapping[str, str]] = ()
    user_data: str | None = None
    config_drive: bool = False
    admin_pass: str | None = None
    zone: str | None = None
    host: str | None = None
    node: str | None = None
    hints: Mapping[str, Any] = field(default_factory=dict)
    description: str | None = None
    hostname: str | None = None
    access_ip_v4: str | None = None
    access_ip_v6: str | None = None
    disk_config: str | None = None
    tags: Sequence[str] = ()
    trusted_certs: Sequence[str] | None = None
    multiattach: bool = False


def password(length: int) -> str:
    """A random password with a digit, a capital and a small letter."""
    letters = [ids.choice(a) for a in _PASSWORD_ALPHABETS]
    letters += [ids.choice("".join(_PASSWORD_ALPHABETS)) for _ in range(length - len(letters))]
    return "".join(ids.shuffled(letters))


def hostname_of(name: str, server_id: str) -> str:
    """A host name from a server's name: lower case, letters, digits, dashes and dots; `Server-<id>` when nothing is left."""
    text = name.encode("latin-1", "ignore").decode("latin-1")
    text = re.sub(r"[ _.]", "-", text)
    text = re.sub(r"[^\w.-]+", "", text, flags=re.ASCII).lower().strip(".-")[:63].rstrip("-")
    return text or f"Server-{server_id}"


def check_image(image: Mapping[str, Any], flavor: Mapping[str, Any], *, from_volume: bool) -> None:
    """errors.BadRequest when a server of this flavor cannot be made of this image."""
    if image.get("status", "active") != "active":
        raise errors.BadRequest(f"Image {image['id']} is not active.")
    if flavor["memory_mb"] < int(image.get("min_ram") or 0):
        raise errors.BadRequest("Flavor's memory is too small for requested image.")
    if from_volume or flavor["root_gb"] == 0:
        return
    root, size = flavor["root_gb"] << 30, int(image.get("size") or 0)
    if size > root:
        raise errors.BadRequest(
            f"Flavor's disk is too small for requested image. Flavor disk is {root} bytes, image is {size} bytes."
        )
    smallest = int(image.get("min_disk") or 0) << 30
    if smallest > root:
        raise errors.BadRequest(
            "Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is "
            f"{root} bytes, minimum size is {smallest} bytes."
        )


_IMAGE_BASE = frozenset(
    (
        "id",
        "name",
        "status",
        "visibility",
        "size",
        "virtual_size",
        "checksum",
        "os_hash_algo",
        "os_hash_value",
        "tags",
        "self",
        "file",
        "schema",
        "owner",
        "created_at",
        "updated_at",
        "min_ram",
        "min_disk",
        "protected",
        "container_format",
        "disk_format",
        "locations",
        "direct_url",
        "os_hidden",
        "stores",
    )
)


def image_copy(image: Mapping[str, Any]) -> dict[str, Any]:
    """What a server keeps of its image: the fields of objects.ImageSpec."""
    return {
        "id": image.get("id"),
        "disk_format": image.get("disk_format") or "raw",
        "min_disk": int(image.get("min_disk") or 0),
        "checksum": image.get("checksum"),
        "os_hash_algo": image.get("os_hash_algo"),
        "os_hash_value": image.get("os_hash_value"),
        "size": image.get("size"),
        "properties": {k: v for k, v in image.items() if k not in _IMAGE_BASE and v is not None},
    }


def create(deps: Deps, context: Any, wanted: Wanted) -> tuple[list[str], str, str]:
    """(server ids, reservation id, admin password) of new servers in `building`.

    The other services are asked first; then one transaction counts the quota and inserts servers and sagas; then
    one message pokes a conductor. errors: BadRequest, Forbidden (quota), NotFound, Conflict.
    """
    with deps.db.read() as session:
        limit = quotas.limits(session, deps.conf, context.project_id, context.user_id)
        flavor, key, group_id = _known(limit, session, context, wanted)
        zones.check(deps, session, wanted.zone, wanted.host, wanted.node)
    image = _image(deps, context, wanted.image_id)
    asked_devices, mapped_root = block_devices.of_image(image, wanted.block_devices_v2)
    disks = block_devices.read(wanted.block_devices, asked_devices, None if mapped_root else wanted.image_id)
    block_devices.check_local(disks, flavor, deps.conf.compute.max_local_block_devices)
    root = next(d for d in disks if d["boot_index"] == 0)
    from_volume = root["destination"] == "volume"
    booted = block_devices.check_remote(deps, context, disks, multiattach=wanted.multiattach, image_named=image is not None)
    record = image if image is not None or not from_volume else booted
    if record is not None:
        check_image(record, flavor, from_volume=from_volume)
    if wanted.count[1] > 1 and any(d["volume_id"] for d in disks):
        raise errors.BadRequest("Cannot attach one or more volumes to multiple instances")
    nets = networks.resolve(deps, context, wanted.networks, count=wanted.count[1])
    group_ids, group_names = networks.security_groups(deps, context, wanted.security_groups)
    secret = wanted.admin_pass or password(deps.conf.compute.password_length)
    asked = {
        "networks": nets,
        "security_groups": group_ids,
        "availability_zone": wanted.zone,
        "host": wanted.host,
        "node": wanted.node,
        "personality": list(wanted.personality),
        "hints": dict(wanted.hints),
        "group": group_id,
    }
    common = _columns(deps, context, wanted, flavor, key, record, group_names, group_id)
    common["image_id"] = None if from_volume else wanted.image_id
    volumes = any(d["destination"] == "volume" for d in disks)

    def work(session: Session) -> tuple[list[str], str, list[str]]:
        cores_and_ram = {"cores": flavor["vcpus"], "ram": flavor["memory_mb"]}
        room = quotas.claim_servers(session, context, limit, cores_and_ram, wanted.count)
        _check_group(session, limit["server_group_members"], context, group_id, room)
        reservation = "r-" + ids.hex_id()[:8]
        rows = _rows(wanted, common, room, reservation)
        made = [r["id"] for r in rows]
        servers.insert(
            session,
            rows,
            [
                {
                    "server_id": i,
                    "data": asked,
                    "image": image_copy(record) if record else None,
                    "user_data": wanted.user_data,
                    "admin_pass": secret,
                }
                for i in made
            ],
        )
        server_parts.add_disks(session, [d for i in made for d in block_devices.finished(disks, i)])
        for i in made if wanted.tags else ():
            servers.set_tags(session, i, wanted.tags)
        items = [(i, {"volumes": volumes}) for i in made]
        sagas = operations.begin(session, context, items, kind="server_create", action="create")
        return made, reservation, sagas

    made, reservation, sagas = deps.db.transaction(work)
    deps.poke(context, sagas)
    return made, reservation, secret


def _known(
    limit: Mapping[str, int], session: Session, context: Any, wanted: Wanted
) -> tuple[dict[str, Any], Any, str | None]:
    """Flavor (as a copy), key pair and server group of a request."""
    try:
        row = flavor_rows.get(session, wanted.flavor_id, project_id=context.project_id, everything=context.has_admin_role)
    except errors.NotFound as e:
        raise errors.BadRequest(e.message) from e
    if row.disabled:
        raise errors.NotFound(f"Flavor {wanted.flavor_id} could not be found.")
    quotas.check_metadata(limit["metadata_items"], wanted.metadata)
    _check_personality(limit, wanted.personality)
    key = None
    if wanted.key_name is not None:
        try:
            key = keypairs.get(session, context.user_id, wanted.key_name)
        except errors.NotFound as e:
            raise errors.BadRequest("Invalid key_name provided.") from e
    group_id = wanted.hints.get("group")
    if isinstance(group_id, list):
        group_id = group_id[0] if group_id else None
    if group_id is not None:
        if not ids.is_uuid(group_id):
            raise errors.BadRequest("Server group scheduler hint must be a UUID.")
        try:
            server_groups.get(session, group_id, None if context.has_admin_role else context.project_id)
        except errors.NotFound as e:
            raise errors.BadRequest(e.message) from e
    return flavors.copy(row), key, group_id


def _check_personality(limit: Mapping[str, int], files: Sequence[Mapping[str, str]]) -> None:
    if 0 <= limit["injected_files"] < len(files):
        raise errors.Forbidden("Personality file limit exceeded")
    for item in files:
        if 0 <= limit["injected_file_path_bytes"] < len(item["path"].encode()):
            raise errors.Forbidden(f"Personality file path exceeds maximum {limit['injected_file_path_bytes']}")
        if 0 <= limit["injected_file_content_bytes"] < len(item["contents"]) * 3 // 4 - item["contents"][-2:].count("="):
            raise errors.Forbidden(f"Personality file content exceeds maximum {limit['injected_file_content_bytes']}")


def _image(deps: Deps, context: Any, image_id: str | None) -> dict[str, Any] | None:
    if not image_id:
        return None

    def look() -> dict[str, Any]:
        found: dict[str, Any] = remote(
            lambda: deps.image.as_user(context).show(image_id),
            on_404=errors.BadRequest("Can not find requested image"),
            on_403=errors.BadRequest("Can not find requested image"),
        )
        return found

    return deps.remember(context, "image", image_id, look, lambda image: image.get("status", "active") == "active")


def _columns(
    deps: Deps,
    context: Any,
    wanted: Wanted,
    flavor: Mapping[str, Any],
    key: Any,
    image: Mapping[str, Any] | None,
    group_names: Sequence[str],
    group_id: str | None,
) -> dict[str, Any]:
    """The columns that all servers of one request share."""
    now = clock.now()
    properties = image_copy(image)["properties"] if image else {}
    forced = deps.conf.compute.force_config_drive or properties.get("img_config_drive") == "mandatory"
    return {
        "project_id": context.project_id,
        "user_id": context.user_id,
        "description": wanted.description,
        "vm_state": states.BUILDING,
        "task_state": states.SCHEDULING,
        "power_state": 0,
        "wanted_power": "running",
        "progress": 0,
        "availability_zone": wanted.zone or deps.conf.compute.default_schedule_zone,
        "pinned_zone": wanted.zone,
        "kernel_id": properties.get("kernel_id"),
        "ramdisk_id": properties.get("ramdisk_id"),
        "key_name": key.name if key else None,
        "key": {"name": key.name, "type": key.type, "public_key": key.public_key} if key else None,
        "config_drive": wanted.config_drive or forced,
        "flavor": dict(flavor),
        "flavorid": flavor["id"],
        "vcpus": flavor["vcpus"],
        "memory_mb": flavor["memory_mb"],
        "root_gb": flavor["root_gb"],
        "ephemeral_gb": flavor["ephemeral_gb"],
        "meta": dict(wanted.metadata),
        "system": {"image": properties, "user_name": context.user_name, "project_name": context.project_name},
        "hints": dict(wanted.hints) or None,
        "security_groups": list(group_names),
        "access_ip_v4": wanted.access_ip_v4,
        "access_ip_v6": wanted.access_ip_v6,
        "auto_disk_config": (wanted.disk_config or "AUTO") == "AUTO",
        "trusted_certs": list(wanted.trusted_certs) if wanted.trusted_certs else None,
        "group_id": group_id,
        "locked": False,
        "deleted": False,
        "created_at": now,
        "updated_at": now,
    }


def _rows(wanted: Wanted, common: Mapping[str, Any], count: int, reservation: str) -> list[dict[str, Any]]:
    several = wanted.count[1] > 1
    rows = []
    for n in range(count):
        server_id = ids.uuid()
        name = f"{wanted.name}-{n + 1}" if several else wanted.name
        hostname = wanted.hostname or hostname_of(name, server_id)
        rows.append(
            {**common, "id": server_id, "name": name, "hostname": hostname, "launch_index": n, "reservation_id": reservation}
        )
    return rows


def _check_group(session: Session, limit: int, context: Any, group_id: str | None, count: int) -> None:
    if group_id is None:
        return
    mine = [m for m in server_groups.members(session, [group_id]).get(group_id, ()) if m.user_id == context.user_id]
    if 0 <= limit < len(mine) + count:
        raise errors.Forbidden("Quota exceeded, too many servers in group")
