"""Every URL of the compute API and who answers it. Paths under /v2.1; `app.py` also accepts a project's id after it."""

import dataclasses
from collections.abc import Callable
from typing import Any

from common.http.route import PUBLIC, Action, Actions, Route, Row
from common.http.validation import Schema
from services.compute.api import (
    assisted_volume_snapshots,
    audit_log,
    baremetal_nodes,
    flavors,
    hosts,
    keypairs,
    legacy_hosts,
    projects,
    server_devices,
    server_groups,
    server_metadata,
    server_records,
    server_shares,
    servers,
    versions,
)
from services.compute.api import server_actions as act
from services.compute.api.policies.servers import named
from services.compute.api.proxy_routes import ROUTES as PROXIES
from services.compute.api.schemas import others as s
from services.compute.api.schemas import server_actions as a
from services.compute.api.schemas import servers as server_schemas
from services.compute.api.schemas.types import LOOSE, NO_QUERY, query

P = "os_compute_api:"
V = "/v2.1"
_ANY = Schema({**LOOSE, "type": ["object", "null"]})


def _r(method: str, path: str, handler: Callable[..., Any], policy: str, **more: Any) -> Route:
    """A route whose policy is checked before its handler, against the caller's own project."""
    more.setdefault("query", NO_QUERY)
    return Route(method, V + path, handler, policy if policy == PUBLIC else named(policy), **more)


def _t(method: str, path: str, handler: Callable[..., Any], policy: str, **more: Any) -> Route:
    """A route whose handler checks the policy, against what it found."""
    return _r(method, path, handler, policy, targeted=True, **more)


