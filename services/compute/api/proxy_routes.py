"""URLs of resources that other services own; they end with microversion 2.35 (images' metadata: 2.38)."""

from collections.abc import Callable
from typing import Any

from common.http.route import Route, Row
from services.compute.api import image_proxies as images
from services.compute.api import network_proxies as net
from services.compute.api import volume_proxies as volumes
from services.compute.api.schemas import others as s
from services.compute.api.schemas.types import NO_QUERY


def _r(method: str, path: str, handler: Callable[..., Any], policy: str, *, until: str = "2.35", **more: Any) -> Route:
    return Route(method, "/v2.1" + path, handler, "os_compute_api:" + policy, until=until, query=NO_QUERY, **more)


ROUTES: tuple[Row, ...] = (
    _r("GET", "/os-security-groups", net.groups, "os-security-groups:get"),
    _r("POST", "/os-security-groups", net.create_group, "os-security-groups:create", body=s.SECURITY_GROUP),
    _r("GET", "/os-security-groups/<group_id>", net.group, "os-security-groups:show"),
    _r("PUT", "/os-security-groups/<group_id>", net.update_group, "os-security-groups:update", body=s.SECURITY_GROUP),
    _r("DELETE", "/os-security-groups/<group_id>", net.delete_group, "os-security-groups:delete", status=202),
    _r("POST", "/os-security-group-rules", net.create_rule, "os-security-groups:rule:create", body=s.SECURITY_RULE),
    _r("DELETE", "/os-security-group-rules/<rule_id>", net.delete_rule, "os-security-groups:rule:delete", status=202),
    _r("GET", "/os-floating-ips", net.floating_ips, "os-floating-ips:list"),
    _r("POST", "/os-floating-ips", net.create_floating_ip, "os-floating-ips:create", body=s.FLOATING),
    _r("GET", "/os-floating-ips/<floating_id>", net.floating_ip, "os-floating-ips:show"),
    _r("DELETE", "/os-floating-ips/<floating_id>", net.delete_floating_ip, "os-floating-ips:delete", status=202),
    _r("GET", "/os-floating-ip-pools", net.floating_pools, "os-floating-ip-pools"),
    _r("GET", "/os-networks", net.networks, "os-networks:list"),
    _r("GET", "/os-networks/<network_id>", net.network, "os-networks:show"),
    _r("GET", "/os-tenant-networks", net.tenant_networks, "os-tenant-networks:list"),
    _r("GET", "/os-tenant-networks/<network_id>", net.tenant_network, "os-tenant-networks:show"),
    _r("GET", "/os-volumes", volumes.volumes, "os-volumes:list"),
    _r("GET", "/os-volumes/detail", volumes.volumes, "os-volumes:detail"),
    _r("POST", "/os-volumes", volumes.create_volume, "os-volumes:create", body=s.VOLUME),
    _r("GET", "/os-volumes/<volume_id>", volumes.volume, "os-volumes:show"),
    _r("DELETE", "/os-volumes/<volume_id>", volumes.delete_volume, "os-volumes:delete", status=202),
    _r("GET", "/os-snapshots", volumes.snapshots, "os-volumes:snapshots:list"),
    _r("GET", "/os-snapshots/detail", volumes.snapshots, "os-volumes:snapshots:detail"),
    _r("POST", "/os-snapshots", volumes.create_snapshot, "os-volumes:snapshots:create", body=s.SNAPSHOT),
    _r("GET", "/os-snapshots/<snapshot_id>", volumes.snapshot, "os-volumes:snapshots:show"),
    _r("DELETE", "/os-snapshots/<snapshot_id>", volumes.delete_snapshot, "os-volumes:snapshots:delete", status=202),
    _r("GET", "/images", images.index, "images:index"),
    _r("GET", "/images/detail", images.detail, "images:index"),
    _r("GET", "/images/<image_id>", images.show, "images:show"),
    _r("DELETE", "/images/<image_id>", images.delete, "images:delete", status=204),
    _r("GET", "/images/<image_id>/metadata", images.metadata, "images:show", until="2.38"),
    _r("POST", "/images/<image_id>/metadata", images.add_metadata, "images:update", until="2.38", body=s.METADATA_ALL),
    _r("PUT", "/images/<image_id>/metadata", images.replace_metadata, "images:update", until="2.38", body=s.METADATA_ALL),
    _r("GET", "/images/<image_id>/metadata/<key>", images.metadata_item, "images:show", until="2.38"),
    _r("PUT", "/images/<image_id>/metadata/<key>", images.put_metadata_item, "images:update", until="2.38", body=s.METADATA_ONE),
    _r("DELETE", "/images/<image_id>/metadata/<key>", images.delete_metadata_item, "images:update", until="2.38", status=204),
)
