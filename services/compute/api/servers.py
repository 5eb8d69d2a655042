"""Handlers of servers: list, boot, show, update, delete."""

import base64
import binascii
import ipaddress
from collections.abc import Mapping
from typing import Any

from common import errors
from common.http.request import Request
from services.compute.api import server_filters
from services.compute.api.base import check_server, load_server, next_links
from services.compute.api.views import servers as views
from services.compute.db import servers as rows
from services.compute.domain import operations, server_create, zones
from services.compute.domain import servers as domain
from services.compute.domain.server_create import Wanted


def _true(value: Any) -> bool:
    return value if isinstance(value, bool) else str(value).lower() in ("1", "t", "true", "on", "y", "yes")


def index(request: Request) -> dict[str, Any]:
    """200: names and ids. 400 for wrong filters or paging, 403 for other projects."""
    wanted, page = server_filters.read(request, detail=False)
    with request.app.db.read() as session:
        found = rows.page(session, wanted, page, brief=True) if wanted is not None else []
    made: dict[str, Any] = {"servers": [views.brief(request, r) for r in found]}
    link = next_links(request, "servers", found, page.limit, found[-1].id if found else "")
    return {**made, "servers_links": link} if link else made


def detail(request: Request) -> dict[str, Any]:
    """200: everything about servers, in a constant number of statements. 400, 403 as `index`."""
    wanted, page = server_filters.read(request, detail=True)
    shape = views.Shape(request)
    with request.app.db.read() as session:
        found = rows.page(session, wanted, page) if wanted is not None else []
        parts = shape.read(session, found) if found else None
    made: dict[str, Any] = {"servers": [shape.detail(r, parts) for r in found] if parts is not None else []}
    link = next_links(request, "servers/detail", found, page.limit, found[-1].id if found else "")
    return {**made, "servers_links": link} if link else made


def show(request: Request, server_id: str) -> dict[str, Any]:
    """200; 404."""
    with request.app.db.read() as session:
        row = check_server(request, rows.get(session, server_id))
        return {"server": _full(request, session, row)}


def _full(request: Request, session: Any, row: Any) -> dict[str, Any]:
    shape = views.Shape(request, {"project_id": row.project_id, "user_id": row.user_id})
    made = shape.detail(row, shape.read(session, [row]))
    views.add_groups(request, session, made, row)
    return made


_NOT_BEFORE_275 = ("OS-EXT-", "OS-SRV-USG", "os-extended", "config_drive", "key_name", "security_groups", "host_status")


def changed(request: Request, server_id: str) -> dict[str, Any]:
    """A server as update and rebuild show it: since 2.75 everything, before that the core of it."""
    with request.app.db.read() as session:
        made = _full(request, session, rows.get(session, server_id))
    if request.at_least("2.75"):
        return made
    made["addresses"] = views.without_cards(made["addresses"])
    return {k: v for k, v in made.items() if not k.startswith(_NOT_BEFORE_275)}


def create(request: Request) -> Any:
    """202 and a Location; 400 for whatever does not fit, 403 over quota, 409 for taken ports or an unclear network."""
    body = request.body["server"]
    hints = request.body.get("os:scheduler_hints") or request.body.get("OS-SCH-HNT:scheduler_hints") or {}
    wanted = _wanted(request, body, hints)
    if body.get("block_device_mapping") or body.get("block_device_mapping_v2"):
        request.authorize(None, "os_compute_api:servers:create:attach_volume")
    if wanted.networks not in (None, "none", "auto"):
        request.authorize(None, "os_compute_api:servers:create:attach_network")
    made, reservation, secret = server_create.create(request.app, request.context, wanted)
    if _true(body.get("return_reservation_id", False)):
        return {"reservation_id": reservation}
    answer = views.created(request, made[0], body)
    answer["adminPass"] = secret
    return {"server": answer}, 202, {"Location": answer["links"][0]["href"]}


