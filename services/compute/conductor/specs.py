"""From rows to the desired state of a server on its host."""

from collections.abc import Mapping, Sequence
from typing import Any

from common.db.session import Session
from services.compute.db import jobs, migrations, server_batches, server_parts, servers
from services.compute.domain import metadata
from services.compute.objects.server import FlavorSpec, ImageSpec, NicSpec, RescueSpec, ServerSpec, VolumeSpec


def flavor_spec(flavor: Mapping[str, Any]) -> FlavorSpec:
    """The sizes in a server's copy of its flavor."""
    return FlavorSpec(vcpus=flavor["vcpus"], ram_mb=flavor["memory_mb"], root_gb=flavor["root_gb"],
                      ephemeral_gb=flavor.get("ephemeral_gb") or 0, swap_mb=flavor.get("swap") or 0,
                      name=flavor.get("name") or "", extra_specs=flavor.get("extra_specs") or {})


def image_spec(image: Mapping[str, Any] | None) -> ImageSpec | None:
    """The image as the server's request remembers it."""
    return ImageSpec.of_record(image) if image and image.get("id") else None


def nic_spec(row: Any) -> NicSpec:
    """A card."""
    return NicSpec(port_id=row.port_id, network_id=row.network_id, mac=row.mac, mtu=row.mtu, vnic_type=row.vnic_type,
                   ips=tuple(a["addr"] for a in row.addresses or () if a.get("type") == "fixed"), tag=row.tag)


def volume_spec(row: Any) -> VolumeSpec:
    """An attached volume; its row has a connection."""
    return VolumeSpec(volume_id=row.volume_id, connection_info=row.connection_info, attachment_id=row.attachment_id,
                      device=row.device_name, boot_index=row.boot_index, bus=row.disk_bus,
                      device_type=row.device_type or "disk", delete_on_termination=row.delete_on_termination, tag=row.tag)


def build(server: Any, request: Any, nics: Sequence[Any], disks: Sequence[Any]) -> ServerSpec:
    """The spec of one server from its rows. The configuration drive's documents are made only when it has one."""
    local_root = not any(d.boot_index == 0 and d.destination == "volume" for d in disks)
    image = image_spec(request.image if request is not None else None)
    documents: Mapping[str, Any] = {}
    if server.config_drive and request is not None:
        documents = metadata.config_drive(server, request, nics, disks)
    rescue = None
    if request is not None and request.rescue and server.vm_state == "rescued" or server.task_state == "rescuing":
        found = image_spec((request.rescue or {}).get("image") if request is not None else None)
        rescue = RescueSpec(found, (request.rescue or {}).get("admin_pass")) if found else None
    files = {f["path"]: f["contents"] for f in ((request.data or {}).get("personality") or [])} if request is not None else {}
    return ServerSpec(
        uuid=server.id, flavor=flavor_spec(server.flavor), name=server.name, hostname=server.hostname, node=server.node or "",
        project_id=server.project_id, user_id=server.user_id, image=image if local_root else None,
        nics=tuple(nic_spec(n) for n in nics),
        volumes=tuple(volume_spec(d) for d in disks if d.volume_id and d.connection_info),
        config_drive=bool(server.config_drive), admin_pass=request.admin_pass if request is not None else None,
        user_data=request.user_data if request is not None else None, metadata=documents, files=files,
        power=server.wanted_power, rescue=rescue,
    )


def work(session: Session, host: str, server_ids: Sequence[str]) -> list[dict[str, Any]]:
    """What `Conductor.work` answers, in a constant number of statements."""
    todo = jobs.open_of(session, host, server_ids)
    going = [s for s, mine in todo.items() if all(job.verb == "destroy" for job in mine)]
    rows = server_batches.specs(session, [s for s in server_ids if s not in going])
    here = [s for s, row in rows.items() if row.host == host or any(j.args.get("spec_here") for j in todo.get(s, ()))]
    nics = server_parts.nics(session, here) if here else {}
    disks = server_parts.disks(session, here) if here else {}
    drives = [s for s in here if rows[s].config_drive]
    whole = {r.id: r for r in servers.get_many(session, drives)} if drives else {}
    moving = migrations.touching(session, host, server_ids) if len(here) < len(server_ids) else ()
    specs = {s: build(whole.get(s, rows[s]), rows[s], nics.get(s, ()), disks.get(s, ())).to_dict() for s in here}
    return [{"server_id": s, "spec": specs.get(s), "keep": s in moving,
             "jobs": [{"id": j.id, "verb": j.verb, "args": j.args} for j in todo.get(s, ())]} for s in server_ids]


