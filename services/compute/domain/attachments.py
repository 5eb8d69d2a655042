"""Volumes and network cards of existing servers: plugging, unplugging, addresses, security groups."""

import functools
import string
from collections.abc import Mapping, Sequence
from typing import Any

from common import errors, ids
from common.clients.base import RemoteError
from common.db.session import Session
from services.compute.db import server_parts, servers
from services.compute.domain import block_devices, networks, operations, states
from services.compute.domain.deps import Deps, remote
from services.compute.domain.metadata import ROOT_DEVICE


def next_device(disks: Sequence[Any], asked: str | None) -> str:
    """`/dev/vdX` for a further disk: the one asked for, or the first free one. errors.Conflict when it is taken."""
    if asked:
        if asked.rpartition("/")[2] in _taken(disks):
            raise errors.Conflict(f"The supplied device path ({asked}) is in use.")
        return asked if asked.startswith("/dev/") else f"/dev/{asked}"
    free = _free(disks)
    unnamed = len(_unnamed(disks))
    if unnamed >= len(free):
        raise errors.Forbidden(
            "The maximum allowed number of disk devices (26) to attach to a single instance has been exceeded."
        )
    return free[unnamed]


def _taken(disks: Sequence[Any]) -> set[str]:
    return {name.rpartition("/")[2] for name in (ROOT_DEVICE, *(d.device_name or "" for d in disks))}


def _free(disks: Sequence[Any]) -> list[str]:
    taken = _taken(disks)
    return [f"/dev/{name}" for letter in string.ascii_lowercase if (name := f"vd{letter}") not in taken]


def _unnamed(disks: Sequence[Any]) -> list[Any]:
    """Those that take the free names in their order."""
    return [d for d in disks if not d.device_name and d.boot_index != 0]


def device_of(disk: Any, disks: Sequence[Any]) -> str | None:
    """Where a disk among all of its server is going to be: by its name, else by its place. None when there are too many."""
    if disk.device_name or disk.boot_index == 0:
        return str(disk.device_name or ROOT_DEVICE)
    free, before = _free(disks), [d.id for d in _unnamed(disks)].index(disk.id)
    return free[before] if before < len(free) else None


def attach_volume(
    deps: Deps,
    context: Any,
    server: Any,
    volume_id: str,
    device: str | None,
    *,
    tag: str | None,
    delete_on_termination: bool,
    multiattach: bool,
) -> Any:
    """Reserve a volume for a server and begin to plug it; the block device's row. errors: BadRequest, NotFound, Conflict."""
    states.check_lock(server, context.has_admin_role)
    states.check("attach_volume", server)
    client = deps.volume.as_user(context)
    volume = remote(lambda: client.volume(volume_id), on_404=errors.NotFound(f"Volume {volume_id} could not be found."))
    with deps.db.read() as session:
        if server_parts.disk_of_volume(session, server.id, volume_id) is not None:
            raise errors.BadRequest(f"Invalid volume: Volume {volume_id} is already attached to instance {server.id}.")
    block_devices.check_volume(volume, multiattach=multiattach)
    attachment = remote(lambda: client.create_attachment(volume_id, server.id))
    disk_id = ids.uuid()

    def also(session: Session) -> dict[str, Any]:
        disks = server_parts.disks(session, [server.id]).get(server.id, [])
        name = next_device(disks, device)
        server_parts.add_disks(
            session,
            [
                {
                    "id": disk_id,
                    "server_id": server.id,
                    "source": "volume",
                    "destination": "volume",
                    "volume_id": volume_id,
                    "volume_size": volume.get("size"),
                    "device_name": name,
                    "delete_on_termination": delete_on_termination,
                    "tag": tag,
                    "attachment_id": attachment["id"],
                    "position": len(disks),
                }
            ],
        )
        return {"disk_id": disk_id, "volume_id": volume_id, "attachment_id": attachment["id"]}

    try:
        operations.begin(deps, context, server, "attach_volume", also=also)
    except (errors.ApiError, errors.Transient):
        client.delete_attachment(attachment["id"])
        raise
    with deps.db.read() as session:
        return server_parts.disk_of_volume(session, server.id, volume_id)


def not_attached(server_id: str, volume_id: str) -> errors.NotFound:
    """The 404 of an attachment."""
    return errors.NotFound(f"Instance {server_id} is not attached to volume {volume_id}")


