"""Handlers of `POST /servers/{id}/action`: each reads its value and calls the domain."""

from typing import Any

from common import errors
from common.http.request import Request, boolean
from services.compute.api.base import load_server, ok
from services.compute.api.servers import changed, personality, plain_values, user_data
from services.compute.db import servers
from services.compute.domain import attachments, consoles, operations, server_actions, states
from services.compute.domain import servers as domain
from services.compute.domain.server_create import password


def _power(verb: str) -> Any:
    def handler(request: Request, server_id: str) -> None:
        """202; 404; 409 in the wrong state or locked."""
        server_actions.power(request.app, request.context, load_server(request, server_id), verb)

    return handler


start, stop, pause, unpause = _power("start"), _power("stop"), _power("pause"), _power("unpause")
suspend, resume = _power("suspend"), _power("resume")


def _simple(name: str) -> Any:
    def handler(request: Request, server_id: str) -> None:
        """202; 404; 409 in the wrong state or locked."""
        operations.begin(request.app, request.context, load_server(request, server_id), name)

    return handler


shelve_offload, unrescue = _simple("shelve_offload"), _simple("unrescue")
restore, crash_dump = _simple("restore"), _simple("crash_dump")


def reboot(request: Request, server_id: str) -> None:
    """202; `type` is SOFT or HARD."""
    verb = "reboot_hard" if request.body["type"].upper() == "HARD" else "reboot_soft"
    server_actions.power(request.app, request.context, load_server(request, server_id), verb)


def resize(request: Request, server_id: str) -> None:
    """202; 400 for the flavor, 403 over quota, 409."""
    body = request.body
    server_actions.resize(
        request.app,
        request.context,
        load_server(request, server_id),
        str(body["flavorRef"]).rsplit("/", 1)[-1],
        body.get("OS-DCF:diskConfig"),
    )


def confirm_resize(request: Request, server_id: str) -> None:
    """204; 400 when it was not resized, 409."""
    server_actions.confirm_resize(request.app, request.context, load_server(request, server_id))


def revert_resize(request: Request, server_id: str) -> None:
    """202; 400 when it was not resized, 409."""
    server_actions.revert_resize(request.app, request.context, load_server(request, server_id))


def rebuild(request: Request, server_id: str) -> Any:
    """202 with the server and its new password; 400, 403, 409."""
    row = load_server(request, server_id)
    body = request.body
    wanted = plain_values(body)
    for field in ("metadata", "key_name"):
        if field in body:
            wanted[field] = body[field]
    if "personality" in body:
        wanted["personality"] = personality(body["personality"])
    if "user_data" in body:
        wanted["user_data"] = user_data(request, body["user_data"])
    if "trusted_image_certificates" in body:
        request.authorize({"project_id": row.project_id, "user_id": row.user_id}, "os_compute_api:servers:rebuild:trusted_certs")
        wanted["trusted_certs"] = body["trusted_image_certificates"]
    wanted["preserve_ephemeral"] = boolean(body.get("preserve_ephemeral", False), "preserve_ephemeral")
    wanted["reimage_volume"] = request.at_least("2.93")
    secret = body.get("adminPass") or password(request.app.conf.compute.password_length)
    server_actions.rebuild(request.app, request.context, row, body["imageRef"], secret, wanted)
    made = changed(request, server_id)
    made["adminPass"] = secret
    if request.at_least("2.54"):
        made["key_name"] = wanted.get("key_name", row.key_name)
    if request.at_least("2.57"):
        made.pop("OS-EXT-SRV-ATTR:user_data", None)
        with request.app.db.read() as session:
            made["user_data"] = servers.user_data(session, [server_id]).get(server_id)
    return {"server": made}, 202, {"Location": made["links"][0]["href"]}


