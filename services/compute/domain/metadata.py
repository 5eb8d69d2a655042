"""The documents by which a server learns about itself: the same for the metadata service and the configuration drive.

Pure functions over rows. Sources: upstream's user guide on metadata (OpenStack form, versions by date), Amazon's
instance metadata categories (EC2 form).
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from common import ids

ROOT_DEVICE = "/dev/vda"
"""Where a guest finds its root disk, unless its agent says something else."""
OPENSTACK_VERSIONS = (
    "2012-08-10",
    "2013-04-04",
    "2013-10-17",
    "2015-10-15",
    "2016-06-30",
    "2016-10-06",
    "2017-02-22",
    "2018-08-27",
    "2020-10-14",
    "2025-04-04",
)
EC2_VERSIONS = (
    "1.0",
    "2007-01-19",
    "2007-03-01",
    "2007-08-29",
    "2007-10-10",
    "2007-12-15",
    "2008-02-01",
    "2008-09-01",
    "2009-04-04",
)


def documents(
    server: Any,
    nics: Sequence[Any],
    disks: Sequence[Any],
    request: Any,
    *,
    domain: str = "",
    zone: str = "",
    vendor_data: Mapping[str, Any] | None = None,
    vendor_data2: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """{"meta_data", "network_data", "vendor_data", "vendor_data2", "ec2"} of one server.

    `server`, `nics`, `disks`, `request` are rows of services.compute.db.models; `domain` is appended to the host name;
    `zone` is the availability zone that clients see.
    """
    return {
        "meta_data": meta_data(server, nics, disks, request, domain=domain, zone=zone),
        "network_data": network_data(nics),
        "vendor_data": dict(vendor_data or {}),
        "vendor_data2": dict(vendor_data2 or {}),
        "ec2": ec2(server, nics, disks, domain=domain, zone=zone),
    }


def config_drive(
    server: Any, request: Any, nics: Sequence[Any], disks: Sequence[Any], *, domain: str = "", zone: str = ""
) -> dict[str, Any]:
    """`documents` for a configuration drive: the driver adds files and passwords; the same rows give the same documents."""
    made = documents(server, nics, disks, None, domain=domain, zone=zone)
    made["meta_data"]["random_seed"] = _seed(f"{server.id}{server.created_at}{request.admin_pass if request is not None else ''}")
    return made


def full_hostname(server: Any, domain: str) -> str:
    """The host name with its domain, unless it has one of its own."""
    return server.hostname if not domain or "." in server.hostname else f"{server.hostname}.{domain}"


def meta_data(
    server: Any, nics: Sequence[Any], disks: Sequence[Any], request: Any, *, domain: str = "", zone: str = ""
) -> dict[str, Any]:
    """meta_data.json in its newest form."""
    made: dict[str, Any] = {
        "uuid": server.id,
        "name": server.name,
        "hostname": full_hostname(server, domain),
        "launch_index": server.launch_index,
        "availability_zone": zone or server.availability_zone,
        "project_id": server.project_id,
        "devices": _devices(nics, disks),
        "random_seed": _seed(ids.secret(64)),
        "dedicated_cpus": [],
    }
    if server.meta:
        made["meta"] = dict(server.meta)
    if server.key:
        key = server.key
        made["public_keys"] = {key["name"]: key["public_key"]}
        made["keys"] = [{"name": key["name"], "type": key["type"], "data": key["public_key"]}]
    if request is not None and request.admin_pass:
        made["admin_pass"] = request.admin_pass
    files = (request.data or {}).get("personality") if request is not None else None
    if files:
        made["files"] = [{"path": f["path"], "content_path": f"/content/{n:04d}"} for n, f in enumerate(sorted(files, key=_path))]
    return made


def _path(item: Mapping[str, str]) -> str:
    return item["path"]


def contents(request: Any) -> dict[str, bytes]:
    """The injected files by the last part of their content_path: {"0000": data}."""
    files = sorted(((request.data or {}).get("personality") or []) if request is not None else [], key=_path)
    return {f"{n:04d}": base64.b64decode(f["contents"]) for n, f in enumerate(files)}


def _seed(secret: str) -> str:
    """512 bytes for the guest's random pool, stretched from `secret`."""
    data = b"".join(hashlib.sha512(secret.encode() + bytes([n])).digest() for n in range(8))
    return base64.b64encode(data).decode()