SERVERS: tuple[Row, ...] = (
    _r("GET", "/servers", servers.index, "servers:index", query=server_schemas.LIST),
    _r("GET", "/servers/detail", servers.detail, "servers:detail", query=server_schemas.LIST),
    _r("POST", "/servers", servers.create, "servers:create", body=server_schemas.CREATE, status=202),
    _t("GET", "/servers/<server_id>", servers.show, "servers:show", query=server_schemas.SHOW),
    _t("PUT", "/servers/<server_id>", servers.update, "servers:update", body=server_schemas.UPDATE),
    _t("DELETE", "/servers/<server_id>", servers.delete, "servers:delete", status=204),
    _t("GET", "/servers/<server_id>/metadata", server_metadata.index, "server-metadata:index"),
    _t("POST", "/servers/<server_id>/metadata", server_metadata.create, "server-metadata:create", body=s.METADATA_ALL),
    _t("PUT", "/servers/<server_id>/metadata", server_metadata.update_all, "server-metadata:update_all", body=s.METADATA_ALL),
    _t("GET", "/servers/<server_id>/metadata/<key>", server_metadata.show, "server-metadata:show"),
    _t("PUT", "/servers/<server_id>/metadata/<key>", server_metadata.update, "server-metadata:update", body=s.METADATA_ONE),
    _t("DELETE", "/servers/<server_id>/metadata/<key>", server_metadata.delete, "server-metadata:delete", status=204),
    _t("GET", "/servers/<server_id>/tags", server_metadata.tags, "os-server-tags:index", since="2.26"),
    _t("PUT", "/servers/<server_id>/tags", server_metadata.put_tags, "os-server-tags:update_all", since="2.26", body=s.TAGS),
    _t("DELETE", "/servers/<server_id>/tags", server_metadata.delete_tags, "os-server-tags:delete_all", since="2.26", status=204),
    _t("GET", "/servers/<server_id>/tags/<tag>", server_metadata.tag, "os-server-tags:show", since="2.26", status=204),
    _t("PUT", "/servers/<server_id>/tags/<tag>", server_metadata.put_tag, "os-server-tags:update", since="2.26"),
    _t(
        "DELETE", "/servers/<server_id>/tags/<tag>", server_metadata.delete_tag, "os-server-tags:delete", since="2.26", status=204
    ),
    _t("GET", "/servers/<server_id>/ips", server_metadata.ips, "ips:index"),
    _t("GET", "/servers/<server_id>/ips/<label>", server_metadata.ips_of, "ips:show"),
    _t("GET", "/servers/<server_id>/os-interface", server_devices.interfaces, "os-attach-interfaces:list"),
    _t(
        "POST",
        "/servers/<server_id>/os-interface",
        server_devices.attach_interface,
        "os-attach-interfaces:create",
        body=s.INTERFACE,
    ),
    _t("GET", "/servers/<server_id>/os-interface/<port_id>", server_devices.interface, "os-attach-interfaces:show"),
    _t(
        "DELETE",
        "/servers/<server_id>/os-interface/<port_id>",
        server_devices.detach_interface,
        "os-attach-interfaces:delete",
        status=202,
    ),
    _t(
        "GET",
        "/servers/<server_id>/os-volume_attachments",
        server_devices.volumes,
        "os-volumes-attachments:index",
        query=query("limit", "offset", strict_from="2.75"),
    ),
    _t(
        "POST",
        "/servers/<server_id>/os-volume_attachments",
        server_devices.attach_volume,
        "os-volumes-attachments:create",
        body=s.ATTACH,
    ),
    _t("GET", "/servers/<server_id>/os-volume_attachments/<volume_id>", server_devices.volume, "os-volumes-attachments:show"),
    _t(
        "PUT",
        "/servers/<server_id>/os-volume_attachments/<volume_id>",
        server_devices.update_volume,
        "os-volumes-attachments:update",
        body=s.UPDATE_ATTACHMENT,
        status=202,
    ),
    _t(
        "DELETE",
        "/servers/<server_id>/os-volume_attachments/<volume_id>",
        server_devices.detach_volume,
        "os-volumes-attachments:delete",
        status=202,
    ),
    _t("GET", "/servers/<server_id>/os-security-groups", server_records.security_groups, "os-security-groups:list"),
    _t(
        "GET",
        "/servers/<server_id>/os-instance-actions",
        server_records.actions,
        "os-instance-actions:list",
        query=query("limit", "marker", "changes-since", "changes-before", strict_from="2.58"),
    ),
    _t("GET", "/servers/<server_id>/os-instance-actions/<request_id>", server_records.action, "os-instance-actions:show"),
    _t("GET", "/servers/<server_id>/diagnostics", server_records.diagnostics, "os-server-diagnostics"),
    _t(
        "POST",
        "/servers/<server_id>/remote-consoles",
        server_records.remote_console,
        "os-remote-consoles",
        since="2.6",
        body=s.REMOTE_CONSOLE,
    ),
    _t("GET", "/servers/<server_id>/os-server-password", server_records.get_password, "os-server-password:show"),
    _t(
        "DELETE", "/servers/<server_id>/os-server-password", server_records.clear_password, "os-server-password:clear", status=204
    ),
    _t("GET", "/servers/<server_id>/shares", server_shares.index, "os-server-shares:index", since="2.97"),
    _t("POST", "/servers/<server_id>/shares", server_shares.create, "os-server-shares:create", since="2.97", body=s.SHARE),
    _t("GET", "/servers/<server_id>/shares/<share_id>", server_shares.show, "os-server-shares:show", since="2.97"),
    _t("DELETE", "/servers/<server_id>/shares/<share_id>", server_shares.delete, "os-server-shares:delete", since="2.97"),
    _t("GET", "/servers/<server_id>/topology", server_records.topology, "compute:server:topology:index", since="2.78"),
    _t("GET", "/servers/<server_id>/migrations", server_records.server_migrations, "servers:migrations:index", since="2.23"),
    _t(
        "GET",
        "/servers/<server_id>/migrations/<migration_id>",
        server_records.server_migration,
        "servers:migrations:show",
        since="2.23",
    ),
    _t(
        "DELETE",
        "/servers/<server_id>/migrations/<migration_id>",
        server_records.abort_migration,
        "servers:migrations:delete",
        since="2.24",
        status=202,
    ),
)

