"""Every URL of the block storage API.

The project that clients put behind `/v3/` is taken out before (see `app`); every handler is refused when it is another
one than the token's.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

from common.http.route import AUTHENTICATED, PUBLIC, Action, Actions, Route, Row
from services.volume.api import (
    about,
    attachments,
    backups,
    messages,
    qos_specs,
    quotas,
    services,
    snapshots,
    transfers,
    types,
    volume_actions,
    volume_metadata,
    volumes,
)
from services.volume.api.base import checked
from services.volume.api.schemas import attachments as attachment_body
from services.volume.api.schemas import quotas as quota_body
from services.volume.api.schemas import services as service_body
from services.volume.api.schemas import snapshots as snapshot_body
from services.volume.api.schemas import transfers as transfer_body
from services.volume.api.schemas import types as type_body
from services.volume.api.schemas import volumes as volume_body

_ACTIONS, _ADMIN, _EXT = "volume_extension:volume_actions", "volume_extension:volume_admin_actions", "volume_extension"
_IMAGE = "volume_extension:volume_image_metadata"
_SPECS, _ENC = "volume_extension:types_extra_specs", "volume_extension:volume_type_encryption"
_ACCESS, _QOS = "volume_extension:volume_type_access", "volume_extension:qos_specs_manage"

_VOLUME_ACTIONS = {
    "os-reserve": Action(volume_actions.reserve, f"{_ACTIONS}:reserve", volume_body.RESERVE),
    "os-unreserve": Action(volume_actions.unreserve, f"{_ACTIONS}:unreserve", volume_body.UNRESERVE),
    "os-begin_detaching": Action(volume_actions.begin_detaching, f"{_ACTIONS}:begin_detaching", volume_body.BEGIN_DETACHING),
    "os-roll_detaching": Action(volume_actions.roll_detaching, f"{_ACTIONS}:roll_detaching", volume_body.ROLL_DETACHING),
    "os-attach": Action(volume_actions.attach, f"{_ACTIONS}:attach", volume_body.ATTACH),
    "os-detach": Action(volume_actions.detach, f"{_ACTIONS}:detach", volume_body.DETACH),
    "os-force_detach": Action(volume_actions.force_detach, f"{_ADMIN}:force_detach", volume_body.FORCE_DETACH),
    "os-initialize_connection": Action(
        volume_actions.initialize_connection, f"{_ACTIONS}:initialize_connection", volume_body.INITIALIZE, status=200
    ),
    "os-terminate_connection": Action(
        volume_actions.terminate_connection, f"{_ACTIONS}:terminate_connection", volume_body.TERMINATE
    ),
    "os-extend": Action(volume_actions.extend, "volume:extend", volume_body.EXTEND),
    "os-retype": Action(volume_actions.retype, "volume:retype", volume_body.RETYPE),
    "os-set_bootable": Action(volume_actions.set_bootable, "volume:update", volume_body.SET_BOOTABLE, status=200),
    "os-update_readonly_flag": Action(volume_actions.update_readonly, "volume:update_readonly_flag", volume_body.READONLY),
    "os-volume_upload_image": Action(volume_actions.upload_image, f"{_ACTIONS}:upload_image", volume_body.UPLOAD),
    "os-reimage": Action(volume_actions.reimage, "volume:reimage", volume_body.REIMAGE, since="3.68"),
    "revert": Action(volume_actions.revert, "volume:revert_to_snapshot", volume_body.REVERT, since="3.40"),
    "os-reset_status": Action(volume_actions.reset_status, f"{_ADMIN}:reset_status", volume_body.RESET),
    "os-migrate_volume_completion": Action(
        volume_actions.migration_completed, f"{_ADMIN}:migrate_volume_completion", volume_body.MIGRATE_COMPLETION, status=200
    ),
    "os-force_delete": Action(volume_actions.force_delete, f"{_ADMIN}:force_delete", volume_body.FORCE_DELETE),
    "os-set_image_metadata": Action(volume_metadata.set_image, f"{_IMAGE}:set", volume_body.SET_IMAGE_METADATA, status=200),
    "os-show_image_metadata": Action(volume_metadata.show_image, f"{_IMAGE}:show", volume_body.SHOW_IMAGE_METADATA, status=200),
    "os-unset_image_metadata": Action(
        volume_metadata.unset_image, f"{_IMAGE}:remove", volume_body.UNSET_IMAGE_METADATA, status=200
    ),
}
_SNAPSHOT_ACTIONS = {
    "os-reset_status": Action(snapshots.reset_status, f"{_EXT}:snapshot_admin_actions:reset_status", snapshot_body.RESET),
    "os-force_delete": Action(snapshots.force_delete, f"{_EXT}:snapshot_admin_actions:force_delete", snapshot_body.FORCE_DELETE),
    "os-update_snapshot_status": Action(
        snapshots.update_status, "snapshot_extension:snapshot_actions:update_snapshot_status", snapshot_body.UPDATE_STATUS
    ),
}
_TYPE_ACTIONS = {
    "addProjectAccess": Action(types.add_access, f"{_ACCESS}:addProjectAccess", type_body.ADD_ACCESS),
    "removeProjectAccess": Action(types.remove_access, f"{_ACCESS}:removeProjectAccess", type_body.REMOVE_ACCESS),
}


def _own(method: str, path: str, handler: Callable[..., Any], policy: str, **more: Any) -> Route:
    """A route whose handler looks up a row and checks the policy against its owner."""
    return Route(method, path, handler, policy, targeted=True, **more)


def _transfers(path: str, since: str | None) -> list[Row]:
    """The routes of transfers under one of their two paths."""
    one = f"{path}/<transfer_id>"
    return [
        Route("GET", path, transfers.index, "volume:get_all_transfers", since=since),
        Route("GET", f"{path}/detail", transfers.detail, "volume:get_all_transfers", since=since),
        _own("POST", path, transfers.create, "volume:create_transfer", body=transfer_body.CREATE, status=202, since=since),
        _own("GET", one, transfers.show, "volume:get_transfer", since=since),
        _own("DELETE", one, transfers.delete, "volume:delete_transfer", status=202, since=since),
        Route(
            "POST",
            f"{one}/accept",
            transfers.accept,
            "volume:accept_transfer",
            body=transfer_body.ACCEPT,
            status=202,
            since=since,
        ),
    ]


_V, _S, _T, _A, _Q = (
    "/v3/volumes/<volume_id>",
    "/v3/snapshots/<snapshot_id>",
    "/v3/types/<type_id>",
    "/v3/attachments/<attachment_id>",
    "/v3/qos-specs/<qos_id>",
)
_META, _SMETA = f"{_V}/metadata", f"{_S}/metadata"
_TABLE: list[Row] = [
    Route("GET", "/", about.versions, PUBLIC, status=300),
    Route("GET", "/v3", about.version, PUBLIC),
    # volumes
    Route("GET", "/v3/volumes", volumes.index, "volume:get_all"),
    Route("GET", "/v3/volumes/detail", volumes.detail, "volume:get_all"),
    Route("GET", "/v3/volumes/summary", volumes.summary, "volume:get_all", since="3.12"),
    Route("POST", "/v3/volumes", volumes.create, "volume:create", body=volume_body.CREATE, status=202),
    _own("GET", _V, volumes.show, "volume:get"),
    _own("PUT", _V, volumes.update, "volume:update", body=volume_body.UPDATE),
    _own("DELETE", _V, volumes.delete, "volume:delete", status=202),
    Actions(f"{_V}/action", _VOLUME_ACTIONS),
    _own("GET", _META, volume_metadata.index, "volume:get_volume_metadata"),
    _own("POST", _META, volume_metadata.create, "volume:create_volume_metadata", body=volume_body.SET_METADATA),
    _own("PUT", _META, volume_metadata.replace, "volume:update_volume_metadata", body=volume_body.SET_METADATA),
    _own("GET", f"{_META}/<key>", volume_metadata.show, "volume:get_volume_metadata"),
    _own("PUT", f"{_META}/<key>", volume_metadata.update, "volume:update_volume_metadata", body=volume_body.SET_ITEM),
    _own("DELETE", f"{_META}/<key>", volume_metadata.delete, "volume:delete_volume_metadata"),
    _own("GET", f"{_V}/encryption", about.encryption, f"{_EXT}:volume_encryption_metadata"),
    _own("GET", f"{_V}/encryption/<key>", about.encryption_value, f"{_EXT}:volume_encryption_metadata"),
    # snapshots
    Route("GET", "/v3/snapshots", snapshots.index, "volume:get_all_snapshots"),
    Route("GET", "/v3/snapshots/detail", snapshots.detail, "volume:get_all_snapshots"),
    _own("POST", "/v3/snapshots", snapshots.create, "volume:create_snapshot", body=snapshot_body.CREATE, status=202),
    _own("GET", _S, snapshots.show, "volume:get_snapshot"),
    _own("PUT", _S, snapshots.update, "volume:update_snapshot", body=snapshot_body.UPDATE),
    _own("DELETE", _S, snapshots.delete, "volume:delete_snapshot", status=202),
    Actions(f"{_S}/action", _SNAPSHOT_ACTIONS),
    _own("GET", _SMETA, snapshots.metadata_index, "volume:get_snapshot_metadata"),
    _own("POST", _SMETA, snapshots.metadata_create, "volume:update_snapshot_metadata", body=volume_body.SET_METADATA),
    _own("PUT", _SMETA, snapshots.metadata_replace, "volume:update_snapshot_metadata", body=volume_body.SET_METADATA),
    _own("GET", f"{_SMETA}/<key>", snapshots.metadata_show, "volume:get_snapshot_metadata"),
    _own("PUT", f"{_SMETA}/<key>", snapshots.metadata_update, "volume:update_snapshot_metadata", body=volume_body.SET_ITEM),
    _own("DELETE", f"{_SMETA}/<key>", snapshots.metadata_delete, "volume:delete_snapshot_metadata"),
    _own("GET", "/v3/snapshot/<snapshot_id>/metadata/<key>", snapshots.metadata_show, "volume:get_snapshot_metadata"),
    # attachments
    Route("GET", "/v3/attachments", attachments.index, "volume:attachment_get_all", since="3.27"),
    Route("GET", "/v3/attachments/detail", attachments.detail, "volume:attachment_get_all", since="3.27"),
    _own("POST", "/v3/attachments", attachments.create, "volume:attachment_create", body=attachment_body.CREATE, since="3.27"),
    _own("GET", _A, attachments.show, "volume:attachment_get", since="3.27"),
    _own("PUT", _A, attachments.update, "volume:attachment_update", body=attachment_body.UPDATE, since="3.27"),
    _own("DELETE", _A, attachments.delete, "volume:attachment_delete", since="3.27"),
    Actions(
        f"{_A}/action",
        {
            "os-complete": Action(
                attachments.complete, "volume:attachment_complete", attachment_body.COMPLETE, since="3.44", status=204
            )
        },
    ),
    # types
    Route("GET", "/v3/types", types.index, f"{_EXT}:type_get_all"),
    Route("POST", "/v3/types", types.create, f"{_EXT}:type_create", body=type_body.CREATE),
    Route("GET", "/v3/types/default", types.default, f"{_EXT}:type_get"),
    Route("GET", _T, types.show, f"{_EXT}:type_get"),
    Route("PUT", _T, types.update, f"{_EXT}:type_update", body=type_body.UPDATE),
    Route("DELETE", _T, types.delete, f"{_EXT}:type_delete", status=202),
    Actions(f"{_T}/action", _TYPE_ACTIONS),
    Route("GET", f"{_T}/os-volume-type-access", types.access_index, f"{_ACCESS}:get_all_for_type"),
    Route("GET", f"{_T}/extra_specs", types.specs_index, f"{_SPECS}:index"),
    Route("POST", f"{_T}/extra_specs", types.specs_create, f"{_SPECS}:create", body=type_body.SET_SPECS),
    Route("GET", f"{_T}/extra_specs/<key>", types.specs_show, f"{_SPECS}:show"),
    Route("PUT", f"{_T}/extra_specs/<key>", types.specs_update, f"{_SPECS}:update", body=type_body.SET_SPEC),
    Route("DELETE", f"{_T}/extra_specs/<key>", types.specs_delete, f"{_SPECS}:delete", status=202),
    Route("GET", f"{_T}/encryption", types.encryption_show, f"{_ENC}:get"),
    Route("POST", f"{_T}/encryption", types.encryption_create, f"{_ENC}:create", body=type_body.ENCRYPT),
    Route("GET", f"{_T}/encryption/<key>", types.encryption_value, f"{_ENC}:get"),
    Route("PUT", f"{_T}/encryption/<key>", types.encryption_update, f"{_ENC}:update", body=type_body.UPDATE_ENCRYPTION),
    Route("DELETE", f"{_T}/encryption/<key>", types.encryption_delete, f"{_ENC}:delete", status=202),
    Route("GET", "/v3/default-types", types.defaults_index, f"{_EXT}:default_get_all", since="3.62"),
    Route("GET", "/v3/default-types/<project_id>", types.defaults_show, f"{_EXT}:default_get", since="3.62"),
    Route(
        "PUT",
        "/v3/default-types/<project_id>",
        types.defaults_set,
        f"{_EXT}:default_set_or_update",
        body=type_body.SET_DEFAULT,
        since="3.62",
    ),
    Route("DELETE", "/v3/default-types/<project_id>", types.defaults_unset, f"{_EXT}:default_unset", since="3.62", status=204),
    # quality of service
    Route("GET", "/v3/qos-specs", qos_specs.index, f"{_QOS}:get_all"),
    Route("POST", "/v3/qos-specs", qos_specs.create, f"{_QOS}:create", body=type_body.QOS_CREATE),
    Route("GET", _Q, qos_specs.show, f"{_QOS}:get"),
    Route("PUT", _Q, qos_specs.update, f"{_QOS}:update", body=type_body.QOS_SET),
    Route("DELETE", _Q, qos_specs.delete, f"{_QOS}:delete", status=202),
    Route("PUT", f"{_Q}/delete_keys", qos_specs.delete_keys, f"{_QOS}:update", body=type_body.QOS_DELETE_KEYS, status=202),
    Route("GET", f"{_Q}/associations", qos_specs.associations, f"{_QOS}:get_all"),
    Route("GET", f"{_Q}/associate", qos_specs.associate, f"{_QOS}:update", status=202),
    Route("GET", f"{_Q}/disassociate", qos_specs.disassociate, f"{_QOS}:update", status=202),
    Route("GET", f"{_Q}/disassociate_all", qos_specs.disassociate_all, f"{_QOS}:update", status=202),
    # transfers
    *_transfers("/v3/os-volume-transfer", None),
    *_transfers("/v3/volume-transfers", "3.55"),
    # quotas and limits
    _own("GET", "/v3/os-quota-sets/<project_id>", quotas.show, f"{_EXT}:quotas:show"),
    _own("GET", "/v3/os-quota-sets/<project_id>/defaults", quotas.defaults, f"{_EXT}:quotas:show"),
    _own("PUT", "/v3/os-quota-sets/<project_id>", quotas.update, f"{_EXT}:quotas:update", body=quota_body.UPDATE),
    _own("DELETE", "/v3/os-quota-sets/<project_id>", quotas.delete, f"{_EXT}:quotas:delete"),
    Route("GET", "/v3/os-quota-class-sets/<class_name>", quotas.class_show, f"{_EXT}:quota_classes:get"),
    Route(
        "PUT",
        "/v3/os-quota-class-sets/<class_name>",
        quotas.class_update,
        f"{_EXT}:quota_classes:update",
        body=quota_body.UPDATE_CLASS,
    ),
    Route("GET", "/v3/limits", quotas.limits, "limits_extension:used_limits"),
    # daemons, hosts, pools
    Route("GET", "/v3/os-services", services.index, f"{_EXT}:services:index"),
    Route("PUT", "/v3/os-services/enable", services.enable, f"{_EXT}:services:update", body=service_body.ENABLE),
    Route("PUT", "/v3/os-services/disable", services.disable, f"{_EXT}:services:update", body=service_body.ENABLE),
    Route(
        "PUT",
        "/v3/os-services/disable-log-reason",
        services.disable_reason,
        f"{_EXT}:services:update",
        body=service_body.DISABLE_REASON,
    ),
    Route("GET", "/v3/os-hosts", services.hosts_index, f"{_EXT}:hosts"),
    Route("GET", "/v3/os-hosts/<host_name>", services.hosts_show, f"{_EXT}:hosts"),
    Route("PUT", "/v3/os-hosts/<host_name>", services.hosts_update, f"{_EXT}:hosts", body=service_body.HOST_UPDATE),
    Route("GET", "/v3/scheduler-stats/get_pools", services.pools, "scheduler_extension:scheduler_stats:get_pools"),
    Route("GET", "/v3/capabilities/<host_name>", services.capabilities, f"{_EXT}:capabilities"),
    # backups
    Route("GET", "/v3/backups", backups.index, "backup:get_all"),
    Route("GET", "/v3/backups/detail", backups.index, "backup:get_all"),
    Route("GET", "/v3/backups/<backup_id>", backups.show, "backup:get"),
    # messages
    Route("GET", "/v3/messages", messages.index, "message:get_all", since="3.3"),
    _own("GET", "/v3/messages/<message_id>", messages.show, "message:get", since="3.3"),
    _own("DELETE", "/v3/messages/<message_id>", messages.delete, "message:delete", since="3.3", status=204),
    # about
    Route("GET", "/v3/os-availability-zone", about.availability_zones, AUTHENTICATED),
    Route("GET", "/v3/extensions", about.extensions, AUTHENTICATED),
    Route("GET", "/v3/extensions/<alias>", about.extension, AUTHENTICATED),
    Route("GET", "/v3/resource_filters", about.resource_filters, AUTHENTICATED, since="3.33"),
]


def _guarded(row: Row) -> Row:
    if isinstance(row, Actions):
        return dataclasses.replace(
            row, table={n: dataclasses.replace(a, handler=checked(a.handler)) for n, a in row.table.items()}
        )
    return row if row.policy == PUBLIC else dataclasses.replace(row, handler=checked(row.handler))


ROUTES: tuple[Row, ...] = tuple(_guarded(row) for row in _TABLE)