def detach_volume(deps: Deps, context: Any, server: Any, volume_id: str) -> None:
    """Begin to unplug a volume. errors: NotFound, BadRequest (root disk), Conflict."""
    states.check_lock(server, context.has_admin_role)
    with deps.db.read() as session:
        disk = server_parts.disk_of_volume(session, server.id, volume_id)
    if disk is None:
        raise not_attached(server.id, volume_id)
    if disk.boot_index == 0:
        raise errors.BadRequest("Cannot detach a root device volume")
    states.check("detach_volume", server)
    client = deps.volume.as_user(context)
    remote(
        lambda: client.action(volume_id, "os-begin_detaching"), on_404=errors.NotFound(f"Volume {volume_id} could not be found.")
    )
    try:
        operations.begin(
            deps,
            context,
            server,
            "detach_volume",
            {"disk_id": disk.id, "volume_id": volume_id, "attachment_id": disk.attachment_id},
        )
    except (errors.ApiError, errors.Transient):
        client.action(volume_id, "os-roll_detaching")
        raise


def swap_volume(deps: Deps, context: Any, server: Any, old_id: str, new_id: str) -> None:
    """Begin to replace an attached volume by another one that gets its content. errors: NotFound, BadRequest, Conflict.

    Only for a volume that block storage says it is migrating: the disk's serial number stays the old volume's while the guest
    runs, which is right when the new one takes over its name.
    """
    client = deps.volume
    old = remote(lambda: client.volume(old_id), on_404=errors.NotFound(f"Volume {old_id} could not be found."))
    if not old.get("migration_status"):
        raise errors.Conflict(f"volume {old_id} is not migrating; this API should only be called by Cinder")
    new = remote(lambda: client.volume(new_id), on_404=errors.BadRequest(f"Volume {new_id} could not be found."))
    states.check_lock(server, context.has_admin_role)
    states.check("swap_volume", server)
    with deps.db.read() as session:
        disk = server_parts.disk_of_volume(session, server.id, old_id)
        again = server_parts.disk_of_volume(session, server.id, new_id)
    if disk is None:
        raise not_attached(server.id, old_id)
    if again is not None or new.get("attachments"):
        raise errors.BadRequest("Invalid volume: New volume must be detached in order to swap.")
    if new["size"] < old["size"]:
        raise errors.BadRequest("Invalid volume: New volume must be the same size or larger.")
    remote(lambda: client.action(old_id, "os-begin_detaching"))
    made = None
    try:
        if _writers(client.volume(old_id)) > 1:
            raise errors.BadRequest("Swapping multi-attach volumes with more than one read/write attachment is not supported.")
        made = remote(lambda: client.create_attachment(new_id, server.id))["id"]
        operations.begin(deps, context, server, "swap_volume", {
            "disk_id": disk.id, "old_volume_id": old_id, "new_volume_id": new_id, "attachment_id": made,
            "old_attachment_id": disk.attachment_id, "old_size": old["size"], "new_size": new["size"]})
    except (errors.ApiError, errors.Transient):
        if made is not None:
            client.delete_attachment(made)
        client.action(old_id, "os-roll_detaching")
        raise


def _writers(volume: Mapping[str, Any]) -> int:
    """How many servers may write to a volume."""
    read_only = str((volume.get("metadata") or {}).get("readonly")).lower() == "true"
    return 0 if read_only else len(volume.get("attachments") or ())


def attach_interface(deps: Deps, context: Any, server: Any, wanted: Mapping[str, Any]) -> Any:
    """Make (or take) a port for a server and begin to plug it; the port. errors: BadRequest, NotFound, Conflict.

    `wanted` may hold net_id, port_id, fixed_ip, tag.
    """
    states.check_lock(server, context.has_admin_role)
    states.check("attach_interface", server)
    client = deps.network.as_user(context)
    item = {
        "uuid": wanted.get("net_id"),
        "port": wanted.get("port_id"),
        "fixed_ip": wanted.get("fixed_ip"),
        "tag": wanted.get("tag"),
    }
    try:
        found = networks.resolve(deps, context, [item] if item["uuid"] or item["port"] else None, count=1)
    except errors.Conflict as e:
        raise errors.BadRequest(e.message) if "Multiple" in e.message else e from e
    if isinstance(found, str):
        raise errors.BadRequest("No fixed IP addresses available for network: none")
    port, owned = _port(client, server, {**found[0], "fixed_ip": item["fixed_ip"]})
    try:
        card = _card(deps, server, port, owned=owned, tag=item["tag"])

        def also(session: Session) -> dict[str, Any]:
            there = server_parts.nics(session, [server.id]).get(server.id, [])
            position = 1 + max((n.position for n in there), default=-1)
            server_parts.save_nic(session, port["id"], {**card, "position": position})
            return {"made_port": port["id"], **({} if owned else {"port_id": port["id"]})}

        operations.begin(deps, context, server, "attach_interface", also=also)
    except (errors.ApiError, errors.Transient):
        _give_back(client, port["id"], owned)
        raise
    return port