_SERVER_ACTIONS: dict[str, Action] = {
    "os-start": Action(act.start, P + "servers:start", a.ANYTHING),
    "os-stop": Action(act.stop, P + "servers:stop", a.ANYTHING),
    "reboot": Action(act.reboot, P + "servers:reboot", a.REBOOT),
    "pause": Action(act.pause, P + "os-pause-server:pause", a.ANYTHING),
    "unpause": Action(act.unpause, P + "os-pause-server:unpause", a.ANYTHING),
    "suspend": Action(act.suspend, P + "os-suspend-server:suspend", a.ANYTHING),
    "resume": Action(act.resume, P + "os-suspend-server:resume", a.ANYTHING),
    "resize": Action(act.resize, P + "servers:resize", a.RESIZE),
    "confirmResize": Action(act.confirm_resize, P + "servers:confirm_resize", a.ANYTHING, status=204),
    "revertResize": Action(act.revert_resize, P + "servers:revert_resize", a.ANYTHING),
    "rebuild": Action(act.rebuild, P + "servers:rebuild", server_schemas.REBUILD),
    "createImage": Action(act.create_image, P + "servers:create_image", a.CREATE_IMAGE),
    "createBackup": Action(act.create_backup, P + "os-create-backup", a.CREATE_BACKUP),
    "rescue": Action(act.rescue, P + "os-rescue", a.RESCUE, status=200),
    "unrescue": Action(act.unrescue, P + "os-unrescue", a.ANYTHING),
    "shelve": Action(act.shelve, P + "os-shelve:shelve", a.ANYTHING),
    "shelveOffload": Action(act.shelve_offload, P + "os-shelve:shelve_offload", a.ANYTHING),
    "unshelve": Action(act.unshelve, P + "os-shelve:unshelve", a.UNSHELVE),
    "migrate": Action(act.migrate, P + "os-migrate-server:migrate", a.MIGRATE),
    "os-migrateLive": Action(act.live_migrate, P + "os-migrate-server:migrate_live", a.LIVE),
    "evacuate": Action(act.evacuate, P + "os-evacuate", a.EVACUATE, status=200),
    "lock": Action(act.lock, P + "os-lock-server:lock", a.LOCK),
    "unlock": Action(act.unlock, P + "os-lock-server:unlock", a.ANYTHING),
    "os-resetState": Action(act.reset_state, P + "os-admin-actions:reset_state", a.RESET),
    "resetNetwork": Action(act.reset_network, P + "os-admin-actions:reset_network", a.ANYTHING),
    "injectNetworkInfo": Action(act.inject_network_info, P + "os-admin-actions:inject_network_info", a.ANYTHING),
    "changePassword": Action(act.change_password, P + "os-admin-password", a.PASSWORD),
    "forceDelete": Action(act.force_delete, P + "os-deferred-delete:force", a.ANYTHING),
    "restore": Action(act.restore, P + "os-deferred-delete:restore", a.ANYTHING),
    "trigger_crash_dump": Action(act.crash_dump, P + "servers:trigger_crash_dump", a.CRASH, since="2.17"),
    "os-getConsoleOutput": Action(act.console_output, P + "os-console-output", a.CONSOLE_OUTPUT, status=200),
    "os-getVNCConsole": Action(act.console, P + "os-remote-consoles", a.VNC, until="2.5", status=200),
    "os-getSPICEConsole": Action(act.console, P + "os-remote-consoles", a.SPICE, until="2.5", status=200),
    "os-getRDPConsole": Action(act.console, P + "os-remote-consoles", a.RDP, until="2.5", status=200),
    "os-getSerialConsole": Action(act.console, P + "os-remote-consoles", a.SERIAL, until="2.5", status=200),
    "addSecurityGroup": Action(act.add_security_group, P + "os-security-groups:add", a.GROUP),
    "removeSecurityGroup": Action(act.remove_security_group, P + "os-security-groups:remove", a.GROUP),
    "addFixedIp": Action(act.add_fixed_ip, P + "os-multinic:add", a.ADD_FIXED, until="2.43"),
    "removeFixedIp": Action(act.remove_fixed_ip, P + "os-multinic:remove", a.REMOVE_FIXED, until="2.43"),
    "addFloatingIp": Action(act.add_floating_ip, P + "os-floating-ips:add", a.ADD_FLOATING, until="2.43"),
    "removeFloatingIp": Action(act.remove_floating_ip, P + "os-floating-ips:remove", a.REMOVE_FLOATING, until="2.43"),
}