def create_image(request: Request, server_id: str) -> Any:
    """202 with a Location (and since 2.45 the id) of the image; 400, 403, 409."""
    row = load_server(request, server_id)
    image_id = server_actions.snapshot(
        request.app, request.context, row, request.body["name"], request.body.get("metadata") or {}
    )
    return _image_answer(request, image_id)


def _image_answer(request: Request, image_id: str) -> Any:
    if request.at_least("2.45"):
        return {"image_id": image_id}, 202
    return None, 202, {"Location": f"{request.base_url}/v2.1/images/{image_id}"}


def create_backup(request: Request, server_id: str) -> Any:
    """202 with a Location (and since 2.45 the id) of the image; older backups of the type beyond `rotation` go. 400, 409."""
    row = load_server(request, server_id)
    body = request.body
    if server_actions.is_volume_backed(request.app, row):
        raise errors.BadRequest("Backup is not supported for volume-backed instances.")
    rotation = int(body["rotation"])
    image_id = server_actions.snapshot(
        request.app,
        request.context,
        row,
        body["name"],
        {**(body.get("metadata") or {}), "backup_type": body["backup_type"]},
        action="backup",
        extra={"backup_type": body["backup_type"], "rotation": rotation},
    )
    if rotation == 0:
        return None, 202
    return _image_answer(request, image_id)


def rescue(request: Request, server_id: str) -> Any:
    """200 with the password; 400, 409."""
    row = load_server(request, server_id)
    body = request.body or {}
    secret = body.get("adminPass") or password(request.app.conf.compute.password_length)
    server_actions.rescue(
        request.app, request.context, row, secret, body.get("rescue_image_ref"), from_volume=request.at_least("2.87")
    )
    return {"adminPass": secret}


def change_password(request: Request, server_id: str) -> None:
    """202; 409 in the wrong state or locked, or where the guest can have no agent."""
    server_actions.change_password(request.app, request.context, load_server(request, server_id), request.body["adminPass"])


def shelve(request: Request, server_id: str) -> None:
    """202; 404; 409 in the wrong state or locked; 403 and 413 when the project may have no more images."""
    server_actions.shelve(request.app, request.context, load_server(request, server_id))


def unshelve(request: Request, server_id: str) -> None:
    """202; 400 for zone or host, 409."""
    row = load_server(request, server_id)
    body = request.body or {}
    if "host" in body:
        request.authorize({"project_id": row.project_id, "user_id": row.user_id}, "os_compute_api:os-shelve:unshelve_to_host")
    server_actions.unshelve(request.app, request.context, row, body)


def migrate(request: Request, server_id: str) -> None:
    """202; 400 for the host, 409."""
    row = load_server(request, server_id)
    host = (request.body or {}).get("host")
    if host is not None:
        request.authorize({"project_id": row.project_id, "user_id": row.user_id}, "os_compute_api:os-migrate-server:migrate:host")
    server_actions.migrate(request.app, request.context, row, host)


def live_migrate(request: Request, server_id: str) -> None:
    """202; 400 for the host, 409."""
    row = load_server(request, server_id)
    body = request.body
    if body.get("host") is not None:
        request.authorize(
            {"project_id": row.project_id, "user_id": row.user_id}, "os_compute_api:os-migrate-server:migrate_live:host"
        )
    block = body["block_migration"]
    server_actions.live_migrate(
        request.app,
        request.context,
        row,
        body.get("host"),
        {
            "block_migration": block if block == "auto" else boolean(block, "block_migration"),
            "disk_over_commit": boolean(body["disk_over_commit"], "disk_over_commit") if "disk_over_commit" in body else None,
            "force": boolean(body.get("force", False), "force"),
        },
    )