def _wanted(request: Request, body: Mapping[str, Any], hints: Mapping[str, Any]) -> Wanted:
    """The boot request, read."""
    least = int(body.get("min_count") or 1)
    most = int(body.get("max_count") or least)
    if least > most:
        raise errors.BadRequest("min_count must be <= max_count")
    if most > request.app.conf.compute.max_servers_per_request:
        raise errors.BadRequest(f"max_count must be <= {request.app.conf.compute.max_servers_per_request}")
    if most > 1 and body.get("hostname"):
        raise errors.BadRequest("Unable to allocate a single hostname to multiple instances")
    zone, host, node = zones.parse(body.get("availability_zone"),
                                   may_force=request.allowed("os_compute_api:servers:create:forced_host"))
    if body.get("host") or body.get("hypervisor_hostname"):
        request.authorize(None, "compute:servers:create:requested_destination")
        if host or node:
            raise errors.BadRequest("Forced destination and requested destination cannot be used together.")
        host, node = body.get("host"), body.get("hypervisor_hostname")
    image = body.get("imageRef") or None
    if image is None and not (body.get("block_device_mapping") or body.get("block_device_mapping_v2")):
        raise errors.BadRequest("Missing imageRef attribute" if "imageRef" not in body else "Invalid imageRef provided.")
    return Wanted(
        name=body["name"], flavor_id=str(body["flavorRef"]).rsplit("/", 1)[-1], image_id=image, count=(least, most),
        networks=body.get("networks"), block_devices=body.get("block_device_mapping") or (),
        block_devices_v2=body.get("block_device_mapping_v2") or (),
        security_groups=[g["name"] for g in body.get("security_groups") or () if "name" in g], key_name=body.get("key_name"),
        metadata=body.get("metadata") or {}, personality=personality(body.get("personality")),
        user_data=user_data(request, body.get("user_data")), config_drive=_true(body.get("config_drive", False)),
        admin_pass=body.get("adminPass"), zone=zone, host=host, node=node, hints=hints,
        description=body.get("description") if request.at_least("2.19") else body["name"],
        hostname=body.get("hostname"), access_ip_v4=_address(body.get("accessIPv4")),
        access_ip_v6=_address(body.get("accessIPv6")),
        disk_config=body.get("OS-DCF:diskConfig"), tags=body.get("tags") or (),
        trusted_certs=body.get("trusted_image_certificates"), multiattach=request.at_least("2.60"),
    )


def user_data(request: Request, text: str | None) -> str | None:
    """Valid base64 user data; errors.BadRequest."""
    if text is None or text == "":
        return None
    if len(text) > request.app.conf.compute.max_user_data_bytes:
        raise errors.BadRequest(f"User data too large. User data must be no larger than "
                                f"{request.app.conf.compute.max_user_data_bytes} bytes once base64 encoded.")
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise errors.BadRequest("User data needs to be valid base 64.") from None
    return text


def personality(files: Any) -> list[dict[str, str]]:
    """Files to inject, checked; errors.BadRequest."""
    made = []
    for item in files or ():
        if "path" not in item or "contents" not in item:
            raise errors.BadRequest("Bad personality format: missing path or contents")
        try:
            base64.b64decode("".join(item["contents"].split()), validate=True)
        except (binascii.Error, ValueError):
            raise errors.BadRequest(f"Personality content for {item['path']} cannot be decoded") from None
        made.append({"path": item["path"], "contents": "".join(item["contents"].split())})
    return made


_FIELDS = {"name": "name", "accessIPv4": "access_ip_v4", "accessIPv6": "access_ip_v6", "description": "description",
           "hostname": "hostname"}


def _address(text: str | None) -> str | None:
    """An address in its shortest form (the schema has checked it); None when it is empty."""
    return str(ipaddress.ip_address(text)) if text else None


def plain_values(body: Mapping[str, Any]) -> dict[str, Any]:
    """Columns by the fields of an update or rebuild body."""
    values = {column: _address(body[field]) if field.startswith("access") else body[field]
              for field, column in _FIELDS.items() if field in body}
    if "OS-DCF:diskConfig" in body:
        values["auto_disk_config"] = body["OS-DCF:diskConfig"] == "AUTO"
    return values


def update(request: Request, server_id: str) -> dict[str, Any]:
    """200; 400, 404; 409 for a pin that does not fit."""
    row = load_server(request, server_id)
    body = request.body["server"]
    if "pinned_availability_zone" in body:
        with request.app.db.read() as session:
            current = zones.of_server(row, zones.host_zones(request.app, session))
        domain.repin(request.app, row, body["pinned_availability_zone"], current)
    domain.update(request.app, request.context, server_id, plain_values(body))
    return {"server": changed(request, server_id)}


def delete(request: Request, server_id: str) -> None:
    """204 in every state; 404; 409 when it is locked."""
    operations.delete(request.app, request.context, load_server(request, server_id))