FLAVORS: tuple[Row, ...] = (
    _r("GET", "/flavors", flavors.index, "flavors:index", query=s.FLAVORS),
    _r("GET", "/flavors/detail", flavors.detail, "flavors:index", query=s.FLAVORS),
    _r("POST", "/flavors", flavors.create, "os-flavor-manage:create", body=s.FLAVOR),
    _r("GET", "/flavors/<flavor_id>", flavors.show, "flavors:show"),
    _r("PUT", "/flavors/<flavor_id>", flavors.update, "os-flavor-manage:update", since="2.55", body=s.FLAVOR_UPDATE),
    _r("DELETE", "/flavors/<flavor_id>", flavors.delete, "os-flavor-manage:delete", status=202),
    Actions(
        V + "/flavors/<flavor_id>/action",
        {
            "addTenantAccess": Action(flavors.add_access, P + "os-flavor-access:add_tenant_access", s.TENANT, status=200),
            "removeTenantAccess": Action(
                flavors.remove_access, P + "os-flavor-access:remove_tenant_access", s.TENANT, status=200
            ),
        },
    ),
    _r("GET", "/flavors/<flavor_id>/os-flavor-access", flavors.access, "os-flavor-access"),
    _r("GET", "/flavors/<flavor_id>/os-extra_specs", flavors.specs, "os-flavor-extra-specs:index"),
    _r("POST", "/flavors/<flavor_id>/os-extra_specs", flavors.add_specs, "os-flavor-extra-specs:create", body=s.SPECS),
    _r("GET", "/flavors/<flavor_id>/os-extra_specs/<key>", flavors.spec, "os-flavor-extra-specs:show"),
    _r("PUT", "/flavors/<flavor_id>/os-extra_specs/<key>", flavors.put_spec, "os-flavor-extra-specs:update", body=s.SPEC),
    _r("DELETE", "/flavors/<flavor_id>/os-extra_specs/<key>", flavors.delete_spec, "os-flavor-extra-specs:delete"),
)

PROJECTS: tuple[Row, ...] = (
    _t("GET", "/os-keypairs", keypairs.index, "os-keypairs:index", query=s.KEYPAIRS),
    _t("POST", "/os-keypairs", keypairs.create, "os-keypairs:create", body=s.KEYPAIR),
    _t("GET", "/os-keypairs/<name>", keypairs.show, "os-keypairs:show", query=s.KEYPAIRS),
    _t("DELETE", "/os-keypairs/<name>", keypairs.delete, "os-keypairs:delete", query=s.KEYPAIRS),
    _r(
        "GET",
        "/os-server-groups",
        server_groups.index,
        "os-server-groups:index",
        query=query("all_projects", "limit", "offset", strict_from="2.75"),
    ),
    _r("POST", "/os-server-groups", server_groups.create, "os-server-groups:create", body=s.SERVER_GROUP),
    _t("GET", "/os-server-groups/<group_id>", server_groups.show, "os-server-groups:show"),
    _t("DELETE", "/os-server-groups/<group_id>", server_groups.delete, "os-server-groups:delete", status=204),
    _r("GET", "/limits", projects.limits, "limits", query=s.LIMITS),
    _t("GET", "/os-quota-sets/<project_id>", projects.quota, "os-quota-sets:show", query=s.QUOTAS),
    _r("PUT", "/os-quota-sets/<project_id>", projects.update_quota, "os-quota-sets:update", body=s.QUOTA, query=s.QUOTAS),
    _r("DELETE", "/os-quota-sets/<project_id>", projects.delete_quota, "os-quota-sets:delete", status=202, query=s.QUOTAS),
    _r("GET", "/os-quota-sets/<project_id>/defaults", projects.quota_defaults, "os-quota-sets:defaults"),
    _t("GET", "/os-quota-sets/<project_id>/detail", projects.quota_detail, "os-quota-sets:detail", query=s.QUOTAS),
    _r("GET", "/os-quota-class-sets/<name>", projects.quota_class, "os-quota-class-sets:show"),
    _r("PUT", "/os-quota-class-sets/<name>", projects.update_quota_class, "os-quota-class-sets:update", body=s.QUOTA_CLASS),
    _r("GET", "/os-instance_usage_audit_log", audit_log.index, "os-instance-usage-audit-log:list"),
    _r("GET", "/os-instance_usage_audit_log/<before>", audit_log.show, "os-instance-usage-audit-log:show"),
    _r("GET", "/os-simple-tenant-usage", projects.usages, "os-simple-tenant-usage:list", query=s.USAGE),
    _t("GET", "/os-simple-tenant-usage/<project_id>", projects.project_usage, "os-simple-tenant-usage:show", query=s.USAGE),
    _r("POST", "/os-server-external-events", projects.events, "os-server-external-events:create", body=s.EVENTS),
    _r(
        "GET",
        "/os-migrations",
        server_records.migrations,
        "os-migrations:index",
        query=query(
            "limit",
            "marker",
            "host",
            "hidden",
            "instance_uuid",
            "migration_type",
            "source_compute",
            "status",
            "changes-since",
            "changes-before",
            "user_id",
            "project_id",
            strict_from="2.59",
        ),
    ),
    _r("GET", "/os-console-auth-tokens/<token>", server_records.console_token, "os-console-auth-tokens"),
)

