"""Handlers of a server's volumes and network cards."""

from typing import Any

from common import errors
from common.http.request import Request, boolean
from services.compute.api.base import load_server
from services.compute.db import server_parts
from services.compute.domain import attachments, states
from services.compute.domain.deps import remote


def _attachment(request: Request, disk: Any) -> dict[str, Any]:
    made = {"serverId": disk.server_id, "volumeId": disk.volume_id, "device": disk.device_name}
    if not request.at_least("2.89"):
        made["id"] = disk.volume_id
    if request.at_least("2.70"):
        made["tag"] = disk.tag
    if request.at_least("2.79"):
        made["delete_on_termination"] = disk.delete_on_termination
    if request.at_least("2.89"):
        made.update(attachment_id=disk.attachment_id, bdm_uuid=disk.id)
    return made


def volumes(request: Request, server_id: str) -> dict[str, Any]:
    """200; 404."""
    load_server(request, server_id)
    with request.app.db.read() as session:
        found = [d for d in server_parts.disks(session, [server_id]).get(server_id, []) if d.volume_id]
    offset = int(request.first("offset") or 0)
    limit = request.first("limit")
    found = found[offset:offset + int(limit)] if limit and int(limit) else found[offset:]
    return {"volumeAttachments": [_attachment(request, d) for d in found]}


def _disk(request: Request, server_id: str, volume_id: str) -> Any:
    with request.app.db.read() as session:
        disk = server_parts.disk_of_volume(session, server_id, volume_id)
    if disk is None:
        raise attachments.not_attached(server_id, volume_id)
    return disk


def volume(request: Request, server_id: str, volume_id: str) -> dict[str, Any]:
    """200; 404."""
    load_server(request, server_id)
    return {"volumeAttachment": _attachment(request, _disk(request, server_id, volume_id))}


def attach_volume(request: Request, server_id: str) -> Any:
    """200 with the attachment, since 2.101 202 without; 400, 404, 409."""
    row = load_server(request, server_id)
    body = request.body["volumeAttachment"]
    if not request.at_least("2.20") and row.vm_state in (states.SHELVED, states.SHELVED_OFFLOADED):
        raise states.refuse("attach_volume", row.id, "vm_state", row.vm_state)
    disk = attachments.attach_volume(
        request.app, request.context, row, body["volumeId"], body.get("device"), tag=body.get("tag"),
        delete_on_termination=boolean(body.get("delete_on_termination", False), "delete_on_termination"),
        multiattach=request.at_least("2.60"))
    if request.at_least("2.101"):
        return None, 202
    made = _attachment(request, disk)
    if request.at_least("2.89"):
        made = {k: v for k, v in made.items() if k not in ("attachment_id", "bdm_uuid")} | {"id": disk.volume_id}
    return {"volumeAttachment": made}


def update_volume(request: Request, server_id: str, volume_id: str) -> None:
    """202: swap the volume (for block storage), since 2.85 also set delete_on_termination; 400, 403, 404, 409."""
    body = request.body["volumeAttachment"]
    swaps = body["volumeId"] != volume_id or not request.at_least("2.85")
    row = load_server(request, server_id, "os_compute_api:os-volumes-attachments:swap" if swaps else None)
    if request.at_least("2.85"):
        disk = _disk(request, server_id, volume_id)
        for field, value in (("device", disk.device_name), ("tag", disk.tag), ("serverId", server_id), ("id", volume_id)):
            if field in body and body[field] != value:
                raise errors.BadRequest(f"The {field} cannot be changed.")
        if "delete_on_termination" in body:
            wanted = boolean(body["delete_on_termination"], "delete_on_termination")
            request.app.db.transaction(server_parts.change_disk, disk.id, delete_on_termination=wanted)
    if swaps:
        attachments.swap_volume(request.app, request.context, row, volume_id, body["volumeId"])


def detach_volume(request: Request, server_id: str, volume_id: str) -> None:
    """202; 400 for the root disk, 404, 409."""
    row = load_server(request, server_id)
    if not request.at_least("2.20") and row.vm_state in (states.SHELVED, states.SHELVED_OFFLOADED):
        raise states.refuse("detach_volume", row.id, "vm_state", row.vm_state)
    attachments.detach_volume(request.app, request.context, row, volume_id)


def _interface(request: Request, port: Any, tag: str | None) -> dict[str, Any]:
    made = {"net_id": port["network_id"], "port_id": port["id"], "mac_addr": port["mac_address"], "port_state": port["status"],
            "fixed_ips": [{"subnet_id": i["subnet_id"], "ip_address": i["ip_address"]} for i in port.get("fixed_ips", [])]}
    if request.at_least("2.70"):
        made["tag"] = tag
    return made


def _tags(request: Request, server_id: str) -> dict[str, str | None]:
    with request.app.db.read() as session:
        return {n.port_id: n.tag for n in server_parts.nics(session, [server_id]).get(server_id, [])}


def interfaces(request: Request, server_id: str) -> dict[str, Any]:
    """200: the server's ports as the network service knows them; 404."""
    row = load_server(request, server_id)
    client = request.app.network.as_user(request.context)
    tags = _tags(request, server_id)
    ports = remote(lambda: client.find("port", device_id=row.id))
    return {"interfaceAttachments": [_interface(request, p, tags.get(p["id"])) for p in ports]}


def interface(request: Request, server_id: str, port_id: str) -> dict[str, Any]:
    """200; 404 when the port is not the server's."""
    load_server(request, server_id)
    client = request.app.network.as_user(request.context)
    missing = errors.NotFound(f"Instance {server_id} does not have a port with id {port_id}")
    port = remote(lambda: client.show("port", port_id), on_404=missing)
    if port.get("device_id") != server_id:
        raise missing
    return {"interfaceAttachment": _interface(request, port, _tags(request, server_id).get(port_id))}


def attach_interface(request: Request, server_id: str) -> dict[str, Any]:
    """200 with the new card; 400, 404, 409."""
    row = load_server(request, server_id)
    body = (request.body or {}).get("interfaceAttachment") or {}
    fixed = body.get("fixed_ips") or []
    if body.get("net_id") and body.get("port_id"):
        raise errors.BadRequest("Must not input both network_id and port_id")
    if fixed and not body.get("net_id"):
        raise errors.BadRequest("Must input network_id when request IP address")
    port = attachments.attach_interface(request.app, request.context, row, {
        "net_id": body.get("net_id"), "port_id": body.get("port_id"), "fixed_ip": fixed[0]["ip_address"] if fixed else None,
        "tag": body.get("tag")})
    return {"interfaceAttachment": _interface(request, port, body.get("tag"))}


def detach_interface(request: Request, server_id: str, port_id: str) -> None:
    """202; 404, 409."""
    attachments.detach_interface(request.app, request.context, load_server(request, server_id), port_id)
