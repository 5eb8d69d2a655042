"""The JSON form of ports."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.network.api.crud import Viewer, standard
from services.network.db import ports as db
from services.network.db import rows
from services.network.db.rows import Session
from services.network.domain.work import Work


def ports(session: Session, found: Sequence[Any], viewer: Viewer) -> list[dict[str, Any]]:
    """Ports with their addresses, groups and tags: three queries for any number."""
    ids = [p.id for p in found]
    addresses, groups = db.addresses(session, ids), db.groups(session, ids)
    words = rows.tags_of(session, ids)
    return [viewer.cut(_port(p, addresses.get(p.id, []), groups.get(p.id, []), words, viewer.dns_domain)) for p in found]


def new(work: Work, made: Sequence[Any], words: Mapping[str, list[str]], viewer: Viewer) -> list[dict[str, Any]]:
    """Ports that this transaction made, from what it knows of them."""
    parts = [work.known["made", p.id] for p in made]
    return [viewer.cut(_port(p, ips, groups, words, viewer.dns_domain)) for p, (ips, groups) in zip(made, parts, strict=True)]


def _port(p: Any, addresses: Sequence[Any], groups: list[str], words: Mapping[str, list[str]], domain: str) -> dict[str, Any]:
    return {
        **standard(p, words), "name": p.name, "network_id": p.network_id, "mac_address": p.mac_address,
        "admin_state_up": p.admin_state_up, "status": p.status, "device_id": p.device_id, "device_owner": p.device_owner,
        "fixed_ips": [{"subnet_id": a.subnet_id, "ip_address": a.ip_address} for a in addresses],
        "security_groups": groups, "allowed_address_pairs": p.allowed_address_pairs,
        "extra_dhcp_opts": [{"ip_version": 4, **o} for o in p.extra_dhcp_opts or ()],
        "port_security_enabled": p.port_security_enabled, "binding:host_id": p.binding_host,
        "binding:vnic_type": p.vnic_type, "binding:profile": p.binding_profile, "binding:vif_type": p.vif_type,
        "binding:vif_details": p.vif_details, "ip_allocation": p.ip_allocation, "qos_policy_id": None,
        "resource_request": None, "data_plane_status": p.data_plane_status, "dns_name": p.dns_name,
        "dns_domain": p.dns_domain, "dns_assignment": [_assignment(p.dns_name, a.ip_address, domain) for a in addresses],
    }


def _assignment(name: str, ip: str, domain: str) -> dict[str, str]:
    host = name or "host-" + ip.replace(".", "-").replace(":", "-")
    return {"ip_address": ip, "hostname": host, "fqdn": f"{host}.{domain.strip('.')}."}