HOSTS: tuple[Row, ...] = (
    _r("GET", "/os-hypervisors", hosts.hypervisors, "os-hypervisors:list", query=s.HYPERVISORS),
    _r("GET", "/os-hypervisors/detail", hosts.hypervisors_detail, "os-hypervisors:list-detail", query=s.HYPERVISORS),
    _r("GET", "/os-hypervisors/statistics", hosts.statistics, "os-hypervisors:statistics", until="2.87"),
    _r(
        "GET",
        "/os-hypervisors/<node_id>",
        hosts.hypervisor,
        "os-hypervisors:show",
        query=query("with_servers", strict_from="2.53"),
    ),
    _r("GET", "/os-hypervisors/<node_id>/uptime", hosts.uptime, "os-hypervisors:uptime", until="2.87"),
    _r("GET", "/os-hypervisors/<pattern>/search", hosts.search, "os-hypervisors:search", until="2.52"),
    _r("GET", "/os-hypervisors/<pattern>/servers", hosts.hypervisor_servers, "os-hypervisors:servers", until="2.52"),
    _r("GET", "/os-services", hosts.services, "os-services:list", query=s.SERVICES),
    _r("PUT", "/os-services/enable", hosts.enable, "os-services:update", until="2.52", body=s.SERVICE_OLD),
    _r("PUT", "/os-services/disable", hosts.disable, "os-services:update", until="2.52", body=s.SERVICE_OLD),
    _r("PUT", "/os-services/disable-log-reason", hosts.disable_reason, "os-services:update", until="2.52", body=s.SERVICE_REASON),
    _r("PUT", "/os-services/force-down", hosts.force_down, "os-services:update", since="2.11", until="2.52", body=s.SERVICE_DOWN),
    _r("PUT", "/os-services/<service_id>", hosts.update_service, "os-services:update", since="2.53", body=s.SERVICE),
    _r("DELETE", "/os-services/<service_id>", hosts.delete_service, "os-services:delete", status=204),
    _r("GET", "/os-aggregates", hosts.aggregates, "os-aggregates:index"),
    _r("POST", "/os-aggregates", hosts.create_aggregate, "os-aggregates:create", body=s.AGGREGATE),
    _r("GET", "/os-aggregates/<aggregate_id>", hosts.aggregate, "os-aggregates:show"),
    _r("PUT", "/os-aggregates/<aggregate_id>", hosts.update_aggregate, "os-aggregates:update", body=s.AGGREGATE_UPDATE),
    _r("DELETE", "/os-aggregates/<aggregate_id>", hosts.delete_aggregate, "os-aggregates:delete"),
    Actions(
        V + "/os-aggregates/<aggregate_id>/action",
        {
            "add_host": Action(hosts.add_host, P + "os-aggregates:add_host", s.AGGREGATE_HOST, status=200),
            "remove_host": Action(hosts.remove_host, P + "os-aggregates:remove_host", s.AGGREGATE_HOST, status=200),
            "set_metadata": Action(hosts.set_metadata, P + "os-aggregates:set_metadata", s.AGGREGATE_METADATA, status=200),
        },
    ),
    Route("POST", V + "/os-aggregates/<aggregate_id>/images", hosts.cache_images, "compute:aggregates:images", since="2.81",
          body=s.AGGREGATE_IMAGES, query=NO_QUERY, status=202),
    _r("POST", "/os-assisted-volume-snapshots", assisted_volume_snapshots.create, "os-assisted-volume-snapshots:create",
       body=s.ASSISTED_SNAPSHOT),
    _r("DELETE", "/os-assisted-volume-snapshots/<snapshot_id>", assisted_volume_snapshots.delete,
       "os-assisted-volume-snapshots:delete", query=query("delete_info", strict_from="2.75"), status=204),
    _r("GET", "/os-baremetal-nodes", baremetal_nodes.unavailable, "os-baremetal-nodes:list", until="2.35"),
    _r("POST", "/os-baremetal-nodes", baremetal_nodes.create, "os-baremetal-nodes:list", until="2.35", body=_ANY),
    _r("GET", "/os-baremetal-nodes/<node_id>", baremetal_nodes.unavailable, "os-baremetal-nodes:show", until="2.35"),
    _r("DELETE", "/os-baremetal-nodes/<node_id>", baremetal_nodes.delete, "os-baremetal-nodes:show", until="2.35"),
    Actions(
        V + "/os-baremetal-nodes/<node_id>/action",
        {
            "add_interface": Action(baremetal_nodes.add_interface, P + "os-baremetal-nodes:show", a.ANYTHING, until="2.35"),
            "remove_interface": Action(baremetal_nodes.remove_interface, P + "os-baremetal-nodes:show", a.ANYTHING, until="2.35"),
        },
    ),
    _r("GET", "/os-availability-zone", hosts.zones, "os-availability-zone:list"),
    _r("GET", "/os-availability-zone/detail", hosts.zones_detail, "os-availability-zone:detail"),
    _r("GET", "/os-hosts", legacy_hosts.hosts, "os-hosts:list", until="2.42", query=query("zone")),
    _r("GET", "/os-hosts/<name>", legacy_hosts.host, "os-hosts:show", until="2.42"),
    _r("PUT", "/os-hosts/<name>", legacy_hosts.update, "os-hosts:update", until="2.42", body=s.HOST_UPDATE),
    *[
        _r("GET", f"/os-hosts/<name>/{verb}", legacy_hosts.power, "os-hosts:update", until="2.42")
        for verb in ("startup", "shutdown", "reboot")
    ],
)