def _card(deps: Deps, server: Any, port: Mapping[str, Any], *, owned: bool, tag: str | None) -> dict[str, Any]:
    """Bind a port to the server's host, and make the row of its card."""
    client = deps.network
    remote(lambda: client.update("port", port["id"], {"binding:host_id": server.host}))
    network = remote(lambda: client.show("network", port["network_id"]))
    used = {ip["subnet_id"] for ip in port.get("fixed_ips", [])}
    subnets = [s for s in remote(lambda: client.find("subnet", network_id=port["network_id"])) if s["id"] in used]
    return {
        "server_id": server.id, "network_id": port["network_id"], "network_label": network["name"], "mac": port["mac_address"],
        "addresses": networks.addresses(port.get("fixed_ips", [])), "mtu": network.get("mtu") or 1500, "owned": owned,
        "vnic_type": port.get("binding:vnic_type") or "normal", "tag": tag,
        "subnets": [{"id": s["id"], "cidr": s["cidr"], "gateway": s.get("gateway_ip"), "version": s["ip_version"],
                     "dns": s.get("dns_nameservers") or [], "dhcp": s.get("enable_dhcp", True),
                     "routes": s.get("host_routes") or []} for s in subnets],
    }


def _port(client: Any, server: Any, item: Mapping[str, Any]) -> tuple[Any, bool]:
    owner = {"device_id": server.id, "device_owner": f"compute:{server.availability_zone or 'nova'}"}
    if item["port"]:
        return remote(lambda: client.update("port", item["port"], owner)), False
    values = {"network_id": item["uuid"], "admin_state_up": True, **owner}
    if item["fixed_ip"]:
        values["fixed_ips"] = [{"ip_address": item["fixed_ip"]}]
    return remote(lambda: client.create("port", values)), True


def _give_back(client: Any, port_id: str, owned: bool) -> None:
    if owned:
        client.remove("port", port_id, missing_ok=True)
    else:
        remote(lambda: client.update("port", port_id, {"device_id": "", "device_owner": ""}))


def detach_interface(deps: Deps, context: Any, server: Any, port_id: str) -> None:
    """Begin to unplug a card. errors: NotFound, Conflict."""
    states.check_lock(server, context.has_admin_role)
    states.check("detach_interface", server)
    with deps.db.read() as session:
        nic = server_parts.nic(session, port_id)
    if nic is None or nic.server_id != server.id:
        raise errors.NotFound(f"Port id {port_id} could not be found.")
    operations.begin(deps, context, server, "detach_interface", {"port_id": port_id, "owned": nic.owned})


def refresh(deps: Deps, server_id: str) -> None:
    """Write down the addresses that a server's ports have now, floating ones included, as the network service says."""
    with deps.db.read() as session:
        nics = server_parts.nics(session, [server_id]).get(server_id, [])
    if not nics:
        return
    client = deps.network
    ports = {p["id"]: p for p in remote(lambda: client.find("port", device_id=server_id))}
    floating: dict[tuple[str, str], list[str]] = {}
    for item in remote(lambda: client.find("floatingip", port_id=[n.port_id for n in nics])):
        floating.setdefault((item["port_id"], item["fixed_ip_address"]), []).append(item["floating_ip_address"])

    def work(session: Session) -> None:
        for nic in nics:
            port = ports.get(nic.port_id)
            if port is None:
                continue
            made = []
            for entry in networks.addresses(port.get("fixed_ips", [])):
                made.append(entry)
                made += [{"addr": a, "version": 4, "type": "floating"} for a in floating.get((nic.port_id, entry["addr"]), ())]
            if made != nic.addresses or port["mac_address"] != nic.mac:
                server_parts.save_nic(session, nic.port_id, {"addresses": made, "mac": port["mac_address"]})

    deps.db.transaction(work)


def add_fixed_ip(deps: Deps, context: Any, server: Any, network_id: str) -> None:
    """Give the server's port on a network one more address. errors: BadRequest, Conflict."""
    states.check_lock(server, context.has_admin_role)
    nic = _nic_where(deps, server, lambda n: n.network_id == network_id)
    if nic is None:
        raise errors.BadRequest(f"Network could not be found for instance {server.id}.")
    client = deps.network.as_user(context)
    port = remote(lambda: client.show("port", nic.port_id))
    subnets = remote(lambda: client.find("subnet", network_id=network_id))
    for subnet in sorted(subnets, key=lambda s: s["ip_version"]):
        fixed = [*port.get("fixed_ips", []), {"subnet_id": subnet["id"]}]
        try:
            client.update("port", nic.port_id, {"fixed_ips": fixed})
        except RemoteError:
            continue
        refresh(deps, server.id)
        return
    raise errors.BadRequest(f"No fixed IP addresses available for network: {network_id}")