def _devices(nics: Sequence[Any], disks: Sequence[Any]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = [
        {"type": "nic", "mac": n.mac, "bus": "none", "address": "none", "tags": [n.tag]} for n in nics if n.tag
    ]
    made += [
        {
            "type": "disk",
            "serial": d.volume_id or d.id,
            "path": d.device_name or "",
            "bus": d.disk_bus or "none",
            "address": "none",
            "tags": [d.tag],
        }
        for d in disks
        if d.tag
    ]
    return made


def network_data(nics: Sequence[Any]) -> dict[str, Any]:
    """network_data.json: links, networks and name servers."""
    links: list[dict[str, Any]] = []
    networks: list[dict[str, Any]] = []
    services: list[dict[str, Any]] = []
    for nic in nics:
        link = f"tap{nic.port_id[:11]}"
        links.append({"id": link, "vif_id": nic.port_id, "type": "bridge", "mtu": nic.mtu, "ethernet_mac_address": nic.mac})
        subnets = {s["id"]: s for s in nic.subnets or []}
        for address in nic.addresses or []:
            subnet = subnets.get(address.get("subnet_id"))
            if address.get("type") != "fixed" or subnet is None:
                continue
            networks.append(_network(f"network{len(networks)}", link, nic, address, subnet))
            for server in subnet.get("dns") or []:
                entry = {"type": "dns", "address": server}
                if entry not in services:
                    services.append(entry)
    return {"links": links, "networks": networks, "services": services}


def _network(name: str, link: str, nic: Any, address: Mapping[str, Any], subnet: Mapping[str, Any]) -> dict[str, Any]:
    version = address["version"]
    made: dict[str, Any] = {"id": name, "link": link, "network_id": nic.network_id}
    if subnet.get("dhcp"):
        mode = subnet.get("ipv6_mode") or "dhcpv6-stateful"
        return {**made, "type": "ipv4_dhcp" if version == 4 else f"ipv6_{mode}"}
    prefix = int(subnet["cidr"].rpartition("/")[2])
    mask = _mask(prefix) if version == 4 else _mask6(prefix)
    routes = []
    if subnet.get("gateway"):
        any_ = ("0.0.0.0", "0.0.0.0") if version == 4 else ("::", "::")
        routes.append({"network": any_[0], "netmask": any_[1], "gateway": subnet["gateway"]})
    for route in subnet.get("routes") or []:
        net, _, length = route["destination"].partition("/")
        routes.append(
            {"network": net, "netmask": _mask(int(length)) if version == 4 else _mask6(int(length)), "gateway": route["nexthop"]}
        )
    return {
        **made,
        "type": f"ipv{version}",
        "ip_address": address["addr"],
        "netmask": mask,
        "routes": routes,
        "services": [{"type": "dns", "address": a} for a in subnet.get("dns") or []],
    }


def _mask(prefix: int) -> str:
    bits = (0xFFFFFFFF << (32 - prefix)) & 0xFFFFFFFF
    return ".".join(str(bits >> shift & 255) for shift in (24, 16, 8, 0))


def _mask6(prefix: int) -> str:
    import ipaddress

    return str(ipaddress.IPv6Network(f"::/{prefix}").netmask)


def ec2_id(number: int, kind: str = "i") -> str:
    """`i-0000002a`: upstream's EC2 form of a row's number."""
    return f"{kind}-{number:08x}"


def ec2(server: Any, nics: Sequence[Any], disks: Sequence[Any], *, domain: str = "", zone: str = "") -> dict[str, Any]:
    """The EC2 `meta-data` tree as nested dicts; a list's items are served line by line."""
    fixed = [a["addr"] for n in nics for a in n.addresses or [] if a.get("type") == "fixed" and a["version"] == 4]
    floating = [a["addr"] for n in nics for a in n.addresses or [] if a.get("type") == "floating"]
    hostname = full_hostname(server, domain)
    image = hashlib.md5((server.image_id or "").encode(), usedforsecurity=False).hexdigest()[:8]
    made: dict[str, Any] = {
        "ami-id": f"ami-{image}",
        "ami-launch-index": server.launch_index,
        "ami-manifest-path": "",
        "block-device-mapping": _mapping(server, disks),
        "hostname": hostname,
        "instance-action": "none",
        "instance-id": ec2_id(server.seq),
        "instance-type": (server.flavor or {}).get("name", ""),
        "local-hostname": hostname,
        "local-ipv4": ",".join(fixed[:1]),
        "placement": {"availability-zone": zone or server.availability_zone or ""},
        "public-hostname": hostname,
        "public-ipv4": ",".join(floating[:1]),
        "reservation-id": server.reservation_id or "",
        "security-groups": list(server.security_groups or []),
    }
    if server.key:
        made["public-keys"] = {"0": {"_name": f"0={server.key['name']}", "openssh-key": server.key["public_key"]}}
    for field, key in (("kernel_id", "kernel-id"), ("ramdisk_id", "ramdisk-id")):
        if getattr(server, field):
            made[key] = f"a{'k' if field == 'kernel_id' else 'r'}i-{getattr(server, field)[:8]}"
    return made


def _mapping(server: Any, disks: Sequence[Any]) -> dict[str, str]:
    root = server.root_device_name or ROOT_DEVICE
    made = {"ami": root.rpartition("/")[2], "root": root}
    for n, disk in enumerate(d for d in disks if d.volume_id and d.boot_index != 0):
        if disk.device_name:
            made[f"ebs{n}"] = disk.device_name
    return made
