"""The JSON form of networks, subnets, subnet pools, address scopes and RBAC policies."""

from collections.abc import Sequence
from typing import Any

from services.network.api.crud import Viewer, standard
from services.network.db import models, rows
from services.network.db import networks as db
from services.network.db import subnetpools as db_pools
from services.network.db.rows import Session


def networks(session: Session, found: Sequence[Any], viewer: Viewer) -> list[dict[str, Any]]:
    """Networks with their subnets, tags, sharing and address scopes."""
    ids = [n.id for n in found]
    shared, words = db.sharing(session, ids, viewer.project_id), rows.tags_of(session, ids)
    zones = db.serving_zones(session, ids)
    by_network: dict[str, list[str]] = {}
    scopes: dict[tuple[str, int], str] = {}
    for subnet_id, network_id, version, scope in db.shown_subnets(session, ids):
        by_network.setdefault(network_id, []).append(subnet_id)
        if scope:
            scopes[network_id, version] = scope
    return [viewer.cut({
        **standard(n, words), "name": n.name, "admin_state_up": n.admin_state_up, "status": n.status,
        "subnets": sorted(by_network.get(n.id, [])), "shared": n.id in shared, "router:external": n.external,
        "is_default": n.is_default, "mtu": n.mtu, "port_security_enabled": n.port_security_enabled,
        "dns_domain": n.dns_domain, "availability_zone_hints": n.availability_zone_hints,
        "availability_zones": zones.get(n.id, []), "qos_policy_id": None,
        "ipv4_address_scope": scopes.get((n.id, 4)), "ipv6_address_scope": scopes.get((n.id, 6)),
        "provider:network_type": n.network_type, "provider:physical_network": n.physical_network,
        "provider:segmentation_id": n.segmentation_id,
    }) for n in found]


def subnets(session: Session, found: Sequence[Any], viewer: Viewer) -> list[dict[str, Any]]:
    """Subnets."""
    words = rows.tags_of(session, [s.id for s in found])
    nets = dict(rows.pick(session, {s.network_id for s in found}, models.Network.id, models.Network.id, models.Network.external))
    return [viewer.cut({
        **standard(s, words), "name": s.name, "network_id": s.network_id, "ip_version": s.ip_version, "cidr": s.cidr,
        "gateway_ip": s.gateway_ip, "enable_dhcp": s.enable_dhcp, "ipv6_ra_mode": s.ipv6_ra_mode,
        "ipv6_address_mode": s.ipv6_address_mode, "dns_nameservers": s.dns_nameservers, "host_routes": s.host_routes,
        "allocation_pools": s.allocation_pools, "service_types": s.service_types, "subnetpool_id": s.subnetpool_id,
        "segment_id": None, "dns_publish_fixed_ip": s.dns_publish_fixed_ip, "router:external": nets.get(s.network_id, False),
    }) for s in found]


def pools(session: Session, found: Sequence[Any], viewer: Viewer) -> list[dict[str, Any]]:
    """Subnet pools. Lengths are strings, as upstream's API prints them."""
    ids = [p.id for p in found]
    words, shared = rows.tags_of(session, ids), db_pools.shared_ids(session, ids, viewer.project_id)
    return [viewer.cut({
        **standard(p, words), "name": p.name, "ip_version": p.ip_version, "prefixes": p.prefixes,
        "default_prefixlen": str(p.default_prefixlen), "min_prefixlen": str(p.min_prefixlen),
        "max_prefixlen": str(p.max_prefixlen), "default_quota": p.default_quota, "is_default": p.is_default,
        "shared": p.id in shared, "address_scope_id": p.address_scope_id,
    }) for p in found]


def scopes(session: Session, found: Sequence[Any], viewer: Viewer) -> list[dict[str, Any]]:
    """Address scopes."""
    shared = db_pools.shared_ids(session, [s.id for s in found], viewer.project_id)
    return [viewer.cut({"id": s.id, "project_id": s.project_id, "tenant_id": s.project_id, "name": s.name,
                        "ip_version": s.ip_version, "shared": s.id in shared}) for s in found]


def rbac_policies(session: Session, found: Sequence[Any], viewer: Viewer) -> list[dict[str, Any]]:
    """RBAC policies."""
    return [viewer.cut({"id": p.id, "project_id": p.project_id, "tenant_id": p.project_id, "object_type": p.object_type,
                        "object_id": p.object_id, "action": p.action, "target_tenant": p.target_project}) for p in found]