def evacuate(request: Request, server_id: str) -> Any:
    """200; 400 when its host is up, or a password is given for a disk that is kept, 409. Since 2.95 the server stays off."""
    row = load_server(request, server_id)
    body = request.body
    shared = boolean(body["onSharedStorage"], "onSharedStorage") if "onSharedStorage" in body else None
    if shared and "adminPass" in body:
        raise errors.BadRequest("admin password can't be changed on existing disk")
    secret = None if shared else body.get("adminPass") or password(request.app.conf.compute.password_length)
    options = {"force": boolean(body.get("force", False), "force"), "on_shared_storage": shared,
               "stay_stopped": request.at_least("2.95")}
    server_actions.evacuate(request.app, request.context, row, body.get("host"), secret, options)
    return ok() if request.at_least("2.14") else {"adminPass": secret} if secret else {}


def force_delete(request: Request, server_id: str) -> None:
    """202 in every state; 409 when it is locked."""
    operations.delete(request.app, request.context, load_server(request, server_id), force=True)


def lock(request: Request, server_id: str) -> None:
    """202; 404."""
    reason = (request.body or {}).get("locked_reason") if isinstance(request.body, dict) else None
    domain.lock(request.app, request.context, load_server(request, server_id), reason)


def unlock(request: Request, server_id: str) -> None:
    """202; 403 for what an operator locked."""
    row = load_server(request, server_id)
    if row.locked and row.locked_by == "admin":
        request.authorize(
            {"project_id": row.project_id, "user_id": row.user_id}, "os_compute_api:os-lock-server:unlock:unlock_override"
        )
    domain.unlock(request.app, request.context, row)


def reset_state(request: Request, server_id: str) -> None:
    """202; 404."""
    domain.reset_state(request.app, request.context, load_server(request, server_id), request.body["state"])


def reset_network(request: Request, server_id: str) -> None:
    """202; 409 where its state forbids it. What it has is read again from the network service."""
    states.check("reset_network", load_server(request, server_id))
    inject_network_info(request, server_id)


def inject_network_info(request: Request, server_id: str) -> None:
    """202; its addresses are read again from the network service, which is where its metadata takes them from."""
    row = load_server(request, server_id)
    states.check_lock(row, request.context.has_admin_role)
    attachments.refresh(request.app, row.id)


def console_output(request: Request, server_id: str) -> dict[str, str]:
    """200; 404, 409 before there is one."""
    row = load_server(request, server_id)
    length = (request.body or {}).get("length")
    lines = int(length) if length is not None and str(length) != "-1" else None
    return {"output": "" if lines == 0 else consoles.output(request.app, request.context, row, lines)}


def console(request: Request, server_id: str) -> dict[str, Any]:
    """200 with type and URL (before 2.6); 400, 404, 409."""
    made = consoles.open_console(request.app, request.context, load_server(request, server_id), request.body["type"])
    return {"console": {"type": made["type"], "url": made["url"]}}


def add_security_group(request: Request, server_id: str) -> None:
    """202; 404, 409 when the name is not unique."""
    attachments.change_group(request.app, request.context, load_server(request, server_id), request.body["name"], add=True)


def remove_security_group(request: Request, server_id: str) -> None:
    """202; 404, 409."""
    attachments.change_group(request.app, request.context, load_server(request, server_id), request.body["name"], add=False)


def add_fixed_ip(request: Request, server_id: str) -> None:
    """202; 400, 404 (before 2.44)."""
    attachments.add_fixed_ip(request.app, request.context, load_server(request, server_id), request.body["networkId"])


def remove_fixed_ip(request: Request, server_id: str) -> None:
    """202; 400, 404 (before 2.44)."""
    attachments.remove_fixed_ip(request.app, request.context, load_server(request, server_id), request.body["address"])


def add_floating_ip(request: Request, server_id: str) -> None:
    """202; 400, 404 (before 2.44)."""
    attachments.add_floating_ip(
        request.app, request.context, load_server(request, server_id), request.body["address"], request.body.get("fixed_address")
    )


def remove_floating_ip(request: Request, server_id: str) -> None:
    """202; 404, 409 (before 2.44)."""
    attachments.remove_floating_ip(request.app, request.context, load_server(request, server_id), request.body["address"])