_GONE = """
/os-agents /os-agents/<a> /os-cells /os-cells/<a> /os-cells/<a>/<b> /os-certificates /os-certificates/<a> /os-cloudpipe
/os-cloudpipe/<a> /os-fixed-ips/<a> /os-fixed-ips/<a>/action /os-floating-ip-dns /os-floating-ip-dns/<a>
/os-floating-ip-dns/<a>/entries/<b> /os-floating-ips-bulk /os-floating-ips-bulk/<a> /os-fping /os-fping/<a>
/os-security-group-default-rules /os-security-group-default-rules/<a> /servers/<a>/consoles /servers/<a>/consoles/<b>
/servers/<a>/os-virtual-interfaces /os-networks/add /os-networks/<a>/action
""".split()
_GONE_WRITES = (
    ("POST", "/os-networks"),
    ("DELETE", "/os-networks/<network_id>"),
    ("POST", "/os-tenant-networks"),
    ("DELETE", "/os-tenant-networks/<network_id>"),
)


def _boot_alias() -> list[Row]:
    """`/os-volumes_boot`, an older name of `/servers` (until 2.102)."""
    found: list[Row] = []
    for row in SERVERS:
        if isinstance(row, Route) and row.path in (V + "/servers", V + "/servers/detail", V + "/servers/<server_id>"):
            found.append(dataclasses.replace(row, path=row.path.replace("/servers", "/os-volumes_boot"), until="2.102"))
    table = {name: dataclasses.replace(item, until=item.until or "2.102") for name, item in _SERVER_ACTIONS.items()}
    return [*found, Actions(V + "/os-volumes_boot/<server_id>/action", table)]


GONE: tuple[Row, ...] = (
    *[_r(method, path, versions.gone, "extensions", query=None) for path in _GONE for method in ("GET", "POST", "PUT", "DELETE")],
    *[_r(method, path, versions.gone, "extensions", query=None) for method, path in _GONE_WRITES],
)

ROUTES: tuple[Row, ...] = (
    Route("GET", "/", versions.root, PUBLIC),
    Route("GET", "/v2", versions.v20, PUBLIC),
    Route("GET", V, versions.v21, PUBLIC),
    Route("GET", V + "/versions/<name>", versions.version, PUBLIC),
    _r("GET", "/extensions", versions.extensions, "extensions", query=None),
    _r("GET", "/extensions/<alias>", versions.extension, "extensions", query=None),
    *SERVERS,
    Actions(V + "/servers/<server_id>/action", _SERVER_ACTIONS),
    Actions(
        V + "/servers/<server_id>/migrations/<migration_id>/action",
        {"force_complete": Action(server_records.force_complete, P + "servers:migrations:force_complete", a.CRASH, since="2.22")},
    ),
    *_boot_alias(),
    *FLAVORS,
    *PROJECTS,
    *HOSTS,
    *PROXIES,
    *GONE,
)