def remove_fixed_ip(deps: Deps, context: Any, server: Any, address: str) -> None:
    """Take an address away from the server's port. errors: BadRequest, Conflict."""
    states.check_lock(server, context.has_admin_role)
    nic = _nic_where(deps, server, lambda n: any(a["addr"] == address and a["type"] == "fixed" for a in n.addresses))
    if nic is None:
        raise errors.BadRequest(f"Instance {server.id} does not have fixed IP '{address}'.")
    client = deps.network.as_user(context)
    port = remote(lambda: client.show("port", nic.port_id))
    fixed = [ip for ip in port.get("fixed_ips", []) if ip["ip_address"] != address]
    remote(lambda: client.update("port", nic.port_id, {"fixed_ips": fixed}))
    refresh(deps, server.id)


def _nic_where(deps: Deps, server: Any, test: Any) -> Any | None:
    with deps.db.read() as session:
        return next((n for n in server_parts.nics(session, [server.id]).get(server.id, []) if test(n)), None)


def add_floating_ip(deps: Deps, context: Any, server: Any, address: str, fixed_address: str | None) -> None:
    """Associate a floating address of the project (before 2.44). errors: NotFound, BadRequest."""
    states.check_lock(server, context.has_admin_role)
    nic = _nic_where(
        deps,
        server,
        lambda n: any(a["type"] == "fixed" and a["version"] == 4 and fixed_address in (None, a["addr"]) for a in n.addresses),
    )
    if nic is None:
        raise errors.BadRequest(
            "Specified fixed address not assigned to instance" if fixed_address else "No fixed IPs associated to instance"
        )
    fixed = fixed_address or next(a["addr"] for a in nic.addresses if a["type"] == "fixed" and a["version"] == 4)
    client, item = _floating(deps, context, address)
    remote(
        lambda: client.update("floatingip", item["id"], {"port_id": nic.port_id, "fixed_ip_address": fixed}),
        on_409=errors.BadRequest(f"floating IP {address} can not be associated: fixed IP {fixed} has one already"),
    )
    refresh(deps, server.id)


def remove_floating_ip(deps: Deps, context: Any, server: Any, address: str) -> None:
    """Undo `add_floating_ip`. errors: NotFound, Conflict (it is another's)."""
    states.check_lock(server, context.has_admin_role)
    client, item = _floating(deps, context, address)
    if _nic_where(deps, server, lambda n: n.port_id == item.get("port_id")) is None:
        raise errors.Conflict(f"Floating IP {address} is not associated with instance {server.id}.")
    remote(lambda: client.update("floatingip", item["id"], {"port_id": None}))
    refresh(deps, server.id)


def _floating(deps: Deps, context: Any, address: str) -> tuple[Any, Any]:
    client = deps.network.as_user(context)
    found = remote(lambda: client.find("floatingip", floating_ip_address=address))
    if not found:
        raise errors.NotFound("floating IP not found")
    return client, found[0]


def change_group(deps: Deps, context: Any, server: Any, name: str, *, add: bool) -> None:
    """Put all of a server's ports into a security group, or take them out. errors: NotFound, Conflict."""
    states.check_lock(server, context.has_admin_role)
    client = deps.network.as_user(context)
    groups = remote(lambda: client.find("security_group", tenant_id=context.project_id))
    matches = [g for g in groups if g["id"] == name] or [g for g in groups if g["name"] == name]
    if not matches:
        raise errors.NotFound(f"Security group {name} not found for project {context.project_id}.")
    if len(matches) > 1:
        raise errors.Conflict(f"Multiple security groups found matching '{name}'. Use an ID to be more specific.")
    wanted, names = matches[0]["id"], {g["id"]: g["name"] for g in groups}
    seen: set[str] = set()
    changed = False
    for port in remote(lambda: client.find("port", device_id=server.id)):
        present = list(port.get("security_groups", []))
        if add != (wanted in present):
            present = [*present, wanted] if add else [g for g in present if g != wanted]
            remote(functools.partial(client.update, "port", port["id"], {"security_groups": present}))
            changed = True
        seen.update(present)
    if not add and not changed:
        raise errors.NotFound(f"Security group {name} not associated with the instance {server.id}")
    shown = sorted(names.get(g, g) for g in seen)
    deps.db.transaction(servers.change, server.id, {"security_groups": shown})
