"""How servers look at each microversion. Source: the API reference's "Servers" and the version history."""

import functools
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from common import clock
from common.http.request import Request
from services.compute.api.base import links
from services.compute.db import hosts, server_groups, server_parts, servers
from services.compute.domain import states, zones
from services.compute.domain.deps import is_up

_PROGRESS = frozenset(("ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"))
_FAULTY = frozenset(("ERROR", "DELETED"))


@functools.lru_cache(maxsize=8192)
def host_id(host: str | None, project_id: str) -> str:
    """What a tenant sees of a host: the same for its own servers on one host, another for every tenant."""
    return hashlib.sha224(f"{project_id}{host}".encode()).hexdigest() if host else ""


def brief(request: Request, row: Any) -> dict[str, Any]:
    """The short form of lists."""
    return {"id": row.id, "name": row.name, "links": links(request, "servers", row.id)}


def created(request: Request, server_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a boot request, without the password."""
    return {
        "id": server_id,
        "links": links(request, "servers", server_id),
        "OS-DCF:diskConfig": body.get("OS-DCF:diskConfig") or "AUTO",
        "security_groups": [{"name": g["name"]} for g in body.get("security_groups") or [{"name": "default"}]],
    }


class Parts:
    """What a page of servers needs beside their rows, read in a constant number of statements."""

    def __init__(self, request: Request, session: Any, rows: Sequence[Any]) -> None:
        found = [r.id for r in rows]
        self.hosts = {r.host for r in rows if r.host}
        self.zones = zones.host_zones(request.app, session)
        self.nics = server_parts.addresses(session, found)
        self.volumes = server_parts.volumes(session, found)
        self.tags = servers.tags(session, found) if request.at_least("2.26") else {}
        failed = [r.id for r in rows if r.deleted or r.vm_state == states.ERROR]
        self.faults = server_parts.faults(session, failed) if failed else {}
        self.host_status: dict[str, str] = {}
        self.user_data: dict[str, str | None] = {}

    def add_host_status(self, request: Request, session: Any) -> None:
        """Read which of the page's hosts are up."""
        if not self.hosts:
            return
        only = next(iter(self.hosts)) if len(self.hosts) == 1 else None
        for service in hosts.services(session, binary=hosts.COMPUTE, host=only):
            if service.forced_down:
                self.host_status[service.host] = "DOWN"
            elif not is_up(request.app, service):
                self.host_status[service.host] = "UNKNOWN"
            else:
                self.host_status[service.host] = "MAINTENANCE" if service.disabled else "UP"


class Shape:
    """What one request may see of servers: versions and policies are asked once, not for every server."""

    def __init__(self, request: Request, target: Mapping[str, Any] | None = None) -> None:
        at = request.at_least
        self.request = request
        self.base = request.base_url
        self.is_admin = request.context.has_admin_role
        self.extended = request.allowed("os_compute_api:os-extended-server-attributes", target)
        self.attributes = self.extended and at("2.3")
        self.host_status = at("2.16") and request.allowed("os_compute_api:servers:show:host_status", target)
        self.host_unknown = (
            at("2.16")
            and not self.host_status
            and request.allowed("os_compute_api:servers:show:host_status:unknown-only", target)
        )
        self.extra_specs = at("2.47") and request.allowed("os_compute_api:servers:show:flavor-extra-specs", target)
        self._texts: dict[str, Any] = {}
        self.v = {n: at(n) for n in ("2.3", "2.9", "2.19", "2.26", "2.47", "2.63", "2.73", "2.90", "2.96", "2.98", "2.100")}

    def read(self, session: Any, rows: Sequence[Any]) -> Parts:
        """The parts of a page of servers that this shape shows."""
        parts = Parts(self.request, session, rows)
        if self.host_status or self.host_unknown:
            parts.add_host_status(self.request, session)
        if self.attributes:
            parts.user_data = servers.user_data(session, [r.id for r in rows])
        return parts

    def _json(self, stored: Any) -> Any:
        """What a JSON column holds: a page of servers brings its text, and most of them the same."""
        if not isinstance(stored, str):
            return stored
        if stored not in self._texts:
            self._texts[stored] = orjson.loads(stored)
        return self._texts[stored]

    def detail(self, row: Any, parts: Parts) -> dict[str, Any]:
        """The long form."""
        v, base = self.v, self.base
        status = "DELETED" if row.deleted else states.status(row.vm_state, row.task_state)
        made: dict[str, Any] = {
            "id": row.id,
            "name": row.name,
            "status": status,
            "tenant_id": row.project_id,
            "user_id": row.user_id,
            "metadata": self._json(row.meta) or {},
            "hostId": host_id(row.host, row.project_id),
            "image": self._image(row),
            "flavor": self._flavor(row),
            "created": clock.iso(row.created_at),
            "updated": clock.iso(row.updated_at),
            "addresses": {} if row.vm_state == states.BUILDING else addresses(parts.nics.get(row.id, ())),
            "accessIPv4": row.access_ip_v4 or "",
            "accessIPv6": row.access_ip_v6 or "",
            "links": [
                {"rel": "self", "href": f"{base}/v2.1/servers/{row.id}"},
                {"rel": "bookmark", "href": f"{base}/servers/{row.id}"},
            ],
            "OS-DCF:diskConfig": "AUTO" if row.auto_disk_config else "MANUAL",
            "OS-EXT-AZ:availability_zone": zones.of_server(row, parts.zones),
            "config_drive": "True" if row.config_drive else "",
            "key_name": row.key_name,
            "OS-SRV-USG:launched_at": clock.iso_micro(row.launched_at),
            "OS-SRV-USG:terminated_at": clock.iso_micro(row.terminated_at),
            "OS-EXT-STS:task_state": row.task_state,
            "OS-EXT-STS:vm_state": row.vm_state,
            "OS-EXT-STS:power_state": row.power_state,
            "os-extended-volumes:volumes_attached": [
                {"id": d.volume_id, "delete_on_termination": d.delete_on_termination} if v["2.3"] else {"id": d.volume_id}
                for d in parts.volumes.get(row.id, ())
            ],
        }
        groups = self._json(row.security_groups)
        if groups:
            made["security_groups"] = [{"name": n} for n in groups]
        if status in _PROGRESS:
            made["progress"] = row.progress or 0
        if status in _FAULTY and row.id in parts.faults:
            made["fault"] = self._fault(parts.faults[row.id])
        self._add_extended(made, row, parts)
        self._add_newer(made, row, parts)
        return made

    def _image(self, row: Any) -> Any:
        if not row.image_id:
            return ""
        made: dict[str, Any] = {"id": row.image_id, "links": [{"rel": "bookmark", "href": f"{self.base}/images/{row.image_id}"}]}
        if self.v["2.98"]:
            made["properties"] = {k: str(x) for k, x in ((self._json(row.system) or {}).get("image") or {}).items()}
        return made

    def _flavor(self, row: Any) -> dict[str, Any]:
        if not self.v["2.47"]:
            return {"id": row.flavorid, "links": [{"rel": "bookmark", "href": f"{self.base}/flavors/{row.flavorid}"}]}
        flavor = self._json(row.flavor) or {}
        made = {
            "vcpus": row.vcpus,
            "ram": row.memory_mb,
            "disk": row.root_gb,
            "ephemeral": row.ephemeral_gb,
            "swap": flavor.get("swap", 0),
            "original_name": flavor.get("name", ""),
        }
        if self.extra_specs:
            made["extra_specs"] = flavor.get("extra_specs") or {}
        return made

    def _fault(self, fault: Any) -> dict[str, Any]:
        made = {"code": fault.code, "created": clock.iso(fault.created_at), "message": fault.message}
        if fault.details and (self.is_admin or fault.code != 500):
            made["details"] = fault.details
        return made

    def _add_extended(self, made: dict[str, Any], row: Any, parts: Parts) -> None:
        """What operators see."""
        if self.extended:
            made["OS-EXT-SRV-ATTR:host"] = row.host
            made["OS-EXT-SRV-ATTR:hypervisor_hostname"] = row.node
            made["OS-EXT-SRV-ATTR:instance_name"] = f"instance-{row.seq:08x}"
        if self.attributes:
            made["OS-EXT-SRV-ATTR:reservation_id"] = row.reservation_id
            made["OS-EXT-SRV-ATTR:launch_index"] = row.launch_index
            made["OS-EXT-SRV-ATTR:hostname"] = row.hostname
            made["OS-EXT-SRV-ATTR:kernel_id"] = row.kernel_id or ""
            made["OS-EXT-SRV-ATTR:ramdisk_id"] = row.ramdisk_id or ""
            made["OS-EXT-SRV-ATTR:root_device_name"] = row.root_device_name
            made["OS-EXT-SRV-ATTR:user_data"] = parts.user_data.get(row.id)
        if self.host_status or self.host_unknown:
            found = parts.host_status.get(row.host, "UNKNOWN") if row.host else ""
            if self.host_status or found == "UNKNOWN":
                made["host_status"] = found

    def _add_newer(self, made: dict[str, Any], row: Any, parts: Parts) -> None:
        v = self.v
        if v["2.9"]:
            made["locked"] = row.locked
        if v["2.19"]:
            made["description"] = row.description
        if v["2.26"]:
            made["tags"] = parts.tags.get(row.id, [])
        if v["2.63"]:
            made["trusted_image_certificates"] = self._json(row.trusted_certs)
        if v["2.73"]:
            made["locked_reason"] = row.locked_reason
        if v["2.90"]:
            made["OS-EXT-SRV-ATTR:hostname"] = row.hostname
        if v["2.96"]:
            made["pinned_availability_zone"] = row.pinned_zone
        if v["2.100"]:
            made["scheduler_hints"] = self._json(row.hints) or {}


def add_groups(request: Request, session: Any, made: dict[str, Any], row: Any) -> None:
    """`server_groups` of a single server (2.71)."""
    if request.at_least("2.71"):
        made["server_groups"] = [row.group_id] if row.group_id and _exists(session, row.group_id) else []


def _exists(session: Any, group_id: str) -> bool:
    return any(g for g in server_groups.existing(session, [group_id]))


def addresses(nics: Sequence[Any]) -> dict[str, list[dict[str, Any]]]:
    """`addresses` by network name, with the card's MAC."""
    made: dict[str, list[dict[str, Any]]] = {}
    for nic in nics:
        entries = made.setdefault(nic.network_label or nic.network_id, [])
        for a in nic.addresses or ():
            entries.append(
                {"version": a["version"], "addr": a["addr"], "OS-EXT-IPS:type": a["type"], "OS-EXT-IPS-MAC:mac_addr": nic.mac}
            )
    return made


def plain_addresses(nics: Sequence[Any]) -> dict[str, list[dict[str, Any]]]:
    """`addresses` of the ips resource: version and address alone."""
    return without_cards(addresses(nics))


def without_cards(found: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """`addresses` without what says of which kind they are and whose."""
    return {label: [{"version": e["version"], "addr": e["addr"]} for e in entries] for label, entries in found.items()}
